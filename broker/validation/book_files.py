"""The rule book as files: a book beside the packs and dictionaries it needs, as compute processes read them."""

from pathlib import Path
from typing import Final

import msgspec

from broker.document.kind import KIND_SYSTEM, SEMD_SYSTEM, KindCatalogue
from broker.validation.nsi import Dictionary, kinds_from
from broker.validation.nsi.dictionary import version_order
from broker.validation.rulebook import Rulebook
from broker.validation.ruleset import RuleSet, Terms

BOOKS: Final = "books"
"""Directory of books, each named by its digest."""
PACKS: Final = "packs"
"""Directory of packs, each a directory named by its digest."""
DICTIONARIES: Final = "dictionaries"
"""Directory of dictionaries, each a file named by its digest."""


class BookFiles(msgspec.Struct, frozen=True):
    """A book read back: what it says and where its packs and dictionaries lie."""

    book: Rulebook
    home: Path

    @classmethod
    def read(cls, path: Path) -> "BookFiles":
        """Read a book; raise ``OSError`` or ``msgspec.DecodeError`` for one that is not there whole."""
        return cls(msgspec.json.decode(path.read_bytes(), type=Rulebook), path.parent.parent)

    def rule_sets(self) -> list[RuleSet]:
        """Return the rule sets in force, with their terms; raise ``OSError`` for files that are not those activated."""
        found = []
        for entry in self.book.packs:
            terms = Terms(starts=entry.starts, ends=entry.ends)
            rules = RuleSet.from_pack(self.home / PACKS / entry.digest, entry.kind, terms)
            if rules.digest != entry.digest:  # half erased, it would let documents pass unchecked
                raise OSError(f"pack {entry.digest[:12]} is damaged")
            found.append(msgspec.structs.replace(rules, engine=entry.engine, activated=True))
        return found

    def dictionaries(self) -> dict[tuple[str, str], Path]:
        """Return the files of the dictionaries' editions by OID and version."""
        return {(e.oid, e.version): self.home / DICTIONARIES / e.digest for e in self.book.dictionaries}

    def kinds(self, ours: KindCatalogue) -> KindCatalogue:
        """Return the kinds with the facts of the newest edition of dictionary 1520; raise ``DictionaryRefused``."""
        newest = {oid: self._newest(oid) for oid in (KIND_SYSTEM, SEMD_SYSTEM)}
        kinds, guides = newest[KIND_SYSTEM], newest[SEMD_SYSTEM]
        return ours if kinds is None else ours.overlaid(kinds_from(kinds, guides), kinds.version)

    def _newest(self, oid: str) -> Dictionary | None:
        files = {version: path for (other, version), path in self.dictionaries().items() if other == oid}
        if not files:
            return None
        return Dictionary.from_bytes(files[max(files, key=version_order)].read_bytes())
