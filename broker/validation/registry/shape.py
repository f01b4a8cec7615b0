"""Which element belongs where: the outline of a registry, read from our own schemas, and how one rule names another's field.

A rule standing at ``SL`` may say ``DS1`` (its own), ``USL_OK`` (of the completed case above it), ``PACIENT.VPOLIS``
(beside it), ``USL.SUMV_USL`` (below it) or ``PERS.OT`` (the person of the other file, joined by ``ID_PAC``).
"""

from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from broker.adapter_kit.soap import safe_parser

MAIN: Final = "ZL_LIST"
PERSON: Final = "PERS_LIST"
_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_BESIDE: Final = ("PACIENT", "SCHET", "ZGLV")
_CASE: Final = (MAIN, "ZAP")

Steps = tuple[str, ...]


class Ref(msgspec.Struct, frozen=True):
    """How to reach elements from a rule's node: jump to the joined record or the other root, climb, then go down."""

    down: Steps
    up: int = 0
    joined: bool = False
    other_root: bool = False


class UnknownNameError(ValueError):
    """A rule names an element the schemas do not know."""


class Shape:
    """Owners (elements with children) with their paths and the fields (leaves) they hold.

    The header of the person file is called ``L_ZGLV`` to differ from the main one.
    """

    def __init__(self, paths: dict[str, Steps], fields: dict[str, frozenset[str]]) -> None:
        self.paths = paths
        self.fields = fields

    @classmethod
    def load(cls, *schemas: Path) -> "Shape":
        """Read the outline from schema files."""
        paths: dict[str, Steps] = {}
        fields: dict[str, frozenset[str]] = {}
        for schema in schemas:
            root = etree.parse(schema, safe_parser()).getroot()
            for element in root.iterfind(_XS + "element"):
                _walk(element, (), paths, fields)
        return cls(paths, fields)

    @property
    def names(self) -> frozenset[str]:
        """Every element name the schemas know."""
        return frozenset().union(*self.fields.values(), *(path for path in self.paths.values()))

    def has(self, owner: str, field: str) -> bool:
        """Tell whether an owner holds this leaf or this child owner."""
        return field in self.fields[owner] or self.paths.get(field) == (*self.paths[owner], field)

    def ref(self, context: str, name: str) -> Ref:
        """Resolve a name said at a context; raise ``UnknownNameError`` when nothing bears it."""
        owner, _, field = name.rpartition(".")
        if owner:
            if owner not in self.paths or not self.has(owner, field):
                raise UnknownNameError(f"{name} at {context}")
            return self._route(self.paths[context], (*self.paths[owner], field))
        if name not in self.fields[context] and name in self.paths:
            return self._route(self.paths[context], self.paths[name])
        for candidate in self._candidates(context):
            if name in self.fields[candidate]:
                return self._route(self.paths[context], (*self.paths[candidate], name))
        raise UnknownNameError(f"{name} at {context}")

    def _candidates(self, context: str) -> list[str]:
        """Where an unqualified name is looked for: here, above, then beside."""
        path = self.paths[context]
        by_path = {owner_path: owner for owner, owner_path in self.paths.items()}
        above = [by_path[path[:length]] for length in range(len(path), 0, -1)]
        return [*above, *(_BESIDE if path[0] == MAIN or context == "PERS" else ())]

    @staticmethod
    def _route(here: Steps, there: Steps) -> Ref:
        if here[0] != there[0]:
            return _across(here, there)
        shared = 0
        while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
            shared += 1
        return Ref(there[shared:], up=len(here) - shared)


def _across(here: Steps, there: Steps) -> Ref:
    """Cross to the other file: by ``ID_PAC`` where both sides speak of a person, by the root otherwise."""
    if there[0] == PERSON and there[1] == "PERS" and here[:2] == _CASE:
        return Ref(there[2:], up=len(here) - 2, joined=True)
    if here == (PERSON, "PERS") and there[:2] == _CASE:
        return Ref(there[2:], joined=True)
    return Ref(there[1:], other_root=True)


def _walk(
    element: etree._Element, above: Steps, paths: dict[str, Steps], fields: dict[str, frozenset[str]]
) -> None:
    name = element.get("name", "")
    path = (*above, name)
    key = "L_ZGLV" if path == (PERSON, "ZGLV") else name
    paths[key] = path
    children = [child for child in element.iter(_XS + "element") if child is not element]
    direct = [child for child in children if _owner_of(child) is element]
    fields[key] = frozenset(child.get("name", "") for child in direct if child.get("type"))
    for child in direct:
        if not child.get("type"):
            _walk(child, path, paths, fields)


def _owner_of(element: etree._Element) -> etree._Element:
    return next(element.iterancestors(_XS + "element"))
