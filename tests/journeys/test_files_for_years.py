"""A clinic that keeps its own files: after the registration ours goes, and РЭМД still gets the very bytes for years."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from builders import a_submission
from clinic import KEY, ClinicShelf
from in_process import KEY as MASTER
from in_process import House, a_house
from partner import Partner
from servers import Databases

from adapters.remd.simulator import create
from broker.adapter_kit import Destination
from broker.adapter_kit.clocks import FileClock
from broker.adapter_kit.harness import serving
from broker.adapter_kit.simulation import SimulatorSetup
from broker.archive import Codec, MasterKeys, StoredContent
from broker.dev.state import free_port
from broker.dev.world import Signers, World
from broker.document.submission import Submission
from broker.intake.read import read_parts
from broker.routing.table import Rule, Table, When
from broker.store.files import FileStore

CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"
DAY = 86_400.0


class Contour:
    """A house, the РЭМД beside it, and what a test asks of both."""

    def __init__(self, house: House, remd: str) -> None:
        self.house, self.remd = house, remd
        self.alpha: Partner = house.partners[0]

    async def registered(self, submission: Submission) -> dict[str, Any]:
        made = await self.alpha.submit(submission, wait=20, until="final")
        document: dict[str, Any] = made.body["document"]
        assert document["status"] == "completed"
        return document

    async def demand(self, **whose: str) -> dict[str, Any]:
        """Have РЭМД ask us for a registered document's file, as it may for years."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.remd}/sim/ask-files", json=whose) as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found

    async def keeps_its_own(self, clinic: str) -> None:
        await self.house.database.execute("update clinic set storage = 'clinic' where oid = $1", clinic)

    async def let_go(self, document: str) -> None:
        """Let days pass until the nightly walk has let our copy go."""
        self.house.pass_time(16 * DAY)
        async with asyncio.timeout(20):
            while not await self.gone(document):  # noqa: ASYNC110  the walk is a worker's
                await asyncio.sleep(0.05)

    async def gone(self, document: str) -> bool:
        return bool(
            await self.house.database.fetchval(
                "select count(*) from file_fate where document_id = $1::uuid", document
            )
        )


@pytest.fixture
async def contour(tmp_path: Path, databases: Databases, world: World) -> AsyncIterator[Contour]:
    port = free_port()
    setup = SimulatorSetup(
        clock=FileClock(tmp_path / "house/clock"),
        params={"fileRetrySeconds": 0.1},
    )
    async with databases.fresh() as url, serving(create(setup)) as remd:
        destination = Destination(
            id="remd",
            adapter="remd",
            url=f"{remd}/port/emdr",
            mode="any",
            params={"client_entity_id": CLIENT, "reply_to": f"http://127.0.0.1:{port}/peer/remd/callback"},
        )
        async with a_house(
            tmp_path / "house",
            url,
            world,
            destinations=[destination],
            table=Table((Rule(name="всё в РЭМД", destination="remd", when=When(), registers=True),)),
            INAYA_PEER_PORT=str(port),
            INAYA_WATCH_SECONDS="0.1",
            INAYA_RECONCILE_HOUR="-1",
            INAYA_PURGE_HOUR="0",
        ) as house:
            yield Contour(house, remd)


def bytes_of(submission: Submission) -> bytes:
    stored = read_parts(submission)
    assert isinstance(stored, StoredContent)
    return stored.content


async def test_a_file_our_archive_keeps_is_handed_out_after_years(
    contour: Contour, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    document = await contour.registered(submission)
    contour.house.pass_time(9000 * DAY)
    number = document["receipts"][0]["emdrId"]
    handed = await contour.demand(emdrId=number)
    assert (handed["status"], handed["sha256"]) == ("success", document["digest"])
    await asyncio.sleep(0.5)
    assert not await contour.gone(document["id"]), "РЭМД may ask until the day it named"


async def test_a_clinic_told_of_a_request_hands_the_file_back_and_remd_gets_it(
    contour: Contour, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    document = await contour.registered(submission)
    await contour.keeps_its_own(document["clinic"])
    await contour.let_go(document["id"])
    number = document["receipts"][0]["emdrId"]
    path = f"/documents/{document['id']}/content"
    assert (await contour.alpha.get(path)).status == 410

    asked = await contour.demand(emdrId=number)
    assert asked["status"] != "success"
    assert asked["size"] == 0
    (told,) = [one for one in await contour.alpha.events(document["id"]) if one["event"] == "file.requested"]
    assert (told["destination"], told["reason"]) == ("remd", "file.with_clinic")

    content = bytes_of(submission)
    wrong = await contour.alpha.put(path, data=content + b"\n")
    assert (wrong.status, wrong.code) == (422, "partner.file_differs")
    assert document["digest"] in wrong.body["detail"]
    foreign = await contour.house.partners[1].put(path, data=content)
    assert (foreign.status, foreign.code) == (404, "partner.not_found")
    given = await contour.alpha.put(path, data=content)
    assert (given.status, given.body["where"]) == (200, "returned")

    for whose in ({"emdrId": number}, {"localUid": document["localUid"]}):
        handed = await contour.demand(**whose)
        assert (handed["status"], handed["sha256"]) == ("success", document["digest"])
    contour.house.pass_time(16 * DAY)
    assert (await contour.demand(emdrId=number))["status"] != "success", "kept for its time only"


async def test_a_clinic_with_an_endpoint_is_asked_at_once_and_never_trusted_blindly(
    contour: Contour, world: World, signers: Signers
):
    shelf = ClinicShelf()
    async with shelf.open() as url:
        submission = a_submission(world, signers)
        document = await contour.registered(submission)
        number = document["receipts"][0]["emdrId"]
        await contour.keeps_its_own(document["clinic"])
        await set_endpoint(contour, document["clinic"], url)
        contour.house.pass_time(16 * DAY)
        async with asyncio.timeout(20):
            while not shelf.asked:  # noqa: ASYNC110  the walk is a worker's
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert not await contour.gone(document["id"]), "a clinic that does not serve keeps ours alive"

        shelf.keep(bytes_of(submission))
        contour.house.pass_time(DAY)
        await contour.let_go(document["id"])
        handed = await contour.demand(emdrId=number)
        assert (handed["status"], handed["sha256"]) == ("success", document["digest"])

        shelf.mood = web.Response(status=500)
        assert (await contour.demand(emdrId=number))["status"] != "success"
        (told,) = [
            one for one in await contour.alpha.events(document["id"]) if one["event"] == "file.requested"
        ]
        assert told["reason"] == "clinic.refused"


async def test_a_damaged_copy_is_asked_for_again_later_and_mended_by_its_clinic(
    contour: Contour, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    document = await contour.registered(submission)
    number = document["receipts"][0]["emdrId"]
    await contour.house.database.execute(
        "update content set body = set_byte(body, 60, get_byte(body, 60) # 1) where document_id = $1::uuid",
        document["id"],
    )
    assert (await contour.demand(emdrId=number))["status"] != "success"
    path = f"/documents/{document['id']}/content"
    given = await contour.alpha.put(path, data=bytes_of(submission))
    assert (given.status, given.body["where"]) == (200, "returned")
    contour.house.pass_time(400 * DAY)
    handed = await contour.demand(emdrId=number)
    assert (handed["status"], handed["sha256"]) == ("success", document["digest"])


async def test_handing_back_what_we_have_changes_nothing(contour: Contour, world: World, signers: Signers):
    submission = a_submission(world, signers)
    document = await contour.registered(submission)
    path = f"/documents/{document['id']}/content"
    given = await contour.alpha.put(path, data=bytes_of(submission))
    assert (given.status, given.body["where"]) == (200, "archive")
    assert await contour.house.database.fetchval("select count(*) from returned_file") == 0


async def set_endpoint(contour: Contour, clinic: str, url: str) -> None:

    store = FileStore(contour.house.database, Codec(MasterKeys({0: MASTER})), lambda _kind: 25)
    assert await store.set_endpoint(clinic, url, KEY.encode(), contour.house.clock.now(), actor="оператор")
