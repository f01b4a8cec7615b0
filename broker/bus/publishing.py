"""Publishing with a confirm: every message ends as one of four outcomes within a bounded time."""

import asyncio
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aiormq.exceptions import DeliveryError, PublishError

from broker.bus.declaring import declare
from broker.bus.supervision import Link, LinkError, Patience, Wire
from broker.bus.topology import Queue


class Outcome(StrEnum):
    """What became of a publication."""

    CONFIRMED = "confirmed"
    """RabbitMQ keeps it."""
    REFUSED = "refused"
    """The queue is full (``reject-publish``)."""
    UNROUTABLE = "unroutable"
    """There is no such queue."""
    UNAVAILABLE = "unavailable"
    """No connection, a blocked one, or no confirm in time: it may or may not have arrived."""


class Publisher:
    """Publishes to queues by name through the default exchange, declaring each queue once per connection."""

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link: Final = link
        self._patience: Final = patience
        self._exchange: AbstractExchange | None = None
        self._wire: Wire | None = None
        self._declared: Final[set[str]] = set()
        self._declaring: Final = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Tell whether a publication has a chance now."""
        return self._exchange is not None and self._link.current() is not None

    def running(self) -> AbstractAsyncContextManager[None]:
        """Keep a confirming channel open while the context lasts."""
        return self._link.keeping(self._hold)

    async def declare(self, queue: Queue) -> bool:
        """Make sure the queue exists; False when that cannot be done now."""
        async with self._declaring:
            if queue.name in self._declared:
                return True
            wire = self._wire
            if wire is None:
                return False
            try:
                await declare(wire, queue)
            except LinkError:
                return False
            if wire is self._wire:
                self._declared.add(queue.name)
            return True

    async def publish(self, queue: Queue, message: Message) -> Outcome:
        """Put the message into the queue and wait for the confirm; a queue somebody deleted is declared anew, once."""
        outcome = await self._try(queue, message)
        if outcome is Outcome.UNROUTABLE:
            self._declared.discard(queue.name)
            outcome = await self._try(queue, message)
        return outcome

    async def _try(self, queue: Queue, message: Message) -> Outcome:
        if not await self.declare(queue):
            return Outcome.UNAVAILABLE
        exchange, wire = self._exchange, self._wire
        if exchange is None or wire is None or await wire.is_blocked():
            return Outcome.UNAVAILABLE
        try:
            await wire.ask(exchange.publish(message, queue.name, mandatory=True), self._patience.confirm)
        except LinkError as fault:
            return _outcome_of(fault)
        return Outcome.CONFIRMED

    async def _hold(self, wire: Wire) -> None:
        """Keep the channel of this connection until it closes."""
        async with wire.channel(confirms=True) as (channel, closed):
            self._declared.clear()
            self._wire, self._exchange = wire, channel.default_exchange
            try:
                await closed.wait()
            finally:
                self._wire, self._exchange = None, None
        raise LinkError("publishing channel closed")


def persistent(
    body: bytes, *, message_id: str | None = None, correlation_id: str | None = None, kind: str | None = None
) -> Message:
    """Build a JSON message that survives a restart of RabbitMQ."""
    return Message(
        body,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message_id,
        correlation_id=correlation_id,
        type=kind,
    )


def _outcome_of(fault: LinkError) -> Outcome:
    match fault.__cause__:
        case PublishError():
            return Outcome.UNROUTABLE
        case DeliveryError():
            return Outcome.REFUSED
        case _:
            return Outcome.UNAVAILABLE
