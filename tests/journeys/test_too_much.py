"""Too much at once: who guesses keys is slowed down, who finds no room for its body comes again; nobody else suffers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from builders import a_submission
from in_process import House, a_house
from partner import Partner
from servers import Databases

from broker.dev.world import World
from broker.telemetry.metrics import BODIES

MIB = 1024 * 1024
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    """Doors with as little room for bodies as there may be."""
    async with databases.fresh() as url:
        room = tmp_path_factory.mktemp("much")
        async with a_house(
            room, url, world, processes=("serve",), INAYA_BODIES_LIMIT=str(192 * MIB)
        ) as house:
            yield house


async def test_who_guesses_keys_must_wait_and_who_has_one_need_not(house: House, world, signers):
    async with Partner(house.http, "inaya_000000000000_" + "A" * 43) as guesser:
        answers = [await guesser.get("/documents") for _ in range(22)]
    assert [answer.status for answer in answers] == [401] * 20 + [429] * 2
    assert answers[-1].code == "partner.too_many_failures"
    assert answers[-1].headers["Retry-After"]
    assert all(CYRILLIC.search(answers[-1].body[field]) for field in ("title", "detail", "fix"))
    rows = "select count(*) from journal where body ->> 'code' = 'partner.unauthorized'"
    assert await house.database.fetchval(rows) == 20, "not a row more than is answered"
    assert (await house.partners[0].submit(a_submission(world, signers))).status == 202


@asynccontextmanager
async def a_body_that_stalls(house: House, size: int) -> AsyncIterator[None]:
    """Announce a body and send nothing of it."""
    address = urlsplit(house.http)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"POST /api/v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.partners[0].secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
    )
    await writer.drain()
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_body_that_finds_no_room_is_asked_to_come_again_and_is_taken_then(
    house: House, world, signers, monkeypatch
):
    monkeypatch.setattr("broker.api.bodies.WAIT", 0.5)
    submission = a_submission(world, signers)
    async with AsyncExitStack() as stack:
        for size in (40 * MIB, 40 * MIB, 16 * MIB):  # each counts twice
            await stack.enter_async_context(a_body_that_stalls(house, size))
        await until_held(192 * MIB)
        answer = await house.partners[0].submit(submission)
    assert (answer.status, answer.code) == (503, "intake.overloaded")
    assert answer.headers["Retry-After"]
    assert all(CYRILLIC.search(answer.body[field]) for field in ("title", "detail", "fix"))
    assert (
        await house.database.fetchval("select count(*) from submission where key = $1", submission.message_id)
        == 0
    )
    await until_held(0)
    assert (await house.partners[0].submit(submission)).status == 202


async def until_held(size: int) -> None:
    async with asyncio.timeout(20):
        while BODIES.collect()[0].samples[0].value != size:  # noqa: ASYNC110  a gauge sets no event
            await asyncio.sleep(0.02)
