"""A pool of processes that answer or are killed: XSD, Schematron and signatures never touch the event loop.

Built on pebble: a task over its time takes its process with it and a fresh one replaces it.
"""

import asyncio
import contextlib
import multiprocessing
import os
import re
import resource
from collections.abc import AsyncIterator, Callable
from concurrent.futures import TimeoutError as PoolTimeout
from typing import Any, Final, TypeVar

from pebble import ProcessExpired, ProcessPool

from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS

_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')
Given = TypeVar("Given")
Made = TypeVar("Made")

START_SECONDS: Final = 5.0
"""Beyond the work's own time: a fresh process must import and compile rule sets first."""


class ComputeFailed(Exception):  # noqa: N818  names what happened to the process
    """The process was killed for its time, died, or ran out of memory; ``why`` is timeout | died | memory | bug."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _start(limit: int, prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    prepare(*arguments)


class ComputePool:
    """Runs functions of the house in supervised processes."""

    def __init__(self, pool: ProcessPool, processes: int, seconds: float) -> None:
        self.processes = processes
        self._pool = pool
        self._seconds = seconds

    async def run(self, function: Callable[[Given], Made], given: Given, *, units: int = 1) -> Made:
        """Run ``function(given)`` with ``units`` times the time of one document; raise ``ComputeFailed``."""
        seconds = self._seconds * max(units, 1) + START_SECONDS
        future = self._pool.schedule(function, args=[given], timeout=seconds)
        try:
            made: Made = await asyncio.wrap_future(future)
        except (PoolTimeout, TimeoutError) as error:
            raise ComputeFailed("timeout") from error
        except ProcessExpired as error:
            raise ComputeFailed("died") from error
        except MemoryError as error:
            raise ComputeFailed("memory") from error
        except Exception as error:
            BUGS.labels("compute").inc()
            log().error("compute.bug", error=type(error).__name__, where=_where(error))
            raise ComputeFailed("bug") from error
        return made


def _where(error: Exception) -> list[str]:
    """Return where in the house a step failed: file and line only, never a value."""
    return [f"{file.rpartition('/')[2]}:{line}" for file, line in _FRAME.findall(str(error.__cause__))[-6:]]


@contextlib.asynccontextmanager
async def compute_pool(
    processes: int, seconds: float, megabytes: int, prepare: Callable[..., None], arguments: tuple[Any, ...]
) -> AsyncIterator[ComputePool]:
    """Open a pool (0 processes: one per core) whose processes call ``prepare(*arguments)`` first."""
    count = processes or os.cpu_count() or 1
    pool = ProcessPool(
        max_workers=count,
        max_tasks=0,
        initializer=_start,
        initargs=[megabytes * 1024 * 1024, prepare, arguments],
        context=multiprocessing.get_context("forkserver"),
    )
    try:
        yield ComputePool(pool, count, seconds)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # pebble types only its newer half
        await asyncio.to_thread(pool.join, 10)
