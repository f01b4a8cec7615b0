"""``python -m tests.crash --kills N``: load, storm, calm, verdict; exit status 0 only when nobody was lost or doubled.

With ``--weather`` the state systems misbehave all the while, some documents must be refused, and a week of silence follows.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec

from broker.dev.endpoints import Endpoints
from tests.crash.documents import REGISTRAR_REGION, Paper, Press
from tests.crash.load import Book, Load
from tests.crash.stand import Stand
from tests.crash.storm import FROZEN, Storm
from tests.crash.telling import say
from tests.crash.verdict import (
    FINAL,
    Facts,
    Line,
    count_bugs,
    judge,
    read_documents,
    read_feed,
    read_leftovers,
    read_register,
    read_strangers,
)
from tests.crash.weather import Weather, advance
from tests.crash.years import Years

LEAST = 50
PAUSE = 1.5
"""Seconds between two acts, on average."""
STILL = 90.0
"""Seconds without any progress after which nothing more is expected."""
JUMP = 30
"""Seconds the simulated clock is put forward between two looks at the calm, so that nobody waits for a backoff."""
LEAP = 12 * 3600
"""The same after bad weather: answers that were lost are asked for only as their deadline comes."""


def main() -> None:
    """Run it."""
    options = _arguments()
    state = options.state_dir or Path(tempfile.mkdtemp(prefix="inaya-crash-", dir="/var/tmp"))
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o755)
    good = asyncio.run(_run(options, state))
    if good and options.state_dir is None:
        shutil.rmtree(state, ignore_errors=True)
    else:
        say(f"state and logs: {state}")
    sys.exit(0 if good else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="how many things are done to the stand")
    parser.add_argument(
        "--rate", type=float, default=52.0, help="documents offered per second, both doors together"
    )
    parser.add_argument("--seed", type=int, default=None, help="order of the acts and ids of the documents")
    parser.add_argument(
        "--state-dir", type=Path, help="keep everything there (default: a directory that is removed)"
    )
    parser.add_argument(
        "--only", default="", help="only acts whose words contain this, such as «kill point: amqp»"
    )
    parser.add_argument("--no-amqp", action="store_true", help="without RabbitMQ")
    parser.add_argument("--weather", action="store_true", help="fault knobs at random, and a week of silence")
    parser.add_argument("--documents", type=int, default=1000, help="with --weather: how many are sent")
    return parser.parse_args()


async def _run(options: argparse.Namespace, state: Path) -> bool:
    seed = options.seed if options.seed is not None else int(time.time())
    say(f"seed {seed}, {options.kills} acts, {options.rate:.0f} documents/s; logs in {state}/logs")
    stand = Stand(state, amqp=not options.no_amqp, checks=options.weather)
    started = time.monotonic()
    try:
        endpoints = await stand.start()
        _tell(started, "the stand serves" + ("" if endpoints.amqp else " (no RabbitMQ: HTTP only)"))
        if options.weather:
            await stand.let_region_register(REGISTRAR_REGION)
        papers = await asyncio.to_thread(_papers, options, state, seed)
        _tell(started, f"{len(papers)} documents are signed")
        lines, numbers = await _ordeal(stand, endpoints, papers, options, seed)
    finally:
        left = await stand.stop()
    lines.append(Line("no process is left behind", 1, [str(pid) for pid in left]))
    numbers["seconds"] = round(time.monotonic() - started, 1)
    return _report(state, lines, numbers)


def _papers(options: argparse.Namespace, state: Path, seed: int) -> list[Paper]:
    press = Press(state, seed)
    if options.weather:
        return press.mixed(options.documents)
    seconds = options.kills * PAUSE + FROZEN + 8
    return list(press.make(int(seconds * options.rate) + 50))


def _tell(started: float, text: str) -> None:
    say(f"{time.monotonic() - started:6.1f} s  {text}")


async def _ordeal(
    stand: Stand, endpoints: Endpoints, papers: list[Paper], options: argparse.Namespace, seed: int
) -> tuple[list[Line], dict[str, Any]]:
    book = Book()
    load = Load(endpoints, book)
    storm = Storm(stand, random.Random(seed), amqp=endpoints.amqp is not None, only=options.only)
    weather = Weather(endpoints, random.Random(f"weather/{seed}"))
    async with load.running():
        async with weather.bad() if options.weather else contextlib.nullcontext():
            offering = asyncio.create_task(load.offer(papers, _rate(options, len(papers))))
            await asyncio.sleep(1)
            await storm.rage(options.kills, PAUSE)
            await _hit_all(storm, offering)
            if not options.weather:
                load.end()
            await offering
        if options.weather:
            await weather.silence()
        say(
            f"the storm is over: {load.offered} offered in {load.seconds:.0f} s, {len(book.accepted)} accepted"
        )
        async with contextlib.AsyncExitStack() as stack:
            calm = _Calm(endpoints, load, book, jump=LEAP if options.weather else JUMP)
            database = await calm.reach(stack)
            await calm.settle(database)
            facts = await _facts(endpoints, database, stand, load, book, papers[: load.offered])
            numbers = await _numbers(database, load, book, storm)
            facts.registrar_region = REGISTRAR_REGION if options.weather else ""
            lines = judge(facts)
            if options.weather:
                years = Years(stand, endpoints, database, papers[: load.offered])
                lines += await years.pass_by(facts.registers["remd"])
    if options.weather:
        numbers["weather"] = dict(sorted(weather.turned.items()))
        numbers["answers to what nobody sent"] = facts.strangers
    else:
        astray = [f"{facts.strangers} of them"] if facts.strangers else []
        lines.append(Line("no answer names what nobody sent", facts.strangers, astray))
        slow = [] if numbers["offered per second"] >= LEAST else [f"{numbers['offered per second']} a second"]
        lines.append(Line(f"at least {LEAST} documents a second were offered", load.offered, slow))
    lines.append(Line("no submission was refused", load.offered, [str(one) for one in book.refused]))
    lines.append(Line("every armed kill point was hit", len(storm.hits()), sorted(storm.armed())))
    lines.append(Line("every act found its target", options.kills, storm.missed))
    return lines, numbers


def _rate(options: argparse.Namespace, papers: int) -> float:
    """Return how many documents a second to offer; in bad weather there are only so many, and the storm must meet them."""
    return min(options.rate, papers / (options.kills * PAUSE * 1.25)) if options.weather else options.rate


async def _hit_all(storm: Storm, offering: asyncio.Task[None]) -> None:
    """Let the load go on until the armed kill points have been passed, but not for ever."""
    for _ in range(30):
        if not storm.armed() or offering.done():
            return
        await asyncio.sleep(0.5)


class _Calm:
    """After the storm: everything drains by itself, only backoffs are shortened by the simulated clock."""

    def __init__(self, endpoints: Endpoints, load: Load, book: Book, *, jump: int) -> None:
        self._endpoints = endpoints
        self._load = load
        self._book = book
        self._jump = jump

    async def reach(self, stack: contextlib.AsyncExitStack) -> asyncpg.Connection:
        """Connect to the database as soon as it is back."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError):
                connection = await asyncpg.connect(self._endpoints.database, timeout=5)
                stack.push_async_callback(connection.close, timeout=5)
                return connection
            await asyncio.sleep(0.5)

    async def settle(self, database: asyncpg.Connection) -> None:
        """Wait until nothing is to be done any more, or nothing moves."""
        before: Any = None
        moved = time.monotonic()
        while time.monotonic() - moved < STILL:
            now = await self._look(database)
            if now != before:
                before, moved = now, time.monotonic()
                say(f"  calm: {now}")
            if self._is_over(now):
                return
            await advance(self._endpoints, self._jump)
            await asyncio.sleep(3)
        say("  nothing moves any more")

    async def _look(self, database: asyncpg.Connection) -> dict[str, int]:
        rows = await database.fetch("select status, count(*) as n from document group by 1 order by 1")
        found = {row["status"]: row["n"] for row in rows}
        found["tasks"] = await database.fetchval("select count(*) from task")
        found["events"] = await database.fetchval(
            "select count(*) from journal where feed and document_id is not null"
        )
        if self._load.amqp:
            heard = [client.heard for client in self._load.amqp.values()]
            found["events heard"] = sum(len(set(numbers)) for one in heard for numbers in one.values())
        found["without a promise"] = self._load.unsent
        return found

    def _is_over(self, now: dict[str, int]) -> bool:
        documents = sum(n for status, n in now.items() if status in FINAL)
        heard = now.get("events heard", now["events"]) >= now["events"]
        return (
            documents >= len(self._book.accepted)
            and not now["tasks"]
            and not now["without a promise"]
            and heard
        )


async def _facts(
    endpoints: Endpoints,
    database: asyncpg.Connection,
    stand: Stand,
    load: Load,
    book: Book,
    sent: list[Paper],
) -> Facts:
    async with aiohttp.ClientSession() as http:
        names = ("remd", "gis-soap")
        registers = {name: await read_register(http, endpoints.simulators[name]) for name in names}
        feed = await read_feed(http, endpoints)
    heard = {document: numbers for client in load.amqp.values() for document, numbers in client.heard.items()}
    return Facts(
        accepted=book.accepted,
        sent=sent,
        documents=await read_documents(database),
        registers=registers,
        feed=feed,
        heard=heard if load.amqp else None,
        leftovers=await read_leftovers(database),
        strangers=await read_strangers(database),
        bugs=count_bugs(stand.state / "logs"),
    )


async def _numbers(database: asyncpg.Connection, load: Load, book: Book, storm: Storm) -> dict[str, Any]:
    doors = Counter(one.door for one in book.accepted.values())
    attempts = await database.fetchrow(
        "select count(*) as deliveries, coalesce(sum(attempt), 0) as attempts, coalesce(max(attempt), 0) as most"
        " from delivery"
    )
    return {
        "offered": load.offered,
        "offered per second": round(load.offered / max(load.seconds, 0.1), 1),
        "accepted": dict(doors),
        "attempts": dict(attempts),
        "events told over AMQP": sum(
            len(told) for client in load.amqp.values() for told in client.heard.values()
        ),
        "of them repeated": sum(
            len(told) - len(set(told)) for client in load.amqp.values() for told in client.heard.values()
        ),
        "acts": storm.done,
        "kill points hit": sorted(storm.hits()),
        "troubles of the clients": dict(book.troubles.most_common(12)),
    }


def _report(state: Path, lines: list[Line], numbers: dict[str, Any]) -> bool:
    good = not any(line.offenders for line in lines)
    say()
    for name, value in numbers.items():
        say(f"{name:26} {value}")
    say()
    for line in lines:
        say(
            f"{'ok  ' if not line.offenders else 'FAIL'}  {line.demand:52} {line.looked_at:7}  {len(line.offenders):5}"
        )
        for offender in line.offenders[:10]:
            say(f"        {offender}")
    body = {"good": good, "numbers": numbers, "lines": lines}
    (state / "crash.json").write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2))
    say(msgspec.json.encode({"good": good, **numbers}).decode())
    return good


if __name__ == "__main__":
    main()
