"""The local bus over a wire of memory: what it promises without a database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from broker.bus import hint
from broker.bus.local import PAYLOAD_LIMIT, LocalBus, WireDownError
from broker.bus.port import Due


class MemoryWire:
    """NOTIFY and LISTEN within one process, with PostgreSQL's limit on a payload."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.down = False
        self.stuck = False
        self._listeners: list[Callable[[str], None]] = []

    async def notify(self, payload: str) -> None:
        if self.down:
            raise WireDownError
        if self.stuck:
            await asyncio.Event().wait()
        assert len(payload.encode()) <= PAYLOAD_LIMIT
        self.payloads.append(payload)
        for listener in self._listeners:
            listener(payload)

    @asynccontextmanager
    async def listen(self, callback: Callable[[str], None]) -> AsyncIterator[None]:
        self._listeners.append(callback)
        try:
            yield
        finally:
            self._listeners.remove(callback)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():  # noqa: ASYNC110 - the condition is a plain list, there is nothing to wait on
            await asyncio.sleep(0)


async def test_a_hint_reaches_the_subscription_of_its_queue_only():
    bus = LocalBus(MemoryWire())
    mine: list[Due] = []
    other: list[Due] = []

    async def take(due: Due) -> None:
        mine.append(due)

    async def take_other(due: Due) -> None:
        other.append(due)

    async with bus.subscribe(["validate"], take), bus.subscribe(["route.remd"], take_other):
        await bus.announce([Due("validate", (1, 2)), Due("validate", (2, 3))])
        await until(lambda: bool(mine))
    assert mine == [Due("validate", (1, 2, 3))]
    assert other == []


async def test_many_ids_are_split_into_payloads_postgresql_takes():
    wire = MemoryWire()
    ids = tuple(range(2**62, 2**62 + 5000))
    await LocalBus(wire).announce([Due("route.gis.77", ids)])
    told = [task for payload in wire.payloads for task in (hint.decode(payload) or Due("", ())).tasks]
    assert tuple(told) == ids
    assert len(wire.payloads) > 1


async def test_a_dead_wire_costs_the_announcer_nothing_but_the_hint():
    wire = MemoryWire()
    wire.down = True
    await LocalBus(wire).announce([Due("validate", (1,))])
    assert wire.payloads == []


async def test_a_stuck_wire_holds_the_announcer_for_a_bounded_time():
    wire = MemoryWire()
    wire.stuck = True
    async with asyncio.timeout(5):
        await LocalBus(wire, notify_timeout=0.01).announce([Due("validate", (1,))])


async def test_a_handler_that_raises_spends_its_hint_and_the_next_one_is_handled():
    bus = LocalBus(MemoryWire(), parallel=1)
    seen: list[int] = []

    async def take(due: Due) -> None:
        seen.append(due.tasks[0])
        if due.tasks[0] == 1:
            raise LookupError("a bug")

    async with bus.subscribe(["validate"], take):
        await bus.announce([Due("validate", (1,))])
        await bus.announce([Due("validate", (2,))])
        await until(lambda: len(seen) == 2)
    assert seen == [1, 2]


async def test_no_more_handlers_run_at_once_than_allowed():
    bus = LocalBus(MemoryWire(), parallel=3)
    running = 0
    most = 0
    done = 0

    async def take(due: Due) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done += 1

    async with bus.subscribe(["validate"], take):
        for task in range(20):
            await bus.announce([Due("validate", (task,))])
        await until(lambda: done == 20)
    assert most == 3


async def test_a_full_backlog_forgets_the_oldest_hint():
    bus = LocalBus(MemoryWire(), parallel=1, backlog=2)
    seen: list[int] = []

    async def take(due: Due) -> None:
        seen.append(due.tasks[0])

    async with bus.subscribe(["validate"], take):
        for task in range(5):
            await bus.announce([Due("validate", (task,))])
        assert await bus.depths() == {"validate": 2}
        await until(lambda: len(seen) == 2)
    assert seen == [3, 4]


async def test_leaving_the_subscription_lets_the_running_handler_finish():
    bus = LocalBus(MemoryWire())
    entered = asyncio.Event()
    finished = False

    async def take(due: Due) -> None:
        nonlocal finished
        entered.set()
        await asyncio.sleep(0.01)
        finished = True

    before = asyncio.all_tasks()
    async with bus.subscribe(["validate"], take):
        await bus.announce([Due("validate", (1,))])
        await entered.wait()
    assert finished
    assert asyncio.all_tasks() == before


async def test_a_handler_that_never_ends_is_cancelled_after_the_grace():
    bus = LocalBus(MemoryWire(), grace=0.01)
    entered = asyncio.Event()

    async def take(due: Due) -> None:
        entered.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with bus.subscribe(["validate"], take):
        await bus.announce([Due("validate", (1,))])
        await entered.wait()
    assert asyncio.all_tasks() == before


async def test_a_payload_of_somebody_else_is_ignored():
    wire = MemoryWire()
    bus = LocalBus(wire)
    seen: list[Due] = []

    async def take(due: Due) -> None:
        seen.append(due)

    async with bus.subscribe(["validate"], take):
        await wire.notify("good morning")
        await bus.announce([Due("validate", (1,))])
        await until(lambda: bool(seen))
    assert seen == [Due("validate", (1,))]
