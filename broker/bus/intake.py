"""Taking partners' messages: offered to the handler until it commits, held within a budget of bytes.

Three ends of an offer: the handler returned (acknowledge), it raised :class:`NotNow` (keep and ask again: an outage of
ours must not use up the message's redeliveries), it raised anything else (return to the queue after a pause; RabbitMQ
counts and parks in the end).
"""

import asyncio
from typing import Any, Final

import msgspec
import structlog
from aiormq.abc import DeliveredMessage

from broker.bus.budget import Budget, Gear
from broker.bus.consuming import Session, open_session, watch
from broker.bus.declaring import declare_partner_topology, remake_if_stuck
from broker.bus.handling import Handlers, record_bug
from broker.bus.ledger import Verdict
from broker.bus.port import IntakeHandler, IntakeMessage, NotNow
from broker.bus.supervision import Chance, LinkError, Patience, Wire, backoff, first
from broker.bus.topology import Queue

_log: Final = structlog.get_logger(__name__)


class Pauses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds between offers of one message, doubled from ``shortest`` to ``longest``.

    ``hold`` is the longest a message is kept unacknowledged: below the consumer timeout of RabbitMQ (30 minutes), after
    which it would close our channel.
    """

    shortest: float = 0.5
    longest: float = 30.0
    hold: float = 1500.0


class Source(msgspec.Struct, frozen=True):
    """A queue of documents; ``returns`` says whether a message whose handler failed goes back to it."""

    queue: Queue
    returns: bool


class Intake:
    """A consumer of one queue of documents."""

    def __init__(
        self,
        source: Source,
        handler: IntakeHandler,
        budget: Budget,
        *,
        times: tuple[Patience, Pauses],
        chance: Chance,
    ) -> None:
        self._queue: Final = source.queue
        self._returns: Final = source.returns
        self._handler: Final = handler
        self._budget: Final = budget
        self._patience, self._pauses = times
        self._chance: Final = chance
        self._dropped: Final[list[int]] = []
        self._shift: Final = asyncio.Event()
        self._freed: Final = asyncio.Event()
        self.handlers: Final = Handlers()

    async def serve(self, wire: Wire) -> None:
        """Consume on this connection until it is lost or the context of the door is left."""
        await declare_partner_topology(wire)
        self._dropped.clear()
        async with open_session(wire, self._patience, self.handlers) as session:
            await self._begin(wire, session)
            while True:
                await watch(session, self._patience, self._shift)
                self._shift.clear()
                await self._change_gear(session)

    async def _begin(self, wire: Wire, session: Session) -> None:
        try:
            await session.consume(self._queue.name, self._budget.prefetch, self._receive)
        except LinkError as trouble:
            if trouble.why == "timeout":
                await remake_if_stuck(wire, self._queue)
            raise

    def _receive(self, session: Session, delivered: DeliveredMessage) -> None:
        tag = delivered.delivery_tag
        assert tag is not None
        message = _read(delivered, keep=not self._budget.is_oversized(len(delivered.body)))
        if not self._budget.admit(len(message.body)):
            self._dropped.append(tag)
            self._shift.set()
            return
        self.handlers.start(self._handle(session, tag, message))
        if self._budget.may_shift_up():
            self._shift.set()

    async def _handle(self, session: Session, tag: int, message: IntakeMessage) -> None:
        try:
            session.settle(tag, await self._offer(session, message))
        finally:
            self._budget.release(len(message.body))
            self._freed.set()

    async def _offer(self, session: Session, message: IntakeMessage) -> Verdict:
        """Offer the message until it is taken, its time is up, or the session is over."""
        give_up = asyncio.get_running_loop().time() + self._pauses.hold
        tries = 0
        while asyncio.get_running_loop().time() < give_up:
            tries += 1
            try:
                await self._handler(message)
            except NotNow:
                _log.warning("bus.intake_not_now", queue=self._queue.name, tries=tries)
            except Exception as bug:  # noqa: BLE001 - the outermost loop: whatever fails, the document stays in RabbitMQ
                record_bug(
                    "bus.intake_failed", bug, queue=self._queue.name, deliveries=message.delivery_count + 1
                )
                if self._returns:
                    await self._pause(session, message.delivery_count + 1)
                    return Verdict.REQUEUE
            else:
                return Verdict.ACK
            if await self._pause(session, tries):
                break
        return Verdict.REQUEUE

    async def _pause(self, session: Session, tries: int) -> bool:
        """Wait before the next offer; True when the session is over meanwhile."""
        seconds = backoff(tries, self._pauses.shortest, self._pauses.longest, self._chance)
        return await first(session.leaving, session.ended, seconds=seconds)

    async def _change_gear(self, session: Session) -> None:
        """Start consuming anew with another prefetch; what did not fit returns to the queue once nothing is held."""
        await session.stop(self._queue.name)
        if self._dropped:
            await self._emptied(session)
            self._budget.shift(Gear.CAREFUL)
            for tag in self._dropped:
                session.settle(tag, Verdict.REQUEUE)
            self._dropped.clear()
        elif self._budget.may_shift_up():
            self._budget.shift(Gear.FULL)
        _log.info("bus.intake_gear", gear=self._budget.gear.value, prefetch=self._budget.prefetch)
        await session.consume(self._queue.name, self._budget.prefetch, self._receive)

    async def _emptied(self, session: Session) -> None:
        while self._budget.held and not session.ended.is_set():
            self._freed.clear()
            await first(self._freed, session.ended)


def _read(delivered: DeliveredMessage, *, keep: bool) -> IntakeMessage:
    properties = delivered.header.properties
    headers: dict[str, Any] = properties.headers or {}
    count = headers.get("x-delivery-count", 0)
    return IntakeMessage(
        body=delivered.body if keep else b"",
        size=len(delivered.body),
        oversized=not keep,
        routing_key=delivered.routing_key or "",
        login=(delivered.routing_key or "").partition(".")[0],
        message_id=properties.message_id,
        user_id=properties.user_id,
        correlation_id=properties.correlation_id,
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=headers,
        redelivered=bool(delivered.redelivered),
        delivery_count=count if isinstance(count, int) else 0,
        parked_why=_text(headers.get("x-first-death-reason")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
