"""A connection to RabbitMQ that is always there again: opened, probed, given up, opened anew.

The driver's own ``connect_robust`` is not used: it restores consumers that are gone, loses confirms in silence and can
hang (aio-pika issues 231, 508, 563, 577, 594). Here a connection is a plain one; when it dies everything on it dies
with it, and the duties that lived on it start afresh on the next one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aio_pika
import msgspec
import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from broker.bus.connection import Connection
from broker.bus.handling import record_bug, wind_up

_log: Final = structlog.get_logger(__name__)
_T = TypeVar("_T")

Chance = Callable[[], float]
"""A random number in [0, 1): spreads the reconnects of many processes."""


class Patience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each thing may take, in seconds.

    ``heartbeat`` asks RabbitMQ for heartbeats; ``probe_every`` and ``probe`` find a frozen connection sooner;
    ``settled`` is the life after which a connection or a duty counts as sound and the backoff starts over.
    ``watch_every`` is the pause between looks at our consumers; ``grace`` is given to running handlers at the end.
    """

    connect: float = 10.0
    heartbeat: int = 10
    probe_every: float = 5.0
    probe: float = 5.0
    call: float = 10.0
    confirm: float = 5.0
    close: float = 2.0
    first_backoff: float = 0.2
    longest_backoff: float = 15.0
    settled: float = 10.0
    watch_every: float = 5.0
    grace: float = 10.0


class LinkError(Exception):
    """RabbitMQ did not do what was asked; ``why`` names the cause without quoting anything."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why: Final = why


class Calls:
    """Contains the calls of the driver: each runs in a task of its own and is given up after its time.

    The driver may answer a lost connection with ``CancelledError`` although nobody cancelled us, and may swallow our
    own cancellation while its write queue is full; a task around each call keeps both away from us.
    """

    def __init__(self) -> None:
        self._abandoned: Final[set[asyncio.Task[Any]]] = set()

    async def ask(self, call: Coroutine[Any, Any, _T], seconds: float) -> _T:
        """Return what the driver returns, or raise :class:`LinkError` within so many seconds."""
        task = asyncio.create_task(call)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                self._abandon(task)
            elif not task.cancelled():
                task.exception()  # looked at, or asyncio complains when we are cancelled at this very moment
        if not task.done():
            raise LinkError("timeout")
        if task.cancelled():
            raise LinkError("connection lost")
        fault = task.exception()
        if fault is None:
            return task.result()
        if isinstance(fault, CONNECTION_EXCEPTIONS):
            raise LinkError(type(fault).__name__) from fault
        raise fault

    async def bury(self, seconds: float) -> None:
        """Wait until the calls given up have ended."""
        await wind_up(self._abandoned, seconds)

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._ended)
        task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and task.exception() is None and isinstance(task.result(), Connection):
            task.result().cut()


class Wire:
    """One living connection; every call of the driver goes through :meth:`ask`."""

    def __init__(self, connection: Connection, patience: Patience) -> None:
        self._connection: Final = connection
        self._patience: Final = patience
        self._calls: Final = Calls()
        self.lost: Final = asyncio.Event()
        connection.close_callbacks.add(lambda *_: self.lost.set())

    async def ask(self, call: Coroutine[Any, Any, _T], seconds: float | None = None) -> _T:
        """Return what the driver returns, or raise :class:`LinkError` within ``seconds`` (default: ``call``)."""
        return await self._calls.ask(call, self._patience.call if seconds is None else seconds)

    @asynccontextmanager
    async def channel(
        self, *, confirms: bool = False
    ) -> AsyncIterator[tuple[AbstractChannel, asyncio.Event]]:
        """Open a channel for the context; the event tells that it was closed, by whomever.

        With ``confirms`` an unroutable message raises (``on_return_raises``) instead of passing for delivered.
        """
        if self._connection.transport is None:
            raise LinkError("connection lost")
        closed = asyncio.Event()
        channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        channel.close_callbacks.add(lambda *_: closed.set())
        try:
            await self.ask(channel.initialize())
            yield channel, closed
        finally:
            if channel.is_initialized and not closed.is_set() and not self.lost.is_set():
                await self._forgive(channel.close)

    async def is_blocked(self) -> bool:
        """Tell whether RabbitMQ has stopped reading from this connection (its memory or disk alarm)."""
        transport = self._connection.transport
        if transport is None:
            return False
        try:
            async with asyncio.timeout(0.05):
                await transport.ready()
        except TimeoutError:
            return True
        return False

    async def answers(self) -> bool:
        """Probe the connection with a round trip; a blocked one is left to its heartbeats."""
        if await self.is_blocked():
            return True
        try:
            await self.ask(self._round_trip(), self._patience.probe)
        except LinkError:
            return await self.is_blocked()
        return True

    async def discard(self) -> None:
        """Close politely if the connection still lives, cut it in any case; leave nothing running."""
        if await self.is_blocked():
            self.cut()
        await self._forgive(self._connection.close)
        self.cut()
        await self._forgive(self._connection.close)
        await self._calls.bury(self._patience.close)

    def cut(self) -> None:
        """Drop the connection at once, as for one that no longer answers."""
        self._connection.cut()

    async def _round_trip(self) -> None:
        async with self._connection.channel(publisher_confirms=False):
            pass

    async def _forgive(self, closing: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self.ask(_called(closing), self._patience.close)
        except LinkError:
            return


async def _called(closing: Callable[[], Awaitable[_T]]) -> _T:
    """Make the call in the task that awaits it: one cancelled before it began leaves no coroutine behind."""
    return await closing()


async def first(*events: asyncio.Event, seconds: float | None = None) -> bool:
    """Wait until one of the events is set; False when none was in time."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return bool(done)


Duty = Callable[[Wire], Awaitable[None]]
"""What must go on as long as a connection lives; raises :class:`LinkError` or returns when it must start afresh."""


class Link:
    """Keeps one connection up and restarts the duties that live on it."""

    def __init__(self, url: str, *, label: str, patience: Patience, chance: Chance) -> None:
        self._url: Final = url
        self._label: Final = label
        self._patience: Final = patience
        self._chance: Final = chance
        self._calls: Final = Calls()
        self._wire: asyncio.Future[Wire] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for driver in (
            "aiormq",
            "aio_pika",
        ):  # they log every failed attempt and whole frames; we tell it in one line
            logging.getLogger(driver).setLevel(logging.CRITICAL)
        self._wire = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(), name=f"link-{self._label}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._calls.bury(self._patience.close)

    def current(self) -> Wire | None:
        """Return the connection if there is one now."""
        if self._wire is None or not self._wire.done() or self._wire.cancelled():
            return None
        wire = self._wire.result()
        return None if wire.lost.is_set() else wire

    async def wire(self) -> Wire:
        """Return the connection as soon as there is one."""
        assert self._wire is not None, "the link is not entered"
        return await asyncio.shield(self._wire)

    @asynccontextmanager
    async def keeping(self, duty: Duty) -> AsyncIterator[None]:
        """Run the duty on every connection, again and again, while the context lasts."""
        task = asyncio.create_task(self._keep(duty))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, duty: Duty) -> None:
        failures = 0
        while True:
            wire = await self.wire()
            began = _monotonic()
            try:
                await duty(wire)
            except LinkError as lost:
                _log.warning("bus.duty_restarts", link=self._label, why=lost.why)
            except Exception as bug:  # noqa: BLE001 - the outermost loop: a duty that dies in silence is worse than a bug
                record_bug("bus.duty_failed", bug, link=self._label)
            failures = 0 if _monotonic() - began > self._patience.settled else failures + 1
            await asyncio.sleep(self._backoff(failures))

    async def _supervise(self) -> None:
        failures = 0
        while True:
            wire = await self._open()
            began = _monotonic()
            if wire is not None:
                await self._live(wire)
            lived = wire is not None and _monotonic() - began > self._patience.settled
            failures = 0 if lived else failures + 1
            await asyncio.sleep(self._backoff(failures))

    async def _open(self) -> Wire | None:
        opening = aio_pika.connect(
            self._url,
            connection_class=Connection,
            heartbeat=self._patience.heartbeat,
            name=f"inaya {self._label}",
        )
        try:
            connection = await self._calls.ask(opening, self._patience.connect)
        except LinkError as trouble:
            _log.warning("bus.connect_failed", link=self._label, why=trouble.why)
            return None
        return Wire(connection, self._patience)

    async def _live(self, wire: Wire) -> None:
        """Offer the connection to the duties until it is lost."""
        assert self._wire is not None
        self._wire.set_result(wire)
        _log.info("bus.connected", link=self._label)
        try:
            while not await self._lost(wire):
                if not await wire.answers():
                    wire.cut()
                    break
        finally:
            self._wire = asyncio.get_running_loop().create_future()
            wire.lost.set()
            await wire.discard()
        _log.warning("bus.connection_lost", link=self._label)

    async def _lost(self, wire: Wire) -> bool:
        try:
            async with asyncio.timeout(self._patience.probe_every):
                await wire.lost.wait()
        except TimeoutError:
            return False
        return True

    def _backoff(self, failures: int) -> float:
        return backoff(failures, self._patience.first_backoff, self._patience.longest_backoff, self._chance)


def backoff(failures: int, first: float, longest: float, chance: Chance) -> float:
    """Return the pause after so many failures in a row: doubled each time, never over ``longest``, jittered by half."""
    pause = min(longest, first * 2.0 ** min(max(failures - 1, 0), 30))
    return pause * (0.5 + 0.5 * chance())


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
