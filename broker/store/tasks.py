"""The one work list: outbox, retry schedule, polling and dead letters at once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.store.database import Database
from broker.store.partitions import ensure_partitions
from broker.store.sql import queries

QUERIES: Final = queries("tasks")

PREPARE: Final = "work.prepare"
"""Documents to normalise, validate and route."""
CALLBACK: Final = "work.callback"
"""Stored callbacks to handle."""
OVERRIDE: Final = "operator.override"
"""Why of a task of ``work.prepare`` that sends a document in spite of its findings."""
LEASE: Final = timedelta(seconds=60)
"""How long a claimed task is left alone; by the database clock."""


def route_queue(destination: str) -> str:
    """Name the queue of a destination, as operators see it."""
    return f"route.{destination}"


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to be put on the list; ``lane`` is the clinic (fairness), ``priority`` 0 new, 1 retry, 2 mass resend."""

    queue: str
    subject: UUID
    due_at: datetime
    lane: str = ""
    priority: int = 0
    why: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed task: results may be written only while ``claim`` still matches."""

    id: int
    queue: str
    lane: str
    subject: UUID
    priority: int
    due_at: datetime
    claim: int
    attempts: int
    why: str


async def insert_tasks(connection: Any, tasks: Sequence[NewTask]) -> list[tuple[int, str]]:
    """Insert tasks in the caller's transaction; return (id, queue) for the announcement after the commit."""
    if not tasks:
        return []
    rows = await connection.fetch(
        QUERIES["insert"],
        [t.queue for t in tasks],
        [t.lane for t in tasks],
        [t.subject for t in tasks],
        [t.priority for t in tasks],
        [t.due_at for t in tasks],
        [t.why for t in tasks],
    )
    return [(row["id"], row["queue"]) for row in rows]


async def finish_tasks(connection: Any, tasks: Sequence[Task]) -> set[int]:
    """Delete tasks in the caller's transaction; return the ids that were still ours."""
    if not tasks:
        return set()
    rows = await connection.fetch(QUERIES["finish"], [t.id for t in tasks], [t.claim for t in tasks])
    return {row["id"] for row in rows}


class TaskStore:
    """Claims and gives back tasks."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def claim(
        self,
        queue: str,
        limit: int,
        now: datetime,
        lease: timedelta = LEASE,
        lanes: Sequence[str] = (),
        *,
        only: bool = False,
    ) -> list[Task]:
        """Lease up to ``limit`` due tasks, fair between lanes; not of these ``lanes``, or ``only`` of them."""
        rows = await self._db.fetch(QUERIES["claim"], queue, limit, now, lease, list(lanes), only)
        tasks = [Task(**dict(row)) for row in rows]
        return sorted(tasks, key=lambda task: (task.priority, task.due_at, task.id))

    async def postpone(self, tasks: Sequence[Task], due_at: datetime, why: str, priority: int = 1) -> None:
        """Give tasks back for later."""
        count = len(tasks)
        await self._db.execute(
            QUERIES["postpone"],
            [t.id for t in tasks],
            [t.claim for t in tasks],
            [due_at] * count,
            [why] * count,
            [priority] * count,
        )

    async def finish(self, tasks: Sequence[Task]) -> None:
        """Take tasks off the list in a transaction of their own."""
        await self._db.execute(QUERIES["finish"], [t.id for t in tasks], [t.claim for t in tasks])

    async def extend(self, tasks: Sequence[Task], lease: timedelta) -> None:
        """Keep claimed tasks for another lease from now on."""
        await self._db.execute(QUERIES["extend"], [t.id for t in tasks], [t.claim for t in tasks], lease)

    async def release(self, tasks: Sequence[Task]) -> None:
        """Give leases back as if they had never been taken."""
        if tasks:
            await self._db.execute(QUERIES["release"], [t.id for t in tasks], [t.claim for t in tasks])

    async def due(self, now: datetime) -> dict[str, int]:
        """Count due, unclaimed tasks by queue."""
        return {row["queue"]: row["depth"] for row in await self._db.fetch(QUERIES["due"], now)}

    async def upkeep(self) -> None:
        """Make the coming months' partitions."""
        async with self._db.pool.acquire() as connection:
            await ensure_partitions(connection, datetime.now(UTC))

    async def depths(self, now: datetime) -> list[dict[str, Any]]:
        """Describe every queue for people."""
        return [dict(row) for row in await self._db.fetch(QUERIES["depths"], now)]
