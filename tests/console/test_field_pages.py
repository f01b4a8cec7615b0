"""What an operator reads and does about РЭМД in the field: silence, ages, marks, unknown codes, the comparison."""

import asyncio
import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest
from builders import a_submission
from in_process import House
from office import PASSWORD

from broker.dev.world import Signers, World
from broker.store.channels import ChannelStore
from broker.store.exceptions import ExceptionStore

NUMBER = "119.77.26.05.030830566"


class Visitor:
    """Somebody signed in at the console, reading pages as text."""

    def __init__(self, house: House, http: aiohttp.ClientSession) -> None:
        self.base = f"{house.http}/console/"
        self.http = http
        self.csrf = ""

    async def sign_in(self, login: str) -> None:
        async with self.http.post(self.base + "sign-in", data={"login": login, "password": PASSWORD}) as page:
            self.csrf = re.findall(r'name="csrf" value="([^"]+)"', await page.text())[0]

    async def read(self, path: str = "") -> str:
        async with self.http.get(self.base + path) as page:
            text = await page.text()
            assert page.status == 200, text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))

    async def sees(self, text: str, *, there: bool = True) -> None:
        """Wait for a headline: the overview is counted for everybody, a second or more apart."""
        async with asyncio.timeout(20):
            while (text in await self.read()) != there:  # noqa: ASYNC110  the page is made in another task
                await asyncio.sleep(0.3)

    async def act(self, path: str, **fields: str) -> tuple[int, str]:
        async with self.http.post(self.base + path, data={"csrf": self.csrf, **fields}) as page:
            return page.status, await page.text()


@pytest.fixture
async def operator(house: House) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        visitor = Visitor(house, http)
        await visitor.sign_in("operator")
        yield visitor


@pytest.fixture
async def viewer(house: House) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        visitor = Visitor(house, http)
        await visitor.sign_in("viewer")
        yield visitor


async def refused(house: House, world: World, signers: Signers) -> tuple[str, str]:
    """Make a delivery whose localUid the destination has from somebody else; return document and delivery."""
    ticket = await house.partners[0].submit(a_submission(world, signers), wait=20, until="final")
    document = (ticket.body.get("ticket") or ticket.body)["id"]
    delivery = await house.database.fetchval(
        "update delivery set status = 'rejected', reason = 'destination.local_uid_taken', receipt = null, "
        "stage = 'отказ при приёме' where document_id = $1 returning id",
        uuid.UUID(document),
    )
    await house.database.execute("update document set status = 'failed' where id = $1", uuid.UUID(document))
    return document, str(delivery)


async def test_an_exception_of_the_settings_stands_among_the_acts(house: House, viewer: Visitor):
    store, now = ExceptionStore(house.database), house.clock.now()
    await store.record("remd", "sign_uncertified", "пилот до поставки СКЗИ", now)
    await store.record("remd", "sign_uncertified", "", now)
    acts = await viewer.read("acts")
    for text in ("файл направлений", "исключение в настройках", "пилот до поставки СКЗИ", "исключение снято"):
        assert text in acts


async def test_a_silent_channel_is_the_headline_until_an_operator_sends_on(
    house: House, operator: Visitor, viewer: Visitor
):
    await house.database.execute(
        "insert into channel (destination, clinic_oid, silent_since, silent_count) values ('folder', '', $1, 20)",
        house.clock.now() - dt.timedelta(minutes=5),
    )
    try:
        await operator.sees("входящий канал ИПС молчит")
        page = await operator.read("destinations/folder")
        assert "Входящий канал молчит" in page
        status, _ = await viewer.act("destinations/folder/hear", reason="так надо")
        assert status == 403
        assert (await operator.act("destinations/folder/hear"))[0] == 422
        assert (await operator.act("destinations/folder/hear", reason="у них работы"))[0] == 200
        assert await ChannelStore(house.database).silent() == []
        await operator.sees("молчит", there=False)
    finally:
        await house.database.execute("delete from channel")


async def test_what_waits_for_an_answer_is_counted_by_age_and_the_oldest_is_named(
    house: House, operator: Visitor, world: World, signers: Signers
):
    document, delivery = await refused(house, world, signers)
    await house.database.execute(
        "update delivery set status = 'awaiting_result', sent_at = $2 where id = $1",
        uuid.UUID(delivery),
        house.clock.now() - dt.timedelta(days=4),
    )
    page = await operator.read("destinations/folder")
    assert "до 7 суток" in page
    assert f"Дольше всех: {document[-12:]}" in page
    await house.database.execute("update delivery set status = 'dead' where id = $1", uuid.UUID(delivery))


async def test_a_refused_delivery_is_marked_as_registered_before_and_the_mark_is_taken_back(
    house: House, operator: Visitor, viewer: Visitor, world: World, signers: Signers
):
    document, delivery = await refused(house, world, signers)
    path, fields = f"documents/{document}", {"delivery": delivery, "number": NUMBER, "reason": "прежняя МИС"}
    page = await operator.read(path)
    assert "Зарегистрирован ранее" in page
    assert "Зарегистрирован ранее" not in await viewer.read(path)
    assert (await viewer.act(f"{path}/mark", **fields))[0] == 403
    status, text = await operator.act(f"{path}/mark", **(fields | {"number": "119"}))
    assert status == 422
    assert "Это не номер РЭМД" in text
    assert (await operator.act(f"{path}/mark", **(fields | {"delivery": str(uuid.uuid4())})))[0] == 404
    status, text = await operator.act(f"{path}/mark", **fields)
    assert status == 200
    assert NUMBER in text
    assert "operator" in await operator.read("acts")
    assert "отметить «зарегистрирован ранее»" in await operator.read("acts")
    assert (await operator.act(f"{path}/unmark", delivery=delivery, reason="ошибся"))[0] == 200
    assert (await operator.act(f"{path}/unmark", delivery=delivery, reason="ошибся"))[0] == 409


async def test_an_unknown_code_is_listed_until_it_is_seen_to(house: House, operator: Visitor):
    await house.database.execute(
        "insert into unknown_answer (destination, code, first_at, last_at) values ('folder', 'NEW_ONE', $1, $1)",
        house.clock.now(),
    )
    await operator.sees("1 неизвестный код")
    assert "NEW_ONE" in await operator.read("unknown-codes")
    fields = {"destination": "folder", "code": "NEW_ONE"}
    assert (await operator.act("unknown-codes/settle", **fields))[0] == 200
    assert (await operator.act("unknown-codes/settle", **fields))[0] == 404
    assert "разобран" in await operator.read("unknown-codes")


async def test_differences_with_the_registry_are_a_headline_and_are_listed_one_by_one(
    house: House, operator: Visitor, world: World
):
    now, identifier = house.clock.now(), uuid.uuid4()
    await house.database.execute(
        "insert into reconciliation (id, destination, clinic_oid, day, round, since, until, status, planned_at, "
        "planned_by, finished_at, ours, theirs, differences) "
        "values ($1, 'folder', $2, $3, 0, $4, $5, 'done', $5, 'night', $5, 3, 2, 1)",
        identifier,
        world.clinics[0].oid,
        now.date(),
        now - dt.timedelta(days=3),
        now,
    )
    uid = str(uuid.uuid4())
    await house.database.execute(
        "insert into reconciliation_difference values ($1, 'missing_there', $2, $3, '', null)",
        identifier,
        uid,
        NUMBER,
    )
    try:
        await operator.sees("Сверка с реестром: 1 расхождение у 1 клиники")
        page = await operator.read("reconciliation")
        assert uid in page
        assert "у нас зарегистрирован, в реестре нет" in page
        assert (await operator.act("destinations/folder/reconcile"))[0] == 404, "a directory has no registry"
    finally:
        await house.database.execute("delete from reconciliation")


async def test_a_clinic_one_destination_denies_is_shown_and_confirmed_again(
    house: House, operator: Visitor, world: World
):
    oid = world.clinics[0].oid
    await house.database.execute(
        "insert into clinic_unlinked values ($1, 'folder', $2)", oid, house.clock.now()
    )
    assert "клиника не привязана" in await operator.read(f"clinics/{oid}")
    assert oid in await operator.read("clinics?link=open")
    assert (await operator.act(f"clinics/{oid}/change", what="link", link="confirmed"))[0] == 200
    assert "клиника не привязана" not in await operator.read(f"clinics/{oid}")
