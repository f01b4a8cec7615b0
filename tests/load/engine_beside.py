"""The engine in company: two processes against one, and a compute process beside an event loop that never rests."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import Final

from lxml import etree

from broker.compute.garbage import collect_rarely
from broker.compute.pool import ComputePool, compute_pool
from broker.validation.schematron.kept import EngineShop
from tests.load.driver import quantile
from tests.load.engine_corpus import AT, Case
from tests.load.engine_results import Beside

_SLICE: Final = 0.004
"""Seconds of pure Python the busy loop works between two looks at what else is due."""
_PROBE: Final = 0.002


class _Examiner:
    """What a process examines: parse, XSD and Schematron of one document."""

    one: "_Examiner | None" = None

    def __init__(self, case: Case) -> None:
        self._content = case.content
        self._schema = etree.XMLSchema(file=str(case.rules.schema_path()))
        shop = EngineShop()
        self._engines = [shop.engine(path.read_bytes()) for path in case.rules.schematron_paths()]

    def examine(self) -> None:
        root = etree.fromstring(self._content)
        self._schema.validate(root)
        for engine in self._engines:
            engine.run(root, AT)


def _prepare(case: Case) -> None:
    _Examiner.one = _Examiner(case)
    _Examiner.one.examine()
    collect_rarely()


def _examine_for(seconds: float) -> int:
    assert _Examiner.one is not None
    count = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        _Examiner.one.examine()
        count += 1
    return count


def _examine_once(_: None) -> float:
    assert _Examiner.one is not None
    started = time.perf_counter()
    _Examiner.one.examine()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _processes(case: Case, count: int) -> Iterator[Pool]:
    with get_context("spawn").Pool(count, _prepare, [case]) as pool:
        pool.map(_examine_for, [0.2] * count, 1)
        yield pool


def throughput(case: Case, seconds: float, rounds: int) -> tuple[float, float, float]:
    """Return documents per second of one process, of two, and the median ratio of neighbouring turns."""
    ones, twos = [], []
    with _processes(case, 1) as single, _processes(case, 2) as double:
        for _ in range(rounds):
            ones.append(sum(single.map(_examine_for, [seconds], 1)) / seconds)
            twos.append(sum(double.map(_examine_for, [seconds] * 2, 1)) / seconds)
    ratio = statistics.median(two / one for one, two in zip(ones, twos, strict=True))
    return statistics.median(ones), statistics.median(twos), ratio


def beside(case: Case, seconds: float, rounds: int) -> Beside:
    """Measure a compute process and a busy event loop alone and beside each other, in turns."""
    return asyncio.run(_beside(case, seconds, rounds))


async def _beside(case: Case, seconds: float, rounds: int) -> Beside:
    found: dict[str, list[float]] = {"quiet": [], "busy": [], "alone": [], "beside": []}
    async with compute_pool(1, 60.0, 4096, _prepare, (case,)) as pool:
        await pool.run(_examine_once, None)
        for _ in range(rounds):
            found["quiet"] += await _examined(pool, seconds)
            found["alone"] += (await _worked(seconds))[1]
            examined, late = await asyncio.gather(_examined(pool, seconds), _worked(seconds))
            found["busy"] += examined
            found["beside"] += late[1]
    p95 = {name: quantile(values, 0.95) for name, values in found.items()}
    return Beside(
        examination_alone=p95["quiet"],
        examination_beside=p95["busy"],
        loop_alone=p95["alone"],
        loop_beside=p95["beside"],
    )


async def _examined(pool: ComputePool, seconds: float) -> list[float]:
    """Examine document after document in the compute process; return the milliseconds of each there."""
    found = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        found.append(await pool.run(_examine_once, None))
    return found


async def _worked(seconds: float) -> tuple[int, list[float]]:
    """Keep the loop busy with pure Python; return rounds of work and by how many milliseconds a timer was late."""
    late: list[float] = []
    until = time.perf_counter() + seconds

    async def probe() -> None:
        while (now := time.perf_counter()) < until:
            await asyncio.sleep(_PROBE)
            late.append((time.perf_counter() - now - _PROBE) * 1000)

    async def work() -> int:
        done = 0
        while (now := time.perf_counter()) < until:
            while time.perf_counter() < now + _SLICE:
                done += sum(range(50))
            await asyncio.sleep(0)
        return done

    _, done = await asyncio.gather(probe(), work())
    return done, late
