"""Loads documents for the steps and writes what the steps made of them, many in one transaction."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.archive import LARGE, Codec, StoredContent, Tampered
from broker.delivery.term import SHARES, Term
from broker.document.canonical import CanonicalDocument
from broker.document.event import Draft, EventName
from broker.document.facts import PreviousVersion
from broker.document.finding import Finding
from broker.document.lifecycle import DocumentStatus
from broker.document.proof import SignatureProof, signed_at
from broker.document.submission import Metadata, Mode
from broker.store.database import Database, as_json
from broker.store.journal import Move, lock_documents, note, write_moves
from broker.store.room import COPIES, Portion, Room, Share, portions
from broker.store.sql import queries
from broker.store.tasks import PREPARE, NewTask, Task, finish_tasks, insert_tasks, route_queue
from broker.telemetry.log import log
from broker.validation.report import Report

DOCUMENTS: Final = queries("documents")
DELIVERIES: Final = queries("deliveries")
TASKS: Final = queries("tasks")


class LoadedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document with everything the steps and the adapters need."""

    id: UUID
    partner_id: str
    clinic: str
    region: str
    mode: Mode
    type: str
    kind: str
    message_id: str
    local_uid: str
    status: DocumentStatus
    received_at: datetime
    digest: bytes
    set_key: str
    version: int
    document_number: str = ""
    replaces: UUID | None
    crashes: int
    stored: StoredContent
    canonical: CanonicalDocument | None
    intact: bool = True


SPOILT: Final = StoredContent(b"", "", (), Metadata())
"""Stands for content that does not open: it has no bytes, and no digest of a document is that of none."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery routing asks for; ``term`` where it registers: by when it must have."""

    destination: str
    required: bool
    rule: str
    deadline_at: datetime
    term: Term | None = None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What the steps made of one document: its moves in order, report, canonical form and deliveries.

    ``signatures`` is what was established of each, ``trust`` the digest of the snapshot they were judged by.
    """

    document: LoadedDocument
    task: Task
    at: datetime
    status: DocumentStatus
    drafts: tuple[Draft, ...]
    report: Report
    canonical: CanonicalDocument | None = None
    set_key: str = ""
    version: int = 1
    document_number: str = ""
    openings: tuple[Opening, ...] = ()
    signatures: tuple[SignatureProof, ...] = ()
    trust: str = ""


class ExaminationStore:
    """Between the steps and the rows."""

    def __init__(self, database: Database, codec: Codec, room: Room | None = None) -> None:
        self._db = database
        self._codec = codec
        self.room = room or Room(256 * 1024 * 1024)

    async def portions(self, ids: Sequence[UUID]) -> list[Portion]:
        """Divide documents into portions that may be loaded together."""
        rows = await self._db.fetch(DOCUMENTS["sizes"], list(ids))
        return portions(ids, {row["id"]: row["size"] for row in rows})

    async def load(self, ids: Sequence[UUID]) -> dict[UUID, LoadedDocument]:
        """Return documents with their content opened."""
        rows = await self._db.fetch(DOCUMENTS["for_work"], list(ids))
        return {row["id"]: await self._read(row) for row in rows}

    async def previous(self, ids: Sequence[UUID]) -> dict[UUID, PreviousVersion]:
        """Return of each document the latest one of its set that came before it and was not refused."""
        rows = await self._db.fetch(DOCUMENTS["previous_versions"], list(ids))
        return {
            row["id"]: PreviousVersion(local_uid=row["local_uid"], version=row["version"], kind=row["kind"])
            for row in rows
        }

    async def load_one(self, document_id: UUID, share: Share, copies: int = COPIES) -> LoadedDocument | None:
        """Return one document for an answer; the copies of its bytes are held in the share first.

        Where the bytes are not here any more, one copy stays counted: they may yet come from somewhere else.
        """
        size = sum(portion.size for portion in await self.portions([document_id]))
        await share.add(size * copies)
        found = (await self.load([document_id])).get(document_id)
        if found is None or not found.stored.content:
            share.keep(size)
        return found

    async def _read(self, row: Any) -> LoadedDocument:
        small = len(row["body"]) < LARGE
        stored, canonical = self._unseal(row) if small else await asyncio.to_thread(self._unseal, row)
        return LoadedDocument(
            id=row["id"],
            partner_id=row["partner_id"],
            clinic=row["clinic_oid"],
            region=row["region"],
            mode=Mode(row["mode"]),
            type=row["type"],
            kind=row["kind"],
            message_id=row["message_id"],
            local_uid=row["local_uid"],
            status=DocumentStatus(row["status"]),
            received_at=row["received_at"],
            digest=row["digest"],
            set_key=row["set_key"],
            version=row["version"],
            document_number=row["document_number"],
            replaces=row["replaces"],
            crashes=row["crashes"],
            stored=stored or SPOILT,
            canonical=canonical,
            intact=stored is not None,
        )

    def _unseal(self, row: Any) -> tuple[StoredContent | None, CanonicalDocument | None]:
        """Open what is sealed; nothing of a row that does not open or does not hold the bytes we were given."""
        try:
            stored = StoredContent.unpack(self._codec.open(row["body"], row["id"]))
            canonical = None
            if row["canonical"] is not None:
                packed = self._codec.open(row["canonical"], row["id"])
                canonical = msgspec.msgpack.decode(packed, type=CanonicalDocument)
        except (Tampered, msgspec.DecodeError):  # the key does not open it, or it is not what we write
            log().error("content.does_not_open", document=str(row["id"]))
            return None, None
        return stored, canonical

    async def count_crash(self, document_id: UUID) -> int:
        """Remember that a document broke its compute process; return how often so far."""
        return int(await self._db.fetchval(DOCUMENTS["count_crash"], document_id))

    async def ask_again(
        self,
        document_id: UUID,
        why: str,
        status: DocumentStatus,
        *,
        body: dict[str, Any],
        actor: str,
        now: datetime,
    ) -> list[tuple[int, str]]:
        """Have a document examined again, journalled; nothing happens when that is asked for already."""
        async with self._db.transaction() as connection:
            await lock_documents(connection, [document_id])
            rows = await connection.fetch(TASKS["ask_again"], document_id, PREPARE, now, why, status)
            if rows:
                await note(
                    connection, EventName.OPERATOR_ACTED, now, body=body, actor=actor, document_id=document_id
                )
        return [(row["id"], row["queue"]) for row in rows]

    async def commit(self, examined: Sequence[Examined]) -> list[tuple[int, str]]:
        """Write results where the claim still matches; return the (task id, queue) to announce."""
        sealed = {
            e.document.id: self._codec.seal(msgspec.msgpack.encode(e.canonical), e.document.id)
            for e in examined
            if e.canonical is not None
        }
        async with self._db.transaction() as connection:
            await lock_documents(connection, [e.document.id for e in examined])
            ours = await finish_tasks(connection, [e.task for e in examined])
            mine = [e for e in examined if e.task.id in ours]
            if not mine:
                return []
            await self._keep(connection, mine, sealed)
            due = await self._open(connection, mine)
            await write_moves(
                connection,
                [Move(document_id=e.document.id, status=e.status, drafts=e.drafts) for e in mine],
            )
        return due

    async def _keep(self, connection: Any, mine: Sequence[Examined], sealed: dict[UUID, bytes]) -> None:
        await connection.execute(
            DOCUMENTS["keep_reports"],
            [e.document.id for e in mine],
            [e.at for e in mine],
            [as_json(e.report) for e in mine],
            [as_json(e.signatures) for e in mine],
            [signed_at(e.signatures) for e in mine],
            [e.trust for e in mine],
        )
        kept = [e for e in mine if e.canonical is not None]
        if not kept:
            return
        ids = [e.document.id for e in kept]
        await connection.execute(DOCUMENTS["keep_canonicals"], ids, [sealed[i] for i in ids])
        changed = [e for e in kept if _facts_differ(e)]
        if changed:
            await connection.execute(
                DOCUMENTS["keep_facts"],
                [e.document.id for e in changed],
                [e.set_key for e in changed],
                [e.version for e in changed],
                [e.document_number for e in changed],
            )

    async def _open(self, connection: Any, mine: Sequence[Examined]) -> list[tuple[int, str]]:
        lines = [(uuid7(), e, opening) for e in mine for opening in e.openings]
        if not lines:
            return []
        rows = await connection.fetch(
            DELIVERIES["insert"],
            [i for i, _, _ in lines],
            [e.document.id for _, e, _ in lines],
            [e.document.partner_id for _, e, _ in lines],
            [e.document.clinic for _, e, _ in lines],
            [e.document.mode for _, e, _ in lines],
            [o.destination for _, _, o in lines],
            [o.required for _, _, o in lines],
            [o.rule for _, _, o in lines],
            [e.document.local_uid for _, e, _ in lines],
            [e.set_key for _, e, _ in lines],
            [e.version for _, e, _ in lines],
            [e.at for _, e, _ in lines],
            [o.deadline_at for _, _, o in lines],
            [o.term and o.term.starts for _, _, o in lines],
            *([o.term and o.term.marks[share] for _, _, o in lines] for share in range(len(SHARES))),
            [o.term and o.term.days for _, _, o in lines],
            [o.term and o.term.provisional for _, _, o in lines],
        )
        opened = {row["id"] for row in rows}
        tasks = [
            NewTask(queue=route_queue(o.destination), subject=i, due_at=e.at, lane=e.document.clinic)
            for i, e, o in lines
            if i in opened
        ]
        return await insert_tasks(connection, tasks)


def _facts_differ(e: Examined) -> bool:
    document = e.document
    renumbered = bool(e.document_number) and e.document_number != document.document_number
    return renumbered or (e.set_key, e.version) != (document.set_key, document.version)


def rejected(at: datetime, findings: tuple[Finding, ...]) -> Draft:
    """Compose the event that tells a partner of every finding at once."""
    return Draft(event=EventName.DOCUMENT_REJECTED, at=at, status=DocumentStatus.REJECTED, findings=findings)
