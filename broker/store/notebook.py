"""Events nobody waits for: written to the journal a moment later, many at once, so that they cost the work nothing.

A process that is killed loses what it noted within ``PAUSE``; for an event that must not be lost there is ``Journal.note``.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.document.event import EventName
from broker.store.database import STORE_TROUBLE
from broker.store.journal import Journal
from broker.telemetry.log import log

PAUSE: Final = 0.2
"""Seconds notes are gathered for."""
MOST: Final = 10_000
"""So many notes wait for a store that is away; then the oldest are let go."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An event outside any document's feed."""

    event: EventName
    at: datetime
    body: dict[str, Any]
    document_id: UUID | None = None
    delivery_id: UUID | None = None


class Notebook:
    """Gathers notes and writes them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._notes: deque[Note] = deque(maxlen=MOST)
        self._arrived = asyncio.Event()

    def add(self, note: Note) -> None:
        """Have an event written soon."""
        self._notes.append(note)
        self._arrived.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write while the context lasts; on leaving, what was noted is written first."""
        writing = asyncio.create_task(self._writing(), name="store.notebook")
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._write()

    async def _writing(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(PAUSE)
            self._arrived.clear()
            if not await self._write():
                self._arrived.set()

    async def _write(self) -> bool:
        """Write what is there; False: the store is away, and it stays."""
        notes = list(self._notes)
        try:
            await self._journal.note_all([msgspec.structs.asdict(note) for note in notes])
        except STORE_TROUBLE as error:
            log().warning("notebook.store_trouble", notes=len(notes), error=type(error).__name__)
            return False
        for note in notes:
            if self._notes and self._notes[0] is note:  # those that overflowed meanwhile are gone already
                self._notes.popleft()
        return True
