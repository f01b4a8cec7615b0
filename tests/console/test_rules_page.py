"""The page of rules in a real browser: a pack is looked at, put into force, weighed and taken back; two operators decide together."""

import datetime as dt
from pathlib import Path

import pytest
from in_process import House
from office import picture, sign_in
from playwright.async_api import Page, expect

from broker.control.importing import Importing
from broker.control.rules import RuleDesk
from broker.document.kind import KindCatalogue
from broker.store.rules import Revision, RuleStore
from broker.validation.packs import Pack, read_pack, self_test

pytestmark = pytest.mark.browser
SCHEMATRON = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule context="ClinicalDocument">'
    "<assert test=\"templateId/@root='1.2.643.5.1.13.13.15.{number}.{edition}'\">У1-1. templateId</assert>"
    "</rule></pattern></schema>"
)
KINDS = Path(__file__).parents[2] / "schemas" / "nsi" / "kinds.toml"


async def imported(house: House, room: Path, kind: str, number: int, edition: int) -> Pack:
    """Bring a small pack in the way the command does."""
    directory = room / f"1.2.643.5.1.13.13.15.{number}.{edition}"
    (directory / "schematron").mkdir(parents=True)
    text = SCHEMATRON.format(number=number, edition=edition)
    (directory / "schematron" / f"{kind} Schematron v.1.7.sch").write_text(text, encoding="utf-8")
    (directory / "README.md").write_text("# Протокол консультации, редакция 7\n", encoding="utf-8")
    catalogue = KindCatalogue.load(KINDS)
    pack = read_pack(directory, directory.name, catalogue)
    assert isinstance(pack, Pack), pack
    desk = a_desk(house)
    tested = self_test(pack, catalogue, house.clock.now())
    assert await Importing(desk.store, desk, house.clock).pack(
        pack, tested, source=directory.name, actor="cli:anna"
    )
    return pack


def a_desk(house: House, *, four_eyes: bool = False) -> RuleDesk:
    return RuleDesk(RuleStore(house.database), house.clock, four_eyes=four_eyes)


async def confirm(tab: Page, summary: str, button: str, reason: str) -> None:
    """Open a folded form, write the reason, press its button."""
    form = tab.locator("details.reasoned", has_text=summary).first
    await form.locator("summary").click()
    await form.locator("textarea").fill(reason)
    await form.get_by_role("button", name=button).click()


async def test_a_pack_is_put_into_force_weighed_and_taken_back(house: House, tab: Page, tmp_path: Path):
    pack = await imported(house, tmp_path, "290", 13, 7)
    await sign_in(house, tab, "operator")
    await tab.click("nav >> text=Правила")
    await expect(tab.locator("h1")).to_contain_text("действуют правила поставки")
    await tab.click(f"a[href$='{pack.digest}']")
    await expect(tab.locator("pre.log")).to_contain_text("правил 1, проверок 1")
    form = tab.locator("details.reasoned", has_text="Ввести в действие…")
    await form.locator("summary").click()
    await form.locator("[name=starts]").fill("2026-01-10")
    await form.locator("textarea").fill("Schematron 1.7")
    await form.get_by_role("button", name="Ввести в действие").click()
    await expect(tab.locator(".done")).to_contain_text("Правила изменены")
    await expect(tab.locator("table.rows").first).to_contain_text("10.01.2026")

    await tab.click("text=Изменить вес правила…")
    weights = tab.locator("form[action$='rules/weights']").last
    await weights.locator("[name=layer]").select_option("schematron")
    await weights.locator("[name=rule]").fill("У1-1")
    await weights.locator("[name=severity]").select_option("warning")
    await weights.locator("textarea").fill("правило неверно")
    await weights.get_by_role("button", name="Изменить").click()
    await expect(tab.get_by_role("row", name="предупреждает").first).to_contain_text("У1-1")

    await confirm(tab, "Вернуться к правилам поставки…", "Вернуться", "проба окончена")
    await expect(tab.locator("h1")).to_contain_text("действует редакция")
    await expect(tab.locator("p.empty").first).to_contain_text("Официальные пакеты не введены")
    await tab.goto(f"{house.http}/console/acts")
    await expect(tab.locator("table.rows")).to_contain_text("вернуть прежние правила")
    await expect(tab.locator("table.rows")).to_contain_text("Schematron 1.7")


async def test_what_one_operator_proposes_another_puts_into_force(house: House, tab: Page, tmp_path: Path):
    pack = await imported(house, tmp_path, "227", 13, 5)
    proposal = await a_desk(house, four_eyes=True).activate(
        "227", pack.digest, starts=dt.date(2026, 2, 1), reason="вышла 1.7", actor="operator:anna"
    )
    assert isinstance(proposal, Revision)
    await sign_in(house, tab, "operator")
    await expect(tab.locator(".lights")).to_contain_text("1 изменение правил ждёт второго оператора")
    await tab.goto(f"{house.http}/console/rules")
    await expect(tab.locator(".notice")).to_contain_text("вышла 1.7")
    await tab.click("text=Ввести в действие")
    await expect(tab.locator(".done")).to_contain_text("Правила изменены")
    await expect(tab.locator(".notice")).to_have_count(0)
    await picture(tab, "rules.png", height=1180)
    current = await RuleStore(house.database).book()
    assert current.revision == proposal.revision


async def test_a_viewer_reads_the_rules_and_changes_nothing(house: House, tab: Page):
    await sign_in(house, tab, "viewer")
    await tab.goto(f"{house.http}/console/rules")
    await expect(tab.locator("h2", has_text="История")).to_be_visible()
    await expect(tab.locator("main form")).to_have_count(0)


async def test_a_pack_nobody_has_and_a_day_nobody_can_read_are_answered_in_words(
    house: House, tab: Page, tmp_path: Path
):
    pack = await imported(house, tmp_path, "186", 18, 5)
    await sign_in(house, tab, "operator")
    await tab.goto(f"{house.http}/console/rules/packs/{'0' * 64}")
    await expect(tab.locator("main")).to_contain_text("Такого пакета нет")
    token = await tab.locator("[name=csrf]").first.get_attribute("value")
    fields = {"csrf": token or "", "kind": "186", "starts": "10.01.2026", "reason": "проба"}
    answer = await tab.request.post(
        f"{house.http}/console/rules/packs/{pack.digest}/activate",
        form=fields,  # type: ignore[arg-type]  # playwright's own type is wider
        headers={"Origin": house.http},
    )
    assert answer.status == 422
    assert "ГГГГ-ММ-ДД" in await answer.text()
