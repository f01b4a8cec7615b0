"""The functions translated expressions call: XPath 3.1 semantics that XPath 1.0 does not have.

``matches`` with XPath's own regular expressions, ``one`` for an argument that must not be several nodes, ``number``
for a conversion that fails loudly; ``some``, ``every`` and ``distinct`` for what runs over nodes. Each raises DynamicError
where an XPath 3.1 processor would stop.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from elementpath.exceptions import ElementPathError
from elementpath.regex import RegexError, translate_pattern
from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.terms import EXTENSION_PREFIX

NAMESPACE: Final = "urn:inaya:schematron"
OVER_NODES: Final = ("some", "every", "distinct")
"""Functions that evaluate an expression for each of several nodes, which XPath 1.0 has no words for."""
_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class DynamicError(Exception):
    """XPath 3.1 stops here; the text names the cause, never a value of the document."""


class OutOfReach(Exception):  # noqa: N818  names what the matter is
    """The expression stands at a document or an attribute, which lxml hands to no function: elementpath evaluates it."""


_LEADING_HYPHEN: Final = re.compile(r"(?<!\\)((?:\\\\)*\[\^?)-(?=[^\]])")
"""A class that begins with a hyphen, ``[-\\s]``: elementpath 5.1 reads what follows as plain letters."""


_WORD_CHARACTER: Final = re.compile(r"(\[(?:[^\]\\]|\\.)*\])|(\\[^w])|(\\w)")
"""Outside of a class ``\\w`` would stay Python's, which takes the underscore for a letter and a plus for none."""


def _mended(pattern: str) -> str:
    """Write a pattern so that elementpath reads it as XPath means it."""
    closed = _LEADING_HYPHEN.sub(r"\1\\-", pattern)
    return _WORD_CHARACTER.sub(lambda m: m[1] or m[2] or r"[\w]", closed)


@lru_cache(maxsize=4096)
def _compiled(pattern: str, flags: str) -> "re.Pattern[str]":
    try:
        combined = re.RegexFlag(0)
        for flag in flags:
            combined |= _FLAGS[flag]
        return re.compile(
            translate_pattern(_mended(pattern), int(combined), lazy_quantifiers=True, anchors=True), combined
        )
    except (KeyError, RegexError, ElementPathError, re.error) as error:
        raise DynamicError("the regular expression is invalid") from error


@lru_cache(maxsize=1024)
def _compiled_together(patterns: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile("|".join(f"(?:{_compiled(pattern, '').pattern})" for pattern in patterns))


def matches(_: object, text: str, pattern: str, flags: str = "") -> bool:
    """Tell whether fn:matches holds: XPath's regular expressions, anchors at the ends of the string only."""
    return _compiled(pattern, flags).search(text) is not None


def matches_any(_: object, text: str, *patterns: str) -> bool:
    """Tell whether fn:matches holds for one of several patterns, none of which speaks of its own groups."""
    return _compiled_together(patterns).search(text) is not None


def counted(_: object, values: Sequence[str], *wanted: str) -> bool:
    """Tell whether each value stands once or never, as is allowed: pairs of "0", "1" or "01" and a value."""
    found = Counter(values)
    return all(str(found[value]) in allowed for allowed, value in zip(wanted[::2], wanted[1::2], strict=True))


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


class Compiler:
    """Compiles translated expressions of one file, and evaluates those that run over nodes."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = dict(prefixes)
        self._known: dict[str, etree.XPath] = {}
        self.functions: dict[tuple[str, str], Callable[..., Any]] = {
            **_PLAIN,
            **{(NAMESPACE, name): getattr(self, name) for name in OVER_NODES},
        }
        """The functions as lxml registers them."""

    def compiled(self, text: str) -> etree.XPath:
        """Return an expression ready to be asked; compiled when first met."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self.fresh(text)
        return found

    def fresh(self, text: str) -> etree.XPath:
        """Return an expression ready to be asked, for one who keeps it himself."""
        return etree.XPath(
            text,
            namespaces=self._prefixes,
            regexp=False,
            extensions=self.functions if f"{EXTENSION_PREFIX}:" in text else None,
            smart_strings=False,
        )

    def _ask(self, context: Any, text: str, name: str, node: Element) -> Any:
        try:
            here = context.context_node
        except AssertionError as error:  # lxml's own word for a node it cannot hand over
            raise OutOfReach from error
        variables: dict[str, Any] = {name: [node]}
        return self.compiled(text)(here, **variables)

    def _holds(self, context: Any, text: str, name: str, node: Element) -> bool:
        return bool(self._ask(context, f"boolean({text})", name, node))

    def some(self, context: Any, nodes: Sequence[Element], name: str, text: str) -> bool:
        """Tell whether the test holds with the variable at one of the nodes."""
        return any(self._holds(context, text, name, node) for node in nodes)

    def every(self, context: Any, nodes: Sequence[Element], name: str, text: str) -> bool:
        """Tell whether the test holds with the variable at each of the nodes."""
        return all(self._holds(context, text, name, node) for node in nodes)

    def distinct(self, context: Any, nodes: Sequence[Element], name: str, text: str, condition: str) -> float:
        """Count the different strings of the nodes for which the condition holds."""
        kept = (node for node in nodes if self._holds(context, condition, name, node))
        return float(len({str(self._ask(context, text, name, node)) for node in kept}))


_PLAIN: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    (NAMESPACE, "matches"): matches,
    (NAMESPACE, "matches_any"): matches_any,
    (NAMESPACE, "counted"): counted,
    (NAMESPACE, "one"): one,
    (NAMESPACE, "number"): number,
}
