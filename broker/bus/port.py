"""The ports of the bus: what the house asks of it, whichever implementation runs beneath.

Two different promises live here. :class:`Bus` carries hints: PostgreSQL knows what is due, a sweeper announces again,
so a hint may be lost, doubled or late. :class:`PartnerDoor` carries documents of partners: until our commit the queue
``intake`` is their only copy, so nothing of it may be lost, and everything of it may come twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

import msgspec


class Due(msgspec.Struct, frozen=True):
    """A hint: these tasks of this queue are due. Losing or doubling it is harmless.

    ``queue`` is the queue of the work list (``route.remd``, ``validate``); ``tasks`` are ids of its rows.
    """

    queue: str
    tasks: tuple[int, ...]


DueHandler = Callable[[Due], Awaitable[None]]
"""What a worker does with a hint; whether it returns or raises, the hint is spent."""


class Bus(Protocol):
    """Wakes workers; competing consumers share what is announced."""

    @property
    def name(self) -> str:
        """Name the implementation, as settings and metrics do: ``local`` or ``rabbitmq``."""
        ...

    async def announce(self, due: Sequence[Due]) -> None:
        """Tell the workers what is due, as well as can be done within a bounded time.

        Never raises for trouble of the transport: what cannot be told is dropped and the sweeper announces it again.
        """
        ...

    def subscribe(self, queues: Sequence[str], handler: DueHandler) -> AbstractAsyncContextManager[None]:
        """Hand the hints of these queues to the handler while the context lasts, across reconnects.

        A bounded number of hints is handled at once. Leaving the context lets running handlers finish for a bounded
        time, then cancels them.
        """
        ...

    async def depths(self) -> Mapping[str, int]:
        """Return how many hints wait in each queue this bus knows; empty when it cannot tell.

        For diagnostics only: depths shown to a person are counted in PostgreSQL.
        """
        ...


class NotNow(Exception):  # noqa: N818 - it is an answer ("ask me later"), not an error of the message
    """Raised by an intake handler when the fault is ours (the store is away), not the message's.

    The message is kept and offered again after a pause, and this does not count against its redelivery limit.
    """


class IntakeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a partner, as RabbitMQ vouches for it.

    ``login`` is the first word of the routing key: RabbitMQ let nobody else publish under it. It is the partner id, or
    ``<partner>-test`` for test credentials. ``user_id`` is given only when the partner set it; RabbitMQ has compared it
    with the login. ``size`` is the length in bytes of the body sent; a body over the door's limit is not kept, then
    ``body`` is empty and ``oversized`` is true. ``delivery_count`` counts earlier deliveries that were not acknowledged.
    ``parked_why`` is RabbitMQ's reason (``delivery_limit``, ``expired``) when the message comes from ``intake.parked``.
    """

    body: bytes = b""
    size: int
    routing_key: str
    login: str
    message_id: str | None = None
    user_id: str | None = None
    correlation_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, object] = msgspec.field(default_factory=dict)
    redelivered: bool = False
    delivery_count: int = 0
    oversized: bool = False
    parked_why: str | None = None


IntakeHandler = Callable[[IntakeMessage], Awaitable[None]]
"""Takes a partner's message into the store; returning means: committed, RabbitMQ may forget it."""


class Sent(StrEnum):
    """What became of a receipt handed to RabbitMQ."""

    CONFIRMED = "confirmed"
    """It lies in the partner's quorum queue."""
    FULL = "full"
    """The partner's queue is full: keep it and try later."""
    UNAVAILABLE = "unavailable"
    """RabbitMQ is away, blocked or silent: it may or may not have arrived; keep it and send it again."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours: JSON, with the envelope of the contract.

    ``kind`` is the event (``document.accepted``), ``correlation_id`` the message id of the submission.
    """

    body: bytes
    message_id: str | None = None
    correlation_id: str | None = None
    kind: str | None = None


class PartnerDoor(Protocol):
    """The AMQP door of partners: their documents in, their receipts out."""

    def take_intake(self, handler: IntakeHandler, *, prefetch: int) -> AbstractAsyncContextManager[None]:
        """Hand the messages of ``intake`` to the handler while the context lasts, across reconnects.

        A message is acknowledged only after the handler returned. :class:`NotNow` keeps it and asks again; any other
        exception returns it to the queue after a pause, and over the redelivery limit it moves to ``intake.parked``.
        At most ``prefetch`` messages, and a bounded sum of their bytes, are held at once.
        """
        ...

    def take_parked(self, handler: IntakeHandler) -> AbstractAsyncContextManager[None]:
        """Hand the messages of ``intake.parked`` to the handler, which records them, one at a time.

        Acknowledged after the handler returned; on any exception the message stays and is offered again.
        """
        ...

    async def declare_partner(self, login: str) -> bool:
        """Make sure ``receipts.<login>`` exists (``login``: partner id or ``<partner>-test``); False when RabbitMQ is away."""
        ...

    async def send_receipts(self, login: str, rows: Sequence[Sequence[Letter]]) -> list[tuple[int, Sent]]:
        """Put rows of events into ``receipts.<login>`` side by side, in a bounded time.

        In a row each goes after the confirm of the one before. Returns of each row how many are confirmed, from its
        beginning, and what became of the last one tried.
        """
        ...
