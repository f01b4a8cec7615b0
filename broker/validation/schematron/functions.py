"""The three functions translated expressions call: XPath 3.1 semantics that XPath 1.0 does not have.

``matches`` with XPath's own regular expressions, ``one`` for an argument that must not be several nodes, ``number``
for a conversion that fails loudly. Each raises DynamicError where an XPath 3.1 processor would stop.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from elementpath.exceptions import ElementPathError
from elementpath.regex import RegexError, translate_pattern
from lxml.etree import _Element as Element

NAMESPACE: Final = "urn:inaya:schematron"
_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class DynamicError(Exception):
    """XPath 3.1 stops here; the text names the cause, never a value of the document."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str, flags: str) -> "re.Pattern[str]":
    try:
        combined = re.RegexFlag(0)
        for flag in flags:
            combined |= _FLAGS[flag]
        return re.compile(
            translate_pattern(pattern, int(combined), lazy_quantifiers=True, anchors=True), combined
        )
    except (KeyError, RegexError, ElementPathError, re.error) as error:
        raise DynamicError("the regular expression is invalid") from error


def matches(_: object, text: str, pattern: str, flags: str = "") -> bool:
    """Tell whether fn:matches holds: XPath's regular expressions, anchors at the ends of the string only."""
    return _compiled(pattern, flags).search(text) is not None


def one(_: object, nodes: Sequence[Element | str]) -> str:
    """Return the string value of at most one node; several are a type error (XPTY0004)."""
    if len(nodes) > 1:
        raise DynamicError("several nodes where at most one is allowed")
    return _string_value(nodes[0]) if nodes else ""


def number(_: object, nodes: Sequence[Element | str]) -> float:
    """Return the number in at most one node; what is no number is an error (FORG0001)."""
    text = one(None, nodes)
    try:
        return float(text) if nodes else float("nan")
    except ValueError as error:
        raise DynamicError("a value that is not a number is compared with one") from error


def _string_value(node: Element | str) -> str:
    return node if isinstance(node, str) else "".join(str(text) for text in node.itertext())


EXTENSIONS: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    (NAMESPACE, "matches"): matches,
    (NAMESPACE, "one"): one,
    (NAMESPACE, "number"): number,
}
"""The functions as lxml registers them."""
