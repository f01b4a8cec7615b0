"""What an operator must know at a glance: routing queues, work queues, doors, and what waits for a person."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.store.database import Database
from broker.store.sql import queries
from broker.store.tasks import CALLBACK, PREPARE

QUERIES: Final = queries("overview")
TASKS: Final = queries("tasks")
RECENT: Final = timedelta(minutes=5)
"""The last minutes rates are taken over."""
DAY: Final = timedelta(hours=24)
RECENT_ROUNDS: Final = timedelta(days=7)
"""A comparison with a registry older than this says nothing of today."""
_NUMBERS: Final = re.compile(r"\d{5,}")
"""Long numbers in the words of others: not shown on lists, whatever they are."""
NEWEST: Final = 20_000
"""So many of the newest documents and refusals are looked at for the doors' figures at most."""


class ReasonLine(msgspec.Struct, frozen=True):
    """Why so many deliveries are tried again or were refused: code, and the words of the first finding if any."""

    reason: str
    text: str
    count: int


class RouteLine(msgspec.Struct, frozen=True, kw_only=True):
    """One routing queue: ``waiting`` to be sent, ``due`` now, ``awaiting`` a verdict, ``held``; rates over five minutes."""

    id: str
    title: str
    paused: bool = False
    paused_by: str = ""
    paused_reason: str = ""
    paused_at: datetime | None = None
    failures: int = 0
    open_until: datetime | None = None
    last_success_at: datetime | None = None
    last_answer_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str = ""
    waiting: int = 0
    due: int = 0
    awaiting: int = 0
    held: int = 0
    oldest: datetime | None = None
    oldest_due: datetime | None = None
    oldest_awaiting: datetime | None = None
    done: int = 0
    failed: int = 0
    retrying: list[ReasonLine] = []
    refused: list[ReasonLine] = []
    holds: dict[str, int] = {}
    silent_since: datetime | None = None
    silent_count: int = 0

    @property
    def is_broken(self) -> bool:
        """Tell whether the breaker is open: nothing came through since it opened."""
        return self.open_until is not None

    @property
    def per_minute(self) -> float:
        """Deliveries finished per minute lately."""
        return (self.done + self.failed) / (RECENT.total_seconds() / 60)


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Held deliveries of one destination and reason."""

    destination: str
    reason: str
    deliveries: int
    clinics: int
    oldest: datetime | None = None


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """A work queue of the pipeline."""

    id: str
    title: str
    waiting: int = 0
    due: int = 0
    leased: int = 0
    oldest_due: datetime | None = None


class DoorLine(msgspec.Struct, frozen=True, kw_only=True):
    """What came through one door in the last minutes."""

    door: str
    accepted: int
    rejected: int


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """How much waits for a person."""

    registrations: int = 0
    unroutable: int = 0
    callbacks: int = 0
    parked: int = 0
    unlinked: int = 0
    unjudged: int = 0
    untrusted: int = 0
    unknown_codes: int = 0
    differences: int = 0
    differing_clinics: int = 0
    uncompared: int = 0
    overdue: int = 0
    nearly_overdue: int = 0
    proposals: int = 0
    files_awaited: int = 0
    files_since: datetime | None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one instant."""

    at: datetime
    routes: list[RouteLine]
    held: list[HeldLine]
    queues: list[QueueLine]
    doors: list[DoorLine]
    refusals: dict[str, int]
    attention: Attention


class OverviewStore:
    """Counts in PostgreSQL: the depth shown is the depth there is."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def overview(self, now: datetime, titles: Mapping[str, str], queues: Mapping[str, str]) -> Overview:
        """Return everything; ``titles`` of destinations and of work queues in words."""
        held = [HeldLine(**dict(row)) for row in await self._db.fetch(QUERIES["held"])]
        attention = await self._db.fetchrow(QUERIES["attention"], now - RECENT_ROUNDS)
        refusals = await self._db.fetch(QUERIES["refusals_since"], now - RECENT, NEWEST)
        return Overview(
            at=now,
            routes=await self._routes(now, titles, held),
            held=held,
            queues=await self._queues(now, queues),
            doors=await self._doors(now),
            refusals={row["code"] or "": row["count"] for row in refusals},
            attention=Attention(**dict(attention)) if attention else Attention(),
        )

    async def _routes(
        self, now: datetime, titles: Mapping[str, str], held: list[HeldLine]
    ) -> list[RouteLine]:
        retrying: dict[str, list[ReasonLine]] = defaultdict(list)
        refused: dict[str, list[ReasonLine]] = defaultdict(list)
        for row in await self._db.fetch(QUERIES["reasons"], now - DAY):
            kind = retrying if row["status"] == "queued" else refused
            text = _NUMBERS.sub("…", row["text"])
            kind[row["destination"]].append(ReasonLine(row["reason"], text, row["count"]))
        holds: dict[str, dict[str, int]] = defaultdict(dict)
        for line in held:
            holds[line.destination][line.reason] = line.deliveries
        rows = await self._db.fetch(QUERIES["routes"], now, now - RECENT)
        return [
            RouteLine(
                **dict(row),
                title=titles.get(row["id"], row["id"]),
                retrying=retrying[row["id"]],
                refused=refused[row["id"]],
                holds=holds[row["id"]],
            )
            for row in rows
        ]

    async def _queues(self, now: datetime, titles: Mapping[str, str]) -> list[QueueLine]:
        rows = {row["queue"]: dict(row) for row in await self._db.fetch(TASKS["depths"], now)}
        found = []
        for queue in (PREPARE, CALLBACK):
            row = rows.get(queue, {})
            row.pop("queue", None)
            found.append(QueueLine(id=queue, title=titles.get(queue, queue), **row))
        return found

    async def _doors(self, now: datetime) -> list[DoorLine]:
        accepted: dict[str, int] = defaultdict(int)
        rejected: dict[str, int] = defaultdict(int)
        for row in await self._db.fetch(QUERIES["arrivals"], now - RECENT, NEWEST):
            accepted[row["door"]] += row["count"]
            rejected[row["door"]] += row["count"] if row["status"] == "rejected" else 0
        return [
            DoorLine(door=door, accepted=accepted[door], rejected=rejected[door]) for door in ("http", "amqp")
        ]

    async def acts(self, events: list[str], limit: int = 50) -> list[dict[str, object]]:
        """Return what operators did lately."""
        return [dict(row) for row in await self._db.fetch(QUERIES["acts"], events, limit)]
