"""Bodies in memory: each process holds a bounded sum of them; who does not fit waits shortly, then comes again."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final, NamedTuple

from aiohttp import BodyPartReader, web

from broker.intake.refusal import Refusal
from broker.store.room import WAIT, Room

MOST_PARTS = 64
READ = 120.0
"""Seconds a body may take to arrive."""
WRITE = 120.0
"""Seconds the other side may take to read an answer that holds room."""


BODY_TOO_LARGE: Final = Refusal(
    "partner.body_too_large",
    413,
    "Тело запроса больше 40 МиБ.",
    "Предел документа — 20 МиБ до кодирования.",
)


class TooLarge(Exception):  # noqa: N818  an answer to the sender: smaller
    """The body is over the limit."""


class Part(NamedTuple):
    """One part of a multipart body; ``filename`` is what the sender calls the file, empty for a field."""

    name: str
    data: bytes
    filename: str


class Bodies:
    """Reads the bodies of requests within the room of this process."""

    def __init__(self, room: Room, largest: int) -> None:
        self._room = room
        self._largest = largest

    @contextlib.asynccontextmanager
    async def hold(self, request: web.Request) -> AsyncIterator[None]:
        """Reserve room for a request's body while the context lasts; raise ``TooLarge`` or ``NoRoom``.

        A body and its decoded parts are alive together, so twice its length is reserved; what comes compressed may
        grow to the largest.
        """
        length = None if "Content-Encoding" in request.headers else request.content_length
        if length is not None and length > self._largest:
            raise TooLarge
        size = await self._room.take(2 * (length if length is not None else self._largest), WAIT)
        try:
            yield
        finally:
            self._room.give(size)

    async def whole(self, request: web.Request) -> bytes:
        """Read the whole body; raise ``TooLarge`` or ``TimeoutError``."""
        async with asyncio.timeout(READ):
            return await collect(request.content.iter_any(), self._largest)

    async def parts(self, request: web.Request) -> list[Part]:
        """Read a multipart body part by part; raise ``ValueError`` (malformed), ``TooLarge`` or ``TimeoutError``."""
        found: list[Part] = []
        total = 0
        async with asyncio.timeout(READ):
            reader = await request.multipart()
            async for part in reader:
                if isinstance(part, BodyPartReader) and len(found) < MOST_PARTS:
                    data = await collect(_chunks(part), self._largest - total)
                    total += len(data)
                    found.append(Part(part.name or "", data, part.filename or ""))
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


async def written(response: web.Response, request: web.Request) -> web.Response:
    """Write an answer now, while what it holds is still counted; who reads too slowly is cut off."""
    try:
        async with asyncio.timeout(WRITE):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:  # gone: nobody is left to tell
        pass
    response.body = None  # a kept connection keeps its last answer until the next request
    return response
