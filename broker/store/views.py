"""What people and partners read: documents, deliveries, queues; only business keys, never bodies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.document.finding import Finding
from broker.document.lifecycle import DeliveryStatus
from broker.document.proof import SignatureProof
from broker.document.receipt import PlacedReceipt, Receipt, result_of
from broker.store.database import Database
from broker.store.sql import queries

QUERIES: Final = queries("views")
DOCUMENTS: Final = queries("documents")
DELIVERIES: Final = queries("deliveries")
PAUSED: Final = "destination.paused"
"""Why a delivery waits that an operator's (or adapter's) pause of its destination keeps."""
SILENT: Final = "destination.inbound_silent"
"""Why a delivery waits whose destination takes documents and does not call us: nothing is sent to it meanwhile."""
UNAVAILABLE: Final = "destination.unavailable"
"""Why a delivery waits behind an open breaker whose last failure is not known."""


class DeliveryCard(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One delivery."""

    id: UUID
    destination: str
    required: bool
    status: str
    reason: str
    attempt: int
    next_attempt_at: datetime | None
    stage: str = ""
    result: str | None = None
    rule: str = ""
    sent_at: datetime | None = None
    status_at: datetime | None = None
    deadline_at: datetime | None = None
    receipt: Receipt | None = None
    findings: list[Finding] = []


class DocumentLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One document in a list."""

    id: UUID
    status: str
    mode: str
    clinic: str
    type: str
    kind: str
    message_id: str
    local_uid: str
    received_at: datetime
    status_at: datetime
    partner: str
    door: str
    document_number: str
    size: int


class DocumentCard(DocumentLine, frozen=True, kw_only=True, rename="camel"):
    """One document with everything that became of it; ``digest`` is the SHA-256 of its bytes in hex.

    ``signatures`` is what was established of them, in the order they were handed over; empty before the examination.
    """

    digest: str
    version: int
    replaces: UUID | None
    deliveries: list[DeliveryCard]
    receipts: list[PlacedReceipt]
    signatures: list[SignatureProof]


class Views:
    """Read models."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def document(self, document_id: UUID) -> DocumentCard | None:
        """Return a document with its deliveries."""
        row = await self._db.fetchrow(QUERIES["document"], document_id)
        if row is None:
            return None
        deliveries = [
            _delivery(r, row["type"]) for r in await self._db.fetch(QUERIES["deliveries"], document_id)
        ]
        proofs = msgspec.convert(row["signatures"], list[SignatureProof])
        return DocumentCard(
            **msgspec.structs.asdict(_line(row)),
            digest=row["digest"].hex(),
            version=row["version"],
            replaces=row["replaces"],
            deliveries=deliveries,
            receipts=[
                PlacedReceipt(
                    destination=one.destination,
                    verified_by=sorted({proof.provider for proof in proofs if proof.provider}),
                    **msgspec.structs.asdict(one.receipt),
                )
                for one in deliveries
                if one.receipt is not None
            ],
            signatures=proofs,
        )

    async def documents(
        self,
        *,
        partner: str = "",
        mode: str = "",
        clinic: str = "",
        kind: str = "",
        status: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> list[DocumentLine]:
        """Return a page of documents, newest first."""
        rows = await self._db.fetch(
            QUERIES["documents"], partner, clinic, kind, status, since, until, before, limit, mode
        )
        return [_line(row) for row in rows]

    async def find(self, text: str, limit: int = 50) -> list[DocumentLine]:
        """Find documents by id, delivery id, message id, localUid, number or receipt."""
        try:
            identifier = UUID(text)
        except ValueError:
            identifier = None
        return [_line(row) for row in await self._db.fetch(QUERIES["find"], text, limit, identifier)]

    async def attempts(self, deliveries: Sequence[UUID]) -> list[dict[str, Any]]:
        """Return every attempt of these deliveries, in order."""
        return [dict(row) for row in await self._db.fetch(DELIVERIES["attempts"], list(deliveries))]

    async def statuses(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return where documents stand."""
        rows = await self._db.fetch(DOCUMENTS["statuses"], list(ids))
        return {row["id"]: row["status"] for row in rows}

    async def report(self, document_id: UUID) -> str | None:
        """Return a document's validation report as JSON text."""
        row = await self._db.fetchrow(QUERIES["report"], document_id)
        return None if row is None else str(row["body"])

    async def waiting(self, destination: str, limit: int) -> list[dict[str, Any]]:
        """Return what waits for a destination, oldest first: why, and when it is tried next."""
        rows = await self._db.fetch(QUERIES["waiting"], destination, limit)
        return [dict(row) | _prospect(row) for row in rows]

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        """Return the rows of a named view query (destinations, troubles, refusals, callbacks)."""
        return [dict(row) for row in await self._db.fetch(QUERIES[query], *args)]


def _line(row: Any) -> DocumentLine:
    return DocumentLine(
        id=row["id"],
        status=row["status"],
        mode=row["mode"],
        clinic=row["clinic_oid"],
        type=row["type"],
        kind=row["kind"],
        message_id=row["message_id"],
        local_uid=row["local_uid"],
        received_at=row["received_at"],
        status_at=row["status_at"],
        partner=row["partner_id"],
        door=row["door"],
        document_number=row["document_number"],
        size=row["size"],
    )


def _prospect(row: Any) -> dict[str, Any]:
    """Say why a delivery waits and when it is tried next.

    A pause, a silent channel or an open breaker stands before the whole destination and is on no delivery's row: it is
    laid over what the row says. Who waits for a verdict keeps its own reason, only nobody asks for the verdict meanwhile.
    """
    reason, soon, opens = row["reason"], row["next_attempt_at"], row["open_until"]
    if row["status"] not in {DeliveryStatus.QUEUED, DeliveryStatus.AWAITING_RESULT}:
        return {"reason": reason, "next_attempt_at": soon}
    queued = row["status"] == DeliveryStatus.QUEUED
    if row["paused"]:
        return {"reason": PAUSED if queued else reason, "next_attempt_at": None}
    if row["silent"]:
        return {"reason": SILENT if queued else reason, "next_attempt_at": None}
    if opens is not None and soon is not None and soon <= opens:
        return {"reason": row["last_failure"] or UNAVAILABLE if queued else reason, "next_attempt_at": opens}
    return {"reason": reason, "next_attempt_at": soon}


def _delivery(row: Any, submission: str) -> DeliveryCard:
    prospect = _prospect(row)
    receipt = msgspec.convert(row["receipt"], Receipt) if row["receipt"] else None
    return DeliveryCard(
        id=row["id"],
        destination=row["destination"],
        required=row["required"],
        status=row["status"],
        reason=prospect["reason"],
        attempt=row["attempt"],
        next_attempt_at=prospect["next_attempt_at"],
        stage=row["stage"],
        result=result_of(submission, row["status"], receipt),
        rule=row["rule"],
        sent_at=row["sent_at"],
        status_at=row["status_at"],
        deadline_at=row["deadline_at"],
        receipt=receipt,
        findings=msgspec.convert(row["findings"] or [], list[Finding]),
    )
