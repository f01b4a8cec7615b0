"""Bodies in memory: each process holds a bounded sum of them; who does not fit waits shortly, then comes again."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

from aiohttp import BodyPartReader, web

from broker.intake.refusal import Refusal
from broker.telemetry.metrics import BODIES

WAIT = 10.0
"""Seconds a request waits for room before it is asked to come again."""
MOST_PARTS = 64
READ = 120.0
"""Seconds a body may take to arrive."""


BODY_TOO_LARGE: Final = Refusal(
    "partner.body_too_large",
    413,
    "Тело запроса больше 40 МиБ.",
    "Предел документа — 20 МиБ до кодирования.",
)


class NoRoom(Exception):  # noqa: N818  an answer to the sender: come again
    """The process holds as many bodies as it may."""


class TooLarge(Exception):  # noqa: N818  an answer to the sender: smaller
    """The body is over the limit."""


class Bodies:
    """Counts the bytes of bodies this process holds."""

    def __init__(self, limit: int, largest: int) -> None:
        self._limit = limit
        self._largest = largest
        self._held = 0
        self._queue = 0
        self._room = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def hold(self, request: web.Request) -> AsyncIterator[None]:
        """Reserve room for a request's body while the context lasts; raise ``TooLarge`` or ``NoRoom``.

        A body and its decoded parts are alive together, so twice its length is reserved; what comes compressed may
        grow to the largest.
        """
        length = None if "Content-Encoding" in request.headers else request.content_length
        if length is not None and length > self._largest:
            raise TooLarge
        size = min(2 * (length if length is not None else self._largest), self._limit)
        if self._queue or not self._fits(size):
            await self._reserve(size)
        else:
            self._count(size)
        try:
            yield
        finally:
            self._count(-size)
            if self._queue:
                async with self._room:
                    self._room.notify_all()

    def _fits(self, size: int) -> bool:
        return self._held + size <= self._limit

    def _count(self, size: int) -> None:
        self._held += size
        BODIES.set(self._held)

    async def _reserve(self, size: int) -> None:
        """Stand in the queue for room."""
        self._queue += 1
        try:
            async with asyncio.timeout(WAIT), self._room:
                await self._room.wait_for(lambda: self._fits(size))
                self._count(size)
        except TimeoutError as error:
            raise NoRoom from error
        finally:
            self._queue -= 1

    async def whole(self, request: web.Request) -> bytes:
        """Read the whole body; raise ``TooLarge`` or ``TimeoutError``."""
        async with asyncio.timeout(READ):
            return await collect(request.content.iter_any(), self._largest)

    async def parts(self, request: web.Request) -> list[tuple[str, bytes]]:
        """Read a multipart body part by part; raise ``ValueError`` (malformed), ``TooLarge`` or ``TimeoutError``."""
        found: list[tuple[str, bytes]] = []
        total = 0
        async with asyncio.timeout(READ):
            reader = await request.multipart()
            async for part in reader:
                if isinstance(part, BodyPartReader) and len(found) < MOST_PARTS:
                    data = await collect(_chunks(part), self._largest - total)
                    total += len(data)
                    found.append((part.name or "", data))
        return found


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(64 * 1024):
        yield part.decode(chunk) if "Content-Transfer-Encoding" in part.headers else chunk


async def collect(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """Join chunks of at most ``limit`` bytes together; raise ``TooLarge``."""
    held = []
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise TooLarge
        held.append(chunk)
    return b"".join(held)
