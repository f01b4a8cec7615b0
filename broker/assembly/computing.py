"""The ``Compute`` port over supervised processes; pebble starts them for the first work, so who signs nothing pays nothing."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from broker.adapter_kit import ComputeAway
from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable, compute_pool
from broker.settings import Settings
from broker.trust import prepare_trust

Given = TypeVar("Given")
Made = TypeVar("Made")


class PooledCompute:
    """Sends work to a pool; trouble of the pool is ``ComputeAway``."""

    def __init__(self, pool: ComputePool) -> None:
        self._pool = pool

    async def __call__(self, work: Callable[[Given], Made], given: Given) -> Made:
        """Run ``work(given)`` in a compute process."""
        try:
            return await self._pool.run(work, given)
        except (ComputeFailed, PoolUnusable) as error:
            raise ComputeAway from error


@contextlib.asynccontextmanager
async def envelope_compute(settings: Settings) -> AsyncIterator[PooledCompute]:
    """Offer a process of its own for envelopes: they never wait behind the documents that are being checked."""
    work = settings.work
    engine = settings.security.gost_engine
    async with compute_pool(1, work.compute_seconds, work.compute_megabytes, _prepare, (engine,)) as pool:
        yield PooledCompute(pool)


def _prepare(engine: str) -> None:
    prepare_trust(engine)
