"""Whoever waits is told why and until when: behind its predecessor, a pause, an open breaker; at the API and in the console."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from argon2 import PasswordHasher
from builders import a_sample, a_signature, a_submission
from in_process import CLAIM_UNDER_WAY, House
from partner import Partner, until
from scripted import Scripted

from broker.adapter_kit import Awaiting, Delivered, Unavailable
from broker.adapter_kit.clocks import SystemClock
from broker.delivery.breaker import Breaker
from broker.dev.world import Signers, World
from broker.document.receipt import Receipt
from broker.samples.submission import make_submission
from broker.store.destinations import DestinationStore
from broker.store.operators import OperatorStore

PASSWORD = "пробный пароль 2026"
ROW = re.compile(r"<tr>\s*<th.*?</tr>", re.DOTALL)


class Office:
    """An operator's eyes: the rows of the console's pages that speak of a document's delivery, as text."""

    def __init__(self, house: House, http: aiohttp.ClientSession) -> None:
        self._base = f"{house.http}/console/"
        self._http = http

    async def sign_in(self) -> None:
        form = {"login": "viewer", "password": PASSWORD}
        async with self._http.post(f"{self._base}sign-in", data=form) as response:
            assert response.status == 200, await response.text()

    async def row(self, path: str, having: str) -> str:
        async with self._http.get(self._base + path) as response:
            page = await response.text()
            assert response.status == 200, page
        (row,) = [row for row in ROW.findall(page) if having in row]
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))

    async def rows(self, document: str) -> list[str]:
        """The delivery on the document's page and in the destination's list."""
        listed = await self.row("destinations/scripted", f"documents/{document}")
        return [await self.row(f"documents/{document}", "destinations/scripted"), listed]


@pytest.fixture
async def office(house: House) -> AsyncIterator[Office]:
    hashed = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await OperatorStore(house.database).put("viewer", hashed, "viewer", SystemClock().now())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        office = Office(house, http)
        await office.sign_in()
        yield office


def instant(delivery: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(delivery["nextAttemptAt"])


async def test_who_waits_for_its_predecessor_says_so_and_when_it_is_looked_at_again(
    alpha: Partner, house: House, there: Scripted, office: Office, world: World, signers: Signers
):
    sample = a_sample(world)
    there.answers[sample.local_uid] = [Awaiting("c")]
    first = await alpha.submit(make_submission(sample, a_signature(signers)))
    await until(alpha, first.body["id"], status="awaiting_result")
    anew = msgspec.structs.replace(sample, message_id=str(uuid.uuid4()))
    second = await alpha.submit(make_submission(anew, a_signature(signers, minutes_ago=1)))
    document = second.body["id"]
    delivery = await until(alpha, document, reason="delivery.waits_for_predecessor")
    assert delivery["status"] == "queued"
    assert instant(delivery) > house.clock.now() - timedelta(seconds=2)
    for row in await office.rows(document):
        assert "ждёт предыдущую версию" in row
    there.polled[sample.local_uid] = [Delivered(Receipt(provider="scripted", gis_id="1"))]
    house.pass_time(400)
    await alpha.outcome(first.body["id"])
    house.pass_time(400)  # who has waited long is looked at rarely
    assert (await alpha.outcome(document))["deliveries"][0]["reason"] == ""


async def test_who_waits_for_a_paused_destination_says_so_and_names_no_time(
    alpha: Partner, house: House, office: Office, world: World, signers: Signers
):
    store = DestinationStore(house.database)
    await store.pause("scripted", "оператор", "работы у них", house.clock.now())
    try:
        await asyncio.sleep(CLAIM_UNDER_WAY)
        document = (await alpha.submit(a_submission(world, signers), wait=20)).body["id"]
        delivery = await until(alpha, document, status="queued")
        assert (delivery["reason"], delivery["nextAttemptAt"]) == ("destination.paused", None)
        for row in await office.rows(document):
            assert "направление приостановлено" in row
            assert "когда возобновят" in row
            assert "сейчас" not in row
    finally:
        await store.resume("scripted", "оператор", house.clock.now())
    assert (await alpha.outcome(document))["deliveries"][0]["reason"] == ""


async def test_who_waits_behind_an_open_breaker_names_its_reason_and_when_it_is_tried(
    alpha: Partner, house: House, there: Scripted, office: Office, world: World, signers: Signers
):
    for _ in range(6):
        one = a_submission(world, signers)
        there.answers[one.metadata.local_uid] = [Unavailable("destination.connect_failed")] * 20
        await alpha.submit(one, wait=20)
    store = DestinationStore(house.database)
    while (
        state := (await store.states())["scripted"]
    ).failures < 9:  # from here on it stays open for 8 s or longer
        house.pass_time(2)
        await asyncio.sleep(0.1)
    late = (await alpha.submit(a_submission(world, signers), wait=20)).body["id"]
    delivery = await until(alpha, late, reason="destination.connect_failed")
    assert (delivery["status"], delivery["attempt"]) == ("queued", 0)
    assert instant(delivery) == state.open_until
    for row in await office.rows(late):
        assert "нет соединения" in row
    there.forget()
    house.pass_time(200)
    assert (await alpha.outcome(late))["status"] == "completed"


async def test_what_a_dead_worker_showed_of_its_breaker_is_gone_with_the_first_success_of_the_next(
    alpha: Partner, house: House, world: World, signers: Signers
):
    store = DestinationStore(house.database)
    opened = Breaker(7, house.clock.now())
    await house.stop("work")
    await store.show_breaker("scripted", opened, "destination.connect_failed", house.clock.now())
    await house.start("work")
    await alpha.submit(a_submission(world, signers), wait=20, until="final")
    for _ in range(200):
        if (await store.states())["scripted"].open_until is None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it is still shown as open")
