"""Do a schema and a Schematron of one kind demand the impossible? They are published at different dates and drift apart.

Seen in official packs (semd.md §3.6): the schema of kind 103 allows nothing but ``author/time/@nullFlavor``, its
Schematron demands ``author/time/@value``, so no document can pass both. Only such attributes of single elements are
looked for, and only where the schema's types can be followed to the end; the samples of a pack show the rest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.load import SchematronRefused, load

_X: Final = "{http://www.w3.org/2001/XMLSchema}"
_CONTEXT: Final = re.compile(r"/?ClinicalDocument((?:/[A-Za-z]\w*)+)")
_DEMANDED: Final = re.compile(
    r"\s*@([A-Za-z]\w*)\s*(?:!=\s*''|=\s*'[^']+')\s*|\s*count\(\s*@([A-Za-z]\w*)\s*\)\s*=\s*1\s*"
)
_ROOT: Final = "ClinicalDocument"


class Contradiction(NamedTuple):
    """A Schematron demands an attribute where the schema allows none of that name."""

    path: str
    attribute: str
    rule: str


class _Unknown(Exception):  # noqa: N818  ends the search, not an error
    """The schema says it in a way that is not followed here."""


def contradictions(schemas: Sequence[bytes], schematrons: Sequence[bytes]) -> tuple[Contradiction, ...]:
    """Return what no document can satisfy; schemas are all files of one root schema's directory."""
    types = _Types(schemas)
    found: dict[tuple[str, str], Contradiction] = {}
    for path, attribute, rule in _demands(schematrons):
        try:
            forbidden = types.forbids(path, attribute)
        except _Unknown:
            continue
        if forbidden:
            found.setdefault((path, attribute), Contradiction(path, attribute, rule))
    return tuple(found.values())


def _demands(schematrons: Sequence[bytes]) -> Iterator[tuple[str, str, str]]:
    """Yield the attributes a Schematron demands of an element without any condition: path, attribute, rule."""
    for content in schematrons:
        try:
            file = load(content)
        except SchematronRefused:
            continue
        for rule in (rule for pattern in file.patterns for rule in pattern.rules):
            place = _CONTEXT.fullmatch(rule.context.strip())
            for assertion in rule.assertions if place else ():
                said = _DEMANDED.fullmatch(assertion.test)
                if place and said and not assertion.report:
                    yield _ROOT + place[1], said[1] or said[2], assertion.number


class _Types:
    """The named types of a schema, and the way along its elements."""

    def __init__(self, schemas: Sequence[bytes]) -> None:
        self._types: dict[str, Element] = {}
        self._roots: dict[str, Element] = {}
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        for content in schemas:
            try:
                root = etree.fromstring(content, parser)
            except etree.XMLSyntaxError:
                continue
            for child in root.iterchildren(f"{_X}complexType", f"{_X}element"):
                kept = self._types if child.tag == f"{_X}complexType" else self._roots
                kept.setdefault(child.get("name", ""), child)

    def forbids(self, path: str, attribute: str) -> bool:
        """Tell whether the element at a path may not carry an attribute; _Unknown when that cannot be told."""
        first, *steps = path.split("/")
        declared = self._roots.get(first)
        for step in steps:
            declared = self._child(self._type(declared), step, 0)
        return not self._allows(self._type(declared), attribute, 0)

    def _type(self, declared: Element | None) -> Element:
        if declared is None:
            raise _Unknown
        inline = declared.find(f"{_X}complexType")
        found = inline if inline is not None else self._types.get(_local(declared.get("type", "")))
        if found is None:
            raise _Unknown
        return found

    def _base(self, kind: Element, depth: int) -> tuple[Element, str] | None:
        """Return the type a type extends or restricts, and which of both."""
        if depth > 20:
            raise _Unknown
        derived = kind.find(f"{_X}complexContent/*[@base]")
        if derived is None:
            return None
        base = self._types.get(_local(derived.get("base", "")))
        if base is None:
            raise _Unknown
        return base, str(derived.tag).removeprefix(_X)

    def _child(self, kind: Element, name: str, depth: int) -> Element:
        for declared in _own(kind, f"{_X}element"):
            if declared.get("name") == name:
                return declared
        base = self._base(kind, depth)
        if base is None:
            raise _Unknown
        return self._child(base[0], name, depth + 1)

    def _allows(self, kind: Element, attribute: str, depth: int) -> bool:
        if (
            kind.find(f"{_X}simpleContent") is not None
            or next(_own(kind, f"{_X}anyAttribute"), None) is not None
        ):
            raise _Unknown
        if next(_own(kind, f"{_X}attributeGroup"), None) is not None:
            raise _Unknown
        for declared in _own(kind, f"{_X}attribute"):
            if declared.get("name") == attribute or _local(declared.get("ref", "")) == attribute:
                return declared.get("use") != "prohibited"
        base = self._base(kind, depth)
        return base is not None and self._allows(base[0], attribute, depth + 1)


def _own(kind: Element, tag: str) -> Iterator[Element]:
    """Yield what a type declares itself, not within the types of its elements."""
    waiting = list(kind)
    while waiting:
        element = waiting.pop(0)
        if element.tag == tag:
            yield element
        if element.tag != f"{_X}element":
            waiting += list(element)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def schema_files(root: str, files: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """Return the schemas in the directory of a root schema, and below it."""
    folder = root.rpartition("/")[0]
    return tuple(
        content
        for path, content in files.items()
        if path.lower().endswith(".xsd") and (not folder or path.startswith(f"{folder}/"))
    )
