"""A whole house against the simulated РЭМД whose calls do not reach us: it is noticed, held, asked, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from builders import a_submission
from in_process import CLAIM_UNDER_WAY, House, a_house
from partner import Partner
from servers import Databases

from adapters.remd.simulator import create
from broker.adapter_kit import Destination
from broker.adapter_kit.clocks import FileClock
from broker.adapter_kit.harness import serving
from broker.adapter_kit.simulation import SimulatorSetup
from broker.dev.world import Signers, World
from broker.routing.table import Rule, Table, When

CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"
DAY = 86_400.0


def everything(_body: bytes) -> bool:
    return True


def nothing(_body: bytes) -> bool:
    return False


def verdicts(body: bytes) -> bool:
    return b"relatesToMessage" in body


class Wall:
    """Between the simulated РЭМД and us: the calls it ``stops`` are lost on the way."""

    def __init__(self) -> None:
        self.stops: Callable[[bytes], bool] = nothing
        self.stopped = 0
        self.house = ""

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/callback", self._call)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.stops(body):
            self.stopped += 1
            return web.Response(status=502)
        url, headers = f"{self.house}/peer/remd/callback", {"Content-Type": request.headers["Content-Type"]}
        async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as response:
            answer = await response.read()
            kind = response.headers["Content-Type"]
            return web.Response(status=response.status, body=answer, headers={"Content-Type": kind})


@pytest.fixture
async def walled(tmp_path: Path, databases: Databases, world: World) -> AsyncIterator[tuple[House, Wall]]:
    """A house with РЭМД behind a wall that does not stand yet."""
    wall = Wall()
    async with databases.fresh() as url, serving(wall.application()) as way:
        setup = SimulatorSetup(
            clock=FileClock(tmp_path / "house/clock"),
            params={"fileRetrySeconds": 0.1},
        )
        async with serving(create(setup)) as remd:
            destination = Destination(
                id="remd",
                adapter="remd",
                url=f"{remd}/port/emdr",
                mode="any",
                silent_documents=3,
                params={"client_entity_id": CLIENT, "reply_to": f"{way}/callback"},
            )
            async with a_house(
                tmp_path / "house",
                url,
                world,
                destinations=[destination],
                table=Table((Rule(name="всё в РЭМД", destination="remd", when=When(), registers=True),)),
                INAYA_WATCH_SECONDS="0.1",
                INAYA_RECONCILE_HOUR="-1",
            ) as house:
                wall.house = house.peer
                yield house, wall


async def eventually(question: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await question():  # noqa: ASYNC110  the other side is a worker
            await asyncio.sleep(0.05)


async def statuses(house: House) -> list[str]:
    rows = await house.database.fetch("select status from delivery order by created_at")
    return [row["status"] for row in rows]


async def test_a_silent_channel_is_held_and_the_first_call_lets_everything_go(
    walled: tuple[House, Wall], world: World, signers: Signers
):
    house, wall = walled
    alpha: Partner = house.partners[0]
    wall.stops = everything
    for _ in range(3):
        await alpha.submit(a_submission(world, signers), wait=20)

    async def taken() -> bool:
        return await statuses(house) == ["awaiting_result"] * 3

    await eventually(taken)
    house.pass_time(31 * 60)

    async def silent() -> bool:
        return (
            await house.database.fetchval("select count(*) from channel where silent_since is not null") == 1
        )

    await eventually(silent)
    await asyncio.sleep(CLAIM_UNDER_WAY)
    late = (await alpha.submit(a_submission(world, signers), wait=20)).body["id"]
    await asyncio.sleep(3 * CLAIM_UNDER_WAY)
    assert (await statuses(house))[3] == "queued", "nothing is sent to whom we cannot hear"
    assert (
        await house.database.fetchval("select max(attempt) from delivery where document_id = $1", late) == 0
    )
    wall.stops = nothing
    house.pass_time(60)

    async def registered() -> bool:
        return await statuses(house) == ["registered"] * 4

    await eventually(registered, 40)
    events = await house.database.fetch(
        "select event from journal where event like 'destination.inbound%' order by id"
    )
    assert [row["event"] for row in events] == ["destination.inbound_silent", "destination.inbound_heard"]


async def test_what_was_registered_and_never_told_is_found_by_asking_at_the_end(
    walled: tuple[House, Wall], world: World, signers: Signers
):
    """The file is taken, the verdict is lost: after fifteen days the registry is asked, and has it."""
    house, wall = walled
    alpha: Partner = house.partners[0]
    wall.stops = verdicts
    ticket = (await alpha.submit(a_submission(world, signers), wait=20)).body["id"]

    async def served() -> bool:
        return bool(await house.database.fetchval("select count(*) from journal where event = 'file.served'"))

    async def verdict_lost() -> bool:
        return wall.stopped > 0 and await statuses(house) == ["awaiting_result"]

    await eventually(served)
    await eventually(verdict_lost)
    house.pass_time(15 * DAY + 60)
    found = await alpha.outcome(ticket)
    assert found["deliveries"][0]["status"] == "registered"
    assert found["deliveries"][0]["receipt"]["emdrId"]
