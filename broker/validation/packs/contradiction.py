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
_FORBIDDEN: Final = re.compile(
    r"\s*count\(\s*@([A-Za-z]\w*)\s*\)\s*=\s*0\s*|\s*(?:not|empty)\(\s*@([A-Za-z]\w*)\s*\)\s*"
)
_PRESENT: Final = re.compile(r"\s*@([A-Za-z]\w*)\s*()")
_DEMANDED: Final = re.compile(
    r"\s*@([A-Za-z]\w*)\s*(?:!=\s*''|=\s*'[^']+')\s*|\s*count\(\s*@([A-Za-z]\w*)\s*\)\s*=\s*1\s*"
)
_ROOT: Final = "ClinicalDocument"


class Contradiction(NamedTuple):
    """An attribute that a Schematron demands and the schema forbids, or (``demanded`` false) the other way round."""

    path: str
    attribute: str
    rule: str
    demanded: bool

    def __str__(self) -> str:
        """Name the place and the rule, and which way round it is."""
        how = (
            "Schematron требует, схема запрещает" if self.demanded else "схема требует, Schematron запрещает"
        )
        return f"{self.path}/@{self.attribute} ({self.rule}: {how})"


class _Unknown(Exception):  # noqa: N818  ends the search, not an error
    """The schema says it in a way that is not followed here."""


def contradictions(schemas: Sequence[bytes], schematrons: Sequence[bytes]) -> tuple[Contradiction, ...]:
    """Return what no document can satisfy; schemas are all files of one root schema's directory."""
    types = _Types(schemas)
    found: dict[tuple[str, str], Contradiction] = {}
    for said in _demands(schematrons):
        try:
            impossible = types.forbids(said) if said.demanded else types.requires(said)
        except _Unknown:
            continue
        if impossible:
            found.setdefault((said.path, said.attribute), said)
    return tuple(found.values())


def _demands(schematrons: Sequence[bytes]) -> Iterator[Contradiction]:
    """Yield what a Schematron says of an element's attributes without any condition; the schema may agree with it."""
    for content in schematrons:
        try:
            file = load(content)
        except SchematronRefused:
            continue
        for rule in (rule for pattern in file.patterns for rule in pattern.rules):
            place = _CONTEXT.fullmatch(rule.context.strip())
            if place is None:
                continue
            for assertion in rule.assertions:
                demanded = None if assertion.report else _DEMANDED.fullmatch(assertion.test)
                forbidden = (_PRESENT if assertion.report else _FORBIDDEN).fullmatch(assertion.test)
                said = demanded or forbidden
                if said is not None:
                    attribute = said[1] or said[2]
                    yield Contradiction(_ROOT + place[1], attribute, assertion.number, demanded is not None)


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

    def forbids(self, said: Contradiction) -> bool:
        """Tell whether the element may not carry the attribute; _Unknown when that cannot be told."""
        use = self._use(self._type_at(said.path), said.attribute, 0)
        return use is None or use == "prohibited"

    def requires(self, said: Contradiction) -> bool:
        """Tell whether the element must carry the attribute; _Unknown when that cannot be told."""
        return self._use(self._type_at(said.path), said.attribute, 0) == "required"

    def _type_at(self, path: str) -> Element:
        first, *steps = path.split("/")
        declared = self._roots.get(first)
        for step in steps:
            declared = self._child(self._type(declared), step, 0)
        return self._type(declared)

    def _type(self, declared: Element | None) -> Element:
        if declared is None:
            raise _Unknown
        inline = declared.find(f"{_X}complexType")
        found = inline if inline is not None else self._types.get(_local(declared.get("type", "")))
        if found is None:
            raise _Unknown
        return found

    def _base(self, kind: Element, depth: int) -> Element | None:
        """Return the type a type extends or restricts."""
        if depth > 20:
            raise _Unknown
        derived = kind.find(f"{_X}complexContent/*[@base]")
        if derived is None:
            return None
        base = self._types.get(_local(derived.get("base", "")))
        if base is None:
            raise _Unknown
        return base

    def _child(self, kind: Element, name: str, depth: int) -> Element:
        for declared in _own(kind, f"{_X}element"):
            if declared.get("name") == name:
                return declared
        base = self._base(kind, depth)
        if base is None:
            raise _Unknown
        return self._child(base, name, depth + 1)

    def _use(self, kind: Element, attribute: str, depth: int) -> str | None:
        """Return how a type uses an attribute: optional, required, prohibited; None when it has none of the name."""
        if kind.find(f"{_X}simpleContent") is not None:
            raise _Unknown
        if any(
            next(_own(kind, f"{_X}{name}"), None) is not None for name in ("anyAttribute", "attributeGroup")
        ):
            raise _Unknown
        for declared in _own(kind, f"{_X}attribute"):
            if declared.get("name") == attribute or _local(declared.get("ref", "")) == attribute:
                return declared.get("use", "optional")
        base = self._base(kind, depth)
        return None if base is None else self._use(base, attribute, depth + 1)


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
