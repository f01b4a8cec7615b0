"""Commits arrivals: content, document, gates, first event and first task in one transaction shared by many arrivals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.archive import Codec
from broker.document.event import Draft, EventName, event_body
from broker.document.lifecycle import DocumentStatus
from broker.intake.gates import Fresh, Repeat, Seen, judge
from broker.intake.read import Arrival
from broker.intake.refusal import Refusal
from broker.store.database import Database, as_json
from broker.store.sql import queries
from broker.store.tasks import PREPARE

QUERIES: Final = queries("documents")


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the partner gets after the commit; ``digest`` is the SHA-256 of the content in hex."""

    id: UUID
    status: str
    received_at: datetime
    digest: str
    mode: str
    repeated: bool = False


Verdict = Ticket | Refusal


class _Batch:
    """Working set of one shared transaction."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = arrivals
        self.fresh: dict[UUID, UUID | None] = {}
        self.repeats: dict[UUID, UUID] = {}
        self.refused: dict[UUID, Refusal] = {}


class IntakeStore:
    """Writes arrivals; whatever two processes do at once, one of them is first."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._db = database
        self._codec = codec

    async def commit(self, arrivals: Sequence[Arrival]) -> tuple[list[Verdict], list[tuple[int, str]]]:
        """Commit what is new and answer for each arrival in order; also the (task id, queue) to announce.

        No two arrivals of one call may share a message key or a localUid (the batcher sees to it).
        """
        batch = _Batch(arrivals)
        sealed = {a.id: self._codec.seal(a.stored.pack(), a.id) for a in arrivals}
        async with self._db.transaction() as connection:
            await self._gates(connection, batch)
            await self._settle(connection, batch)
            due = await self._insert(connection, batch, sealed)
            rows = (
                await connection.fetch(QUERIES["tickets"], list(batch.repeats.values()))
                if batch.repeats
                else []
            )
        firsts = {row["id"]: row for row in rows}
        return [self._verdict(a, batch, firsts) for a in arrivals], due

    async def _gates(self, connection: Any, batch: _Batch) -> None:
        by_key = sorted(batch.arrivals, key=lambda a: (a.partner_id, a.mode, a.message_id))
        by_uid = sorted(batch.arrivals, key=lambda a: (a.clinic, a.mode, a.local_uid))
        rows = await connection.fetch(
            QUERIES["take_gates"],
            [a.partner_id for a in by_key],
            [a.mode for a in by_key],
            [a.message_id for a in by_key],
            [a.id for a in by_key],
            [a.fingerprint for a in by_key],
            [a.clinic for a in by_uid],
            [a.mode for a in by_uid],
            [a.local_uid for a in by_uid],
            [a.id for a in by_uid],
            [a.content_fingerprint for a in by_uid],
            [a.fingerprint for a in by_uid],
        )
        first_message = {row["document_id"] for row in rows if row["message"]}
        first_uid = {row["document_id"] for row in rows if not row["message"]}
        doubtful = [a for a in batch.arrivals if a.id not in first_message or a.id not in first_uid]
        batch.fresh = {a.id: None for a in batch.arrivals if a not in doubtful}
        if doubtful:
            await self._judge(connection, batch, doubtful)

    async def _judge(self, connection: Any, batch: _Batch, doubtful: Sequence[Arrival]) -> None:
        messages = await connection.fetch(
            QUERIES["seen_submissions"],
            [a.partner_id for a in doubtful],
            [a.mode for a in doubtful],
            [a.message_id for a in doubtful],
        )
        keys = ([a.clinic for a in doubtful], [a.mode for a in doubtful], [a.local_uid for a in doubtful])
        await connection.fetch(QUERIES["lock_identities"], *keys)
        identities = await connection.fetch(QUERIES["seen_identities"], *keys)
        by_message = {(r["partner_id"], r["mode"], r["key"]): _seen(r) for r in messages}
        by_uid = {(r["clinic_oid"], r["mode"], r["local_uid"]): _seen(r) for r in identities}
        for a in doubtful:
            judgement = judge(
                a.fingerprint,
                a.content_fingerprint,
                by_message.get((a.partner_id, a.mode, a.message_id)),
                by_uid.get((a.clinic, a.mode, a.local_uid)),
            )
            match judgement:
                case Fresh(replaces):
                    batch.fresh[a.id] = replaces
                case Repeat(document_id):
                    batch.repeats[a.id] = document_id
                case Refusal():
                    batch.refused[a.id] = judgement

    async def _settle(self, connection: Any, batch: _Batch) -> None:
        """Give back or hand over the gates of arrivals that are not new."""
        lost = [*batch.repeats, *batch.refused]
        if lost:
            await connection.execute(QUERIES["drop_identities"], lost)
        if batch.refused:
            await connection.execute(QUERIES["drop_submissions"], list(batch.refused))
        if batch.repeats:
            await connection.execute(
                QUERIES["point_submissions"], list(batch.repeats), list(batch.repeats.values())
            )
        taken = [a for a in batch.arrivals if batch.fresh.get(a.id) is not None]
        if taken:
            await connection.execute(
                QUERIES["take_over_identities"],
                [a.clinic for a in taken],
                [a.mode for a in taken],
                [a.local_uid for a in taken],
                [a.id for a in taken],
                [a.fingerprint for a in taken],
            )

    async def _insert(
        self, connection: Any, batch: _Batch, sealed: dict[UUID, bytes]
    ) -> list[tuple[int, str]]:
        new = [a for a in batch.arrivals if a.id in batch.fresh]
        if not new:
            return []
        rows = await connection.fetch(
            QUERIES["accept"],
            [a.id for a in new],
            [a.partner_id for a in new],
            [a.clinic for a in new],
            [a.region for a in new],
            [a.mode for a in new],
            [a.door for a in new],
            [a.type for a in new],
            [a.kind for a in new],
            [a.message_id for a in new],
            [a.local_uid for a in new],
            [a.document_number for a in new],
            [a.received_at for a in new],
            [a.digest for a in new],
            [a.size for a in new],
            [a.set_key for a in new],
            [a.version for a in new],
            [batch.fresh[a.id] for a in new],
            [sealed[a.id] for a in new],
            [uuid7() for _ in new],
            [as_json(_accepted(a)) for a in new],
            EventName.DOCUMENT_ACCEPTED,
            PREPARE,
        )
        return [(row["id"], row["queue"]) for row in rows]

    def _verdict(self, arrival: Arrival, batch: _Batch, firsts: dict[UUID, Any]) -> Verdict:
        if arrival.id in batch.refused:
            return batch.refused[arrival.id]
        if arrival.id in batch.repeats:
            row = firsts[batch.repeats[arrival.id]]
            return Ticket(
                id=row["id"],
                status=row["status"],
                received_at=row["received_at"],
                digest=row["digest"].hex(),
                mode=row["mode"],
                repeated=True,
            )
        return Ticket(
            id=arrival.id,
            status=DocumentStatus.ACCEPTED,
            received_at=arrival.received_at,
            digest=arrival.digest.hex(),
            mode=arrival.mode,
        )


def _seen(row: Any) -> Seen:
    return Seen(
        document_id=row["document_id"],
        fingerprint=row["fingerprint"],
        content_fingerprint=row.get("content_fingerprint") or b"",
        status=DocumentStatus(row["status"]),
        registered=bool(row.get("registered")),
    )


def _accepted(a: Arrival) -> dict[str, Any]:
    """Word the first event; the document's sequence starts with it."""
    draft = Draft(
        event=EventName.DOCUMENT_ACCEPTED,
        at=a.received_at,
        status=DocumentStatus.ACCEPTED,
        detail={"digest": a.digest.hex(), "size": a.size, "door": a.door},
    )
    return event_body(
        draft,
        sequence=1,
        document_id=a.id,
        message_id=a.message_id,
        local_uid=a.local_uid,
        clinic=a.clinic,
        mode=a.mode,
    )
