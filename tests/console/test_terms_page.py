"""The page of terms in a real browser: who is late and why, what was in time, what is only provisional, on a desk and a phone."""

import uuid

import pytest
from builders import a_submission
from in_process import House
from office import sign_in
from playwright.async_api import Page, expect

from broker.dev.world import Signers, World

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def a_document(house: House, world: World, signers: Signers, change: str) -> str:
    """Have a document delivered, then make of it what a test needs; return its localUid."""
    ticket = await house.partners[0].submit(a_submission(world, signers), wait=20, until="final")
    document = uuid.UUID((ticket.body.get("ticket") or ticket.body)["id"])
    await house.database.execute(
        "update document set received_at = received_at - interval '3 days' where id = $1", document
    )
    await house.database.execute(f"update delivery set {change} where document_id = $1", document)
    return await house.database.fetchval("select local_uid from document where id = $1", document)


@pytest.fixture
async def documents(house: House, world: World, signers: Signers) -> dict[str, str]:
    """One that is held and over its term, which is provisional; one registered in time."""
    await house.database.execute("update delivery set term_marks = null")  # of tests before
    marks = "term_from = now(), term_days = 1, term_marks = array[now(), now(), now() {} interval '1 day']"
    return {
        "late": await a_document(
            house, world, signers,
            "status = 'held', reason = 'clinic.not_linked', receipt = null, sent_at = null, term_provisional = true,"
            " status_at = now() - interval '2 days', " + marks.format("-"),
        ),
        "kept": await a_document(
            house, world, signers,
            "status = 'registered', term_provisional = false, " + marks.format("+"),
        ),
    }  # fmt: skip


async def test_the_page_says_who_is_late_whose_delay_it_is_and_what_is_provisional(
    house: House, tab: Page, documents: dict[str, str]
):
    await sign_in(house, tab)
    await tab.click("nav >> text=Сроки")
    row = tab.locator("tbody tr", has_text=documents["late"])
    await expect(row).to_have_count(1)
    for text in (
        "1 рабочий день",
        "предварительно",
        "1 сут",
        "не было условия",
        "2 сут",
        "клиника не привязана к нашей системе в РЭМД",
        "не зарегистрирован",
    ):
        await expect(row).to_contain_text(text)
    await expect(tab.locator("main")).to_contain_text(
        "производственный календарь на эти дни ещё не утверждён"
    )
    await expect(tab.locator("main")).not_to_contain_text(documents["kept"])
    assert await tab.evaluate(FITS)


async def test_the_page_is_asked_for_what_was_in_time_and_for_everything(
    house: House, tab: Page, documents: dict[str, str]
):
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/terms")
    await tab.click("text=зарегистрированные в срок")
    await expect(tab).to_have_url(f"{house.http}/console/terms?only=in_time")
    await expect(tab.locator("main")).to_contain_text(documents["kept"])
    await expect(tab.locator("main")).not_to_contain_text(documents["late"])
    await expect(tab.locator("main")).not_to_contain_text("предварительно")
    await tab.click("main >> text=все")
    for local_uid in documents.values():
        await expect(tab.locator("main")).to_contain_text(local_uid)
    await tab.goto(f"{house.http}/console/terms?only=нет-такого")
    await expect(tab.locator("main strong")).to_have_text("просроченные")


async def test_the_page_fits_a_phone(house: House, tab: Page, documents: dict[str, str]):
    await sign_in(house, tab)
    await tab.set_viewport_size({"width": 390, "height": 800})
    await tab.goto(f"{house.http}/console/terms?only=all")
    await expect(tab.locator("main")).to_contain_text(documents["late"])
    assert await tab.evaluate(FITS)
