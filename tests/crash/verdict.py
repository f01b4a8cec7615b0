"""What must be true after the storm, each line with the documents that break it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec

from broker.dev.endpoints import Endpoints
from tests.crash.documents import Paper
from tests.crash.load import Accepted

BUGS = ("bug.caught", "adapter.bug", "callback.bug", "compute.bug", "batch.failed", "bus.duty_failed",
        "bus.handler_failed", "bus.intake_failed")  # fmt: skip
"""Events of our logs that must not happen whatever is killed."""
FINAL = ("completed", "failed", "rejected", "unroutable")


class Line(msgspec.Struct, frozen=True):
    """One demand: how many were looked at, and who breaks it."""

    demand: str
    looked_at: int
    offenders: list[str]


class Facts(msgspec.Struct):
    """Everything the verdict is given."""

    accepted: Mapping[str, Accepted]
    sent: Sequence[Paper]
    documents: Mapping[str, Mapping[str, Any]]
    registers: Mapping[str, Mapping[str, Mapping[str, Any]]]
    feed: Mapping[str, Sequence[Mapping[str, Any]]]
    heard: Mapping[str, Sequence[int]] | None
    leftovers: Mapping[str, int]
    strangers: int
    bugs: Mapping[str, int]
    registrar_region: str = ""

    def region_registers(self, paper: Paper) -> bool:
        """Tell whether the ГИС of the document's region registers it in РЭМД."""
        return paper.region == self.registrar_region


async def read_documents(database: asyncpg.Connection) -> dict[str, dict[str, Any]]:
    """Return every document by message id, found through the gate as an operator's search finds it."""
    rows = await database.fetch(
        "select s.key, d.id::text as id, d.status, d.local_uid, encode(d.digest, 'hex') as sha256, d.door,"
        " (select count(*) from document o where o.message_id = s.key) as copies"
        " from submission s join document d on d.id = s.document_id"
    )
    return {row["key"]: dict(row) for row in rows}


STRANGER = (
    "(status = 'parked' and note = 'callback.unknown_correlation' and substr(correlation, 15, 1) = '5')"
)
"""A verdict about a message nobody sent: the simulated РЭМД invents its id (UUID version 5), ours are of version 7."""


async def read_strangers(database: asyncpg.Connection) -> int:
    """Count verdicts about messages nobody sent: they are kept for the operator and do no harm."""
    return int(await database.fetchval(f"select count(*) from callback where {STRANGER}"))


async def read_leftovers(database: asyncpg.Connection) -> dict[str, int]:
    """Count what nothing would ever pick up, or what should not be there at the end."""
    queries = {
        "tasks": "select count(*) from task",
        "deliveries without end": "select count(*) from delivery where status in"
        " ('queued', 'held', 'sending', 'awaiting_result')",
        "live deliveries without a task": "select count(*) from delivery v where status in ('queued', 'sending',"
        " 'awaiting_result') and not exists (select 1 from task t where t.subject = v.id)",
        "accepted documents without a task": "select count(*) from document d where status = 'accepted'"
        " and not exists (select 1 from task t where t.subject = d.id)",
        "callbacks not handled": f"select count(*) from callback where status <> 'handled' and not {STRANGER}",
        "documents set aside": "select count(*) from document where crashes > 0 and status = 'failed'",
    }
    return {name: int(await database.fetchval(query)) for name, query in queries.items()}


async def read_register(http: aiohttp.ClientSession, url: str) -> dict[str, dict[str, Any]]:
    """Return what a simulator holds, by localUid."""
    async with http.get(f"{url}/sim/documents") as response:
        return {one["localUid"].lower(): one for one in await response.json()}


async def read_feed(http: aiohttp.ClientSession, endpoints: Endpoints) -> dict[str, list[dict[str, Any]]]:
    """Return every partner's events by document, in the order of the feed."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for partner in endpoints.partners:
        cursor, headers = "", {"Authorization": f"Bearer {partner.secret}"}
        while True:
            url = f"{endpoints.http}/api/v1/events"
            params = {"limit": "500", **({"after": cursor} if cursor else {})}
            async with http.get(url, params=params, headers=headers) as response:
                page = await response.json()
            for event in page["events"]:
                found[str(event.get("documentId"))].append(event)
            if not page["events"] or page["cursor"] == cursor:
                break
            cursor = page["cursor"]
    return found


def count_bugs(logs: Path) -> Counter[str]:
    """Count what our processes recorded as bugs of their own."""
    found: Counter[str] = Counter()
    for path in logs.glob("*.log"):
        for line in path.read_text(errors="replace").splitlines():
            for event in BUGS:
                if f'"{event}"' in line:
                    found[f"{path.stem}: {event}"] += 1
            if "never retrieved" in line or "was destroyed but it is pending" in line:
                found[f"{path.stem}: {line[:60]}"] += 1
    return found


def judge(facts: Facts) -> list[Line]:
    """Judge every demand."""
    ids = {key: str(facts.documents[key]["id"]) for key in facts.accepted if key in facts.documents}
    lines = [
        _line("an accepted document is found by its messageId", facts.accepted, _not_found(facts)),
        _line("its ticket names that very document", _tickets(facts), _wrong_ticket(facts)),
        _line("it is kept once, with the bytes submitted", ids, _not_kept(facts)),
        _line("it ended as it had to", ids, _ended_otherwise(facts)),
        *_registered(facts),
        _line("its events are numbered 1 to n in the feed", ids, _gaps_in_feed(facts, ids)),
        _line(
            "nothing is forgotten", facts.leftovers, [f"{k}: {n}" for k, n in facts.leftovers.items() if n]
        ),
        _line("no process records a bug", facts.bugs, [f"{k}: {n}" for k, n in facts.bugs.items()]),
    ]
    if facts.heard is not None:
        lines.append(
            _line("its events came over AMQP, in order", ids, _gaps_in_heard(facts, ids, facts.heard))
        )
    return lines


def _line(demand: str, looked_at: Iterable[object], offenders: Iterable[str]) -> Line:
    return Line(demand, len(list(looked_at)), list(offenders))


def _not_found(facts: Facts) -> list[str]:
    return [key for key in facts.accepted if key not in facts.documents]


def _tickets(facts: Facts) -> list[Accepted]:
    return [one for one in facts.accepted.values() if one.ticket]


def _wrong_ticket(facts: Facts) -> list[str]:
    return [
        one.paper.message_id
        for one in _tickets(facts)
        if (kept := facts.documents.get(one.paper.message_id)) is not None and kept["id"] != one.ticket
    ]


def _not_kept(facts: Facts) -> list[str]:
    return [
        f"{key}: copies {kept['copies']}"
        for key, one in facts.accepted.items()
        if (kept := facts.documents.get(key)) is not None
        and (kept["copies"], kept["sha256"], kept["local_uid"]) != (1, one.paper.sha256, one.paper.local_uid)
    ]


def _ended_otherwise(facts: Facts) -> list[str]:
    return [
        f"{key}: {kept['status']} instead of {one.paper.status}"
        for key, one in facts.accepted.items()
        if (kept := facts.documents.get(key)) is not None and kept["status"] != one.paper.status
    ]


def _registered(facts: Facts) -> list[Line]:
    """Judge what each simulator holds; what was sent but never promised may be absent, never doubled."""
    lines = []
    for name, register in facts.registers.items():
        absent, doubled, altered, unasked = [], [], [], []
        for paper in facts.sent:
            held = register.get(paper.local_uid)
            if held is None or not held["registrations"]:
                promised = paper.message_id in facts.accepted and name in paper.holders
                absent += [paper.local_uid] if promised else []
                continue
            unasked += [paper.local_uid] if name not in paper.holders else []
            doubled += [f"{paper.local_uid}: {held['registrations']}"] if held["registrations"] != 1 else []
            altered += [paper.local_uid] if held["sha256"] != paper.sha256 else []
        lines += [
            _line(f"{name} has registered what it had to", facts.accepted, absent),
            _line(f"{name} has registered nothing else", register, unasked),
            _line(f"{name} has registered none twice", register, doubled),
            _line(f"{name} holds the bytes submitted (SHA-256)", register, altered),
        ]
    return [*lines, _line("none is registered in РЭМД by two systems", facts.sent, _by_two(facts))]


def _by_two(facts: Facts) -> list[str]:
    """Count over everybody who registers in РЭМД for a document's clinic: РЭМД itself and the ГИС of one region."""
    found = []
    for paper in facts.sent:
        names = ("remd", "gis-soap") if facts.region_registers(paper) else ("remd",)
        held = [facts.registers[name].get(paper.local_uid) for name in names]
        count = sum(one["registrations"] for one in held if one is not None)
        found += [f"{paper.local_uid}: {count}"] if count > 1 else []
    return found


def _gaps_in_feed(facts: Facts, ids: Mapping[str, str]) -> list[str]:
    offenders = []
    for key, document in ids.items():
        numbers = [event["sequence"] for event in facts.feed.get(document, ())]
        if not numbers or numbers != list(range(1, len(numbers) + 1)):
            offenders.append(f"{key}: {numbers}")
    return offenders


def _gaps_in_heard(facts: Facts, ids: Mapping[str, str], heard: Mapping[str, Sequence[int]]) -> list[str]:
    """Read the events as a partner does: what is not above the last seen is skipped, what is must be the next."""
    offenders = []
    for key, document in ids.items():
        last = 0
        for number in heard.get(document, ()):
            if number > last + 1:
                break
            last = max(last, number)
        if last != len(facts.feed.get(document, ())):
            offenders.append(f"{key}: {list(heard.get(document, ()))} of {len(facts.feed.get(document, ()))}")
    return offenders
