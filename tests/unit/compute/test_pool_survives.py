"""Compute processes that die: the pool is there again, whenever and however they went."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator

import psutil
import pytest
from pebble import ProcessPool

from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable, compute_pool


def nothing() -> None:
    """Prepare nothing."""


def unreadable() -> None:
    raise OSError("no rule sets")


def hungry() -> None:
    bytearray(64 * 1024 * 1024)


def break_the_server(_given: int) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1)


def who(_given: int) -> int:
    return os.getpid()


def parent(_given: int) -> int:
    return os.getppid()


def die(_given: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
async def pool() -> AsyncIterator[ComputePool]:
    async with compute_pool(1, 10.0, 1024, nothing, ()) as opened:
        yield opened


async def ended(pid: int) -> None:
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid):  # noqa: ASYNC110  the end of a process is asked for
            await asyncio.sleep(0.05)


async def test_a_process_that_dies_at_work_fails_its_work_only(pool: ComputePool):
    with pytest.raises(ComputeFailed, match="died"):
        await pool.run(die, 0)
    assert await pool.run(who, 0) > 0


async def test_a_process_that_dies_idle_is_replaced(pool: ComputePool):
    first = await pool.run(who, 0)
    os.kill(first, signal.SIGKILL)
    await ended(first)
    assert await pool.run(who, 0) != first


class BreaksMeanwhile(ProcessPool):
    """A pool that is whole when it is asked and broken when the work lies in its queue."""

    breaks = False

    def _check_pool_status(self) -> None:
        super()._check_pool_status()
        if self.breaks:
            for pid in tuple(self._pool_manager.worker_manager.workers):
                os.kill(pid, signal.SIGKILL)
            while self.active:
                time.sleep(0.01)


async def test_work_handed_to_a_pool_that_breaks_at_that_moment_is_done_by_the_next():
    context = multiprocessing.get_context("forkserver")
    first, second = (kind(max_workers=1, context=context) for kind in (BreaksMeanwhile, ProcessPool))
    pools = iter((first, second))
    pool = ComputePool(lambda: next(pools), 1, 10.0)
    try:
        assert await pool.run(who, 0) > 0
        first.breaks = True
        async with asyncio.timeout(30):
            assert await pool.run(who, 0) > 0
        assert pool._pool is second
    finally:
        await pool.close()


async def test_a_pool_no_process_of_which_starts_is_unusable_and_no_work_failed():
    async with compute_pool(1, 10.0, 1024, unreadable, ()) as pool:
        with pytest.raises(PoolUnusable):
            await pool.run(who, 0)


async def test_too_little_memory_to_start_in_is_nobodys_fault_either():
    async with compute_pool(1, 10.0, 1, hungry, ()) as pool:
        with pytest.raises(PoolUnusable):
            await pool.run(who, 0)


async def test_work_that_breaks_every_pool_fails_and_makes_none_unusable(pool: ComputePool):
    with pytest.raises(ComputeFailed):
        await pool.run(break_the_server, 0)
    assert await pool.run(who, 0)


async def test_a_fork_server_that_dies_takes_nobody_with_it_for_long(pool: ComputePool):
    first, server = await pool.run(who, 0), await pool.run(parent, 0)
    os.kill(server, signal.SIGKILL)
    second = await pool.run(who, 0)
    assert await pool.run(who, 0) == second
    await pool.close()
    await ended(first)
    await ended(second)
