"""What an answer with a file is made of: parts written one after the other, the file encoded while it is written.

The base64 text of a file is never held as a whole; its length is known beforehand all the same.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec
import pybase64
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

PIECE: Final = 192 * 1024
"""Bytes encoded at a time; a multiple of three, so that the text of the pieces is that of the whole."""


class Encoded(msgspec.Struct, frozen=True):
    """Bytes that go out as base64."""

    content: bytes

    def pieces(self) -> Iterator[bytes]:
        """Yield the text piece by piece."""
        view = memoryview(self.content)
        for start in range(0, len(view), PIECE):
            yield pybase64.b64encode(view[start : start + PIECE])

    @property
    def size(self) -> int:
        """Length of the text."""
        return (len(self.content) + 2) // 3 * 4


Body = bytes | tuple[bytes | Encoded, ...]
"""The body of an answer: as it is, or in parts."""


def pieces_of(body: Body) -> Iterator[bytes]:
    """Yield what is written, piece by piece."""
    for part in (body,) if isinstance(body, bytes) else body:
        if isinstance(part, Encoded):
            yield from part.pieces()
        else:
            yield part


def filled(data: bytes, mark: bytes, content: bytes) -> tuple[bytes, Encoded, bytes]:
    """Put a content in the place of a mark whose base64 text stands in a message once, else raise ``ValueError``."""
    head, *tail = data.split(pybase64.b64encode(mark))
    if len(tail) != 1:
        raise ValueError("the mark must stand in the message once")
    return head, Encoded(content), tail[0]


def held_by(body: Body) -> int:
    """Return the bytes a body holds in memory while it is written."""
    parts = (body,) if isinstance(body, bytes) else body
    return sum(len(part.content if isinstance(part, Encoded) else part) for part in parts)


def whole(body: Body) -> bytes:
    """Put a body together; for tests and small ones."""
    return b"".join(pieces_of(body))


class Parts(Payload):
    """A body in parts as aiohttp writes it: never faster than the other side reads."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        parts = (body,) if isinstance(body, bytes) else body
        self._size = sum(part.size if isinstance(part, Encoded) else len(part) for part in parts)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole text."""
        return whole(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write piece by piece."""
        for piece in pieces_of(self._value):
            await writer.write(piece)
            await asyncio.sleep(
                0
            )  # a socket that takes everything never waits: others of the loop have their turn
