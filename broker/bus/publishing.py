"""Publishing with a confirm: every message ends as one of four outcomes within a bounded time."""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Final

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError, PublishError

from broker.bus.declaring import declare
from broker.bus.port import Letter
from broker.bus.posting import Confirm, post
from broker.bus.supervision import Link, LinkError, Patience, Wire, first
from broker.bus.topology import Queue
from broker.document.portions import divided

MAY_BE_BORN: Final = (0.05, 0.2, 0.5)
"""Seconds before a hint is tried again that its queue refused: a queue declared a moment ago nacks until it has a leader,
and one that drops its head is never full."""
PIECE: Final = 2**20
"""Bytes written and confirmed together: events that tell of many findings are large."""
MANY: Final = 50
"""So many pieces one after another may take the time of one confirm."""


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
    """How many of a row of messages are confirmed, and what became of the one behind them that was not."""

    confirmed: int = 0
    fault: Outcome | None = None

    def note(self, confirm: Confirm) -> BaseException | None:
        """Take in what became of the next one; return what says that the channel is lost."""
        if confirm.cancelled():
            return LinkError("connection lost")
        match confirm.exception():
            case None:
                self.confirmed += 1
            case PublishError():
                self.fault = Outcome.UNROUTABLE
            case DeliveryError():
                self.fault = Outcome.REFUSED
            case lost:
                return lost
        return None

    def outcome(self, row: Sequence[Letter]) -> tuple[int, Outcome]:
        """Return how many are confirmed and what became of the last one tried."""
        behind = Outcome.CONFIRMED if self.confirmed == len(row) else Outcome.UNAVAILABLE
        return self.confirmed, self.fault or behind


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

    async def publish(self, queue: Queue, rows: Sequence[Sequence[Letter]]) -> list[tuple[int, Outcome]]:
        """Put rows of letters into the queue side by side; in a row each goes after the confirm of the one before.

        Returns of each row how many are confirmed and what became of the last one tried; behind one that was not taken
        nothing of its row is sent. A queue somebody deleted is declared anew, once.
        """
        found = await self._try(queue, rows)
        if any(outcome is Outcome.UNROUTABLE for _, outcome in found):
            self._declared.discard(queue.name)
            await self._again(queue, rows, found, Outcome.UNROUTABLE)
        for pause in MAY_BE_BORN if queue.expendable else ():
            if all(outcome is not Outcome.REFUSED for _, outcome in found):
                break
            await asyncio.sleep(pause)
            await self._again(queue, rows, found, Outcome.REFUSED)
        return found

    async def _again(
        self,
        queue: Queue,
        rows: Sequence[Sequence[Letter]],
        found: list[tuple[int, Outcome]],
        what: Outcome,
    ) -> None:
        """Try the rest of those rows once more that ended so, and take in what became of them."""
        numbers = [number for number, (_, outcome) in enumerate(found) if outcome is what]
        rest = [rows[number][found[number][0] :] for number in numbers]
        for number, (more, outcome) in zip(numbers, await self._try(queue, rest), strict=True):
            found[number] = found[number][0] + more, outcome

    async def _try(self, queue: Queue, rows: Sequence[Sequence[Letter]]) -> list[tuple[int, Outcome]]:
        sent = [_Progress() for _ in rows]
        channel, wire = (self._channel, self._wire) if await self.declare(queue) else (None, None)
        if channel is not None and wire is not None and not await wire.is_blocked():
            pieces = (
                max(map(len, rows), default=0)
                + sum(len(letter.body) for row in rows for letter in row) // PIECE
            )
            seconds = self._patience.confirm * (1 + pieces // MANY)
            with contextlib.suppress(LinkError):
                await wire.ask(_send(channel, queue.name, rows, sent), seconds)
        return [progress.outcome(row) for progress, row in zip(sent, rows, strict=True)]

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


async def _send(
    channel: Channel, queue: str, rows: Sequence[Sequence[Letter]], sent: Sequence[_Progress]
) -> None:
    """Send the first letters of all rows, then the second of those whose first was taken, and so on."""
    place = 0
    going = [number for number, row in enumerate(rows) if row]
    while going:
        for part in divided([len(rows[number][place].body) for number in going], PIECE):
            some = going[part]
            confirms = await post(channel, queue, [rows[number][place] for number in some])
            faults = [sent[number].note(confirm) for number, confirm in zip(some, confirms, strict=True)]
            for lost in filter(None, faults):
                raise lost
        place += 1
        going = [number for number in going if sent[number].confirmed == place < len(rows[number])]
