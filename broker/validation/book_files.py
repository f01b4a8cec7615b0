"""The rule book as files: a book beside the packs and dictionaries it needs, as compute processes read them."""

from pathlib import Path
from typing import Final

import msgspec

from broker.validation.rulebook import Rulebook
from broker.validation.ruleset import RuleSet

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
        """Return the rule sets in force, with their terms."""
        return [
            msgspec.structs.replace(
                RuleSet.from_pack(self.home / PACKS / entry.digest, entry.kind),
                starts=entry.starts,
                ends=entry.ends,
                activated=True,
            )
            for entry in self.book.packs
        ]

    def dictionaries(self) -> list[Path]:
        """Return the files of the dictionaries' editions."""
        return [self.home / DICTIONARIES / entry.digest for entry in self.book.dictionaries]
