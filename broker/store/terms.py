"""Terms to register as rows: whom to tell that a share is used up, and the report of who was in time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.document.event import EventName
from broker.store.database import Database
from broker.store.journal import note
from broker.store.partitions import first_id
from broker.store.sql import queries

QUERIES: Final = queries("terms")
PAGE: Final = 500
_CLOSED: Final = frozenset({"rejected", "dead", "cancelled"})
_SLACK: Final = timedelta(days=60)
"""Ids carry real time: so far a simulated clock may run ahead of them."""


class TermRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One document and its term; all instants UTC, nothing of a person.

    ``signed_at`` is None where no signature told its time: then the term runs from the acceptance. ``registered_at`` is what
    the registering system said. ``late_seconds`` over the term (0 in time, and for what ended
    otherwise within it); ``clinic_seconds`` from the signature to our
    acceptance, ``our_seconds`` from there to the first sending, ``system_seconds`` from there to the verdict, or to now
    while there is none.
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
    late_seconds: int
    clinic_seconds: int
    our_seconds: int
    system_seconds: int


class Told(msgspec.Struct, frozen=True):
    """A share of a delivery's term that was just told: 1 half, 2 four fifths, 3 all of it."""

    destination: str
    share: int


class TermQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Documents accepted in [since, until), perhaps of one clinic, one partner and one mode; ``late``: only those over their term."""

    since: datetime
    until: datetime
    clinic: str = ""
    partner: str = ""
    mode: str = ""
    late: bool = False


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
            query.late,
            now,
            most,
            first_id(query.since - _SLACK),
            first_id(query.until + timedelta(days=1)),
        )
        return [_row(row, now) for row in rows]

    async def report(self, query: TermQuery, now: datetime) -> AsyncIterator[TermRow]:
        """Yield every row of a report, page by page."""
        after: UUID | None = None
        while rows := await self.page(query, now, after, PAGE):
            for row in rows:
                yield row
            after = rows[-1].document_id


def _row(row: Any, now: datetime) -> TermRow:
    signed, accepted, sent = row["signed_at"], row["received_at"], row["sent_at"]
    until = row["registered_at"] or now
    ended = row["status_at"] if row["status"] in _CLOSED else until  # a refusal is the clinic's to mend
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
        sent_at=sent,
        registered_at=row["registered_at"],
        term_ends=row["term_ends"],
        late_seconds=_seconds(row["term_ends"], ended),
        clinic_seconds=_seconds(signed or accepted, accepted),
        our_seconds=_seconds(accepted, sent or ended),
        system_seconds=_seconds(sent or ended, ended),
    )


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds()))
