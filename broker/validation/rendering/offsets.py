"""At which line and column does an element begin? libxml2 knows lines alone, and a document of one line needs more."""

import contextlib
from typing import Final
from xml.parsers import expat  # nosec  # the text has no DOCTYPE, so no entity, and was bounded before

from broker.document.markup import name_of

_DOCTYPE: Final = "<!DOCTYPE"


def columns(text: str, wanted: frozenset[str]) -> dict[str, tuple[int, int]]:
    """Return line and column, both from 1, of each positional XPath (``/ClinicalDocument[1]/id[1]``) that is found.

    Of a document that ends in a fault, what stands before it; of one with a DOCTYPE, nothing.
    """
    if not wanted or _DOCTYPE in text:
        return {}
    walk = _Walk(wanted)
    # a lone carriage return is a line end to expat, not to libxml2
    plain = text.replace("\r", " ").encode("utf-8", "replace")
    with contextlib.suppress(expat.ExpatError):
        walk.parser.Parse(plain, True)  # noqa: FBT003  expat's own signature
    return walk.found


class _Walk:
    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        self.parser = expat.ParserCreate(encoding="utf-8", namespace_separator="}")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self._left = set(wanted)
        self._paths = [""]
        self._counts: list[dict[str, int]] = [{}]

    def _start(self, tag: str, _attributes: object) -> None:
        counts = self._counts[-1]
        counts[tag] = counts.get(tag, 0) + 1
        name = name_of("{" + tag if "}" in tag else tag)
        path = f"{self._paths[-1]}/{name}[{counts[tag]}]"
        self._paths.append(path)
        self._counts.append({})
        if path in self._left:
            self._left.discard(path)
            self.found[path] = (self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)
            if not self._left:  # the rest of a large document need not be walked
                self.parser.StartElementHandler = self.parser.EndElementHandler = None

    def _end(self, _tag: str) -> None:
        self._paths.pop()
        self._counts.pop()
