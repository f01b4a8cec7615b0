"""Comparisons of what we call registered with what a system's registry has, as rows: planned, made, reported."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.document.event import EventName
from broker.receipts.reconcile import Difference, Ours
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries
from broker.store.tasks import Task, finish_tasks

QUERIES: Final = queries("reconciliation")
RECONCILE: Final = "work.reconcile"
"""Comparisons to be made."""
KEPT: Final = 1000
"""Differences of one comparison that are kept one by one; all are counted."""
RECENT: Final = timedelta(days=7)
"""The last comparison of a clinic older than this says nothing of today."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison: a clinic at a destination, registrations from ``since`` until ``until``."""

    id: UUID
    destination: str
    clinic_oid: str
    since: datetime
    until: datetime
    status: str


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a comparison; ``failed``: the registry would not answer, and ``note`` says why (a stable code)."""

    ours: int = 0
    theirs: int = 0
    differences: tuple[Difference, ...] = ()
    failed: bool = False
    note: str = ""


class ReconciliationStore:
    """Plans comparisons and keeps their results."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def is_planned(self, destination: str, now: datetime) -> bool:
        """Tell whether the night's round of this day (UTC) is planned."""
        return bool(await self._db.fetchval(QUERIES["is_planned"], destination, now.date()))

    async def plan(
        self,
        destination: str,
        since: datetime,
        now: datetime,
        *,
        by: str,
        nightly: bool = False,
        clinic: str = "",
    ) -> list[tuple[int, str]]:
        """Plan a round over [since, now) of all linked clinics or of one; return the tasks to announce."""
        rows = await self._db.fetch(
            QUERIES["plan"], destination, clinic, now.date(), nightly, since, now, now, by, RECONCILE
        )
        return [(row["id"], row["queue"]) for row in rows]

    async def load(self, identifier: UUID) -> Planned | None:
        """Return a planned comparison."""
        row = await self._db.fetchrow(QUERIES["load"], identifier)
        return None if row is None else Planned(**dict(row))

    async def ours(self, planned: Planned) -> list[Ours]:
        """Return what we call registered since the window began."""
        rows = await self._db.fetch(QUERIES["ours"], planned.destination, planned.clinic_oid, planned.since)
        return [Ours(**dict(row)) for row in rows]

    async def known(self, destination: str, local_uids: Sequence[str]) -> dict[str, Ours | str]:
        """Return where deliveries with these localUids stand: ours when registered, else the status."""
        found: dict[str, Ours | str] = {}
        for row in await self._db.fetch(QUERIES["known"], destination, list(local_uids)):
            registered = row["status"] == "registered"
            found[row["local_uid"]] = (
                Ours(
                    document_id=row["document_id"],
                    local_uid=row["local_uid"],
                    number=row["number"],
                    registered_at=None,
                )
                if registered
                else row["status"]
            )
        return found

    async def finish(self, planned: Planned, made: Made, task: Task, at: datetime) -> bool:
        """Write a result and take its task off the list in one transaction; False when somebody else had it."""
        async with self._db.transaction() as connection:
            if task.id not in await finish_tasks(connection, [task]):
                return False
            status = "failed" if made.failed else "done"
            count = len(made.differences)
            row = await connection.fetchrow(
                QUERIES["finish"], planned.id, status, at, made.ours, made.theirs, count, made.note
            )
            if row is None:
                return False
            kept = made.differences[:KEPT]
            await connection.execute(
                QUERIES["differences"],
                planned.id,
                [one.kind for one in kept],
                [one.local_uid for one in kept],
                [one.number_here for one in kept],
                [one.number_there for one in kept],
                [one.document_id for one in kept],
            )
            body = {
                "destination": planned.destination,
                "since": planned.since,
                "until": planned.until,
                "ours": made.ours,
                "theirs": made.theirs,
                "differences": count,
                "note": made.note,
            }
            await note(connection, EventName.RECONCILED, at, body=body, clinic=planned.clinic_oid)
        return True

    async def latest(self, now: datetime, destination: str = "", limit: int = 500) -> list[dict[str, Any]]:
        """Return the last comparison of every clinic, those that differ first."""
        rows = await self._db.fetch(QUERIES["latest"], now - RECENT, destination, limit)
        return [dict(row) for row in rows]

    async def standing(self, now: datetime) -> list[dict[str, Any]]:
        """Return by destination what the last finished comparisons say."""
        return [dict(row) for row in await self._db.fetch(QUERIES["standing"], now - RECENT)]

    async def details(self, ids: Sequence[UUID], limit: int = 500) -> list[dict[str, Any]]:
        """Return the differences of comparisons."""
        return [dict(row) for row in await self._db.fetch(QUERIES["details"], list(ids), limit)]
