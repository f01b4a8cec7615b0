"""Destinations, routing tables, callbacks, relays and id maps as rows."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.adapter_kit import FileAway, PeerRequest, Replay, StoredCallback, StoredFile, Take
from broker.adapter_kit.context import FileSource
from broker.archive import Codec
from broker.delivery.breaker import Breaker
from broker.document.event import EventName
from broker.document.submission import Mode
from broker.routing.table import Table, TableRefusedError, check_table
from broker.store.database import Database, naming_outages
from broker.store.deliveries import DeliveryStore
from broker.store.examination import ExaminationStore, LoadedDocument
from broker.store.journal import note
from broker.store.room import Portion, Room, Share, portions
from broker.store.sql import queries
from broker.store.tasks import CALLBACK, NewTask, Task, finish_tasks, insert_tasks
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log

QUERIES: Final = queries("destinations")


class DestinationState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What people see of a destination."""

    id: str
    paused: bool = False
    paused_by: str = ""
    paused_reason: str = ""
    paused_at: datetime | None = None
    failures: int = 0
    open_until: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str = ""


class DestinationStore:
    """Pauses, breakers and the routing table."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def states(self) -> dict[str, DestinationState]:
        """Return what is known of every destination."""
        rows = await self._db.fetch(QUERIES["states"])
        return {row["id"]: DestinationState(**dict(row)) for row in rows}

    async def ensure(self, ids: Sequence[str]) -> None:
        """Make configured destinations known."""
        await self._db.execute(QUERIES["ensure"], list(ids))

    async def pause(self, destination: str, who: str, reason: str, at: datetime) -> None:
        """Stop sending; the act is journalled."""
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["pause"], destination, who, reason, at)
            body = {"act": "pause", "destination": destination, "reason": reason}
            await note(connection, EventName.OPERATOR_ACTED, at, body=body, actor=who)

    async def resume(self, destination: str, who: str, at: datetime) -> None:
        """Send again; the act is journalled. The time of the pause is given back to the deadlines of what waited."""
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["extend_paused"], destination, at)
            await connection.execute(QUERIES["resume"], destination, who)
            body = {"act": "resume", "destination": destination}
            await note(connection, EventName.OPERATOR_ACTED, at, body=body, actor=who)

    async def show_breaker(self, destination: str, breaker: Breaker, failure: str, at: datetime) -> None:
        """Record what a worker's breaker sees; ``failure`` is a reason code, empty after a success."""
        await self._db.execute(
            QUERIES["breaker"], destination, breaker.failures, breaker.open_until, failure, at
        )

    async def routing(self) -> tuple[int, Table]:
        """Return the active routing table; version 0 and an empty table when there is none."""
        row = await self._db.fetchrow(QUERIES["routing"])
        return (0, Table()) if row is None else (row["version"], msgspec.convert(row["body"], Table))

    async def activate_routing(self, table: Table, who: str, at: datetime) -> int:
        """Keep a table as a new version and put it into force; raise ``TableRefusedError`` for a harmful one."""
        problems = check_table(table)
        if problems:
            raise TableRefusedError(problems)
        async with self._db.transaction() as connection:
            version: int = await connection.fetchval(
                QUERIES["add_routing"], msgspec.to_builtins(table), at, who
            )
            await connection.execute(QUERIES["deactivate_routing"])
            await connection.execute(QUERIES["activate_routing"], version)
            body = {"act": "activate_routing", "version": version}
            await note(connection, EventName.OPERATOR_ACTED, at, body=body, actor=who)
        return version


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A handled callback: the delivery it spoke of, or a note why nobody was found; ``known``: settled before."""

    task: Task
    delivery: UUID | None = None
    note: str = ""
    known: bool = False


class CallbackStore:
    """Calls of state systems, kept raw before they are acknowledged."""

    def __init__(self, database: Database, codec: Codec, room: Room | None = None) -> None:
        self._db = database
        self._codec = codec
        self.room = room or Room(256 * 1024 * 1024)

    async def portions(self, ids: Sequence[UUID]) -> list[Portion]:
        """Divide callbacks into portions that may be loaded together."""
        rows = await self._db.fetch(QUERIES["callback_sizes"], list(ids))
        return portions(ids, {row["id"]: row["size"] for row in rows})

    async def keep(
        self, destination: str, request: PeerRequest, taken: Take, at: datetime
    ) -> list[tuple[int, str]]:
        """Commit a callback with its task; nothing to announce when the same message was kept before."""
        identifier = uuid7()
        headers = {name: request.headers[name] for name in ("content-type",) if name in request.headers}
        async with self._db.transaction() as connection:
            kept = await connection.fetchval(
                QUERIES["add_callback"],
                identifier,
                destination,
                request.endpoint,
                taken.correlation,
                taken.replay_key,
                at,
                headers,
                self._codec.seal(request.body, identifier),
            )
            if kept is None:
                return []
            task = NewTask(queue=CALLBACK, subject=identifier, due_at=at, lane=destination)
            return await insert_tasks(connection, [task])

    async def is_replay(self, destination: str, replay: Replay, now: datetime) -> bool:
        """Remember a verified message and tell whether it may not come (again): its id is known, and not for these bytes."""
        row = await self._db.fetchrow(
            QUERIES["remember_peer_message"],
            destination,
            sha256(replay.message_id.encode()).digest(),
            replay.digest,
            replay.until,
            now,
        )
        assert row is not None
        return not row["first"] and not (replay.repeatable and row["same"])

    async def load(self, identifier: UUID) -> tuple[str, StoredCallback] | None:
        """Return a stored callback and its destination, unless it was settled already."""
        row = await self._db.fetchrow(QUERIES["callback"], identifier)
        if row is None or row["status"] != "new":
            return None
        body = self._codec.open(row["body"], identifier)
        headers: Mapping[str, str] = row["headers"]
        callback = StoredCallback(
            endpoint=row["endpoint"], correlation=row["correlation"], headers=headers, body=body
        )
        return row["destination"], callback

    async def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        """Note what callbacks were and take their tasks off the list; without a delivery they wait for an operator."""
        async with self._db.transaction() as connection:
            ours = await finish_tasks(connection, [one.task for one in settled])
            fresh = [one for one in settled if one.task.id in ours and not one.known]
            await connection.execute(
                QUERIES["settle_callbacks"],
                [one.task.subject for one in fresh],
                ["handled" if one.delivery else "parked" for one in fresh],
                [one.delivery for one in fresh],
                [one.note for one in fresh],
            )
            for one in fresh:
                if one.delivery is None:
                    body = {"callback": str(one.task.subject), "note": one.note}
                    await note(connection, EventName.CALLBACK_PARKED, at, body=body)


ANSWER_COPIES: Final = 3
"""A file that opens is alive as what the database sent, unsealed and unpacked; while it is signed as its bytes and in
memory lent to a compute process."""


BY_LOCAL_UID: Final = "file_by_local_uid"
BY_RECEIPT: Final = "file_by_receipt"
DAMAGED: Final = "file.damaged"
"""Our copy does not hold the bytes we were given: its clinic is asked for them."""


class StoredFiles:
    """What one destination may ask of us and our archive has (the ``Files`` port); a share holds it until the answer is written."""

    def __init__(
        self,
        destination: str,
        deliveries: DeliveryStore,
        documents: ExaminationStore,
        share: Share | None = None,
    ) -> None:
        self._destination = destination
        self._deliveries = deliveries
        self._documents = documents
        self._share = share

    async def by_local_uid(self, local_uid: str) -> StoredFile | FileAway | None:
        """Find the newest document with this localUid routed to this destination."""
        with naming_outages():
            return await self._file(BY_LOCAL_UID, local_uid)

    async def by_receipt(self, number: str) -> StoredFile | FileAway | None:
        """Find a document by the number its registration carries."""
        with naming_outages():
            return await self._file(BY_RECEIPT, number)

    async def document(self, query: str, key: str) -> LoadedDocument | None:
        """Return the document ``BY_LOCAL_UID`` or ``BY_RECEIPT`` finds among those routed here, whatever is left of it."""
        owner = await self._deliveries.file_owner(query, key, self._destination)
        if owner is None:
            return None
        if self._share is not None:
            return await self._documents.load_one(owner, self._share, ANSWER_COPIES)
        return (await self._documents.load([owner])).get(owner)

    async def _file(self, query: str, key: str) -> StoredFile | FileAway | None:
        document = await self.document(query, key)
        if document is None:
            return None
        found = await stored_file(document, document.stored.content)
        if found is None:
            log().error("content.digest_mismatch", destination=self._destination, document=str(document.id))
            return FileAway(document_id=document.id, reason=DAMAGED)
        return found


async def stored_file(
    document: LoadedDocument, content: bytes, source: FileSource = "archive"
) -> StoredFile | None:
    """Return a document's file as it is handed out; None when the content is not the bytes we were given."""
    if (await asyncio.to_thread(sha256, content)).digest() != document.digest:
        return None
    return StoredFile(
        document_id=document.id,
        local_uid=document.local_uid,
        content=content,
        media_type=document.stored.media_type,
        digest=document.digest.hex(),
        source=source,
    )


class StoredIds:
    """What one destination was told already (the ``IdMap`` port); keys are kept as keyed hashes."""

    def __init__(self, destination: str, database: Database, pepper: bytes) -> None:
        self._destination = destination
        self._db = database
        self._pepper = pepper

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._pepper, key.encode(), "sha256")

    async def get(self, clinic: str, key: str) -> str | None:
        """Return the remembered value."""
        with naming_outages():
            value: str | None = await self._db.fetchval(
                QUERIES["id_get"], self._destination, clinic, self._hash(key)
            )
        return value

    async def put(self, clinic: str, key: str, value: str) -> None:
        """Remember a value."""
        passed(KillPoint.IDS_LEARNED)
        with naming_outages():
            await self._db.execute(QUERIES["id_put"], self._destination, clinic, self._hash(key), value)
        passed(KillPoint.IDS_KEPT)


class RelayLease(msgspec.Struct, frozen=True):
    """The right to tell one partner, from a position on."""

    partner_id: str
    cursor: str
    claim: int


class RelayStore:
    """How far each partner was told over AMQP; one relay per partner at a time."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._db = database
        self._lease = lease

    async def readers(self) -> set[tuple[str, Mode]]:
        """Return every partner and mode with live credentials."""
        return {(r["partner_id"], Mode(r["mode"])) for r in await self._db.fetch(QUERIES["relay_logins"])}

    async def behind(self) -> list[str]:
        """Return the partners with events they were not told of yet."""
        return [row["partner_id"] for row in await self._db.fetch(QUERIES["relay_behind"])]

    async def claim(self, partner_id: str) -> RelayLease | None:
        """Lease a partner's relay, or return None while another process has it."""
        row: Any = await self._db.fetchrow(QUERIES["relay_claim"], partner_id, self._lease)
        return None if row is None else RelayLease(partner_id, f"{row['tx']}.{row['id']}", row["claim"])

    async def advance(self, lease: RelayLease, cursor: str, why: str = "") -> bool:
        """Remember a position and keep the lease; False when it was lost."""
        tx, _, identifier = cursor.partition(".")
        found = await self._db.fetchval(
            QUERIES["relay_advance"], lease.partner_id, lease.claim, tx, UUID(identifier), self._lease, why
        )
        return found is not None

    async def release(self, lease: RelayLease, why: str) -> None:
        """Give the relay back, with what stands in its way."""
        await self._db.execute(QUERIES["relay_release"], lease.partner_id, lease.claim, why)
