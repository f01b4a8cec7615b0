"""The console in a real browser: what an operator sees and does, and what nobody may see or do."""

import asyncio

import pytest
from applications import an_application
from builders import a_submission
from in_process import CLAIM_UNDER_WAY, House
from office import PASSWORD, Person, sign_in
from playwright.async_api import Page, expect

from broker.dev.world import Signers, World
from broker.samples.faults import BY_ID

pytestmark = pytest.mark.browser


async def submitted(house: House, world: World, signers: Signers, **options) -> str:
    ticket = await house.partners[0].submit(a_submission(world, signers, **options), wait=20)
    return (ticket.body.get("ticket") or ticket.body)["id"]


async def test_a_stranger_sees_nothing_but_the_sign_in(house, tab: Page):
    for path in ("", "documents", "registrations", "partners", "documents/1"):
        await tab.goto(f"{house.http}/console/{path}")
        await expect(tab).to_have_url(f"{house.http}/console/sign-in")
    await tab.fill("[name=login]", "admin")
    await tab.fill("[name=password]", "не тот")
    await tab.click("button.main")
    await expect(tab.locator(".wrong")).to_contain_text("не подходят")


async def test_an_operator_signs_in_sees_the_queues_and_signs_out(house, tab: Page):
    await sign_in(house, tab)
    await expect(tab.locator(".light").first).to_be_visible()
    await expect(tab.locator("table.queues")).to_contain_text("folder")
    await expect(tab.locator("#work")).to_contain_text("work.prepare")
    await tab.click("text=Выйти")
    await tab.goto(f"{house.http}/console/")
    await expect(tab).to_have_url(f"{house.http}/console/sign-in")


async def test_pause_and_resume_take_one_click_and_the_headline_says_so(house, tab: Page):
    await sign_in(house, tab)
    await tab.click("text=Пауза")
    await expect(tab.locator(".done")).to_contain_text("приостановлено")
    await expect(tab.locator(".lights")).to_contain_text("приостановлен")
    await tab.click("text=Возобновить")
    await expect(tab.locator(".done")).to_contain_text("возобновлено")
    await expect(tab.locator(".lights")).not_to_contain_text("приостановлен")


async def test_the_overview_refreshes_itself_in_place(house, tab: Page):
    await sign_in(house, tab)
    stamp = await tab.locator("main > .stamp").inner_text()
    await expect(tab.locator("main > .stamp")).not_to_have_text(stamp, timeout=20_000)


async def test_a_document_is_found_by_its_numbers_and_its_story_is_told(house, tab: Page, world, signers):
    document = await submitted(house, world, signers)
    card = await house.partners[0].outcome(document)
    await sign_in(house, tab)
    for number in (document, card["localUid"], card["messageId"]):
        await tab.fill("header [name=q]", number)
        await tab.press("header [name=q]", "Enter")
        await expect(tab).to_have_url(f"{house.http}/console/documents/{document}")
    story = tab.locator(".story")
    for text in (
        "Принят на хранение",
        "Проверен",
        "Получатели выбраны",
        "Попытка 1",
        "Доставлен",
        "Завершён",
    ):
        await expect(story).to_contain_text(text)
    patient = world.patients(world.clinics[0])[0]
    text = await tab.content()
    assert patient.snils not in text
    assert patient.name.family not in text


async def test_a_documents_page_tells_what_was_established_of_each_signature(
    house, tab: Page, world, signers
):
    document = await submitted(house, world, signers)
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/documents/{document}")
    rows = tab.locator("h2:has-text('Подписи') + table tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("Подпись верна. Цепочка не проверялась.")
    await expect(rows.nth(1)).to_contain_text("openssl-rsa/")


async def test_a_number_nobody_knows_is_answered_in_words(house, tab: Page):
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/documents?q=нет-такого")
    await expect(tab.locator(".empty")).to_contain_text("ничего не найдено")


async def test_a_held_delivery_is_retried_with_a_reason_that_stays(house: House, tab: Page, world, signers):
    clinic = world.clinics[2].oid
    await sign_in(house, tab)
    await tab.click("text=Пауза")
    await expect(tab.locator("text=Возобновить")).to_be_visible()
    await asyncio.sleep(CLAIM_UNDER_WAY)
    document = await submitted(house, world, signers, clinic=2)
    await house.database.execute("update clinic set status = 'suspended' where oid = $1", clinic)
    await tab.click("text=Возобновить")
    await tab.goto(f"{house.http}/console/documents/{document}")
    held = tab.locator("td", has_text="задержана")
    for _ in range(50):
        if await held.count():
            break
        await asyncio.sleep(0.2)
        await tab.reload()
    await expect(tab.locator("main")).to_contain_text("клиника приостановлена")
    await house.database.execute("update clinic set status = 'active' where oid = $1", clinic)
    await tab.click("text=Отправить повторно…")
    await tab.fill("textarea[name=reason]", "клиника снова работает")
    await tab.click("button:has-text('Отправить повторно')")
    await expect(tab.locator(".done")).to_contain_text("в очередь заново")
    assert (await house.partners[0].outcome(document))["status"] == "completed"
    await tab.reload()
    await expect(tab.locator(".story")).to_contain_text("клиника снова работает")
    await expect(tab.locator(".story")).to_contain_text("operator:admin")


async def test_a_refused_document_goes_in_spite_of_its_findings_once_a_reason_is_given(
    house: House, tab: Page, world, signers
):
    fault = BY_ID["address-without-fias"]
    document = await submitted(house, world, signers, fault=fault)
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/documents/{document}")
    await expect(tab.locator("h1")).to_contain_text("отклонён проверкой")
    await expect(tab.locator(".findings .fix").first).to_be_visible()
    await tab.click("text=Отправить вопреки замечаниям…")
    await tab.fill("textarea[name=reason]", "согласовано с клиникой")
    await tab.click("button:has-text('Отправить вопреки замечаниям')")
    assert (await house.partners[0].outcome(document, wanted={"completed"}))["status"] == "completed"
    await tab.reload()
    await expect(tab.locator(".story")).to_contain_text("согласовано с клиникой")


async def test_an_application_is_approved_on_its_page_and_its_secret_is_shown_once(house, tab: Page, people):
    form = an_application(901)
    made = await people["nobody"].post("/registrations", form)
    await sign_in(house, tab)
    await expect(tab.locator(".lights")).to_contain_text("заявка ждёт решения")
    await tab.goto(f"{house.http}/console/registrations/{made.body['id']}")
    await expect(tab.locator("main")).to_contain_text("форма полна")
    await tab.fill("[name=partner]", "vendor-gamma")
    await tab.click("text=Одобрить и активировать")
    await expect(tab.locator(".secret code")).to_contain_text("inaya_")
    await tab.goto(f"{house.http}/console/registrations/{made.body['id']}")
    assert await tab.locator(".secret").count() == 0
    await tab.goto(f"{house.http}/console/clinics/{form['oid']}")
    await tab.click("text=Отметить: подтверждена")
    await expect(tab.locator("main")).to_contain_text("подтверждена")


async def test_every_list_says_in_words_that_it_is_empty_or_shows_rows(house, tab: Page):
    await sign_in(house, tab)
    for path in ("documents", "registrations", "clinics", "partners", "refusals", "callbacks", "acts"):
        answer = await tab.goto(f"{house.http}/console/{path}")
        assert answer is not None
        assert answer.status == 200
        assert await tab.locator("main tbody tr, main .empty, main .card").count() > 0, path


async def test_a_viewer_finds_no_buttons_and_no_door_behind_them(house, tab: Page, people):
    await sign_in(house, tab, "viewer")
    assert await tab.locator("main button").count() == 0
    csrf = await tab.locator("header [name=csrf]").input_value()
    status = await tab.evaluate(
        """async (csrf) => (await fetch("/console/destinations/folder/pause",
           {method: "POST", body: new URLSearchParams({csrf})})).status""",
        csrf,
    )
    assert status == 403


async def test_nothing_is_changed_without_the_token_of_the_page(house, tab: Page):
    await sign_in(house, tab)
    status = await tab.evaluate(
        """async () => (await fetch("/console/destinations/folder/pause",
           {method: "POST", body: new URLSearchParams({csrf: "wrong"})})).status"""
    )
    assert status == 403


async def test_what_outsiders_write_is_shown_and_never_run(house: House, tab: Page):
    stranger = Person(house.http)
    form = an_application(902)
    form["name"]["short"] = "<script>document.title='взломано'</script>"
    made = await stranger.post("/registrations", form)
    await stranger.close()
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/registrations/{made.body['id']}")
    await expect(tab.locator("h1")).to_contain_text("<script>")
    assert "взломано" not in await tab.title()


async def test_pages_forbid_what_they_do_not_need_and_ask_nobody_outside(house, tab: Page):
    asked: set[str] = set()
    tab.on("request", lambda request: asked.add(request.url.split("/")[2]))
    await sign_in(house, tab)
    answer = await tab.goto(f"{house.http}/console/")
    assert answer is not None
    headers = answer.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert asked == {house.http.split("/")[2]}
    cookies = await tab.context.cookies()
    assert [(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")]


@pytest.mark.parametrize("width", [390, 1280])
async def test_pages_fit_a_phone_and_a_desk(house, tab: Page, width):
    await sign_in(house, tab)
    await tab.set_viewport_size({"width": width, "height": 800})
    for path in ("", "documents", "clinics", "registrations", "partners", "acts"):
        await tab.goto(f"{house.http}/console/{path}")
        over = await tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, path


async def test_the_keyboard_alone_is_enough_to_pause(house, tab: Page):
    await sign_in(house, tab)
    await tab.locator("main button", has_text="Пауза").focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".done")).to_contain_text("приостановлено")
    await tab.locator("main button", has_text="Возобновить").focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".done")).to_contain_text("возобновлено")


async def test_a_wrong_password_field_is_never_filled_again(house, tab: Page):
    await tab.goto(f"{house.http}/console/sign-in")
    await tab.fill("[name=login]", "nobody")
    await tab.fill("[name=password]", PASSWORD)
    await tab.click("button.main")
    await expect(tab.locator(".wrong")).to_be_visible()
    assert PASSWORD not in await tab.content()
