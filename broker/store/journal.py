"""The journal: events are numbered per document, ordered by commit, and never changed."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.document.event import Draft, EventName, event_body
from broker.document.lifecycle import DocumentStatus
from broker.document.receipt import result_of
from broker.document.submission import Mode
from broker.receipts.feed import FeedItem
from broker.receipts.repeated import accepted_again
from broker.store.database import STORE_TROUBLE, Database, as_json
from broker.store.sql import queries
from broker.telemetry.log import log
from broker.telemetry.trace import safe_trace

QUERIES: Final = queries("documents")
NIL: Final = UUID(int=0)
_CURSOR: Final = re.compile(r"[0-9]{1,19}(\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one document in this transaction: its new status (None: unchanged) and the events, in order.

    ``at`` is when, for a status that changes without an event.
    """

    document_id: UUID
    status: DocumentStatus | None = None
    drafts: tuple[Draft, ...] = ()
    at: datetime | None = None


def lock_key(document: UUID) -> int:
    """Return the advisory-lock key of a document: its random low half as a signed 64-bit number."""
    return int.from_bytes(document.bytes[8:], "big", signed=True)


async def lock_documents(connection: Any, documents: Sequence[UUID]) -> None:
    """Take the documents' locks before anything is written, so that commit order equals event order."""
    keys = sorted({lock_key(document) for document in documents})
    await connection.execute(QUERIES["lock"], keys)


async def write_moves(connection: Any, moves: Sequence[Move]) -> None:
    """Advance documents and append their events; ``lock_documents`` must have been called in this transaction."""
    merged: dict[UUID, Move] = {}
    for move in moves:
        before = merged.get(move.document_id, Move(document_id=move.document_id))
        merged[move.document_id] = Move(
            document_id=move.document_id,
            status=move.status or before.status,
            drafts=before.drafts + move.drafts,
            at=move.at or before.at,
        )
    if not merged:
        return
    rows = await connection.fetch(
        QUERIES["advance"],
        list(merged),
        [sum(draft.feed for draft in move.drafts) for move in merged.values()],
        [move.status for move in merged.values()],
        [move.drafts[-1].at if move.drafts else move.at or _EPOCH for move in merged.values()],
    )
    lines = []
    for row in rows:
        drafts = merged[row["id"]].drafts
        sequence = row["sequence"] - sum(draft.feed for draft in drafts)
        for draft in drafts:
            sequence += draft.feed
            lines.append(_line(draft, row, sequence))
    await _insert(connection, lines)


def _line(draft: Draft, row: Mapping[str, Any], sequence: int) -> tuple[Any, ...]:
    if draft.delivery is not None:
        result = result_of(row["type"], draft.delivery.status, draft.receipt)
        delivery = msgspec.structs.replace(draft.delivery, result=result)
        draft = msgspec.structs.replace(draft, delivery=delivery)
    body = event_body(
        draft,
        sequence=sequence,
        document_id=row["id"],
        message_id=row["message_id"],
        local_uid=row["local_uid"],
        clinic=row["clinic_oid"],
        mode=row["mode"],
    )
    return (
        uuid7(),
        row["id"],
        draft.delivery.id if draft.delivery else None,
        sequence if draft.feed else None,
        draft.event.value,
        draft.at,
        row["partner_id"],
        row["clinic_oid"],
        draft.actor,
        draft.feed,
        as_json(body),
    )


async def _insert(connection: Any, lines: Sequence[tuple[Any, ...]]) -> None:
    if lines:
        await connection.execute(
            QUERIES["insert_journal"], *(list(column) for column in zip(*lines, strict=True))
        )


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An event outside any document's feed that is written with others."""

    event: EventName
    at: datetime
    body: dict[str, Any]
    document_id: UUID | None = None


def _noted(one: Note) -> tuple[Any, ...]:
    body = as_json(one.body)
    return uuid7(), one.document_id, None, None, one.event.value, one.at, "", "", "", False, body


async def note(  # noqa: PLR0913  the columns of one journal row
    connection: Any,
    event: EventName,
    at: datetime,
    *,
    body: dict[str, Any],
    partner_id: str = "",
    clinic: str = "",
    actor: str = "",
    document_id: UUID | None = None,
    delivery_id: UUID | None = None,
    feed: bool = False,
) -> None:
    """Write an event outside any document: a refusal, an operator's act, a served file; ``feed``: its partner is told."""
    line = (
        uuid7(),
        document_id,
        delivery_id,
        None,
        event.value,
        at,
        partner_id,
        clinic,
        actor,
        feed,
        as_json(body),
    )
    await _insert(connection, [line])


class Journal:
    """Reads the journal."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def feed(self, partner_id: str, after: str, limit: int, mode: str = "") -> list[FeedItem]:
        """Return a partner's events (of one mode) behind a cursor, '' from the beginning; ``ValueError``: no cursor."""
        if after and not _CURSOR.fullmatch(after):
            raise ValueError("cursor")
        tx, _, identifier = after.partition(".")
        key = UUID(identifier) if identifier else NIL
        rows = await self._db.fetch(QUERIES["feed"], partner_id, tx or "0", key, limit, mode)
        return [FeedItem(row["tx"], row["id"], row["event"], row["body"]) for row in rows]

    async def of_document(self, document_id: UUID) -> list[dict[str, Any]]:
        """Return every event of one document, in order."""
        return [dict(row) for row in await self._db.fetch(QUERIES["document_events"], document_id)]

    async def accept_again(
        self, document_id: UUID, at: datetime, *, partner_id: str, message_id: str, mode: Mode
    ) -> None:
        """Tell a partner of a document we have under the id it came again with, unless it was told under that id."""
        row = await self._db.fetchrow(
            QUERIES["first_under"], document_id, partner_id, EventName.DOCUMENT_ACCEPTED, message_id
        )
        if row is None or row["told"]:
            return
        body = accepted_again(
            document_id,
            status=row["status"],
            message_id=message_id,
            local_uid=row["local_uid"],
            clinic=row["clinic_oid"],
            mode=mode,
            at=at,
        )
        await self.note(
            EventName.DOCUMENT_ACCEPTED,
            at,
            body=body,
            partner_id=partner_id,
            clinic=row["clinic_oid"],
            document_id=document_id,
            feed=True,
        )

    async def note(self, event: EventName, at: datetime, *, body: dict[str, Any], **fields: Any) -> None:
        """Write one event outside any document's feed in a transaction of its own."""
        async with self._db.transaction() as connection:
            await note(connection, event, at, body=body, **fields)

    async def note_all(self, notes: Sequence[Note]) -> None:
        """Write many events outside any document's feed with one statement."""
        async with self._db.transaction() as connection:
            await _insert(connection, [_noted(one) for one in notes])

    async def caught(self, error: Exception, at: datetime, *, destination: str, **fields: Any) -> None:
        """Write that a promise was broken: the class of the exception and where, never what it says.

        Called where an exception has been dealt with: a store that is away is logged, nothing more.
        """
        body = {"destination": destination, "error": type(error).__name__, "place": safe_trace(error)}
        try:
            await self.note(EventName.BUG_CAUGHT, at, body=body, **fields)
        except STORE_TROUBLE as trouble:
            log().warning("journal.store_trouble", error=type(trouble).__name__)
