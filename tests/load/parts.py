"""The sum of the parts: what PostgreSQL, RabbitMQ and one core of checking can do alone, measured in the same run."""

import asyncio
import base64
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiormq
import asyncpg
import msgspec
from lxml import etree
from pamqp.commands import Basic

from broker.archive import SealedPart, StoredContent
from broker.document.submission import Submission
from broker.intake.read import read_parts
from broker.pipeline import ExaminationInput, Workshop, examine
from tests.load.corpus import KIND, Document
from tests.load.house import SCHEMAS, House
from tests.load.results import Part

ROW: Final = 20 * 1024
QUEUE: Final = "bench.parts"


async def parts(house: House, documents: Sequence[Document], seconds: float) -> list[Part]:
    """Measure every part for so many seconds each."""
    found = [await _commits(house, writers, seconds) for writers in (1, 8)]
    if house.amqp:
        found += [await _confirms(house, in_flight, seconds) for in_flight in (1, 32)]
    return [*found, *await asyncio.to_thread(_checks, house.crew.state.path, house.xsd_schemas(), documents)]


async def _repeated(work: Sequence[Callable[[], Awaitable[None]]], seconds: float) -> float:
    """Let every worker repeat its work; return repetitions per second."""
    count = 0
    until = time.perf_counter() + seconds

    async def repeat(once: Callable[[], Awaitable[None]]) -> None:
        nonlocal count
        while time.perf_counter() < until:
            await once()
            count += 1

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(repeat(one))
    return count / (time.perf_counter() - started)


async def _commits(house: House, writers: int, seconds: float) -> Part:
    """Insert rows of 20 KB that do not compress, one commit each."""
    pool = await asyncpg.create_pool(house.database, min_size=writers, max_size=writers)
    row = os.urandom(ROW)
    await pool.execute("create table if not exists bench_row (id uuid primary key, body bytea)")
    await pool.execute("alter table bench_row alter column body set storage external")

    async def insert() -> None:
        await pool.execute("insert into bench_row values ($1, $2)", uuid4(), row)

    try:
        rate = await _repeated([insert] * writers, seconds)
    finally:
        await pool.execute("drop table bench_row")
        await pool.close()
    return Part(f"PostgreSQL: commits of one 20 KB row, {writers} writer{'s' * (writers > 1)}", rate)


async def _confirms(house: House, in_flight: int, seconds: float) -> Part:
    """Publish persistent 20 KB messages into a quorum queue, each confirmed."""
    link = await aiormq.connect(house.amqp)
    channel = await link.channel(publisher_confirms=True)
    await channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    body = os.urandom(ROW)

    async def publish() -> None:
        await channel.basic_publish(body, routing_key=QUEUE, properties=Basic.Properties(delivery_mode=2))

    try:
        rate = await _repeated([publish] * in_flight, seconds)
    finally:
        await channel.queue_delete(QUEUE)
        await link.close()
    return Part(f"RabbitMQ: confirms of 20 KB into a quorum queue, {in_flight} in flight", rate)


def _checks(state: Path, xsd_schemas: Path, documents: Sequence[Document]) -> list[Part]:
    """Check documents on one core in this process, without any transport."""
    stored = [_stored(one) for one in documents]
    schema = etree.XMLSchema(file=str(SCHEMAS / "semd" / KIND / "3" / "CDA.xsd"))

    def plainly(one: tuple[Document, StoredContent]) -> None:
        assert schema.validate(etree.fromstring(one[1].content))

    bare = state / "schemas-bare"
    shutil.rmtree(bare, ignore_errors=True)
    shutil.copytree(SCHEMAS, bare)
    shutil.rmtree(bare / "semd")
    levels = {
        "lxml alone: parse + XSD": plainly,
        "our steps without rule sets (parse, canonical form, both signatures, metadata)": _steps(bare),
        "our steps with XSD": _steps(xsd_schemas),
        "our steps with XSD and Schematron": _steps(SCHEMAS),
    }
    return [
        Part(f"One core, {name}", _rate(check, list(zip(documents, stored, strict=True))))
        for name, check in levels.items()
    ]


def _steps(schemas: Path) -> Callable[[tuple[Document, StoredContent]], None]:
    workshop = Workshop(schemas, None)
    now = datetime.now(UTC)

    def check(one: tuple[Document, StoredContent]) -> None:
        document, stored = one
        made = examine(
            ExaminationInput(
                document_id=uuid4(),
                type="semd",
                kind=KIND,
                clinic=document.clinic,
                region="",
                mcod="",
                local_uid=stored.metadata.local_uid or "",
                at=now,
                stored=stored,
            ),
            workshop,
        )
        assert made.passed, [finding.code for finding in made.findings]

    return check


def _rate(
    check: Callable[[tuple[Document, StoredContent]], None], given: Sequence[tuple[Document, StoredContent]]
) -> float:
    check(given[0])
    started = time.thread_time()
    for one in given:
        check(one)
    return len(given) / (time.thread_time() - started)


def _stored(one: Document) -> StoredContent:
    submission = msgspec.json.decode(one.body, type=Submission)
    stored = read_parts(submission)
    assert isinstance(stored, StoredContent)
    assert all(isinstance(part, SealedPart) for part in stored.signatures)
    assert base64.b64decode(submission.content.data) == stored.content
    return stored
