"""The bus over RabbitMQ: quorum queues of hints, competing workers on many machines.

Two connections: RabbitMQ stops reading from one that publishes while an alarm is on, and acknowledgements must not
wait behind that.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Final, Self

import msgspec
import structlog
from aiormq.abc import DeliveredMessage

from broker.bus import hint
from broker.bus.consuming import Session, open_session, watch
from broker.bus.declaring import declare_all, remake_if_stuck
from broker.bus.handling import Handlers, spend, wind_up
from broker.bus.ledger import Verdict
from broker.bus.port import Due, DueHandler, Letter
from broker.bus.publishing import Outcome, Publisher
from broker.bus.supervision import Chance, Link, LinkError, Patience, Wire
from broker.bus.topology import Queue, hint_queue

_log: Final = structlog.get_logger(__name__)


class Announcing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hints are sent: ids in one message, messages awaiting their confirms at once, ids awaiting their turn.

    ``pause``: seconds after all were sent in which those that come gather, to travel together.
    """

    batch: int = 50
    in_flight: int = 8
    backlog: int = 100_000
    pause: float = 0.0


class RabbitBus:
    """The bus of a house with RabbitMQ; an async context manager.

    ``prefetch`` hints of one queue are handled at once by one subscription.
    """

    name: Final = "rabbitmq"

    def __init__(
        self,
        url: str,
        *,
        chance: Chance,
        patience: Patience | None = None,
        prefetch: int = 16,
        announcing: Announcing | None = None,
    ) -> None:
        self._patience: Final = patience or Patience()
        self._prefetch: Final = prefetch
        self._announcing: Final = Link(url, label="announce", patience=self._patience, chance=chance)
        self._working: Final = Link(url, label="work", patience=self._patience, chance=chance)
        self._publisher: Final = Publisher(self._announcing, self._patience)
        self._outbox: Final = _Outbox(self._publisher, announcing or Announcing())
        self._subscribed: Final[set[str]] = set()
        self._stack: Final = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._announcing)
        await self._stack.enter_async_context(self._working)
        await self._stack.enter_async_context(self._publisher.running())
        await self._stack.enter_async_context(self._outbox.running(self._patience.close))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def announce(self, due: Sequence[Due]) -> None:
        """Hand the hints to the announcer and return at once; without RabbitMQ they are dropped."""
        self._outbox.put(due)

    @asynccontextmanager
    async def subscribe(self, queues: Sequence[str], handler: DueHandler) -> AsyncIterator[None]:
        """Handle the hints of these queues while the context lasts."""
        subscription = _Subscription(queues, handler, self._prefetch, self._patience)
        self._subscribed.update(queues)
        try:
            async with self._working.keeping(subscription.serve):
                yield
        finally:
            await subscription.handlers.end(self._patience.grace)

    async def depths(self) -> Mapping[str, int]:
        """Return how many hints are ready in each queue announced or subscribed here."""
        wire = self._working.current()
        depths: dict[str, int] = {}
        if wire is None:
            return depths
        for queue in sorted(self._subscribed | self._outbox.known):
            try:
                async with wire.channel() as (channel, _):
                    found = await wire.ask(channel.declare_queue(hint_queue(queue).name, passive=True))
            except LinkError:
                continue
            depths[queue] = found.declaration_result.message_count or 0
        return depths


class _Outbox:
    """What waits to be announced; while confirms are awaited, what comes meanwhile travels together."""

    def __init__(self, publisher: Publisher, announcing: Announcing) -> None:
        self._publisher: Final = publisher
        self._batch: Final = announcing.batch
        self._backlog: Final = announcing.backlog
        self._slots: Final = asyncio.Semaphore(announcing.in_flight)
        self._pause: Final = announcing.pause
        self._waiting: dict[str, dict[int, None]] = {}
        self._arrived: Final = asyncio.Event()
        self._idle: Final = asyncio.Event()
        self._sending: Final[set[asyncio.Task[None]]] = set()
        self._size = 0
        self.known: Final[set[str]] = set()

    def put(self, due: Sequence[Due]) -> None:
        if not self._publisher.is_ready:
            _log.debug("bus.announce_dropped", why="not connected")
            return
        for one in due:
            if self._size + len(one.tasks) > self._backlog:
                _log.warning("bus.announce_dropped", why="backlog full", queue=one.queue)
                continue
            self._waiting.setdefault(one.queue, {}).update(dict.fromkeys(one.tasks))
            self._size += len(one.tasks)
            self.known.add(one.queue)
        self._idle.clear()
        self._arrived.set()

    @asynccontextmanager
    async def running(self, grace: float) -> AsyncIterator[None]:
        pump = asyncio.create_task(self._pump())
        try:
            yield
        finally:
            await self._flush(grace)
            pump.cancel()
            await wind_up({pump, *self._sending}, grace)

    async def _pump(self) -> None:
        while True:
            await self._arrived.wait()
            await self._slots.acquire()
            due = self._next()
            if due is None:
                self._arrived.clear()
                self._slots.release()
                self._rest()
                await asyncio.sleep(self._pause)
                continue
            sending = asyncio.create_task(self._send(due))
            self._sending.add(sending)
            sending.add_done_callback(self._sent)

    def _sent(self, sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        self._rest()

    def _rest(self) -> None:
        if not self._waiting and not self._sending:
            self._idle.set()

    def _next(self) -> Due | None:
        """Take up to a batch of ids of the queue that waits longest."""
        queue = next(iter(self._waiting), None)
        if queue is None:
            self._size = 0
            return None
        waiting = self._waiting.pop(queue)
        tasks = tuple(waiting)
        if len(tasks) > self._batch:
            self._waiting[queue] = dict.fromkeys(tasks[self._batch :])
        self._size = max(0, self._size - min(len(tasks), self._batch))
        return Due(queue, tasks[: self._batch])

    async def _send(self, due: Due) -> None:
        try:
            ((_, outcome),) = await self._publisher.publish(
                hint_queue(due.queue), [[Letter(body=hint.encode(due))]]
            )
        finally:
            self._slots.release()
        if outcome is not Outcome.CONFIRMED:
            _log.info("bus.announce_dropped", why=outcome.value, queue=due.queue)

    async def _flush(self, seconds: float) -> None:
        """Give what still waits a short chance; the sweeper would announce it again anyway."""
        if self._publisher.is_ready and (self._waiting or self._sending):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), seconds)


class _Subscription:
    """One handler on the queues it wants."""

    def __init__(self, queues: Sequence[str], handler: DueHandler, prefetch: int, patience: Patience) -> None:
        self._queues: Final = [hint_queue(queue) for queue in queues]
        self._handler: Final = handler
        self._prefetch: Final = prefetch
        self._patience: Final = patience
        self.handlers: Final = Handlers()

    async def serve(self, wire: Wire) -> None:
        """Consume on this connection until it is lost or the subscription ends."""
        await declare_all(wire, self._queues)
        async with open_session(wire, self._patience, self.handlers) as session:
            for queue in self._queues:
                await self._consume(wire, session, queue)
            await watch(session, self._patience)

    async def _consume(self, wire: Wire, session: Session, queue: Queue) -> None:
        try:
            await session.consume(queue.name, self._prefetch, self._receive)
        except LinkError as trouble:
            if trouble.why == "timeout":
                await remake_if_stuck(wire, queue)
            raise

    def _receive(self, session: Session, message: DeliveredMessage) -> None:
        self.handlers.start(self._handle(session, message))

    async def _handle(self, session: Session, message: DeliveredMessage) -> None:
        due = hint.decode(message.body)
        if due is None:
            _log.warning("bus.hint_unreadable", bus="rabbitmq")
        else:
            await spend(due, self._handler)
        if message.delivery_tag is not None:
            session.settle(message.delivery_tag, Verdict.ACK)
