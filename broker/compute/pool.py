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
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from broker.compute.garbage import collect_rarely
from broker.compute.handing import Handed, handed
from broker.compute.returning import GIANT, return_large_blocks, return_what_is_free
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS

_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')
Given = TypeVar("Given")
Made = TypeVar("Made")

RENEWALS: Final = (0.0, 0.1, 0.5, 2.0)
"""Seconds before each try of work whose pool breaks: a fork server that died takes a moment to be there again."""
POLITE: Final = 5
"""How far compute processes stand back on a busy machine: doors answer and results are written first."""
LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether the pool that took a piece of work still stands."""
START_SECONDS: Final = 5.0
"""Beyond the work's own time: a fresh process must import and compile rule sets first."""


class ComputeFailed(Exception):  # noqa: N818  names what happened to the process
    """The process was killed for its time, died, or ran out of memory; ``why`` is timeout | died | memory | bug."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PoolUnusable(Exception):  # noqa: N818  names what is the matter
    """No fresh process lives long enough to take work (rule sets unreadable, memory limit too small): nobody's document."""


def _start(limit: int, prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    return_large_blocks()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (limit, hard)
    )  # soft: a child of its own kind of memory may lift it
    os.nice(POLITE)
    prepare(*arguments)
    collect_rarely()


class ComputePool:
    """Runs functions of the house in supervised processes.

    To pebble a process that dies idle, or while it writes to the common pipe, breaks the whole pool for good (``pool/
    process.py``, ``find_expired_task``); it is then made anew.
    """

    def __init__(self, make: Callable[[], ProcessPool], processes: int, seconds: float) -> None:
        self.processes = processes
        self._make = make
        self._pool = make()
        self._seconds = seconds
        self._closed = False
        self._burials: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[[Given], Made], given: Given, *, units: int = 1) -> Made:
        """Run ``function(given)`` with ``units`` times the time of one document; raise ``ComputeFailed``.

        A broken pool is nobody's fault: the work is given to a fresh one. When no process lives through it, one that is
        to do nothing tells the work from the installation: raise ``PoolUnusable`` when that dies as well.
        """
        seconds = self._seconds * max(units, 1) + START_SECONDS
        with handed((function, given)) as work:
            made: Made = await self._run(work, seconds)
            return made

    async def _run(self, work: Handed, seconds: float) -> Any:
        for pause in RENEWALS:
            await asyncio.sleep(pause)
            pool = self._pool
            try:
                future = _schedule(pool, _do, work, seconds)
                return await self._finished(pool, future)
            except BrokenProcessPool:
                self._renew(pool)
            except ComputeFailed as failure:
                if failure.why in {"died", "memory"}:
                    await self._prove()
                raise
        await self._prove()
        raise ComputeFailed("died")

    async def _prove(self) -> None:
        """Let a process do nothing; raise ``PoolUnusable`` when even that cannot be had."""
        pool = self._pool
        try:
            await _answer(pool, _schedule(pool, _nothing, None, self._seconds + START_SECONDS))
        except Exception as error:
            self._renew(pool)
            log().error("compute.unusable", error=type(error).__name__)
            raise PoolUnusable from error

    async def _finished(self, pool: ProcessPool, future: ProcessFuture[Made]) -> Made:
        try:
            return await _answer(pool, future)
        except (PoolTimeout, TimeoutError) as error:
            raise ComputeFailed("timeout") from error
        except ProcessExpired as error:
            raise ComputeFailed("died") from error
        except MemoryError as error:
            raise ComputeFailed("memory") from error
        except BrokenProcessPool:
            raise
        except Exception as error:
            BUGS.labels("compute").inc()
            log().error("compute.bug", error=type(error).__name__, where=_where(error))
            raise ComputeFailed("bug") from error

    def _renew(self, broken: ProcessPool) -> None:
        """Put a fresh pool in the place of a broken one, unless somebody has done so."""
        if self._pool is not broken or self._closed:
            return
        log().warning("compute.pool_renewed")
        self._pool = self._make()
        burial = asyncio.create_task(_bury(broken), name="compute.bury")
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)

    async def close(self) -> None:
        """End every process, of broken pools too."""
        self._closed = True
        await asyncio.gather(_bury(self._pool), *self._burials)


def _do(work: Handed) -> Any:
    """Do the work, in a compute process, and give back the memory of something large."""
    function, given = work.receive()
    try:
        return function(given)
    finally:
        if work.size >= GIANT:
            del given
            return_what_is_free()


def _nothing(_given: None) -> None:
    """Do nothing, in a process that has started."""


def _schedule(
    pool: ProcessPool, function: Callable[[Given], Made], given: Given, seconds: float
) -> ProcessFuture[Made]:
    """Hand work to the pool; raise ``BrokenProcessPool`` when it takes none any more (pebble has several words for it)."""
    try:
        return pool.schedule(function, args=[given], timeout=seconds)
    except RuntimeError as error:
        raise BrokenProcessPool from error


async def _answer(pool: ProcessPool, future: ProcessFuture[Made]) -> Made:
    """Wait for what became of the work; raise ``BrokenProcessPool`` when its pool broke and forgot it.

    A pool that breaks answers for the work it has noted; what was still in its queue at that moment it answers never
    (pebble, ``handle_broken_pool``), so a pool that is down is given one more look's time, then nothing more is expected.
    """
    waited = asyncio.wrap_future(future)
    down = False
    try:
        while not (await asyncio.wait({waited}, timeout=LOOK_EVERY))[0]:
            if down:
                raise BrokenProcessPool("the pool broke before it noted the work")
            down = not pool.active
        return waited.result()
    finally:
        waited.cancel()  # nothing, where it is done


async def _bury(pool: ProcessPool) -> None:
    """End the processes of a pool."""
    pool.stop()  # type: ignore[no-untyped-call]  # pebble types only its newer half
    await asyncio.to_thread(pool.join, 10)


def _where(error: Exception) -> list[str]:
    """Return where in the house a step failed: file and line only, never a value."""
    return [f"{file.rpartition('/')[2]}:{line}" for file, line in _FRAME.findall(str(error.__cause__))[-6:]]


@contextlib.asynccontextmanager
async def compute_pool(
    processes: int, seconds: float, megabytes: int, prepare: Callable[..., None], arguments: tuple[Any, ...]
) -> AsyncIterator[ComputePool]:
    """Open a pool (0 processes: one per core) whose processes call ``prepare(*arguments)`` first."""
    count = processes or os.cpu_count() or 1

    def make() -> ProcessPool:
        return ProcessPool(
            max_workers=count,
            max_tasks=0,
            initializer=_start,
            initargs=[megabytes * 1024 * 1024, prepare, arguments],
            context=multiprocessing.get_context("forkserver"),
        )

    pool = ComputePool(make, count, seconds)
    try:
        yield pool
    finally:
        await pool.close()
