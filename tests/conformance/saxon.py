"""A Schematron file as SaxonC runs it: a mode per pattern, a template per rule, XPath 3.1 as written.

The reference voice of the differential; ``saxonche`` is the optional extra ``saxon``. Only what this product's own
engine reads of a file is stated anew, so that the two differ in how expressions are evaluated and in nothing else.
"""

from typing import Any
from xml.sax.saxutils import quoteattr

from broker.document.markup import CDA
from broker.validation.schematron.load import Pattern, Rule, SchematronFile, Variable

_HEAD = (
    '<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    f'xpath-default-namespace="{CDA}"'
)
_WALK = '<xsl:apply-templates select="@*|node()" mode="{mode}"/>'
_PLACE = "string-join(ancestor-or-self::*/string(count(preceding-sibling::*)), '/')"

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
        node = self._processor.parse_xml(xml_text=document.decode())
        try:
            text = self._executable.transform_to_string(xdm_node=node) or ""
        except Exception as error:
            raise SaxonAborted(str(error)) from error
        lines = (line.split(" ") for line in text.splitlines() if line)
        return {(int(number), place) for number, place in lines}


def stylesheet(file: SchematronFile) -> str:
    """Write the stylesheet; assertions are numbered in the order of the file."""
    numbers = iter(range(10**6))
    namespaces = "".join(
        f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in file.namespaces.items() if prefix
    )
    parts = [_pattern(place, pattern, file.variables, numbers) for place, pattern in enumerate(file.patterns)]
    calls = "".join(
        f'<xsl:apply-templates select="." mode="m{place}"/>' for place in range(len(file.patterns))
    )
    return (
        f'{_HEAD}{namespaces}><xsl:output method="text" encoding="UTF-8"/>'
        f'<xsl:template match="/">{calls}</xsl:template>{"".join(parts)}</xsl:stylesheet>'
    )


def _pattern(place: int, pattern: Pattern, outer: tuple[Variable, ...], numbers: Any) -> str:
    mode = f"m{place}"
    walk = _WALK.format(mode=mode)
    rules = [
        _rule(rule, mode, 1000 - turn, (*outer, *pattern.variables), numbers)
        for turn, rule in enumerate(pattern.rules)
    ]
    return (
        f'{"".join(rules)}<xsl:template match="/|*" mode="{mode}" priority="-9">{walk}</xsl:template>'
        f'<xsl:template match="@*|text()|comment()|processing-instruction()" mode="{mode}" priority="-9"/>'
    )


def _rule(rule: Rule, mode: str, priority: int, outer: tuple[Variable, ...], numbers: Any) -> str:
    lets = "".join(
        f'<xsl:variable name="{one.name}" select={quoteattr(f"(root())/({one.value})")}/>' for one in outer
    )
    lets += "".join(
        f'<xsl:variable name="{one.name}" select={quoteattr(one.value)}/>' for one in rule.variables
    )
    tests = "".join(
        f"<xsl:if test={quoteattr(item.test if item.report else f'not({item.test})')}>"
        f"<xsl:text>{next(numbers)} </xsl:text><xsl:value-of select={quoteattr(_PLACE)}/><xsl:text>&#10;</xsl:text>"
        "</xsl:if>"
        for item in rule.assertions
    )
    return (
        f'<xsl:template match={quoteattr(rule.context)} mode="{mode}" priority="{priority}">'
        f"{lets}{tests}{_WALK.format(mode=mode)}</xsl:template>"
    )
