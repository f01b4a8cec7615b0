"""How is a dictionary read and compared: which columns, which elements, what is left alone? Data, in ``dictionaries.toml``."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from broker.document.finding import Source
from broker.document.markup import CDA, PREFIXES

ROOTS: Final = ("1.2.643.5.1.13.13.11.", "1.2.643.5.1.13.13.99.2.")
"""The two roots under which НСИ publishes dictionaries."""
_SPACES: Final = {prefix.rstrip(":"): namespace for namespace, prefix in PREFIXES.items() if prefix}


class DictionaryCard(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What is known of one dictionary beyond its passport; the fields are explained at the head of the file."""

    oid: str
    source: Source
    title: str = ""
    key: str = ""
    name: str = ""
    skip: bool = False
    any_name: bool = False
    private: bool = False
    recognised_by: tuple[str, ...] = ()


class NsiRules(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """All of ``dictionaries.toml``."""

    elements: tuple[str, ...] = ()
    unknown_key: tuple[str, ...] = ()
    unknown_name: tuple[str, ...] = ()
    dictionary: tuple[DictionaryCard, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "NsiRules":
        """Read the file; a wrong field is named by msgspec's ValidationError, an unknown prefix by ``ValueError``."""
        rules = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), cls)
        tags_of(rules.elements)
        return rules

    def card_of(self, oid: str) -> DictionaryCard | None:
        """Return the card of a dictionary: one that names it whole goes before one that names its last number."""
        whole = next((card for card in self.dictionary if card.oid == oid), None)
        root, _, number = oid.rpartition(".")
        if whole is not None or f"{root}." not in ROOTS:
            return whole
        return next((card for card in self.dictionary if card.oid == f"*.{number}"), None)

    def recognise(self, columns: tuple[str, ...]) -> str:
        """Return the OID of the dictionary that has all these columns of its own, empty when none is recognised."""
        for card in self.dictionary:
            if card.recognised_by and set(card.recognised_by) <= set(columns):
                return card.oid
        return ""

    def key_and_name(self, oid: str, columns: tuple[str, ...], key: str, name: str) -> tuple[str, str]:
        """Return the columns of code and name: ours, the passport's, else the first of the usual ones; empty if none."""
        card = self.card_of(oid)
        keys = (card.key if card else "", key, *self.unknown_key)
        names = (card.name if card else "", name, *self.unknown_name)
        return _first(keys, columns), _first(names, columns)


def _first(wanted: tuple[str, ...], columns: tuple[str, ...]) -> str:
    return next((name for name in wanted if name and name in columns), "")


@cache
def tags_of(elements: tuple[str, ...]) -> tuple[str, ...]:
    """Return the Clark names of elements written with the usual prefixes; raise ``ValueError`` for an unknown one."""
    tags = []
    for name in elements:
        prefix, _, local = name.rpartition(":")
        if prefix and prefix not in _SPACES:
            raise ValueError(f"dictionaries.toml: elements: приставка «{prefix}» неизвестна")
        tags.append(f"{{{_SPACES[prefix] if prefix else CDA}}}{local}")
    return tuple(tags)
