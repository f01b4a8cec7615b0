"""Room for bodies in a worker: a process holds a bounded sum of them, however many tasks it has claimed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from broker.telemetry.metrics import BODIES

PORTION: Final = 24 * 1024 * 1024
"""Bytes of bodies worked on together, unless a single one is larger."""
COPIES: Final = 3
"""A body is alive as what the database sent, as the opened bytes, and in what an adapter or a process makes of it."""


class Portion(msgspec.Struct, frozen=True):
    """Documents loaded together and the bytes of their bodies."""

    ids: tuple[UUID, ...]
    size: int


def portions(ids: Sequence[UUID], sizes: Mapping[UUID, int]) -> list[Portion]:
    """Divide documents, in order, into portions of at most ``PORTION`` bytes; unknown ones weigh nothing."""
    made: list[Portion] = []
    held: list[UUID] = []
    size = 0
    for one in ids:
        weight = sizes.get(one, 0)
        if held and size + weight > PORTION:
            made.append(Portion(tuple(held), size))
            held, size = [], 0
        held.append(one)
        size += weight
    if held:
        made.append(Portion(tuple(held), size))
    return made


class Room:
    """The bytes a process may hold at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._freed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def hold(self, portion: Portion) -> AsyncIterator[None]:
        """Wait until a portion fits, and hold its bytes while the context lasts."""
        size = min(portion.size * COPIES, self._limit)
        async with self._freed:
            await self._freed.wait_for(lambda: self._held + size <= self._limit)
            self._held += size
            BODIES.set(self._held)
        try:
            yield
        finally:
            async with self._freed:
                self._held -= size
                BODIES.set(self._held)
                self._freed.notify_all()
