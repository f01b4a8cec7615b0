"""The two state machines: a document and its deliveries, as tables a test walks exhaustively."""

from enum import StrEnum
from typing import Final


class DocumentStatus(StrEnum):
    """Where a document stands."""

    ACCEPTED = "accepted"
    """Kept safe by us; the ticket is given."""
    VALIDATED = "validated"
    """Our checks found nothing that blocks."""
    ROUTED = "routed"
    """Deliveries to its recipients exist."""
    COMPLETED = "completed"
    """Every required delivery is registered or delivered."""
    REJECTED = "rejected"
    """Our checks refused it, with all findings."""
    UNROUTABLE = "unroutable"
    """No rule of the routing table names a recipient: the operator decides."""
    FAILED = "failed"
    """Every delivery is final and a required one did not succeed."""


class DeliveryStatus(StrEnum):
    """Where a delivery of one document to one destination stands."""

    QUEUED = "queued"
    """Waits for its turn or its next attempt."""
    HELD = "held"
    """A precondition is missing; no attempt counted, the deadline stands still."""
    SENDING = "sending"
    """An attempt is under way; its row is committed."""
    AWAITING_RESULT = "awaiting_result"
    """The destination took it and owes the verdict."""
    REGISTERED = "registered"
    """Confirmed by the state system; absorbs whatever comes later."""
    DELIVERED = "delivered"
    """Final success where nothing later can be confirmed."""
    REJECTED = "rejected"
    """The destination refused it, with findings."""
    DEAD = "dead"
    """The deadline passed or the document broke our process twice."""
    CANCELLED = "cancelled"
    """Withdrawn before the first attempt, or superseded by a newer version."""


DOCUMENT_MOVES: Final[dict[DocumentStatus, frozenset[DocumentStatus]]] = {
    DocumentStatus.ACCEPTED: frozenset(
        {DocumentStatus.VALIDATED, DocumentStatus.REJECTED, DocumentStatus.FAILED}
    ),
    DocumentStatus.VALIDATED: frozenset(
        {DocumentStatus.ROUTED, DocumentStatus.UNROUTABLE, DocumentStatus.FAILED}
    ),
    DocumentStatus.ROUTED: frozenset({DocumentStatus.COMPLETED, DocumentStatus.FAILED}),
    DocumentStatus.COMPLETED: frozenset({DocumentStatus.ROUTED}),
    DocumentStatus.REJECTED: frozenset({DocumentStatus.ACCEPTED, DocumentStatus.VALIDATED}),
    DocumentStatus.UNROUTABLE: frozenset(
        {DocumentStatus.VALIDATED, DocumentStatus.ROUTED, DocumentStatus.FAILED}
    ),
    DocumentStatus.FAILED: frozenset(
        {DocumentStatus.ROUTED, DocumentStatus.COMPLETED, DocumentStatus.ACCEPTED}
    ),
}
"""Allowed moves. ``rejected → accepted`` is a resubmission with new signatures, ``rejected → validated`` an operator's
override, ``failed → accepted`` a document set aside that is tried again."""

_LIVE: Final = frozenset(
    {DeliveryStatus.QUEUED, DeliveryStatus.HELD, DeliveryStatus.SENDING, DeliveryStatus.AWAITING_RESULT}
)
_SUCCESS: Final = frozenset({DeliveryStatus.REGISTERED, DeliveryStatus.DELIVERED})

DELIVERY_MOVES: Final[dict[DeliveryStatus, frozenset[DeliveryStatus]]] = {
    DeliveryStatus.QUEUED: frozenset(
        {
            DeliveryStatus.HELD,
            DeliveryStatus.SENDING,
            DeliveryStatus.AWAITING_RESULT,
            DeliveryStatus.CANCELLED,
            DeliveryStatus.DEAD,
            DeliveryStatus.REGISTERED,
            DeliveryStatus.DELIVERED,
            DeliveryStatus.REJECTED,
        }
    ),
    DeliveryStatus.HELD: frozenset(
        {
            DeliveryStatus.QUEUED,
            DeliveryStatus.AWAITING_RESULT,
            DeliveryStatus.CANCELLED,
            DeliveryStatus.DEAD,
            DeliveryStatus.REGISTERED,
            DeliveryStatus.DELIVERED,
            DeliveryStatus.REJECTED,
        }
    ),
    DeliveryStatus.SENDING: frozenset(
        {
            DeliveryStatus.QUEUED,
            DeliveryStatus.HELD,
            DeliveryStatus.AWAITING_RESULT,
            DeliveryStatus.REGISTERED,
            DeliveryStatus.DELIVERED,
            DeliveryStatus.REJECTED,
            DeliveryStatus.DEAD,
        }
    ),
    DeliveryStatus.AWAITING_RESULT: frozenset(
        {
            DeliveryStatus.QUEUED,
            DeliveryStatus.HELD,
            DeliveryStatus.REGISTERED,
            DeliveryStatus.DELIVERED,
            DeliveryStatus.REJECTED,
            DeliveryStatus.DEAD,
        }
    ),
    DeliveryStatus.REGISTERED: frozenset(),
    DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.REGISTERED}),
    DeliveryStatus.REJECTED: _SUCCESS | {DeliveryStatus.QUEUED},
    DeliveryStatus.DEAD: _SUCCESS | {DeliveryStatus.QUEUED, DeliveryStatus.AWAITING_RESULT},
    DeliveryStatus.CANCELLED: _SUCCESS | {DeliveryStatus.QUEUED},
}
"""Allowed moves: ``registered`` absorbs; a late success reopens what was closed without one; an operator requeues the
rest. ``queued`` may end at once when a look-up finds the document there, ``held`` when the verdict on an attempt in doubt
comes after all; what was taken before it was held or given up is asked about again, not sent again."""


def may_move(before: DeliveryStatus, after: DeliveryStatus) -> bool:
    """Tell whether a delivery may go from one status to another."""
    return after in DELIVERY_MOVES[before]


def is_live(status: DeliveryStatus) -> bool:
    """Tell whether the delivery still owes an outcome."""
    return status in _LIVE


def is_success(status: DeliveryStatus) -> bool:
    """Tell whether the delivery reached its aim."""
    return status in _SUCCESS


def document_outcome(deliveries: list[tuple[bool, DeliveryStatus]]) -> DocumentStatus:
    """Return what the document's deliveries, as (required, status), make of it.

    ``routed`` while any delivery is live; then ``completed`` when every required one succeeded, else ``failed``.
    """
    if any(is_live(status) for _, status in deliveries):
        return DocumentStatus.ROUTED
    if all(is_success(status) for required, status in deliveries if required):
        return DocumentStatus.COMPLETED
    return DocumentStatus.FAILED
