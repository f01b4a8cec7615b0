"""Files for years on the console: what РЭМД waits for is seen at once, a clinic is told to keep its own, in a real browser."""

import uuid

import pytest
from builders import a_submission
from in_process import KEY, House
from office import picture, sign_in
from playwright.async_api import Page, expect

from broker.archive import Codec, MasterKeys
from broker.archive.retention import Depth, Go, Why
from broker.dev.world import Signers, World
from broker.store.files import FileStore

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture
async def awaited(house: House, world: World, signers: Signers) -> str:
    """A document whose file its clinic keeps, asked for in vain two days ago."""
    ticket = await house.partners[0].submit(a_submission(world, signers), wait=20, until="final")
    document = (ticket.body.get("ticket") or ticket.body)["id"]
    store = FileStore(house.database, Codec(MasterKeys({0: KEY})), lambda _kind: 25)
    now = house.clock.now()
    await store.let_go(uuid.UUID(document), lambda _case: Go(Why.CLINIC, Depth.FILE), now, by="purge")
    await store.asked(uuid.UUID(document), "folder", "file.with_clinic", now)
    await house.database.execute("update file_request set first_at = first_at - interval '2 days'")
    return document


async def test_a_file_somebody_waits_for_is_the_headline_and_leads_to_its_document(
    house: House, tab: Page, awaited: str
):
    await sign_in(house, tab)
    headline = tab.locator("a", has_text="которых у нас нет")
    await expect(headline.first).to_contain_text("их должна вернуть клиника")
    await headline.first.click()
    row = tab.locator("tbody tr", has_text=awaited)
    await expect(row).to_contain_text("файл хранит клиника")
    assert await tab.evaluate(FITS)
    await picture(tab, "files.png", height=560)
    await row.locator("a").first.click()
    await expect(tab.locator("dl.facts")).to_contain_text("файл хранит клиника")
    await expect(tab.locator("main")).to_contain_text("Файл удалён из нашего архива")
    await house.database.execute("update file_request set answered_at = now()")
    await tab.goto(f"{house.http}/console/files")
    await expect(tab.locator("main")).to_contain_text("Никто ничего не ждёт")


async def test_an_operator_tells_us_that_a_clinic_keeps_its_own_and_where_it_hands_them_out(
    house: House, tab: Page, world: World
):
    oid = world.cards()[0].oid
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/clinics/{oid}")
    await tab.click("text=Клиника хранит сама")
    await expect(tab.locator("main")).to_contain_text("хранит клиника")
    await tab.click("summary:has-text('Задать точку')")
    await tab.fill("[name=url]", "https://clinic.example/files")
    await tab.fill("[name=key]", "короткий")
    await tab.click("details[open] button.main")
    await expect(tab.locator("main")).to_contain_text("короче 32 знаков")
    await tab.goto(f"{house.http}/console/clinics/{oid}")
    await tab.click("summary:has-text('Задать точку')")
    await tab.fill("[name=url]", "https://clinic.example/files")
    await tab.fill("[name=key]", "0123456789abcdef0123456789abcdef")
    await tab.click("details[open] button.main")
    await expect(tab.locator("main")).to_contain_text("возьмём его у клиники: https://clinic.example/files")
    await tab.click("text=Хранить у нас")
    await expect(tab.locator("main")).to_contain_text("лежат в нашем архиве")
    assert "0123456789abcdef" not in await tab.content()
