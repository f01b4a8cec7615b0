"""Room for bodies: a process holds a bounded sum of them, whichever door they came in or go out by.

A process may have several rooms, so that large bodies of one sort never hold up those of another.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self
from uuid import UUID
from weakref import WeakSet

import msgspec

from broker.document.portions import divided
from broker.telemetry.metrics import BODIES

PORTION: Final = 24 * 1024 * 1024
"""Bytes of bodies worked on together, unless a single one is larger."""
COPIES: Final = 3
"""A body is alive as what the database sent, as the opened bytes, and in what an adapter or a process makes of it."""
WAIT: Final = 10.0
"""Seconds a caller at a door waits for room before it is asked to come again."""


class Portion(msgspec.Struct, frozen=True):
    """Documents loaded together and the bytes of their bodies."""

    ids: tuple[UUID, ...]
    size: int


def portions(ids: Sequence[UUID], sizes: Mapping[UUID, int]) -> list[Portion]:
    """Divide documents, in order, into portions of at most ``PORTION`` bytes; unknown ones weigh nothing."""
    weights = [sizes.get(one, 0) for one in ids]
    return [Portion(tuple(ids[part]), sum(weights[part])) for part in divided(weights, PORTION)]


class NoRoom(Exception):  # noqa: N818  an answer to the caller: come again
    """The process holds as many bodies as it may."""


class Room:
    """The bytes a process may hold at once; who does not fit stands in a queue, so that a large body is not passed by."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.held = 0
        _rooms.add(self)

    async def take(self, size: int, wait: float | None = None) -> int:
        """Wait until bytes fit, count them in and return how many to give back; ``NoRoom`` after ``wait`` seconds.

        More than the whole room is counted as the whole room.
        """
        size = min(size, self.limit)
        if not self._queue and self.held + size <= self.limit:
            self._count(size)
            return size
        place = (size, asyncio.get_running_loop().create_future())
        self._queue.append(place)
        try:
            async with asyncio.timeout(wait):
                await place[1]
        except TimeoutError as error:
            self._leave(place)
            raise NoRoom from error
        except asyncio.CancelledError:
            self._leave(place)
            raise
        return size

    def give(self, size: int) -> None:
        """Count bytes out and let in who fits now."""
        self._count(-size)
        self._let_in()

    @contextlib.asynccontextmanager
    async def hold(self, portion: Portion) -> AsyncIterator[None]:
        """Wait until a portion fits, and hold its bytes while the context lasts."""
        size = await self.take(portion.size * COPIES)
        try:
            yield
        finally:
            self.give(size)

    def _count(self, size: int) -> None:
        self.held += size

    def _let_in(self) -> None:
        while self._queue:
            size, place = self._queue[0]
            gone = place.cancelled()
            if not gone and self.held + size > self.limit:
                break
            self._queue.popleft()
            if not gone:
                self._count(size)
                place.set_result(None)

    def _leave(self, place: tuple[int, asyncio.Future[None]]) -> None:
        """Give up a place in the queue, or what was counted in at the very moment of giving up."""
        if place in self._queue:
            self._queue.remove(place)
        elif not place[1].cancelled():
            self._count(-place[0])
        self._let_in()


_rooms: Final[WeakSet[Room]] = WeakSet()
BODIES.set_function(lambda: sum(room.held for room in _rooms))


class Share:
    """What one answer holds of the room until it is written; a context manager.

    Whoever holds anything holds ``least`` bytes: so the room bounds the number of answers too.
    """

    def __init__(self, room: Room, least: int = 0) -> None:
        self._room = room
        self._least = least
        self._held = 0

    async def add(self, size: int) -> None:
        """Hold so many bytes more; raise ``NoRoom`` when they do not fit in good time."""
        self._held += await self._room.take(max(size, self._least - self._held), WAIT)

    def keep(self, size: int) -> None:
        """Give back what is held over so many bytes: what they were for is done."""
        over = self._held - max(size, self._least)
        if over > 0:
            self._held -= over
            self._room.give(over)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give(self._held)
        self._held = 0
