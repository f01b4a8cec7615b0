"""The loads: documents through the product's doors and through the naive pipeline, one after the other."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import asyncpg

from tests.load.corpus import Document
from tests.load.driver import Load, LoadFailed, post_all, publish_all, request
from tests.load.house import SCHEMAS, House, until
from tests.load.meter import Meter, spent
from tests.load.naive.consumer import SCHEMA
from tests.load.naive.door import QUEUE
from tests.load.results import Measured, Round, measured

INAYA: Final = "inaya"
NAIVE: Final = "naive"
PAUSED: Final = "paused"
XSD: Final = "xsd"
FULL: Final = "full rules"
LARGE: Final = "xsd, 1 MB"
FIELD: Final = "the field"
"""An examination of 16.8 KB: schema and Schematron, two containers with chains, two recipients."""
OFFICIAL_FIELD: Final = "the field, official 290"
"""The same with a consultation of 28 KB under the official rules."""
WARM: Final = 32
"""Connections while warming up: as many as any load has, so that pools are as wide as they will be."""
PATIENCE: Final = 300.0
UNTOLD: Final = """
select count(*) from journal j left join relay r using (partner_id)
where j.feed and (r.partner_id is null or (j.tx, j.id) > (r.tx, r.id))"""
UNFINISHED: Final = "select count(*) from document where status in ('accepted', 'validated', 'routed')"


async def observe(
    house: House,
    what: str,
    send: Callable[[], Awaitable[Load]],
    done: Callable[[], Awaitable[bool]] | None,
    told: Callable[[], Awaitable[bool]] | None = None,
) -> Round:
    """Send, wait until all is done, and account for it; CPU is counted until everybody is ``told``, too."""
    meter = Meter(house.trees())
    before, began = meter.cpu(), time.monotonic()
    load = await send()
    finished = None
    if done is not None:
        await until(done, seconds=PATIENCE, what=what)
        finished = time.time()
    if told is not None:
        await until(told, seconds=PATIENCE, what=f"{what}: told")
    return Round(
        load=load,
        finished=finished,
        cpu=spent(before, meter.cpu()),
        memory=meter.memory(),
        loop_ns=house.yardstick.loop_ns(began, time.monotonic()),
    )


Turn = Callable[[Sequence[Document]], Awaitable[Round]]
"""One receiver taking some documents in."""


async def by_turns(
    turns: dict[tuple[str, str, str], Turn], documents: Sequence[Document], rounds: int
) -> list[Measured]:
    """Let the receivers take turns with the same documents, so that what else the machine does hits all of them."""
    size = len(documents) // rounds
    found: dict[tuple[str, str, str], list[Round]] = {names: [] for names in turns}
    for number in range(rounds):
        portion = documents[number * size : (number + 1) * size]
        for names, turn in turns.items():
            found[names].append(await turn(portion))
    return [measured(names, taken) for names, taken in found.items()]


class Product:
    """The product under load."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def warm(self, documents: Sequence[Document], *, final: bool) -> None:
        """Let every process compile and connect before anything counts."""
        await post_all(self._house.url, self._house.packets(documents), WARM)
        if final:
            await until(lambda: self._final(len(documents)), seconds=PATIENCE, what="warming up")
        await self._house.forget()

    async def http(self, documents: Sequence[Document], connections: int, workers: str) -> Round:
        """Measure the HTTP door, end to end unless the workers are paused."""
        packets = self._house.packets(documents)
        done = None if workers == PAUSED else lambda: self._final(len(documents))
        found = await observe(
            self._house,
            f"inaya, http, {workers}",
            lambda: post_all(self._house.url, packets, connections),
            done,
            self._told if done and self._house.amqp else None,
        )
        await self._house.forget()
        return found

    async def amqp(self, documents: Sequence[Document], connections: int, workers: str) -> Round:
        """Measure the AMQP door: latency is the publisher's confirm, finished is our commit or the final status."""
        letters = self._house.letters(documents)
        count = len(documents)
        found = await observe(
            self._house,
            f"inaya, amqp, {workers}",
            lambda: publish_all(self._house.logins(), "documents", letters, connections),
            lambda: self._taken(count) if workers == PAUSED else self._final(count),
            None if workers == PAUSED else self._told,
        )
        await self._house.forget()
        return found

    async def _taken(self, count: int) -> bool:
        return await self._house.count("select count(*) from document") >= count

    async def _told(self) -> bool:
        """Tell whether every event stands in its partner's queue."""
        return await self._house.count(UNTOLD) == 0

    async def _final(self, count: int) -> bool:
        left = await self._house.count(UNFINISHED)
        if left or await self._house.count("select count(*) from document") < count:
            return False
        if await self._house.count("select count(*) from document where status = 'completed'") < count:
            raise LoadFailed("documents were refused")
        return True


class Naive:
    """The naive pipeline under the same load."""

    def __init__(self, house: House) -> None:
        self._house = house
        parts = urlsplit(house.database)
        self._database = urlunsplit(parts._replace(path="/naive"))
        self._url = f"http://127.0.0.1:{house.naive_port}/documents"

    async def prepare(self) -> None:
        """Make its database and its queue, start its door."""
        connection = await asyncpg.connect(self._house.database)
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = 'naive'"):
                await connection.execute("create database naive")
        finally:
            await connection.close()
        await self._query(SCHEMA)
        await self._start("door")
        await self.forget()

    async def resume(self) -> None:
        """Start the consumer."""
        await self._start("consumer")

    async def pause(self) -> None:
        """Stop the consumer."""
        await self._house.stop("naive consumer")

    async def stop(self) -> None:
        """Stop the door."""
        await self._house.stop("naive door")

    async def http(self, documents: Sequence[Document], connections: int, workers: str) -> Round:
        """Measure it, end to end unless the consumer is paused."""
        packets = [request(self._url, one.body, {}) for one in documents]
        done = None if workers == PAUSED else lambda: self._final(len(documents))
        found = await observe(
            self._house, f"naive, {workers}", lambda: post_all(self._url, packets, connections), done
        )
        await self.forget()
        return found

    async def warm(self, documents: Sequence[Document]) -> None:
        """Let it connect and compile."""
        await post_all(self._url, [request(self._url, one.body, {}) for one in documents], WARM)
        await until(
            lambda: self._final(len(documents)), seconds=PATIENCE, what="warming the naive pipeline up"
        )
        await self.forget()

    async def forget(self) -> None:
        """Empty its table and its queue."""
        await self._query("truncate document")
        link = await aio_pika.connect(self._house.amqp)
        queue = await (await link.channel()).declare_queue(
            QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
        )
        await queue.purge()
        await link.close()

    async def _final(self, count: int) -> bool:
        query = "select count(*) from document where status = 'delivered'"
        return await self._house.count(query, self._database) >= count

    async def _query(self, query: str) -> None:
        connection = await asyncpg.connect(self._database)
        try:
            await connection.execute(query)
        finally:
            await connection.close()

    async def _start(self, part: str) -> None:
        environment = {
            "NAIVE_PORT": str(self._house.naive_port),
            "NAIVE_AMQP": self._house.amqp,
            "NAIVE_DATABASE": self._database,
            "NAIVE_SINK": self._house.sink,
            "NAIVE_XSD": str(SCHEMAS / "semd" / "306" / "3" / "CDA.xsd"),
        }
        await self._house.start_module(
            f"naive {part}",
            f"tests.load.naive.{part}",
            environment=environment,
            ready=self._ready if part == "door" else None,
        )

    async def _ready(self) -> bool:
        try:
            await post_all(self._url, [request(self._url, b"{}", {})], 1)
        except LoadFailed:
            return True
        except OSError:
            return False
        return True
