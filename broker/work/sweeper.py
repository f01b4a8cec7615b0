"""Reminds the workers of what is due and unclaimed, and counts what waits: a lost hint costs a second, nothing more."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from broker.adapter_kit.clock import Clock
from broker.bus.port import Bus, Due
from broker.store.tasks import TaskStore
from broker.telemetry.metrics import DEPTH
from broker.work.loop import Loop

DAY: Final = 86_400.0
"""Seconds between two looks at the partitions."""


class Announcer:
    """Hands hints to the bus without making anybody wait for it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self, due: Sequence[tuple[int, str]]) -> None:
        """Announce (task id, queue) pairs soon."""
        by_queue: dict[str, list[int]] = {}
        for task, queue in due:
            by_queue.setdefault(queue, []).append(task)
        if by_queue:
            hints = [Due(queue, tuple(tasks)) for queue, tasks in by_queue.items()]
            running = asyncio.create_task(self._bus.announce(hints), name="announce")
            self._running.add(running)
            running.add_done_callback(self._running.discard)


class Sweeper:
    """Announces again what is due and nobody has claimed."""

    def __init__(self, tasks: TaskStore, bus: Bus, clock: Clock, every: float) -> None:
        self.loop = Loop("sweeper", self._sweep, idle=every)
        self._tasks = tasks
        self._bus = bus
        self._clock = clock
        self._seen: set[str] = set()
        self._upkept = -DAY

    async def _sweep(self) -> int:
        if time.monotonic() - self._upkept > DAY:
            await self._tasks.upkeep()
            self._upkept = time.monotonic()
        due = await self._tasks.due(self._clock.now())
        for queue in self._seen - set(due):
            DEPTH.labels(queue).set(0)
        for queue, depth in due.items():
            DEPTH.labels(queue).set(depth)
        self._seen |= set(due)
        if due:
            await self._bus.announce([Due(queue, ()) for queue in due])
        return 0
