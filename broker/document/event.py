"""What happened to a document, as partners and operators are told: names are a specification (contract.md, law.md §12)."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from broker.document.finding import Finding
from broker.document.receipt import Receipt


class EventName(StrEnum):
    """Everything the journal can hold."""

    DOCUMENT_ACCEPTED = "document.accepted"
    """Kept safe; the ticket may be given."""
    DOCUMENT_VALIDATED = "document.validated"
    """Our checks found nothing that blocks; warnings come along."""
    DOCUMENT_REJECTED = "document.rejected"
    """Refused with all findings."""
    DOCUMENT_ROUTED = "document.routed"
    """Recipients are chosen; each with the rule that chose it."""
    DOCUMENT_UNROUTABLE = "document.unroutable"
    """No recipient: the operator decides."""
    DOCUMENT_COMPLETED = "document.completed"
    """Every required delivery succeeded."""
    DOCUMENT_FAILED = "document.failed"
    """Every delivery is final and a required one did not succeed, or the document was set aside."""
    DELIVERY_HELD = "delivery.held"
    """A precondition is missing."""
    DELIVERY_RESUMED = "delivery.resumed"
    """It goes on after it was held, or after it was refused, given up or withdrawn; since when it stood and why come along."""
    DELIVERY_AWAITING = "delivery.awaiting"
    """The destination took it and owes the verdict."""
    DELIVERY_REGISTERED = "delivery.registered"
    """Registered; the receipt comes along."""
    DELIVERY_DELIVERED = "delivery.delivered"
    """Delivered for good."""
    DELIVERY_REJECTED = "delivery.rejected"
    """Refused by the destination, with findings."""
    DELIVERY_REFUSED_AT_ENTRY = "delivery.refused_at_entry"
    """The destination refused it in its very answer, before any check; the partner is told ``delivery.rejected``."""
    DELIVERY_MARKED = "delivery.marked"
    """An operator marked it as registered before, or took the mark back; who and why come along."""
    DELIVERY_DEAD = "delivery.dead"
    """Given up."""
    DELIVERY_CANCELLED = "delivery.cancelled"
    """Withdrawn or superseded."""
    FILE_REQUESTED = "file.requested"
    """A state system wants the file of a clinic that keeps its own."""
    SUBMISSION_REFUSED = "submission.refused"
    """Turned away at a door: sender, digest and code are kept, nothing else."""
    SUBMISSION_PARKED = "submission.parked"
    """An AMQP message that could not be taken was set aside."""
    DELIVERY_TERM = "delivery.term"
    """A share of the term to register is used up: half of it, four fifths, all of it."""
    DELIVERY_WARNED = "delivery.warned"
    """The verdict is missing for long."""
    CALLBACK_PARKED = "callback.parked"
    """A state system told us of something we did not send."""
    CALLBACK_REPEATED = "callback.repeated"
    """A verdict came that changed nothing."""
    CALLBACK_REOPENED = "callback.reopened"
    """A parked answer found its attempt after all and is read again."""
    INBOUND_SILENT = "destination.inbound_silent"
    """A system takes documents and calls us no more: sending is held."""
    INBOUND_HEARD = "destination.inbound_heard"
    """It called again, or an operator decided to go on: sending goes on."""
    ANSWER_UNKNOWN = "destination.answer_unknown"
    """A system used a code nobody has described yet; told once per code."""
    RECONCILED = "destination.reconciled"
    """What we call registered was compared with the system's registry; the counts come along."""
    EXCEPTION_ON_RECORD = "destination.exception"
    """The settings of a destination of production make an exception, or another, or none any more; the reason comes along."""
    FILE_SERVED = "file.served"
    """A state system took a file from us."""
    FILE_MISSING = "file.missing"
    """A state system asked us for a file that never went to it through us."""
    FILE_AWAITED = "file.awaited"
    """A state system asked for a file we do not have at hand: it was told to ask again later."""
    FILE_RETURNED = "file.returned"
    """A clinic handed back a file it keeps itself; its digest was checked."""
    FILE_PURGED = "file.purged"
    """A document's bytes were let go; the rule that allowed it comes along."""
    COMPUTE_CRASHED = "compute.crashed"
    """A document broke or stalled its compute process."""
    OPERATOR_ACTED = "operator.acted"
    """A person did something; who, what and why come along."""
    REGISTRATION_SUBMITTED = "registration.submitted"
    """A clinic or its vendor applied, or mended its application."""
    REGISTRATION_RETURNED = "registration.returned"
    """The operator sent an application back with a comment."""
    REGISTRATION_APPROVED = "registration.approved"
    """The clinic is active."""
    REGISTRATION_REJECTED = "registration.rejected"
    """The operator refused an application."""
    CLINIC_CHANGED = "clinic.changed"
    """A clinic's card, link, parameters or status was changed; who, what and why come along."""
    CREDENTIAL_ISSUED = "partner.credential_issued"
    """A partner got a new secret; only its key id is told."""
    SIGNED_IN = "auth.login.ok"
    """An operator signed in."""
    SIGN_IN_FAILED = "auth.login.fail"
    """Somebody tried to sign in as an operator."""
    BUG_CAUGHT = "bug.caught"
    """A promise of ours was broken; the text stays in the log."""


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A delivery as partners see it."""

    id: UUID
    destination: str
    required: bool
    status: str
    reason: str
    attempt: int
    next_attempt_at: datetime | None
    stage: str | None = None
    result: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event about to be written: the store adds id, sequence and the document's own fields."""

    event: EventName
    at: datetime
    status: str
    delivery: DeliveryView | None = None
    receipt: Receipt | None = None
    findings: tuple[Finding, ...] = ()
    detail: dict[str, Any] = {}
    feed: bool = True
    actor: str = ""


def event_body(
    draft: Draft,
    *,
    sequence: int,
    document_id: UUID,
    message_id: str,
    local_uid: str,
    clinic: str,
    mode: str,
) -> dict[str, Any]:
    """Return the event as the contract words it, ready for JSON."""
    body: dict[str, Any] = {
        "event": draft.event.value,
        "sequence": sequence,
        "documentId": str(document_id),
        "messageId": message_id,
        "localUid": local_uid,
        "clinic": clinic,
        "mode": mode,
        "status": draft.status,
        "occurredAt": draft.at,
    }
    if draft.delivery is not None:
        body["delivery"] = draft.delivery
    if draft.receipt is not None:
        body["receipt"] = draft.receipt
    if draft.findings:
        body["findings"] = draft.findings
    return body | draft.detail
