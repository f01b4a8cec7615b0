"""How the memory of a large document goes back to the system once it is done with, instead of staying with the process.

glibc keeps freed memory for later: after the first large block is freed it takes blocks of up to 32 MiB from its heap, where
one small survivor behind them keeps them all (mallopt(3), M_MMAP_THRESHOLD). Elsewhere the allocator stays as it is.
"""

import asyncio
import ctypes
from functools import lru_cache
from typing import Any, Final

_TRIM_THRESHOLD: Final = (-1, 16 * 1024 * 1024)
"""M_TRIM_THRESHOLD: so much free memory at the end of the heap stays for the documents to come."""
GIANT: Final = 4 * 1024 * 1024
"""Bytes of a block that is worth giving back at once; documents of one megabyte are not slowed down by it."""
_MMAP_THRESHOLD: Final = (-3, GIANT)
"""M_MMAP_THRESHOLD: a block of so many bytes is the system's own and goes back when it is freed."""
EVERY: Final = 5.0
"""Seconds; giving back takes a millisecond or two, getting the pages again as much."""
_ARENA_MAX: Final = (-8, 2)
"""M_ARENA_MAX: threads share heaps instead of keeping one each."""


@lru_cache(maxsize=1)
def _glibc() -> Any:
    """Return the C library where it is one that has these settings, else None."""
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def return_large_blocks() -> None:
    """Let large blocks go back to the system as soon as they are freed; called when a process starts."""
    library = _glibc()
    if library is not None:
        for option, value in (_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX):
            library.mallopt(option, value)


async def keep_returning(every: float = EVERY) -> None:
    """Give back what is free every so many seconds, until cancelled.

    A body comes and goes in thousands of small blocks of sockets, between which something always stays; that they were
    freed shows nowhere outside the heap, so there is nothing to wait for.
    """
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(return_what_is_free)


def return_what_is_free() -> None:
    """Give back every free page of the heap, between survivors too; some milliseconds, after something large."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
