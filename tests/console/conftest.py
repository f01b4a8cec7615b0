"""A house with three operators, at its doors and in a real browser."""

import os
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher
from in_process import House, a_house
from office import PASSWORD, Person
from playwright.async_api import Browser, Page, async_playwright, expect
from servers import Databases

from broker.adapter_kit.clocks import SystemClock
from broker.dev.install import InstallPolicy, Missing, ensure_chromium
from broker.dev.world import World
from broker.store.operators import OperatorStore

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


expect.set_options(timeout=20_000)
"""Milliseconds: what a page shows is counted up to a second ago and shown anew every five."""


async def seed_operators(house: House) -> None:
    store = OperatorStore(house.database)
    hashed = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    for role in ("viewer", "operator", "admin"):
        await store.put(role, hashed, role, SystemClock().now())


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    async with (
        databases.fresh() as url,
        a_house(tmp_path_factory.mktemp("house"), url, world) as house,
    ):
        await seed_operators(house)
        yield house


@pytest.fixture
async def people(house: House) -> AsyncIterator[dict[str, Person]]:
    """Everybody by role; ``nobody`` has no password."""
    found = {role: Person(house.http, role) for role in ("viewer", "operator", "admin")}
    found["nobody"] = Person(house.http)
    yield found
    for person in found.values():
        await person.close()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = await ensure_chromium(InstallPolicy.of(os.environ))
    if isinstance(chromium, Missing):
        pytest.skip(f"НЕ ПРОВЕРЕНО: {chromium.reason}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Page]:
    """A browser of the test's own; what its console complains about fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Refused" in said.text else None)
    yield page
    await context.close()
    assert complaints == []
