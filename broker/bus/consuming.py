"""Consuming from RabbitMQ on one channel: deliveries in, settlements out, and a watch over our own consumers.

A consumer can vanish without a word (aio-pika issues 231, 577, 626; a queue deleted, a node restarted). So besides the
broker's notices the queues are asked now and then: no consumer at all, or messages ready while we hold none and got
none, means that ours is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from broker.bus.handling import Handlers, wind_up
from broker.bus.ledger import Ledger, Settlement, Verdict
from broker.bus.supervision import LinkError, Patience, Wire, first

_log: Final = structlog.get_logger(__name__)

Receive = Callable[["Session", DeliveredMessage], None]
"""Takes a delivery; must not block, and must see to it that the delivery is settled one day."""


class Session:
    """One channel with its consumers.

    ``leaving`` is set when the subscription ends, ``ended`` when nothing can be settled on the channel any more.
    """

    def __init__(self, wire: Wire, channel: Channel, patience: Patience) -> None:
        self._wire: Final = wire
        self._channel: Final = channel
        self._patience: Final = patience
        self._ledger: Final = Ledger()
        self._tags: Final[dict[str, str]] = {}
        self._to_send: Final = asyncio.Event()
        self._deliveries = 0
        self._closing = False
        self._seen_idle: Final[set[str]] = set()
        self.leaving: Final = asyncio.Event()
        self.ended: Final = asyncio.Event()
        self.cancelled_by_broker: Final = asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)

    @property
    def held(self) -> int:
        """How many deliveries are not settled."""
        return len(self._ledger)

    def settle(self, tag: int, verdict: Verdict) -> None:
        """Tell RabbitMQ, soon and in a batch; on a lost channel it will deliver again by itself."""
        if not self.ended.is_set():
            self._ledger.settle(tag, verdict)
            self._to_send.set()

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> None:
        """Start a consumer of the queue with its own prefetch."""

        async def on_delivery(message: DeliveredMessage) -> None:
            assert message.delivery_tag is not None
            self._ledger.delivered(message.delivery_tag)
            self._deliveries += 1
            receive(self, message)

        await self._wire.ask(self._channel.basic_qos(prefetch_count=prefetch))
        started = await self._wire.ask(self._channel.basic_consume(queue, on_delivery))
        self._tags[queue] = str(started.consumer_tag)

    async def stop(self, queue: str) -> None:
        """Stop the consumer of the queue; what it delivered stays ours to settle."""
        tag = self._tags.pop(queue, None)
        if tag is not None:
            await self._wire.ask(self._channel.basic_cancel(tag))

    async def stop_all(self) -> None:
        """Stop every consumer, unless the channel is gone, which stops them too."""
        self.leaving.set()
        with suppress(LinkError):
            for queue in list(self._tags):
                await self.stop(queue)

    async def send_settlements(self) -> None:
        """Send what is settled until the session closes; the only writer of settlements here, so their order holds."""
        while not self._closing:
            await self._to_send.wait()
            self._to_send.clear()
            await self._flush()

    def close(self) -> None:
        """Let :meth:`send_settlements` send what is settled by now and end."""
        self._closing = True
        self._to_send.set()

    async def check(self) -> None:
        """Raise :class:`LinkError` if a consumer of ours must be presumed gone."""
        before = self._deliveries
        for queue, tag in list(self._tags.items()):
            state = await self._wire.ask(self._channel.queue_declare(queue, passive=True))
            if tag not in self._channel.consumers or not state.consumer_count:
                raise LinkError("consumer vanished")
            starving = bool(state.message_count) and not self.held and self._deliveries == before
            if starving and queue in self._seen_idle:
                raise LinkError("consumer starves")
            (self._seen_idle.add if starving else self._seen_idle.discard)(queue)

    async def _flush(self) -> None:
        frames = self._ledger.take()
        if not frames:
            return
        try:
            await self._wire.ask(self._send(frames))
        except LinkError:
            self.ended.set()

    async def _send(self, frames: Sequence[Settlement]) -> None:
        for frame in frames:
            if frame.verdict is Verdict.ACK:
                await self._channel.basic_ack(frame.tag, multiple=frame.multiple, wait=False)
            else:
                await self._channel.basic_nack(frame.tag, requeue=True, wait=False)

    def _on_cancel(self, _: object) -> None:
        self.cancelled_by_broker.set()


@asynccontextmanager
async def open_session(wire: Wire, patience: Patience, handlers: Handlers) -> AsyncIterator[Session]:
    """Open a channel for consuming.

    When the context is left by cancellation (the subscription ends, the connection lives) running handlers get their
    grace, and what they settle is still sent.
    """
    async with wire.channel() as (channel, closed):
        driver = await channel.get_underlay_channel()
        assert isinstance(driver, Channel)
        session = Session(wire, driver, patience)
        sender = asyncio.create_task(session.send_settlements())
        ender = asyncio.create_task(_end(session, closed, wire.lost))
        try:
            yield session
        except asyncio.CancelledError:
            await session.stop_all()
            await handlers.end(patience.grace)
            raise
        finally:
            session.close()
            await wind_up({sender}, patience.close)
            session.ended.set()
            await wind_up({ender}, patience.close)


async def watch(session: Session, patience: Patience, *until: asyncio.Event) -> None:
    """Return when one of the events is set; raise :class:`LinkError` when the session ended or a consumer is gone."""
    trouble = (session.ended, session.cancelled_by_broker)
    while not any(event.is_set() for event in until):
        if not await first(*trouble, *until, seconds=patience.watch_every):
            await session.check()
        if any(event.is_set() for event in trouble):
            raise LinkError(
                "channel closed" if session.ended.is_set() else "consumer cancelled by the broker"
            )


async def _end(session: Session, closed: asyncio.Event, lost: asyncio.Event) -> None:
    await first(closed, lost)
    session.ended.set()
