"""How work reaches a compute process: pickled, but for large bytes, which the process reads where they lie.

They lie in a file in memory without a name, which is the sender's: it is gone when the sender closes it or dies, whatever
became of who reads (memfd_create(2)). Through the pipe they would be copied on either side, and the pool would keep the
last of them alive until its next work.
"""

import contextlib
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

LARGE: Final = 512 * 1024
"""Bytes from which a file in memory costs less than the pipe."""


class Lent(msgspec.Struct, frozen=True):
    """A file in the memory of a living process, read by whoever runs under the same account.

    ``inode`` tells it from another that got the same descriptor after it.
    """

    process: int
    descriptor: int
    inode: int
    size: int

    def read(self) -> bytes:
        """Return the bytes; raise ``OSError`` when they were taken back."""
        with Path(f"/proc/{self.process}/fd/{self.descriptor}").open("rb") as file:
            if os.fstat(file.fileno()).st_ino != self.inode:
                raise OSError("another file has its descriptor")
            return file.read()


class Handed(msgspec.Struct, frozen=True):
    """A value on its way to another process."""

    pickled: bytes
    lent: tuple[Lent, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all that is lent."""
        return sum(one.size for one in self.lent)

    def receive(self) -> Any:
        """Return the value; raise ``OSError`` when it was taken back."""
        return _Unpickler(self).load()


@contextlib.contextmanager
def lend(content: bytes) -> Iterator[Lent]:
    """Lend bytes while the context lasts."""
    descriptor = os.memfd_create("inaya", os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        yield Lent(os.getpid(), descriptor, os.fstat(descriptor).st_ino, len(content))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def handed(value: object) -> Iterator[Handed]:
    """Make a value ready to be sent; it can be received while the context lasts."""
    with contextlib.ExitStack() as stack:
        pickler = _Pickler(stack)
        pickler.dump(value)
        yield Handed(pickler.out.getvalue(), tuple(pickler.lent))


class _Pickler(pickle.Pickler):
    """Leaves large bytes out and lends them."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.out = io.BytesIO()
        super().__init__(self.out, pickle.HIGHEST_PROTOCOL)
        self.lent: list[Lent] = []
        self._stack = stack

    def persistent_id(self, obj: object) -> int | None:
        """Return the number of what is lent; None for what is pickled as it is."""
        if type(obj) is not bytes or len(obj) < LARGE:
            return None
        self.lent.append(self._stack.enter_context(lend(obj)))
        return len(self.lent) - 1


class _Unpickler(pickle.Unpickler):
    """Reads what was lent in its place."""

    def __init__(self, given: Handed) -> None:
        super().__init__(io.BytesIO(given.pickled))
        self._lent = given.lent

    def persistent_load(self, pid: int) -> bytes:
        """Return the bytes of a number."""
        return self._lent[pid].read()
