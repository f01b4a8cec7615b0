"""Commits arrivals: content, document, gates, first event and first task in one transaction shared by many arrivals."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg.exceptions import DeadlockDetectedError, UniqueViolationError
from uuid_utils.compat import uuid7

from broker.archive import LARGE, Codec
from broker.document.event import Draft, EventName, event_body
from broker.document.lifecycle import DocumentStatus
from broker.intake.gates import Fresh, Judgement, Repeat, Seen, judge
from broker.intake.read import Arrival
from broker.intake.refusal import Refusal
from broker.store.database import Database, as_json
from broker.store.sql import queries
from broker.store.tasks import PREPARE

QUERIES: Final = queries("documents")
RACES: Final = 10
"""So often may other processes be faster before a commit gives up: each time at least one of them succeeded."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the partner gets after the commit; ``digest`` is the SHA-256 of the content in hex."""

    id: UUID
    status: str
    received_at: datetime
    digest: str
    mode: str
    repeated: bool = False


Verdict = Ticket | Refusal


Due = tuple[int, str]
"""A task's id and its queue, to be announced."""


class _Overtaken(Exception):  # noqa: N818  names what happened
    """Another process took one of the gates meanwhile; looked at again, it is a repeat."""


class _Batch:
    """Working set of one shared commit: what is to be written, and what was judged to be no new document."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = arrivals
        self.fresh: dict[UUID, UUID | None] = {a.id: None for a in arrivals}
        self.repeats: dict[UUID, UUID] = {}
        self.refused: dict[UUID, Refusal] = {}
        self.pointing: list[Arrival] = []

    def judged(self, arrival: Arrival, judgement: Judgement) -> None:
        """Remember what an arrival is."""
        del self.fresh[arrival.id]
        match judgement:
            case Fresh(replaces):
                self.fresh[arrival.id] = replaces
            case Repeat(document_id):
                self.repeats[arrival.id] = document_id
            case Refusal():
                self.refused[arrival.id] = judgement


class IntakeStore:
    """Writes arrivals; whatever two processes do at once, one of them is first."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._db = database
        self._codec = codec

    async def commit(self, arrivals: Sequence[Arrival]) -> tuple[list[Verdict], list[Due]]:
        """Commit what is new and answer for each arrival in order; also what to announce.

        No two arrivals of one call may share a message key or a localUid (the batcher sees to it). Arrivals nobody has
        seen, nearly all there are, cost one round trip; otherwise each is judged.
        """
        sealed = {a.id: await self._seal(a) for a in arrivals}
        batch = _Batch(arrivals)
        with contextlib.suppress(_Overtaken):
            due = await self._accept(self._db, batch, sealed, judged=False)
            if due:
                return [self._verdict(a, batch, {}) for a in arrivals], due
        for _ in range(RACES):
            with contextlib.suppress(_Overtaken):
                return await self._judge_and_commit(arrivals, sealed)
        raise TimeoutError("other processes took the same gates again and again")

    async def _seal(self, arrival: Arrival) -> bytes:
        if arrival.size < LARGE:
            return self._codec.seal(arrival.stored.pack(), arrival.id)
        return await asyncio.to_thread(lambda: self._codec.seal(arrival.stored.pack(), arrival.id))

    async def _judge_and_commit(
        self, arrivals: Sequence[Arrival], sealed: dict[UUID, bytes]
    ) -> tuple[list[Verdict], list[Due]]:
        batch = _Batch(arrivals)
        async with self._db.transaction() as connection:
            await self._judge(connection, batch)
            await self._settle(connection, batch)
            due = await self._accept(connection, batch, sealed, judged=True)
            firsts = list(batch.repeats.values())
            rows = await connection.fetch(QUERIES["tickets"], firsts) if firsts else []
        known = {row["id"]: row for row in rows}
        return [self._verdict(a, batch, known) for a in arrivals], due

    async def _judge(self, connection: Any, batch: _Batch) -> None:
        messages = await connection.fetch(
            QUERIES["seen_submissions"],
            [a.partner_id for a in batch.arrivals],
            [a.mode for a in batch.arrivals],
            [a.message_id for a in batch.arrivals],
        )
        keys = (
            [a.clinic for a in batch.arrivals],
            [a.mode for a in batch.arrivals],
            [a.local_uid for a in batch.arrivals],
        )
        await connection.fetch(QUERIES["lock_identities"], *keys)
        identities = await connection.fetch(QUERIES["seen_identities"], *keys)
        by_message = {(r["partner_id"], r["mode"], r["key"]): _seen(r) for r in messages}
        by_uid = {(r["clinic_oid"], r["mode"], r["local_uid"]): _seen(r) for r in identities}
        for a in batch.arrivals:
            judgement = judge(
                a.fingerprint,
                a.content_fingerprint,
                by_message.get((a.partner_id, a.mode, a.message_id)),
                by_uid.get((a.clinic, a.mode, a.local_uid)),
            )
            batch.judged(a, judgement)
            if isinstance(judgement, Repeat) and (a.partner_id, a.mode, a.message_id) not in by_message:
                batch.pointing.append(a)

    async def _settle(self, connection: Any, batch: _Batch) -> None:
        """Let new message ids of known documents point to them, and hand localUid gates over to resubmissions."""
        if batch.pointing:
            with _racing():
                await connection.execute(
                    QUERIES["point_submissions"],
                    [a.partner_id for a in batch.pointing],
                    [a.mode for a in batch.pointing],
                    [a.message_id for a in batch.pointing],
                    [batch.repeats[a.id] for a in batch.pointing],
                    [a.fingerprint for a in batch.pointing],
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

    async def _accept(
        self, connection: Any, batch: _Batch, sealed: dict[UUID, bytes], *, judged: bool
    ) -> list[Due]:
        """Write what is new; nothing when one of them was seen, unless they are ``judged``."""
        new = [a for a in batch.arrivals if a.id in batch.fresh]
        if not new:
            return []
        with _racing():
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
                [a.fingerprint for a in new],
                [a.content_fingerprint for a in new],
                [sealed[a.id] for a in new],
                [uuid7() for _ in new],
                [as_json(_accepted(a)) for a in new],
                EventName.DOCUMENT_ACCEPTED,
                judged,
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


@contextlib.contextmanager
def _racing() -> Iterator[None]:
    """Tell of a gate another process has just taken."""
    try:
        yield
    except (UniqueViolationError, DeadlockDetectedError) as error:
        raise _Overtaken from error


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
