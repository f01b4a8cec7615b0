"""SaxonC in the process of the tests: the reference voice of the differential, one document after another.

``saxonche`` is the optional extra ``saxon``. The stylesheet is the one an operator's override runs; it states anew only
what this product's own engine reads of a file, so that the two differ in how expressions are evaluated and in nothing else.
"""

from typing import Any

from broker.validation.schematron.load import SchematronFile
from broker.validation.schematron.xslt import stylesheet

Said = tuple[int, str]
"""A failed assertion: its number in the file, and the place of its element among siblings from the root down."""


class SaxonAborted(Exception):  # noqa: N818  names what it did
    """Saxon met an expression without an answer and gave up the document."""


class Saxon:
    """A file compiled by SaxonC; one processor per process."""

    def __init__(self, processor: Any, file: SchematronFile) -> None:
        compiler = processor.new_xslt30_processor()
        self._processor = processor
        self._executable = compiler.compile_stylesheet(stylesheet_text=stylesheet(file))

    def run(self, document: bytes) -> set[Said]:
        """Return what fails."""
        text = self.text(document)
        lines = (line.split(" ") for line in text.splitlines() if line)
        return {(int(number), place) for number, place in lines}

    def text(self, document: bytes) -> str:
        """Return what the stylesheet prints, unread."""
        node = self._processor.parse_xml(xml_text=document.decode())
        try:
            return self._executable.transform_to_string(xdm_node=node) or ""
        except Exception as error:
            raise SaxonAborted(str(error)) from error
