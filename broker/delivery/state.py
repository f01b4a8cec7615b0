"""A delivery as decisions see it, and the change a decision makes of it."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from broker.adapter_kit import InDoubtPolicy, Passport, ReceiptMode
from broker.adapter_kit.context import Destination
from broker.document.event import EventName
from broker.document.finding import Finding
from broker.document.lifecycle import DeliveryStatus
from broker.document.receipt import Receipt


class DeliveryState(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``delivery``, as far as decisions need it."""

    id: UUID
    document_id: UUID
    destination: str
    clinic: str
    mode: str
    required: bool
    status: DeliveryStatus
    attempt: int
    local_uid: str
    set_key: str
    version: int
    created_at: datetime
    status_at: datetime
    deadline_at: datetime
    reason: str = ""
    stage: str = ""
    message_id: UUID | None = None
    state: dict[str, str] = {}
    sent_at: datetime | None = None
    warned_at: datetime | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Patience and habits of one destination: passport, tightened by configuration."""

    receipt: ReceiptMode
    in_doubt: InDoubtPolicy
    first_retry: timedelta
    longest_retry: timedelta
    deadline: timedelta
    warn_after: timedelta
    poll_every: timedelta
    predecessor: timedelta
    needs_link: bool
    params: tuple[str, ...]
    timeout: float
    parallel: int
    rate: float
    asks_registry: bool = False
    silent_after: timedelta = timedelta()
    silent_documents: int = 0
    resend_after: timedelta = timedelta()


def policy_of(passport: Passport, destination: Destination) -> Policy:
    """Combine an adapter's passport with what the operator configured for this destination."""
    waiting, limits = passport.waiting, passport.limits
    return Policy(
        receipt=passport.receipt,
        in_doubt=passport.in_doubt,
        first_retry=timedelta(seconds=waiting.first_retry),
        longest_retry=timedelta(seconds=waiting.longest_retry),
        deadline=timedelta(seconds=waiting.deadline),
        warn_after=timedelta(seconds=waiting.warn_after),
        poll_every=timedelta(seconds=waiting.poll_every),
        predecessor=timedelta(seconds=waiting.predecessor),
        needs_link=passport.needs_link,
        params=passport.params,
        timeout=destination.timeout or limits.timeout,
        parallel=destination.parallel or limits.parallel,
        rate=limits.rate if destination.rate is None else destination.rate,
        asks_registry=passport.asks_registry,
        silent_after=timedelta(seconds=_chosen(destination.silent_after, waiting.silent_after)),
        silent_documents=int(_chosen(destination.silent_documents, waiting.silent_documents)),
        resend_after=timedelta(seconds=waiting.resend_after),
    )


def _chosen(configured: float | None, usual: float) -> float:
    return usual if configured is None else configured


class Withdrawal(StrEnum):
    """What came of a wish to withdraw a document."""

    DONE = "done"
    """Withdrawn everywhere, now or before."""
    ALREADY_SENT = "already_sent"
    """Something of it was sent; nothing was withdrawn."""
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    """It will not be sent anyway: our checks refused it or set it aside."""


class AlreadyThere(msgspec.Struct, frozen=True, kw_only=True):
    """The destination has this very document from an earlier submission: nothing is sent, its receipt is ours."""

    status: DeliveryStatus
    receipt: Receipt


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a delivery.

    ``due_at`` is when its task is looked at again (None: no task: final or held); ``event`` is told to the partner;
    ``failure`` feeds the breaker (True failed, False answered, None says nothing); ``slow_down`` the pace. ``also`` are
    events for the journal alone; ``unknown`` codes nobody has described. ``undoes``: a person takes back what a person
    marked, which the state machine forbids to everybody else.
    """

    status: DeliveryStatus
    reason: str = ""
    text: str = ""
    stage: str = ""
    due_at: datetime | None = None
    event: EventName | None = None
    receipt: Receipt | None = None
    findings: tuple[Finding, ...] = ()
    state: dict[str, str] | None = None
    correlation: str = ""
    deadline_at: datetime | None = None
    failure: bool | None = None
    pause_destination: bool = False
    unlink_clinic: bool = False
    slow_down: bool = False
    also: tuple[EventName, ...] = ()
    unknown: tuple[str, ...] = ()
    undoes: bool = False
