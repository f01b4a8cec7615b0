"""The AMQP door: partners' documents come in through ``intake``, their events go out through ``receipts.<login>``.

Until our commit ``intake`` holds the only copy. So a message is acknowledged after its handler returned and not before,
nothing here deletes or purges, and whatever cannot be taken for long is parked by RabbitMQ, not dropped.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final, Self, assert_never

import msgspec

from broker.bus.budget import Budget
from broker.bus.declaring import declare_partner_topology
from broker.bus.intake import Intake, Pauses, Source
from broker.bus.port import IntakeHandler, Letter, Sent
from broker.bus.publishing import Outcome, Publisher
from broker.bus.supervision import Chance, Link, Patience, Wire
from broker.bus.topology import INTAKE, PARKED, receipts_queue

MIB: Final = 1024 * 1024


class Bodies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes of bodies: the largest one kept (contract: 12 MiB), and all of ``intake`` that are held at once.

    A larger one, up to RabbitMQ's ``max_message_size``, is alive only while it comes in, one at a time for each queue.
    """

    largest: int = 12 * MIB
    held: int = 96 * MIB

    @property
    def sum(self) -> int:
        """All the door may hold: what comes from ``intake``, and one that was parked."""
        return self.held + self.largest


class RabbitDoor:
    """The partners' door over RabbitMQ; an async context manager.

    Separate connections for taking and for sending: an alarm of RabbitMQ blocks those who publish, and taking documents
    out is what ends the alarm.
    """

    def __init__(
        self,
        url: str,
        *,
        chance: Chance,
        patience: Patience | None = None,
        bodies: Bodies | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        self._patience: Final = patience or Patience()
        self._bodies: Final = bodies or Bodies()
        self._pauses: Final = pauses or Pauses()
        self._taking: Final = Link(url, label="intake", patience=self._patience, chance=chance)
        self._sending: Final = Link(url, label="receipts", patience=self._patience, chance=chance)
        self._publisher: Final = Publisher(self._sending, self._patience)
        self._chance: Final = chance
        self._stack: Final = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._taking)
        await self._stack.enter_async_context(self._taking.keeping(_declare_topology))
        await self._stack.enter_async_context(self._sending)
        await self._stack.enter_async_context(self._publisher.running())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def take_intake(self, handler: IntakeHandler, *, prefetch: int) -> AsyncIterator[None]:
        """Hand the messages of ``intake`` to the handler while the context lasts."""
        budget = Budget(limit=self._bodies.held, largest=self._bodies.largest, prefetch=prefetch)
        async with self._consume(Source(INTAKE, returns=True), handler, budget):
            yield

    @asynccontextmanager
    async def take_parked(self, handler: IntakeHandler) -> AsyncIterator[None]:
        """Hand the messages of ``intake.parked`` to the handler, one at a time."""
        budget = Budget(limit=self._bodies.largest, largest=self._bodies.largest, prefetch=1)
        async with self._consume(Source(PARKED, returns=False), handler, budget):
            yield

    async def declare_partner(self, login: str) -> bool:
        """Make sure ``receipts.<login>`` exists; False when RabbitMQ is away."""
        return await self._publisher.declare(receipts_queue(login))

    async def send_receipts(self, login: str, rows: Sequence[Sequence[Letter]]) -> list[tuple[int, Sent]]:
        """Put rows of events into ``receipts.<login>``, each in order; the queue is declared when it is missing."""
        found = await self._publisher.publish(receipts_queue(login), rows)
        return [(confirmed, _sent(outcome)) for confirmed, outcome in found]

    @asynccontextmanager
    async def _consume(self, source: Source, handler: IntakeHandler, budget: Budget) -> AsyncIterator[None]:
        times = (self._patience, self._pauses)
        intake = Intake(source, handler, budget, times=times, chance=self._chance)
        try:
            async with self._taking.keeping(intake.serve):
                yield
        finally:
            await intake.handlers.end(self._patience.grace)


async def _declare_topology(wire: Wire) -> None:
    """Declare what partners rely on, once per connection; then wait for its end."""
    await declare_partner_topology(wire)
    await wire.lost.wait()


def _sent(outcome: Outcome) -> Sent:
    match outcome:
        case Outcome.CONFIRMED:
            return Sent.CONFIRMED
        case Outcome.REFUSED:
            return Sent.FULL
        case Outcome.UNROUTABLE | Outcome.UNAVAILABLE:
            return Sent.UNAVAILABLE
        case _:
            assert_never(outcome)
