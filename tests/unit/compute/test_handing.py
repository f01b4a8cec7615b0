"""Large bytes reach a compute process without a pipe, and nothing is left of them whatever dies."""

import asyncio
import contextlib
import gc
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from broker.compute.handing import LARGE, handed, lend
from broker.compute.pool import ComputeFailed, ComputePool, compute_pool

GIANT = 24 * 1024 * 1024


class Parcel(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    other: tuple[bytes, ...] = ()


def descriptors() -> set[str]:
    """The files in memory this process has open."""
    gc.collect()
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(one.readlink())
            if "memfd:inaya" in target:
                found.add(one.name)
    return found


def nothing() -> None:
    pass


@pytest.fixture
async def pool() -> AsyncIterator[ComputePool]:
    async with compute_pool(1, 5.0, 1024, nothing, ()) as made:
        yield made


def digests(parcel: Parcel) -> list[str]:
    return [hashlib.sha256(one).hexdigest() for one in (parcel.content, *parcel.other)]


def killed(_parcel: Parcel) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def failing(parcel: Parcel) -> None:
    raise RuntimeError(len(parcel.content))


def stalling(_parcel: Parcel) -> None:
    signal.pause()


def resident(_nothing: None) -> int:
    return psutil.Process().memory_info().rss


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, GIANT])
async def test_bytes_arrive_as_they_were_sent(pool: ComputePool, size: int):
    parcel = Parcel("text", os.urandom(size), (b"", os.urandom(LARGE + 3), b"small"))
    assert await pool.run(digests, parcel) == digests(parcel)
    assert descriptors() == set()


@pytest.mark.parametrize(("work", "why"), [(killed, "died"), (failing, "bug")])
async def test_nothing_is_left_of_work_that_failed(pool: ComputePool, work, why):
    with pytest.raises(ComputeFailed) as failure:
        await pool.run(work, Parcel("x", bytes(GIANT)))
    assert failure.value.why == why
    assert descriptors() == set()
    assert await pool.run(digests, Parcel("y", b"z")) == digests(Parcel("y", b"z"))


async def test_nothing_is_left_of_work_nobody_waits_for(pool: ComputePool):
    await pool.run(digests, Parcel("ready", b""))
    waiting = asyncio.create_task(pool.run(stalling, Parcel("x", bytes(GIANT))))
    await asyncio.sleep(0.3)
    assert descriptors()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert descriptors() == set()


async def test_a_process_is_as_large_after_giants_as_before(pool: ComputePool):
    await pool.run(digests, Parcel("x", b"x"))
    before = await pool.run(resident, None)
    for _ in range(4):
        await pool.run(digests, Parcel("x", os.urandom(GIANT)))
    assert await pool.run(resident, None) - before < GIANT / 4


def test_what_was_taken_back_is_not_read_and_never_mistaken_for_another():
    with lend(b"mine" * LARGE) as lent:
        assert lent.read() == b"mine" * LARGE
    with pytest.raises(OSError, match="No such file"):
        lent.read()
    with lend(b"another") as other:
        assert other.descriptor == lent.descriptor
        with pytest.raises(OSError, match="another file"):
            lent.read()


def test_small_values_are_pickled_as_they_are():
    with handed(("name", b"x" * (LARGE - 1))) as small:
        assert small.lent == ()
        assert small.receive() == ("name", b"x" * (LARGE - 1))
