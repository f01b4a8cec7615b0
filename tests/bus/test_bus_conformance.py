"""What every bus promises, whichever runs beneath: the suite is the definition of a bus.

``local`` runs here over a wire of memory; the store's own wire is proven by the tests of the store with this suite's
promises. ``rabbitmq`` runs over a real node.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from rabbit_node import RabbitNode

from broker.bus.local import LocalBus
from broker.bus.port import Bus, Due
from broker.bus.rabbitmq import RabbitBus
from broker.bus.supervision import Patience


class MemoryWire:
    """NOTIFY and LISTEN within one process."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[str], None]] = []

    async def notify(self, payload: str) -> None:
        for listener in self._listeners:
            listener(payload)

    @asynccontextmanager
    async def listen(self, callback: Callable[[str], None]) -> AsyncIterator[None]:
        self._listeners.append(callback)
        yield
        self._listeners.remove(callback)


@pytest.fixture(params=["local", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def maybe_node(request: pytest.FixtureRequest) -> RabbitNode | None:
    return request.getfixturevalue("node") if request.param == "rabbitmq" else None


@pytest.fixture
async def bus(maybe_node: RabbitNode | None, patience: Patience) -> AsyncIterator[Bus]:
    if maybe_node is None:
        yield LocalBus(MemoryWire(), parallel=4, grace=2)
        return
    async with RabbitBus(maybe_node.url, chance=random.random, patience=patience, prefetch=4) as bus:
        yield bus


class Worker:
    """Does each task once, as a claim in the work list would see to it."""

    def __init__(self, work: Callable[[Due], Awaitable[None]] | None = None) -> None:
        self.done: set[int] = set()
        self.hints = 0
        self._work = work

    async def __call__(self, due: Due) -> None:
        self.hints += 1
        if self._work is not None:
            await self._work(due)
        self.done.update(due.tasks)


async def sweep(bus: Bus, queue: str, tasks: set[int], worker: Worker) -> None:
    """Announce what is not done, again and again, as the sweeper does."""
    async with asyncio.timeout(20):
        while left := tasks - worker.done:
            await bus.announce([Due(queue, tuple(left))])
            await asyncio.sleep(0.05)


async def test_everything_announced_is_done_with_a_sweeper_behind_it(bus: Bus, queue: str):
    worker = Worker()
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, set(range(1000)), worker)
    assert worker.done == set(range(1000))


async def test_a_hint_for_nobody_harms_nothing(bus: Bus, queue: str):
    worker = Worker()
    await bus.announce([Due(f"{queue}-nobody", (1, 2))])
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, {7}, worker)
    assert worker.done == {7}


async def test_an_empty_announcement_is_no_announcement(bus: Bus, queue: str):
    worker = Worker()
    async with bus.subscribe([queue], worker):
        await bus.announce([])
        await sweep(bus, queue, {1}, worker)
    assert worker.done == {1}


async def test_one_subscription_may_want_several_queues(bus: Bus, queue: str):
    worker = Worker()
    async with bus.subscribe([f"{queue}.a", f"{queue}.b"], worker):
        await sweep(bus, f"{queue}.a", {1}, worker)
        await sweep(bus, f"{queue}.b", {2}, worker)
    assert worker.done == {1, 2}


async def test_no_hint_arrives_after_the_subscription_ended(bus: Bus, queue: str):
    worker = Worker()
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, {1}, worker)
    hints = worker.hints
    await bus.announce([Due(queue, (2,))])
    await asyncio.sleep(0.2)
    assert worker.hints == hints


async def test_a_handler_that_raises_does_not_stop_the_others(bus: Bus, queue: str):
    async def work(due: Due) -> None:
        if random.random() < 0.5:
            raise LookupError("a bug")

    worker = Worker(work)
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, set(range(50)), worker)
    assert worker.done == set(range(50))


async def test_handlers_at_once_are_bounded(bus: Bus, queue: str):
    running = most = 0

    async def work(due: Due) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    worker = Worker(work)
    async with bus.subscribe([queue], worker):
        for task in range(40):
            await bus.announce([Due(queue, (task,))])
        await sweep(bus, queue, set(range(40)), worker)
    assert most <= 4


async def test_a_running_handler_finishes_when_the_subscription_ends(bus: Bus, queue: str):
    entered = asyncio.Event()

    async def work(due: Due) -> None:
        entered.set()
        await asyncio.sleep(0.2)

    worker = Worker(work)
    async with bus.subscribe([queue], worker), asyncio.timeout(20):
        while not entered.is_set():
            await bus.announce([Due(queue, (1,))])
            await asyncio.sleep(0.05)
    assert worker.done == {1}


async def test_announcing_more_than_one_message_can_carry_is_split(bus: Bus, queue: str):
    worker = Worker()
    many = set(range(2**62, 2**62 + 3000))
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, many, worker)
    assert worker.done == many


async def test_depths_count_what_waits(bus: Bus, queue: str):
    worker = Worker()
    async with bus.subscribe([queue], worker):
        await sweep(bus, queue, {1}, worker)
        async with asyncio.timeout(5):
            while await bus.depths() != {queue: 0}:  # noqa: ASYNC110 - only asking again tells
                await asyncio.sleep(0.05)
