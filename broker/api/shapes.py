"""The shapes of answers and events, for those who read them by program: OpenAPI and AsyncAPI are made from these."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from broker.document.event import DeliveryView, EventName
from broker.document.finding import Finding, Layer, Location
from broker.document.receipt import PlacedReceipt, Receipt
from broker.document.submission import Mode
from broker.store.views import DeliveryCard, DocumentCard, DocumentLine
from broker.validation.report import LayerRun

PROMISING: Final = (Location, Finding, Receipt, PlacedReceipt, DeliveryView, DeliveryCard, DocumentCard)
"""Shapes with fields that are always there, which their schemas must say: readers may rely on them."""


class TicketBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The ticket: the document is kept; ``digest`` is the SHA-256 of its bytes in hex."""

    id: UUID
    status: str
    received_at: datetime
    digest: str
    mode: Mode


class WaitedBody(TicketBody, frozen=True, kw_only=True, omit_defaults=True):
    """The ticket after ``Prefer: wait``; ``document`` with ``?until=final``."""

    document: DocumentCard | None = None


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Documents, newest first; ``cursor`` continues the list, null at its end."""

    documents: list[DocumentLine]
    cursor: str | None = None


class EventBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One event. ``sequence`` is gapless per document: skip what is not above the last seen.

    ``documentId`` is null when a submission was refused before it became a document. ``sequence`` 0 stands outside the
    numbers: ``document.accepted`` for a document we had already, under the message id it came again with over AMQP.
    """

    event: EventName
    sequence: int
    document_id: UUID | None
    message_id: str
    local_uid: str
    clinic: str
    mode: Mode
    status: str
    occurred_at: datetime
    delivery: DeliveryView | None = None
    receipt: Receipt | None = None
    findings: list[Finding] = []
    recipients: list[dict[str, str | bool]] = []
    explanation: list[str] = []
    destination: str = ""
    reason: str = ""
    asked_at: datetime | None = None


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """A document's events in order."""

    events: list[EventBody]


class FeedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's events in order; pass ``cursor`` as ``after`` to continue."""

    events: list[EventBody]
    cursor: str


class ReportBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Every finding and what each layer did."""

    findings: list[Finding]
    layers: dict[Layer, LayerRun]
    rule_set: str = ""


class JudgedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What ``POST /validate`` answers."""

    valid: bool
    findings: list[Finding]
    layers: dict[Layer, LayerRun]


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change made to unsigned bytes by the rule named; values that may be personal are masked.

    ``before`` and ``after`` are absent where no value changed, ``after`` where one was dropped; ``count`` stands for
    changes that are not listed one by one.
    """

    rule: str
    message: str
    location: Location | None = None
    before: str | None = None
    after: str | None = None
    count: int = 1


class PreparedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What ``POST /prepare`` answers: bytes to sign in base64, their SHA-256 in hex, the changes.

    ``reported`` is what was seen and left, because a right value would have to be invented.
    """

    content: str
    digest: str
    changes: list[ChangeBody] = []
    reported: list[Finding] = []
