"""What stood on the way of deliveries, as the journal and the attempts have it: holds, pauses, silences, refusals tried again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from broker.delivery.stops import Stop, StopKind, within
from broker.document.event import EventName
from broker.document.lifecycle import DeliveryStatus
from broker.store.database import Database
from broker.store.partitions import first_id
from broker.store.sql import queries

QUERIES: Final = queries("terms")
LONGEST: Final = timedelta(days=60)
"""A pause or a silence that began so long before the period of a report is not known to it."""
SLACK: Final = timedelta(days=60)
"""Ids carry real time: so far a simulated clock may run ahead of them."""
_UNSENT: Final = frozenset({"Unavailable", "InDoubt"})
"""Outcomes of an attempt after which a document waits to be sent again."""
_STANDS: Final = frozenset(
    {DeliveryStatus.QUEUED, DeliveryStatus.HELD, DeliveryStatus.DEAD, DeliveryStatus.CANCELLED}
)


def ended(row: Mapping[str, Any], now: datetime) -> datetime:
    """Return when a document's way ended: registered, or closed otherwise; now while it has not."""
    if row["status"] in {DeliveryStatus.REJECTED, DeliveryStatus.DEAD, DeliveryStatus.CANCELLED}:
        return _instant(row["status_at"])  # a refusal is the clinic's to mend
    return _instant(row["registered_at"] or now)


async def stops_of(
    database: Database, rows: Sequence[Mapping[str, Any]], since: datetime, now: datetime
) -> dict[UUID, list[Stop]]:
    """Return the stops of each delivery of a page of rows, documents of which were accepted since an instant."""
    if not rows:
        return {}
    documents = [row["id"] for row in rows]
    told = await database.fetch(QUERIES["stood"], documents, first_id(since - SLACK))
    sent = [row["delivery_id"] for row in rows if row["sent_at"] is not None]
    attempts = await database.fetch(QUERIES["attempts"], sent) if sent else []
    roads = await _roads(database, sorted({row["destination"] for row in rows}), since, now)
    by_delivery = _grouped(told), _grouped(attempts)
    return {row["delivery_id"]: _stops(row, *by_delivery, roads, now) for row in rows}


class _Roads:
    """When destinations were paused or silent; a clinic with an endpoint of its own has a silence of its own."""

    def __init__(self) -> None:
        self.paused: dict[str, list[Stop]] = defaultdict(list)
        self.silent: dict[tuple[str, str], list[Stop]] = defaultdict(list)
        self.own: set[tuple[str, str]] = set()

    def of(self, destination: str, clinic: str) -> list[Stop]:
        """Return what stood before the whole destination, for one clinic."""
        channel = clinic if (destination, clinic) in self.own else ""
        return self.paused[destination] + self.silent[destination, channel]


async def _roads(database: Database, destinations: list[str], since: datetime, now: datetime) -> _Roads:
    roads = _Roads()
    owners = await database.fetch(QUERIES["own_channels"], destinations)
    roads.own = {(row["destination"], row["clinic_oid"]) for row in owners}
    opened: dict[tuple[StopKind, str, str], tuple[datetime, str]] = {}
    lower = first_id(since - SLACK - LONGEST)
    for row in await database.fetch(QUERIES["closed_roads"], destinations, lower):
        acted = row["event"] == EventName.OPERATOR_ACTED
        kind = StopKind.PAUSED if acted else StopKind.SILENT
        key = kind, row["destination"], "" if acted else row["clinic_oid"]
        if row["act"] == "pause" or row["event"] == EventName.INBOUND_SILENT:
            opened.setdefault(key, (row["at"], row["actor"]))
        elif key in opened:
            _close(roads, key, opened.pop(key), row["at"])
    for key, one in opened.items():
        _close(roads, key, one, now)
    return roads


def _close(
    roads: _Roads, key: tuple[StopKind, str, str], since: tuple[datetime, str], until: datetime
) -> None:
    kind, destination, clinic = key
    found = Stop(since[0], until, kind, since[1])
    if kind is StopKind.PAUSED:
        roads.paused[destination].append(found)
    else:
        roads.silent[destination, clinic].append(found)


def _stops(
    row: Mapping[str, Any],
    told: Mapping[UUID, list[Any]],
    attempts: Mapping[UUID, list[Any]],
    roads: _Roads,
    now: datetime,
) -> list[Stop]:
    """Gather the stops of one delivery; a destination's count only while the document waited to be sent to it."""
    events, tries = told.get(row["delivery_id"], []), attempts.get(row["delivery_id"], [])
    found = [
        Stop(datetime.fromisoformat(one["since"]), one["at"], _kind(one["stood"]), one["reason"])
        for one in events
        if one["event"] == EventName.DELIVERY_RESUMED
    ]
    if row["status"] == DeliveryStatus.HELD:
        found.append(Stop(row["status_at"], now, StopKind.HELD, row["reason"]))
    taken = [one["at"] for one in events if one["event"] == EventName.DELIVERY_AWAITING]
    windows = _waiting(row, tries, taken, ended(row, now))
    return found + within(roads.of(row["destination"], row["clinic_oid"]), windows)


def _waiting(
    row: Mapping[str, Any], tries: Sequence[Any], taken: Sequence[datetime], end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return when a document waited to be sent: before its first attempt, and after one the system did not take."""
    windows = [(row["received_at"], row["sent_at"] or end)]
    for number, one in enumerate(tries):
        following = tries[number + 1]["started_at"] if number + 1 < len(tries) else None
        until = following or (end if row["status"] in _STANDS else None)
        if until is None or one["finished_at"] is None or one["outcome"] not in _UNSENT:
            continue
        if not any(one["started_at"] <= at <= until for at in taken):
            windows.append((one["finished_at"], until))
    return windows


def _kind(stood: str) -> StopKind:
    return StopKind.HELD if stood == DeliveryStatus.HELD else StopKind.CLOSED


def _grouped(rows: Sequence[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["delivery_id"]].append(row)
    return found


def _instant(value: Any) -> datetime:
    assert isinstance(value, datetime)
    return value
