"""How the memory of a large document goes back to the system once it is done with, instead of staying with the process.

glibc keeps freed memory for later: after the first large block is freed it takes blocks of up to 32 MiB from its heap, where
one small survivor behind them keeps them all (mallopt(3), M_MMAP_THRESHOLD). Elsewhere the allocator stays as it is.
"""

import asyncio
import ctypes
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_TRIM_THRESHOLD: Final = (-1, 16 * 1024 * 1024)
"""M_TRIM_THRESHOLD: so much free memory at the end of the heap stays for the documents to come."""
GIANT: Final = 4 * 1024 * 1024
"""Bytes of a block that is worth giving back at once; documents of one megabyte are not slowed down by it."""
_MMAP_THRESHOLD: Final = (-3, GIANT)
"""M_MMAP_THRESHOLD: a block of so many bytes is the system's own and goes back when it is freed."""
LOOK_EVERY: Final = 5.0
GROWN: Final = 16 * 1024 * 1024
"""Bytes a process must have grown by since the last look, for the milliseconds to be worth it."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
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


async def keep_returning(every: float = LOOK_EVERY) -> None:
    """Look every so many seconds whether the process has grown, and give back what is free then; until cancelled.

    A body comes and goes in thousands of small blocks of sockets, between which something always stays.
    """
    floor = _resident()
    while True:
        await asyncio.sleep(every)
        if _resident() - floor > GROWN:
            await asyncio.to_thread(return_what_is_free)
            floor = _resident()


def _resident() -> int:
    """Return the bytes of this process that are in memory (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def return_what_is_free() -> None:
    """Give back every free page of the heap, between survivors too; some milliseconds, after something large."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
