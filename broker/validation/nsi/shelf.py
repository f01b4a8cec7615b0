"""Which editions of which dictionaries do we hold, and which of them judges a value that names this edition?

Editions are read when a document first asks for them and kept while their sum stays within a budget.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from broker.document.identity import is_oid
from broker.validation.nsi.dictionary import (
    SUFFIX,
    VERSION_PATTERN,
    Dictionary,
    DictionaryRefused,
    Lookup,
    version_order,
)
from broker.validation.nsi.guides import GUIDES, Allowed, allowed_by_guide
from broker.validation.nsi.rules import DictionaryCard, NsiRules
from broker.validation.nsi.source_files import SourceFile

BUDGET: Final = 96 * 1024 * 1024
"""Bytes of look-up tables one process keeps; the one asked for last always stays."""
Loader = Callable[[], Dictionary]


class Edition(msgspec.Struct, frozen=True):
    """One edition ready to judge; ``compares_names`` is false where names are left alone or no column holds them."""

    oid: str
    version: str
    title: str
    full_name: str
    lookup: Lookup
    compares_names: bool
    private: bool


class Standing(StrEnum):
    """How an edition that a document names stands to what we hold."""

    HELD = "held"
    """We hold this very edition."""
    MALFORMED_OID = "malformed_oid"
    """The OID is none."""
    SKIPPED = "skipped"
    """Our configuration leaves the dictionary alone."""
    UNKNOWN = "unknown"
    """We hold no edition of the dictionary: nothing can be said."""
    UNREADABLE = "unreadable"
    """We hold the edition but its file or its columns cannot be used."""
    NO_VERSION = "no_version"
    """The document names no version: judged by our newest edition, without certainty."""
    MALFORMED_VERSION = "malformed_version"
    """Not a number НСИ gives."""
    UNPUBLISHED = "unpublished"
    """НСИ has published no such version, by its own list."""
    NEWER = "newer"
    """Newer than all we hold."""
    NOT_HELD = "not_held"
    """Older than our newest, and not among what we hold."""


class Dictionaries:
    """The dictionaries of a process, by OID and version. An empty shelf judges nothing."""

    def __init__(
        self,
        rules: NsiRules | None = None,
        loaders: Mapping[tuple[str, str], Loader] | None = None,
        *,
        published: Mapping[str, frozenset[str]] | None = None,
        budget: int = BUDGET,
    ) -> None:
        self.rules = rules or NsiRules()
        self._loaders = dict(loaders or {})
        self._published = dict(published or {})
        self._budget = budget
        self._weight = 0
        self._ready: OrderedDict[tuple[str, str], Edition | None] = OrderedDict()
        self._guides: Mapping[str, Allowed] | None = None
        self._versions: dict[str, list[str]] = {}
        for oid, version in self._loaders:
            self._versions.setdefault(oid, []).append(version)
        for versions in self._versions.values():
            versions.sort(key=version_order)

    @classmethod
    def load(
        cls, directory: Path, rules: NsiRules, *, published: Mapping[str, frozenset[str]] | None = None
    ) -> "Dictionaries":
        """Find the files ``<OID>_<version>.nsi`` of a directory; none is opened before a document asks for it."""
        loaders: dict[tuple[str, str], Loader] = {}
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            named = SourceFile(path.name, b"")
            if named.oid and named.version:
                loaders[named.oid, named.version] = _FileLoader(path)
        return cls(rules, loaders, published=published)

    @classmethod
    def of_files(cls, files: Mapping[tuple[str, str], Path], rules: NsiRules) -> "Dictionaries":
        """Make a shelf of files by OID and version; none is opened before a document asks for it."""
        return cls(rules, {place: _FileLoader(path) for place, path in files.items()})

    @classmethod
    def of(
        cls,
        dictionaries: Iterable[Dictionary],
        rules: NsiRules,
        *,
        published: Mapping[str, frozenset[str]] | None = None,
    ) -> "Dictionaries":
        """Make a shelf of dictionaries already read."""
        loaders: dict[tuple[str, str], Loader] = {(d.oid, d.version): _Held(d) for d in dictionaries}
        return cls(rules, loaders, published=published)

    def __len__(self) -> int:
        return len(self._loaders)

    def versions(self, oid: str) -> tuple[str, ...]:
        """Return the versions held of a dictionary, oldest first."""
        return tuple(self._versions.get(oid, ()))

    def allowed(self, guide: str) -> Allowed:
        """Return what a guide allows by the newest edition of 805 we hold; empty when nothing is known of the guide."""
        if self._guides is None:
            held = self._versions.get(GUIDES)
            try:
                self._guides = allowed_by_guide(self._loaders[GUIDES, held[-1]]()) if held else {}
            except (OSError, DictionaryRefused):
                self._guides = {}
        return self._guides.get(guide, {})

    def entry(self, oid: str, code: str) -> tuple[Edition, str] | None:
        """Return the newest edition held with the one name it gives a code; None when it holds none or several."""
        held = self._versions.get(oid)
        edition = self.edition(oid, held[-1]) if held else None
        names = edition.lookup.names(code) if edition is not None else ()
        return (edition, names[0]) if edition is not None and len(names) == 1 else None

    def standing(self, oid: str, version: str) -> tuple[Standing, Edition | None]:
        """Tell how an edition stands to ours, with the edition that judges its codes, if any does."""
        if not is_oid(oid):
            return Standing.MALFORMED_OID, None
        card = self.rules.card_of(oid)
        if card is not None and card.skip:
            return Standing.SKIPPED, None
        held = self._versions.get(oid)
        if not held:
            return Standing.UNKNOWN, None
        if not version:
            edition = self.edition(oid, held[-1])
            return (Standing.NO_VERSION if edition else Standing.UNREADABLE), edition
        if version in held:
            edition = self.edition(oid, version)
            return (Standing.HELD if edition else Standing.UNREADABLE), edition
        return self._absent(oid, version, held), None

    def _absent(self, oid: str, version: str, held: list[str]) -> Standing:
        if not VERSION_PATTERN.fullmatch(version):
            return Standing.MALFORMED_VERSION
        order = version_order(version)
        known = self._published.get(oid, frozenset())
        if version not in known and any(version_order(one) > order for one in known):
            return Standing.UNPUBLISHED
        return Standing.NEWER if order > version_order(held[-1]) else Standing.NOT_HELD

    def edition(self, oid: str, version: str) -> Edition | None:
        """Return an edition we hold, or None when its file is damaged or names no column of codes."""
        place = (oid, version)
        if place in self._ready:
            self._ready.move_to_end(place)
            return self._ready[place]
        edition = self._made(place)
        self._ready[place] = edition
        self._weight += edition.lookup.weight if edition else 0
        while self._weight > self._budget and len(self._ready) > 1:
            _, gone = self._ready.popitem(last=False)
            self._weight -= gone.lookup.weight if gone else 0
        return edition

    def _made(self, place: tuple[str, str]) -> Edition | None:
        try:
            return self._opened(self._loaders[place](), place)
        except (OSError, DictionaryRefused):
            return None

    def _opened(self, dictionary: Dictionary, place: tuple[str, str]) -> Edition | None:
        if (dictionary.oid, dictionary.version) != place:
            return None
        card = self.rules.card_of(dictionary.oid)
        key, name = self.rules.key_and_name(
            dictionary.oid, dictionary.columns, dictionary.key, dictionary.name
        )
        if not key:
            return None
        return _edition(dictionary, card, key, name)


class _FileLoader(msgspec.Struct, frozen=True):
    path: Path

    def __call__(self) -> Dictionary:
        return Dictionary.from_bytes(self.path.read_bytes())


class _Held(msgspec.Struct, frozen=True):
    dictionary: Dictionary

    def __call__(self) -> Dictionary:
        return self.dictionary


def _edition(dictionary: Dictionary, card: DictionaryCard | None, key: str, name: str) -> Edition:
    return Edition(
        oid=dictionary.oid,
        version=dictionary.version,
        title=dictionary.full_name or (card.title if card else ""),
        full_name=dictionary.full_name,
        lookup=Lookup(dictionary.cells(key), dictionary.cells(name) if name else None),
        compares_names=bool(name) and not (card is not None and card.any_name),
        private=card is not None and card.private,
    )
