"""Publishing with a confirm: every message ends as one of four outcomes within a bounded time."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Final

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError, PublishError
from pamqp.commands import Basic

from broker.bus.declaring import declare
from broker.bus.port import Letter
from broker.bus.supervision import Link, LinkError, Patience, Wire, first
from broker.bus.topology import Queue

PERSISTENT: Final = 2
"""Delivery mode of a message that survives a restart of RabbitMQ (AMQP 0-9-1, basic.delivery-mode)."""
MAY_BE_BORN: Final = (0.05, 0.2, 0.5)
"""Seconds before a hint is tried again that its queue refused: a queue declared a moment ago nacks until it has a leader,
and one that drops its head is never full."""
MANY: Final = 50
"""So many messages in a row may take the time of one confirm."""


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


class _Progress(msgspec.Struct):
    """How many of a row of messages are confirmed."""

    confirmed: int = 0


class Publisher:
    """Publishes to queues by name through the default exchange, declaring each queue once per connection.

    The channel below the driver's own is used: around it the driver spends twice the time on a small message.
    """

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link: Final = link
        self._patience: Final = patience
        self._channel: Channel | None = None
        self._wire: Wire | None = None
        self._declared: Final[set[str]] = set()
        self._declaring: Final = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Tell whether a publication has a chance now."""
        return self._channel is not None and self._link.current() is not None

    def running(self) -> AbstractAsyncContextManager[None]:
        """Keep a confirming channel open while the context lasts."""
        return self._link.keeping(self._hold)

    async def declare(self, queue: Queue) -> bool:
        """Make sure the queue exists; False when that cannot be done now."""
        if queue.name in self._declared:
            return True
        async with self._declaring:
            wire = self._wire
            if queue.name in self._declared or wire is None:
                return wire is not None
            try:
                await declare(wire, queue)
            except LinkError:
                return False
            if wire is self._wire:
                self._declared.add(queue.name)
            return True

    async def publish(self, queue: Queue, letters: Sequence[Letter]) -> tuple[int, Outcome]:
        """Put the letters into the queue one after another, each after the confirm of the one before.

        Returns how many are confirmed and what became of the last one tried; behind one that was not taken nothing is
        sent. A queue somebody deleted is declared anew, once.
        """
        confirmed, outcome = await self._try(queue, letters)
        if outcome is Outcome.UNROUTABLE:
            self._declared.discard(queue.name)
            more, outcome = await self._try(queue, letters[confirmed:])
            confirmed += more
        for pause in MAY_BE_BORN if queue.expendable else ():
            if outcome is not Outcome.REFUSED:
                break
            await asyncio.sleep(pause)
            more, outcome = await self._try(queue, letters[confirmed:])
            confirmed += more
        return confirmed, outcome

    async def _try(self, queue: Queue, letters: Sequence[Letter]) -> tuple[int, Outcome]:
        if not await self.declare(queue):
            return 0, Outcome.UNAVAILABLE
        channel, wire = self._channel, self._wire
        if channel is None or wire is None or await wire.is_blocked():
            return 0, Outcome.UNAVAILABLE
        progress = _Progress()
        seconds = self._patience.confirm * (1 + len(letters) // MANY)
        try:
            await wire.ask(_send(channel, queue.name, letters, progress), seconds)
        except LinkError as fault:
            return progress.confirmed, _outcome_of(fault)
        return progress.confirmed, Outcome.CONFIRMED

    async def _hold(self, wire: Wire) -> None:
        """Keep the channel of this connection until it closes."""
        async with wire.channel(confirms=True) as (channel, closed):
            self._declared.clear()
            driver = await channel.get_underlay_channel()
            assert isinstance(driver, Channel)
            self._wire, self._channel = wire, driver
            try:
                await first(closed, wire.lost)
            finally:
                self._wire, self._channel = None, None
        raise LinkError("publishing channel closed")


class MessageProperties(Basic.Properties):
    """The few properties our messages have, written at once: the driver's own way asks of each of fourteen what it is.

    AMQP 0-9-1 §4.2.6.1: flags from the first property on, then short strings with their length in front. No slots of its
    own: the driver counts them, and takes properties without any for none.
    """

    def marshal(self) -> bytes:
        """Return flags and values as they travel."""
        flags, values = _ALWAYS_SET, [_ALWAYS]
        for flag, text in (
            (0x0400, self.correlation_id),
            (0x0080, self.message_id),
            (0x0020, self.message_type),
        ):
            if text:
                flags |= flag
                encoded = text.encode()
                values += (bytes((len(encoded),)), encoded)
        return flags.to_bytes(2, "big") + b"".join(values)


_JSON: Final = "application/json"
_ALWAYS_SET: Final = 0x9000
"""Flags of content-type and delivery-mode."""
_ALWAYS: Final = bytes((len(_JSON),)) + _JSON.encode() + bytes((PERSISTENT,))


async def _send(channel: Channel, queue: str, letters: Sequence[Letter], progress: _Progress) -> None:
    for letter in letters:
        properties = MessageProperties(
            content_type=_JSON,
            delivery_mode=PERSISTENT,
            message_id=letter.message_id,
            correlation_id=letter.correlation_id,
            message_type=letter.kind,
        )
        await channel.basic_publish(
            letter.body, routing_key=queue, properties=properties, mandatory=True, wait=False
        )
        progress.confirmed += 1


def _outcome_of(fault: LinkError) -> Outcome:
    match fault.__cause__:
        case PublishError():
            return Outcome.UNROUTABLE
        case DeliveryError():
            return Outcome.REFUSED
        case _:
            return Outcome.UNAVAILABLE
