"""Large bytes another process of this machine may read without a copy through a pipe: a file in memory without a name.

The file is the lender's: it is gone when the lender closes it or dies, whatever became of who reads (memfd_create(2)).
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

PIECE: Final = 192 * 1024
"""Bytes read, hashed, encoded and written at a time; a multiple of three, so that base64 of pieces is that of the whole."""


class Lent(msgspec.Struct, frozen=True):
    """Bytes in the memory of a living process, read by whoever runs under the same account."""

    process: int
    descriptor: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes piece by piece; raise ``OSError`` when the lender is gone."""
        with Path(f"/proc/{self.process}/fd/{self.descriptor}").open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def whole(self) -> bytes:
        """Return all of the bytes; raise ``OSError`` when the lender is gone."""
        return Path(f"/proc/{self.process}/fd/{self.descriptor}").read_bytes()


@contextlib.contextmanager
def lend(content: bytes) -> Iterator[Lent]:
    """Lend bytes while the context lasts."""
    descriptor = os.memfd_create("inaya", os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        yield Lent(os.getpid(), descriptor, len(content))
    finally:
        os.close(descriptor)
