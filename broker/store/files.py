"""Files for years, as rows: whose bytes were let go, what clinics handed back, what was asked for in vain, where to ask."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

from broker.archive import LARGE, Codec, StoredContent, Tampered
from broker.archive.retention import Case, Depth, Ended, Go
from broker.document.event import Draft, EventName
from broker.document.lifecycle import DeliveryStatus, DocumentStatus
from broker.document.submission import Metadata
from broker.store.database import Database
from broker.store.journal import Move, lock_documents, note, write_moves
from broker.store.sql import queries
from broker.telemetry.log import log

QUERIES: Final = queries("files")
START: Final = UUID(int=0)
TELL_AGAIN: Final = timedelta(hours=6)
"""A clinic is told again of a file it has not handed out yet, no sooner than this after it was told last."""
PATIENCE: Final = timedelta(days=3)
"""A clinic that left a request unanswered for so long cannot be relied on: nothing more of its is let go."""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """A document before the rule of keeping; ``depth``: what of it went already; ``endpoint``: its clinic can be asked at once."""

    id: UUID
    clinic: str
    local_uid: str
    kind: str
    size: int
    depth: Depth | None
    endpoint: bool
    case: Case


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    status: DeliveryStatus
    at: datetime
    registered_at: datetime | None
    store_till: date | None


class Fate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose decision it was that the bytes are with us no more: a rule's (``by`` = ``purge``) or a person's."""

    why: str
    depth: str
    purged_at: datetime
    purged_by: str


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file a state system asked for and we did not have at hand; ``told_at``: when the clinic was told last."""

    destination: str
    reason: str
    first_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None
    answered_at: datetime | None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What the bytes of a document must be; ``gone``: we let ours go, ``over``: and nobody may ask for them any more."""

    id: UUID
    digest: bytes
    size: int
    clinic: str
    gone: bool
    over: bool


class ClinicEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a clinic hands out its files; ``key`` signs our questions."""

    clinic: str
    url: str
    key: bytes


class FileStore:
    """Reads and writes them."""

    def __init__(self, database: Database, codec: Codec, shelf_years: Callable[[str], int | None]) -> None:
        """``shelf_years`` tells the shelf life of a kind in years; None: no end is known."""
        self._db = database
        self._codec = codec
        self._shelf_years = shelf_years

    async def walk(
        self, after: UUID, limit: int, now: datetime, *, only: UUID | None = None
    ) -> list[Weighed]:
        """Return the next documents after an id, or the one named."""
        rows = await self._db.fetch(QUERIES["walk"], after, limit, only, now, now - PATIENCE)
        return [self._weighed(row) for row in rows]

    def _weighed(self, row: Any) -> Weighed:
        deliveries = msgspec.convert(row["deliveries"], list[_Delivery], strict=False)
        case = Case(
            status=DocumentStatus(row["status"]),
            status_at=row["status_at"],
            deliveries=[
                Ended(status=d.status, at=d.at, registered_at=d.registered_at, store_till=d.store_till)
                for d in deliveries
            ],
            shelf_years=self._shelf_years(row["kind"]),
            clinic_keeps=row["clinic_keeps"],
            clinic_serves=row["clinic_serves"],
        )
        return Weighed(
            id=row["id"],
            clinic=row["clinic_oid"],
            local_uid=row["local_uid"],
            kind=row["kind"],
            size=row["size"],
            depth=Depth(row["depth"]) if row["depth"] else None,
            endpoint=bool(row["endpoint"]),
            case=case,
        )

    async def let_go(
        self, document: UUID, decide: Callable[[Case], Go | None], now: datetime, *, by: str
    ) -> Go | None:
        """Let a document's bytes go if the rule still says so once nobody else can change it; return what went."""
        async with self._db.transaction() as connection:
            await lock_documents(connection, [document])
            row = await connection.fetchrow(QUERIES["walk"], START, 1, document, now, now - PATIENCE)
            if row is None:
                return None
            weighed = self._weighed(row)
            going = decide(weighed.case)
            if going is None or going.depth == weighed.depth:
                return None
            left = await self._left(connection, document, going.depth)
            await connection.execute(QUERIES["let_go"], document, self._codec.seal(left.pack(), document))
            await connection.execute(
                QUERIES["keep_fate"], document, weighed.clinic, going.why, going.depth, now, by
            )
            if going.depth is Depth.ALL:
                await connection.execute(QUERIES["drop_returned_of"], document)
                await connection.execute(QUERIES["answer_requests"], document, now)
            body = {"why": going.why, "depth": going.depth}
            await note(connection, EventName.FILE_PURGED, now, body=body, document_id=document,
                       clinic=weighed.clinic, actor="" if by == PURGE else by)  # fmt: skip
        return going

    async def _left(self, connection: Any, document: UUID, depth: Depth) -> StoredContent:
        """Return what stays in the place of the content: without its bytes, or nothing at all."""
        nothing = StoredContent(b"", "", (), Metadata())
        if depth is Depth.ALL:
            return nothing
        sealed = await connection.fetchval(QUERIES["sealed"], document)
        try:
            stored = StoredContent.unpack(await self._aside(self._codec.open, sealed, document))
        except (Tampered, msgspec.DecodeError):
            log().error("content.does_not_open", document=str(document))
            return nothing
        return msgspec.structs.replace(stored, content=b"")

    async def fate(self, document: UUID) -> Fate | None:
        """Tell who let a document's bytes go; None: they are with us."""
        for row in await self._db.fetch(QUERIES["fates"], [document]):
            return Fate(**{name: row[name] for name in ("why", "depth", "purged_at", "purged_by")})
        return None

    async def without_bytes(self, deliveries: Sequence[UUID]) -> set[UUID]:
        """Return those of the deliveries that have nothing to send any more."""
        return {row["id"] for row in await self._db.fetch(QUERIES["fates_of_deliveries"], list(deliveries))}

    async def holding(self, document: UUID) -> Holding | None:
        """Tell what the bytes of a document must be, before they are handed back."""
        row = await self._db.fetchrow(QUERIES["holding"], document)
        if row is None:
            return None
        return Holding(
            id=row["id"],
            digest=row["digest"],
            size=row["size"],
            clinic=row["clinic_oid"],
            gone=row["depth"] is not None,
            over=row["depth"] == Depth.ALL,
        )

    async def give_back(
        self, document: UUID, content: bytes, at: datetime, until: datetime | None, *, partner: str
    ) -> None:
        """Keep what a clinic handed back until an instant (None: as long as the document); its digest was checked."""
        sealed = await self._aside(self._codec.seal, content, document)
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["give_back"], document, sealed, at, until)
            await connection.execute(QUERIES["answer_requests"], document, at)
            body = {"size": len(content), "partner": partner}
            await note(connection, EventName.FILE_RETURNED, at, body=body, document_id=document)

    async def returned(self, document: UUID, now: datetime) -> bytes | None:
        """Return what a clinic handed back, while it is kept; None also when it does not open."""
        sealed = await self._db.fetchval(QUERIES["returned"], document, now)
        if sealed is None:
            return None
        try:
            return await self._aside(self._codec.open, sealed, document)
        except Tampered:
            log().error("content.does_not_open", document=str(document))
            return None

    async def _aside(self, work: Callable[[bytes, UUID], bytes], given: bytes, document: UUID) -> bytes:
        """Seal or open; what is large, beside the event loop."""
        return (
            await asyncio.to_thread(work, given, document) if len(given) >= LARGE else work(given, document)
        )

    async def drop_returned(self, now: datetime) -> None:
        """Forget what was handed back and kept long enough."""
        await self._db.execute(QUERIES["drop_returned"], now)

    async def asked(self, document: UUID, destination: str, reason: str, now: datetime) -> bool:
        """Note that a system asked in vain and tell the clinic's partner unless it was told just now; True: it was told."""
        async with self._db.transaction() as connection:
            await lock_documents(connection, [document])
            row = await connection.fetchrow(
                QUERIES["ask"], document, destination, reason, now, now - TELL_AGAIN
            )
            if row is None or not row["tell"]:
                return False
            detail = {"destination": destination, "reason": reason, "askedAt": row["first_at"]}
            draft = Draft(event=EventName.FILE_REQUESTED, at=now, status=row["status"], detail=detail)
            await write_moves(connection, [Move(document_id=document, drafts=(draft,))])
        return True

    async def served(self, document: UUID, now: datetime) -> None:
        """Note that a file asked for in vain was handed out."""
        await self._db.execute(QUERIES["answer_requests"], document, now)

    async def requests(
        self, clinic: str = "", *, answered: bool = False, limit: int = 200
    ) -> list[dict[str, Any]]:
        """List what state systems wait for, the oldest first; with ``answered`` also what they waited for."""
        return [dict(row) for row in await self._db.fetch(QUERIES["requests"], clinic, answered, limit)]

    async def requests_of(self, document: UUID) -> list[Request]:
        """List what was asked in vain of one document."""
        return [Request(**dict(row)) for row in await self._db.fetch(QUERIES["requests_of"], document)]

    async def waiting(self) -> dict[str, Any]:
        """Return how many files are waited for, of how many clinics, and since when."""
        row = await self._db.fetchrow(QUERIES["waiting"])
        assert row is not None
        return dict(row)

    async def purged(self, since: datetime) -> list[dict[str, Any]]:
        """Count what was let go since an instant, by reason."""
        return [dict(row) for row in await self._db.fetch(QUERIES["purged"], since)]

    async def endpoint(self, clinic: str) -> ClinicEndpoint | None:
        """Return where a clinic is asked for its files, None when it has no endpoint."""
        row = await self._db.fetchrow(QUERIES["endpoint"], clinic)
        if row is None:
            return None
        try:
            key = self._codec.open(row["file_key"], _bound_to(clinic))
        except Tampered:
            log().error("clinic.file_key_does_not_open", clinic=clinic)
            return None
        return ClinicEndpoint(clinic=clinic, url=row["file_url"], key=key)

    async def set_endpoint(
        self, clinic: str, url: str, key: bytes | None, now: datetime, *, actor: str
    ) -> bool:
        """Set where a clinic is asked for its files (None: forget), journalled; False when the clinic is unknown."""
        sealed = None if key is None else self._codec.seal(key, _bound_to(clinic))
        async with self._db.transaction() as connection:
            if await connection.fetchval(QUERIES["set_endpoint"], clinic, url, sealed, now) is None:
                return False
            body = {"fileEndpoint": url or None}
            await note(connection, EventName.CLINIC_CHANGED, now, body=body, actor=actor, clinic=clinic)
        return True


PURGE: Final = "purge"
"""Who lets go what the rule lets go at night."""


def _bound_to(clinic: str) -> UUID:
    """Return what the sealed key of a clinic is bound to."""
    return uuid5(NAMESPACE_OID, clinic)
