"""Events nobody waits for: written to the journal a moment later, many at once, so that they cost the work nothing.

A process that is killed loses what it noted within ``PAUSE``; for an event that must not be lost there is ``Journal.note``.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Self

from broker.store.database import STORE_TROUBLE, UnstorableError
from broker.store.journal import Journal, Note
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS

PAUSE: Final = 0.2
"""Seconds notes are gathered for."""
MOST: Final = 10_000
"""So many notes wait for a store that is away; then the oldest are let go."""


class Notebook:
    """Gathers notes and writes them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._notes: deque[Note] = deque(maxlen=MOST)
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()

    def add(self, note: Note) -> None:
        """Have an event written soon."""
        self._notes.append(note)
        self._arrived.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Write while the context lasts; on leaving, what was noted is written first."""
        writing = asyncio.create_task(self._writing(), name="store.notebook")
        try:
            yield self
        finally:
            self._closing.set()
            self._arrived.set()
            await writing

    async def _writing(self) -> None:
        while not self._closing.is_set():
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PAUSE)
            self._arrived.clear()
            if not await self._write():
                self._arrived.set()

    async def _write(self) -> bool:
        """Write what is there; False: the store is away, and it stays."""
        notes = list(self._notes)
        if not notes:
            return True
        try:
            await self._journal.note_all(notes)
        except STORE_TROUBLE as error:
            log().warning("notebook.store_trouble", notes=len(notes), error=type(error).__name__)
            return False
        except UnstorableError as error:  # ours: nothing foreign is in a note
            BUGS.labels("notebook").inc()
            log().error("bug.caught", loop="notebook", notes=len(notes), error=str(error))
        for note in notes:
            if self._notes and self._notes[0] is note:  # those that overflowed meanwhile are gone already
                self._notes.popleft()
        return True
