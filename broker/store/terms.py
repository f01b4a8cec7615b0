"""Terms to register as rows: whom to tell that a share is used up, and the report of who was in time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.delivery.stops import Course, Stop, StopKind, Whose, divide
from broker.document.event import EventName
from broker.store.database import Database
from broker.store.journal import note
from broker.store.partitions import first_id
from broker.store.sql import queries
from broker.store.term_stops import SLACK, ended, stops_of

QUERIES: Final = queries("terms")
PAGE: Final = 500


class Only(StrEnum):
    """Which documents a report keeps."""

    ALL = ""
    """All of them."""
    LATE = "late"
    """Those over their term: registered after it, refused after it, or still not registered."""
    IN_TIME = "in_time"
    """Those registered within it."""


class TermRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One document and its term; all instants UTC, nothing of a person.

    ``signed_at`` is None where no signature told its time: then the term runs from the acceptance. ``registered_at`` is what
    the registering system said. ``term_days``: working days of the term; ``provisional``: it was reckoned by the Labour
    Code alone, its year's calendar was not published; both None where nobody kept them. ``late_seconds`` over the term (0 in
    time, and for what ended otherwise within it).

    Whose time it was: ``clinic_seconds`` from the signature to our acceptance, ``our_seconds`` from there to the first
    sending, ``system_seconds`` from there to the verdict, or to now while there is none. Apart from them ``held_seconds``
    for want of a precondition (``held_for`` are the reasons' codes), ``paused_seconds`` while the destination was paused
    (``paused_by`` are who), ``silent_seconds`` while the system did not call us. ``whose`` had most of it, of what is late.
    """

    document_id: UUID
    clinic: str
    region: str
    kind: str
    local_uid: str
    document_number: str
    destination: str
    status: str
    reason: str
    emdr_id: str
    signed_at: datetime | None
    accepted_at: datetime
    sent_at: datetime | None
    registered_at: datetime | None
    term_ends: datetime
    term_days: int | None
    provisional: bool | None
    late_seconds: int
    whose: Whose | None
    clinic_seconds: int
    our_seconds: int
    system_seconds: int
    held_seconds: int
    held_for: tuple[str, ...]
    paused_seconds: int
    paused_by: tuple[str, ...]
    silent_seconds: int
    note: str = ""


class Told(msgspec.Struct, frozen=True):
    """A share of a delivery's term that was just told: 1 half, 2 four fifths, 3 all of it."""

    destination: str
    share: int


class TermQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Documents accepted in [since, until), perhaps of one clinic, one partner and one mode, perhaps not all of them."""

    since: datetime
    until: datetime
    clinic: str = ""
    partner: str = ""
    mode: str = ""
    only: Only = Only.ALL


class TermStore:
    """The clock of terms over rows."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def tell(self, now: datetime, most: int, words: Sequence[str]) -> list[Told]:
        """Note in the journal whose share of the term is used up, each once; ``words`` name the shares."""
        async with self._db.transaction() as connection:
            rows = await connection.fetch(QUERIES["claim"], now, most)
            for row in rows:
                body = {
                    "destination": row["destination"],
                    "share": words[row["told"] - 1],
                    "termEnds": row["marks"][-1].isoformat(),
                    "status": row["status"],
                    "reason": row["reason"],
                    "provisional": bool(row["provisional"]),
                }
                await note(
                    connection,
                    EventName.DELIVERY_TERM,
                    now,
                    body=body,
                    partner_id=row["partner_id"],
                    clinic=row["clinic_oid"],
                    document_id=row["document_id"],
                    delivery_id=row["id"],
                )
        return [Told(row["destination"], row["told"]) for row in rows]

    async def counts(self, clinic: str = "") -> list[dict[str, Any]]:
        """Return of each clinic how many are over their term and how many past four fifths of it."""
        return [dict(row) for row in await self._db.fetch(QUERIES["counts"], clinic)]

    async def page(self, query: TermQuery, now: datetime, after: UUID | None, most: int) -> list[TermRow]:
        """Return so many rows of a report after a document, oldest first."""
        rows = await self._db.fetch(
            QUERIES["rows"],
            query.since,
            query.until,
            query.clinic,
            query.partner,
            query.mode,
            after,
            query.only,
            now,
            most,
            first_id(query.since - SLACK),
            first_id(query.until + timedelta(days=1)),
        )
        stops = await stops_of(self._db, rows, query.since, now)
        return [_row(row, stops[row["delivery_id"]], now) for row in rows]

    async def report(self, query: TermQuery, now: datetime) -> AsyncIterator[TermRow]:
        """Yield every row of a report, page by page."""
        after: UUID | None = None
        while rows := await self.page(query, now, after, PAGE):
            for row in rows:
                yield row
            after = rows[-1].document_id


def _row(row: Any, stops: Sequence[Stop], now: datetime) -> TermRow:
    signed, accepted, over = row["signed_at"], row["received_at"], ended(row, now)
    course = Course(signed=signed or accepted, accepted=accepted, sent=row["sent_at"], ended=over)
    shares = divide(course, stops)
    late = max(0, round((over - row["term_ends"]).total_seconds()))
    return TermRow(
        document_id=row["id"],
        clinic=row["clinic_oid"],
        region=row["region"],
        kind=row["kind"],
        local_uid=row["local_uid"],
        document_number=row["document_number"],
        destination=row["destination"],
        status=row["status"],
        reason=row["reason"],
        emdr_id=row["emdr_id"] or "",
        signed_at=signed,
        accepted_at=accepted,
        sent_at=row["sent_at"],
        registered_at=row["registered_at"],
        term_ends=row["term_ends"],
        term_days=row["term_days"],
        provisional=row["term_provisional"],
        late_seconds=late,
        whose=shares.whose if late else None,
        clinic_seconds=shares.clinic,
        our_seconds=shares.platform,
        system_seconds=shares.system,
        held_seconds=shares.held,
        held_for=_by(stops, StopKind.HELD) if shares.held else (),
        paused_seconds=shares.paused,
        paused_by=_by(stops, StopKind.PAUSED) if shares.paused else (),
        silent_seconds=shares.silent,
    )


def _by(stops: Sequence[Stop], kind: StopKind) -> tuple[str, ...]:
    return tuple(sorted({one.by for one in stops if one.kind is kind and one.by}))
