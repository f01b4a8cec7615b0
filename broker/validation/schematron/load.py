"""Reading a Schematron file: patterns, rules, assertions and variables, exactly as written.

Only what the official rule sets use is accepted (semd.md §3.1): pattern, rule, assert, report, let, ns. Anything
that would change the meaning if left out (abstract rules, includes, foreign functions) refuses the whole file.
"""

import re
from typing import Final

import msgspec
from lxml import etree
from lxml.etree import _Element as Element

from broker.document.markup import line_of

SCHEMATRON: Final = "{http://purl.oclc.org/dsdl/schematron}"
_S: Final = SCHEMATRON
_IGNORED: Final = frozenset({f"{_S}title", f"{_S}p", f"{_S}phase", f"{_S}diagnostics", f"{_S}properties"})
_RULE_NUMBER: Final = re.compile(r"[УU]\d+(?:-\d+(?:\.\d+)*)?(?=[\s.:,;)]|$)")


class SchematronRefused(Exception):  # noqa: N818 - a verdict about a file, named as one
    """The file uses something this engine would have to guess about."""


class Variable(msgspec.Struct, frozen=True):
    """``let``: a name and the expression behind it."""

    name: str
    value: str


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """One test: fails when false, or when true for a ``report``.

    ``number`` is the requirement's number at the head of the message (``У1-12.1.5.1``), else its place in the file
    (``p12.r1.a3``); ``seen`` tells that our own rule set marks the fact as seen in official material.
    """

    test: str
    message: str
    number: str
    report: bool = False
    seen: bool = False
    line: int = 0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A context and what is demanded of every node it selects."""

    context: str
    variables: tuple[Variable, ...]
    assertions: tuple[Assertion, ...]
    line: int = 0


class Pattern(msgspec.Struct, frozen=True):
    """Rules of which the first that selects a node is the only one to judge it."""

    variables: tuple[Variable, ...]
    rules: tuple[Rule, ...]


class SchematronFile(msgspec.Struct, frozen=True):
    """A file as read: prefixes, variables of the whole file, patterns in order."""

    namespaces: dict[str, str]
    variables: tuple[Variable, ...]
    patterns: tuple[Pattern, ...]


def load(content: bytes) -> SchematronFile:
    """Read a Schematron file; SchematronRefused says what it holds that is not understood."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise SchematronRefused(f"not well-formed at line {error.lineno}") from error
    if root.tag != f"{_S}schema":
        raise SchematronRefused("the root element is not sch:schema")
    namespaces: dict[str, str] = {}
    patterns: list[Pattern] = []
    for child in root:
        if child.tag == f"{_S}ns":
            namespaces[child.get("prefix", "")] = child.get("uri", "")
        elif child.tag == f"{_S}pattern":
            patterns.append(_pattern(child, len(patterns) + 1))
        elif child.tag != f"{_S}let" and child.tag not in _IGNORED:
            raise SchematronRefused(f"line {child.sourceline}: {child.tag} is not supported")
    return SchematronFile(namespaces, _variables(root), tuple(patterns))


def _pattern(element: Element, place: int) -> Pattern:
    rules: list[Rule] = []
    for child in element:
        if child.tag == f"{_S}rule":
            rules.append(_rule(child, f"p{place}.r{len(rules) + 1}"))
        elif child.tag != f"{_S}let" and child.tag not in _IGNORED:
            raise SchematronRefused(f"line {child.sourceline}: {child.tag} in a pattern is not supported")
    if element.get("abstract") == "true" or element.get("is-a"):
        raise SchematronRefused(f"line {element.sourceline}: abstract patterns are not supported")
    return Pattern(_variables(element), tuple(rules))


def _rule(element: Element, place: str) -> Rule:
    context = element.get("context")
    if context is None or element.get("abstract") == "true":
        raise SchematronRefused(f"line {element.sourceline}: abstract rules are not supported")
    seen = _is_seen(element)
    assertions: list[Assertion] = []
    for child in element:
        if child.tag in {f"{_S}assert", f"{_S}report"}:
            assertions.append(_assertion(child, f"{place}.a{len(assertions) + 1}", seen=seen))
        elif child.tag != f"{_S}let" and child.tag not in _IGNORED:
            raise SchematronRefused(f"line {child.sourceline}: {child.tag} in a rule is not supported")
    return Rule(
        context=context,
        variables=_variables(element),
        assertions=tuple(assertions),
        line=line_of(element),
    )


def _assertion(element: Element, place: str, *, seen: bool) -> Assertion:
    message = " ".join("".join(str(part) for part in element.itertext()).split())
    number = _RULE_NUMBER.match(message)
    return Assertion(
        test=element.get("test", ""),
        message=message,
        number=element.get("id") or (number[0] if number else place),
        report=element.tag == f"{_S}report",
        seen=seen or _is_seen(element),
        line=line_of(element),
    )


def _is_seen(element: Element) -> bool:
    return "seen" in (element.get("role"), element.get("flag"))


def _variables(element: Element) -> tuple[Variable, ...]:
    return tuple(
        Variable(let.get("name", ""), let.get("value") or "".join(str(t) for t in let.itertext()))
        for let in element.iterchildren(f"{_S}let")
    )
