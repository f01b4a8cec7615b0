"""Which dictionaries have a newer edition than ours, and what came of fetching each? One never stops the others."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec

from broker.adapter_kit.dictionaries import DictionarySource, EditionFiles, EditionPassport, SourceTrouble


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """An edition we do not hold was fetched; ``added`` and ``removed`` are columns unlike those of the one we know."""

    oid: str
    files: EditionFiles
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def reshaped(self) -> bool:
        """Tell whether the structure changed: look before it is put into force."""
        return bool(self.added or self.removed)


class Current(msgspec.Struct, frozen=True):
    """We hold the newest edition."""

    oid: str
    version: str


class Missed(msgspec.Struct, frozen=True):
    """The dictionary could not be asked for or fetched; what we hold stays as it is."""

    oid: str
    trouble: SourceTrouble


SyncOutcome = Fresh | Current | Missed


async def sync(
    source: DictionarySource,
    wanted: Sequence[str],
    held: Mapping[str, Collection[str]],
    columns: Mapping[str, Sequence[str]] | None = None,
) -> AsyncIterator[SyncOutcome]:
    """Ask for each wanted dictionary (OID) and fetch what is newer than the versions held, one at a time.

    ``columns`` are those of the newest edition we hold, to tell a changed structure. When the source answers nobody (a wrong
    key), it is asked once and the rest are missed for the same reason.
    """
    closed: SourceTrouble | None = None
    for oid in dict.fromkeys(wanted):
        if closed is not None:
            yield Missed(oid, closed)
            continue
        outcome = await _one(source, oid, held.get(oid, ()), (columns or {}).get(oid, ()))
        if isinstance(outcome, Missed) and outcome.trouble.whole:
            closed = outcome.trouble
        yield outcome


async def _one(
    source: DictionarySource, oid: str, held: Collection[str], columns: Sequence[str]
) -> SyncOutcome:
    newest = await source.passport(oid)
    if isinstance(newest, SourceTrouble):
        return Missed(oid, newest)
    if newest.version in held:
        return Current(oid, newest.version)
    files = await source.fetch(oid, newest.version)
    if isinstance(files, SourceTrouble):
        return Missed(oid, files)
    added, removed = _difference(files.passport, columns)
    return Fresh(oid=oid, files=files, added=added, removed=removed)


def _difference(passport: EditionPassport, known: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not known or not passport.columns:
        return (), ()
    added = tuple(name for name in passport.columns if name not in known)
    return added, tuple(name for name in known if name not in passport.columns)
