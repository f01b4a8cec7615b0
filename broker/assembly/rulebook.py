"""The rule book in force as files: what operators put into the store, compute processes read from a directory.

A book is one file named by its digest beside the packs and dictionaries it needs, each under its own digest: written
beside its place and renamed, so that processes sharing the directory never meet a half of anything. What was damaged
since is written anew, what no book has named for a day goes.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from broker.settings import Settings
from broker.store.database import Database
from broker.store.rules import EMPTY, Form, RuleStore
from broker.telemetry.log import log
from broker.validation.book_files import BOOKS, DICTIONARIES, PACKS
from broker.validation.nsi import Dictionary, DictionaryRefused
from broker.validation.packs import Pack, PackSpoilt
from broker.validation.rulebook import Rulebook
from broker.validation.ruleset import digest_of
from broker.work.loop import Loop

_NONE: Final = -1
_UNWRITTEN: Final = "unwritten"
"""A book of this name is never there: compute processes say of every document that its rules cannot be read."""
SECONDS: Final = 2.0
"""How soon a changed book is obeyed."""
PROVED_EVERY: Final = 60.0
"""Seconds after which the files of an unchanged book are compared with their digests again."""
UNNAMED_FOR: Final = 24 * 3600.0
"""Seconds after which a file the book in force does not name is removed: the store holds it, should it return."""


class BookKeeper:
    """Keeps the book in force at hand."""

    def __init__(self, store: RuleStore, home: Path) -> None:
        self._store = store
        self._home = home
        self._number = _NONE
        self._path = ""
        self._proved_at = float("-inf")
        self.loop = Loop("rules", self.refresh, idle=SECONDS)

    @property
    def is_written(self) -> bool:
        """Tell whether the book in force could be written out whole."""
        return self._number != _NONE

    def __call__(self) -> str:
        """Return the file of the book as it was some seconds ago at most; empty while nobody has written one."""
        return self._path

    async def refresh(self) -> int:
        """Look whether the book has changed; documents wait while it cannot be written out: nobody may pass unchecked."""
        number = await self._store.number()
        proven = time.monotonic() - self._proved_at < PROVED_EVERY
        if number == self._number and (
            not self._path or (proven and await asyncio.to_thread(Path(self._path).exists))
        ):
            return 0
        current = await self._store.book()
        number, book = current.revision, current.book
        try:
            path = await self._written(book) if number != EMPTY else ""
        except (OSError, ValueError, PackSpoilt) as error:
            log().error("rules.book_unwritten", revision=number, error=type(error).__name__)
            self._number, self._path = _NONE, str(self._home / BOOKS / _UNWRITTEN)
            return 0
        if (number, path) != (self._number, self._path):
            log().info(
                "rules.book", revision=number, packs=len(book.packs), dictionaries=len(book.dictionaries)
            )
        self._number, self._path = number, path
        self._proved_at = time.monotonic()
        return 0

    async def _written(self, book: Rulebook) -> str:
        lacking = await asyncio.to_thread(_lacking, self._home, book)
        bodies = await self._store.bodies(lacking) if lacking else {}
        return await asyncio.to_thread(write_book, self._home, book, bodies)


def _lacking(home: Path, book: Rulebook) -> list[str]:
    """Return what the book needs and is not here whole; a damaged one makes room for a whole one."""
    packs = {entry.digest for entry in book.packs}
    damaged = [home / PACKS / one for one in packs if not _is(home / PACKS / one, one, digest_of)]
    files = {entry.digest for entry in book.dictionaries}
    damaged += [
        home / DICTIONARIES / one for one in files if not _is(home / DICTIONARIES / one, one, _edition)
    ]
    for path in damaged:
        _discard(path)
    _sweep(home, book)
    return sorted(path.name for path in damaged)


def _is(path: Path, digest: str, found: Callable[[Path], str]) -> bool:
    try:
        return found(path) == digest
    except (OSError, DictionaryRefused):
        return False


def _edition(path: Path) -> str:
    return Dictionary.from_bytes(path.read_bytes()).digest


def _sweep(home: Path, book: Rulebook) -> None:
    """Remove what the book does not name and nobody has written for a day, halves of killed writers among it."""
    named = book.stored | {f"{book.digest}.json"}
    oldest = time.time() - UNNAMED_FOR
    for form in (BOOKS, PACKS, DICTIONARIES):
        for path in (home / form).glob("*"):
            with contextlib.suppress(OSError):  # another process may be sweeping
                if path.name not in named and path.stat().st_mtime < oldest:
                    _discard(path)


def _discard(path: Path) -> None:
    """Take a pack's directory or a file away at once, whoever reads it."""
    gone = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.rename(gone)
    except FileNotFoundError:
        return
    if gone.is_dir():
        shutil.rmtree(gone, ignore_errors=True)
    else:
        gone.unlink(missing_ok=True)


def write_book(home: Path, book: Rulebook, bodies: Mapping[str, tuple[Form, bytes]]) -> str:
    """Write what is lacking, then the book; raise ``ValueError`` for stored bytes that are not what they were."""
    for digest, (form, body) in bodies.items():
        if form is Form.PACK:
            Pack.from_bytes(body).write(home / PACKS / digest)
        else:
            with _renamed(home / DICTIONARIES / digest) as place:
                place.write_bytes(body)
    here = {path.name for form in (PACKS, DICTIONARIES) for path in (home / form).glob("*")}
    missing = book.stored - here
    if missing:
        raise ValueError(f"not in the store: {sorted(missing)}")
    path = home / BOOKS / f"{book.digest}.json"
    if not path.exists():
        with _renamed(path) as place:
            place.write_bytes(msgspec.json.encode(book))
    return str(path)


@contextlib.contextmanager
def _renamed(target: Path) -> Iterator[Path]:
    """Yield a place beside the target that takes its name at the end; another process may have been first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        yield place
        with contextlib.suppress(OSError):
            place.rename(target)
        if not target.exists():
            raise FileNotFoundError(target.name)
    finally:
        place.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def book_keeper(settings: Settings, database: Database) -> AsyncIterator[BookKeeper]:
    """Read the book and follow its changes while the context lasts; without a directory for rules in one of its own."""
    with contextlib.ExitStack() as stack:
        cache = settings.data.rules_cache
        home = cache or stack.enter_context(tempfile.TemporaryDirectory(prefix="inaya-rules-"))
        keeper = BookKeeper(RuleStore(database), Path(home))
        await keeper.refresh()
        following = asyncio.create_task(keeper.loop.run(), name="rules")
        try:
            yield keeper
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
