"""Dropping a document on a page, in a real browser: what is seen beside what, and that nothing of it stays."""

import asyncio
import base64
import io
import itertools
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from builders import a_submission
from files import a_broken_document, a_file
from in_process import House, a_house
from office import picture, sign_in
from playwright.async_api import Browser, Page, expect
from servers import Databases

from broker.console.check import AT_ONCE, PER_MINUTE_EACH
from broker.dev.world import Signers, World
from broker.document.submission import Content

pytestmark = pytest.mark.browser
DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, {type: "text/xml"}));
  document.querySelector(".zone").dispatchEvent(new DragEvent("dragover", {dataTransfer: data, bubbles: true, cancelable: true}));
  document.querySelector(".zone").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
async def open_house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    """A house whose page is open to everybody."""
    async with (
        databases.fresh() as url,
        a_house(
            tmp_path_factory.mktemp("open"), url, world, processes=["serve"], INAYA_CHECK_PAGE="on"
        ) as house,
    ):
        yield house


async def drop(tab: Page, content: bytes, name: str = "заключение.xml") -> None:
    await tab.evaluate(DROP, [name, base64.b64encode(content).decode()])
    await expect(tab.locator(".verdict")).to_be_visible()


async def test_the_page_for_everybody_is_not_there_until_it_is_switched_on(house: House):
    async with aiohttp.ClientSession() as http:
        for method in ("GET", "POST"):
            async with http.request(method, f"{house.http}/check/") as answer:
                assert answer.status == 404


async def test_a_dropped_document_is_shown_beside_its_findings_linked_both_ways(
    open_house: House, tab: Page, world: World
):
    await tab.goto(f"{open_house.http}/check/")
    await expect(tab.locator(".caution")).to_contain_text("Не загружайте документы настоящих пациентов")
    await drop(tab, a_broken_document(world))
    await expect(tab.locator(".verdict h1")).to_contain_text("Не годен")
    await expect(tab.locator(".verdict h1")).to_contain_text("заключение.xml")
    await expect(tab.locator(".verdict")).to_contain_text("исправляют: разработчик МИС — ")
    await picture(tab, "check.png")
    card = tab.locator(".finding", has_text="telecom").first
    await expect(card).to_contain_text("Что сделать.")
    await expect(card).to_contain_text("телефон или электронная почта")
    await card.locator(".to-line").click()
    row = tab.locator(".source .row:target")
    await expect(row).to_contain_text('value="8 ')
    await expect(row).to_be_in_viewport()
    await expect(row).to_have_class("row bad")
    marker = tab.locator(".source .said", has_text="telecom").first.locator("a")
    await marker.click()
    await expect(tab.locator(".finding:target")).to_be_in_viewport()
    await expect(tab.locator(".finding:target")).to_contain_text("telecom")


async def test_every_finding_of_a_document_of_one_line_has_a_place_of_its_own(
    open_house: House, tab: Page, world: World
):
    flat = b"".join(line.strip() for line in a_broken_document(world).splitlines())
    await tab.goto(f"{open_house.http}/check/")
    await drop(tab, flat)
    await tab.locator(".finding", has_text="telecom").first.locator(".to-line").click()
    await expect(tab.locator(".source .row:target")).to_contain_text('<telecom use="MC" value="8 ')


async def test_the_form_alone_does_without_scripts(open_house: House, browser: Browser, world: World):
    context = await browser.new_context(java_script_enabled=False)
    tab = await context.new_page()
    await tab.goto(f"{open_house.http}/check/")
    await tab.set_input_files("[name=document]", a_file(a_broken_document(world)))
    await tab.click("form.drop button")
    await expect(tab.locator(".verdict h1")).to_contain_text("Не годен")
    href = await tab.locator(".to-line").first.get_attribute("href")
    await tab.locator(".to-line").first.click()
    await expect(tab.locator(f"[id='{str(href)[1:]}']")).to_be_in_viewport()
    await context.close()


async def test_a_kind_and_signatures_may_come_with_the_document(
    open_house: House, tab: Page, world: World, signers: Signers
):
    signed = a_submission(world, signers)
    await tab.goto(f"{open_house.http}/check/")
    await tab.set_input_files("[name=document]", a_file(base64.b64decode(signed.content.data)))
    await tab.click("summary")
    await tab.select_option("[name=kind]", signed.kind)
    for part in signed.signatures:
        name = "organization" if part.kind == "organization" else "signature"
        file = {"name": f"{name}.p7s", "mimeType": "application/pkcs7-signature"}
        await tab.set_input_files(f"[name={name}]", {**file, "buffer": base64.b64decode(part.data)})
    await tab.click("form.drop button")
    layers = tab.locator("tr", has_text="Подписи")
    await expect(layers).to_contain_text("без замечаний")
    assert await tab.locator("[name=kind]").input_value() == signed.kind


async def test_what_a_document_says_is_shown_and_never_run(open_house: House, tab: Page):
    hostile = '<a><script>document.title="взломано"</script><b c="&quot;><img src=x onerror=1>"></a>'
    await tab.goto(f"{open_house.http}/check/")
    await drop(tab, hostile.encode(), "<img src=x onerror=alert(1)>.xml")
    await expect(tab.locator(".verdict h1")).to_contain_text("<img src=x onerror=alert(1)>.xml")
    await expect(tab.locator(".source")).to_contain_text("<script>document.title")
    assert "взломано" not in await tab.title()
    assert await tab.locator("main img, main script").count() == 0


async def test_nothing_of_a_dropped_document_stays(open_house: House, world: World, capfd):
    before = await counts(open_house)
    answer = await posted(open_house, a_broken_document(world), name="секретное-имя.xml")
    assert "Не годен" in answer["text"]
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer["headers"]
    assert "default-src 'none'" in answer["headers"]["Content-Security-Policy"]
    assert "unsafe" not in answer["headers"]["Content-Security-Policy"]
    assert await counts(open_house) == before
    said = "".join(capfd.readouterr())
    patient = world.patients(world.clinics[0])[0]
    assert "check.done" in said
    for secret in (patient.snils, patient.name.family, "секретное-имя", "telecom"):
        assert secret not in said


async def counts(house: House) -> list[int]:
    tables = ("document", "content", "journal", "task")
    return [await house.database.fetchval(f"select count(*) from {table}") for table in tables]


NEIGHBOURS = itertools.count(2)
"""Last numbers of addresses of this machine: each is somebody else to the page."""


def somebody(address: str = "") -> aiohttp.ClientSession:
    """A person at an address nobody has sent files from."""
    address = address or f"127.0.0.{next(NEIGHBOURS)}"
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))


async def posted(
    house: House, content: bytes, *, name: str = "a.xml", kind: str = "", address: str = ""
) -> dict:
    form = aiohttp.FormData()
    form.add_field("kind", kind)
    form.add_field("document", io.BytesIO(content), filename=name, content_type="text/xml")
    async with (
        somebody(address) as http,
        http.post(f"{house.http}/check/", data=form) as answer,
    ):
        return {"status": answer.status, "headers": answer.headers, "text": await answer.text()}


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", "", 422, "не выбран или пуст"),
        (b"<x/>", "нет такого", 422, "Такого вида документа нет"),
        (b"x" * (20 * 1024 * 1024 + 1), "", 413, "больше 20 МиБ"),
        (b"\x00\xff\xfe%PDF-1.4", "", 200, "Не годен"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "", 200, "DOCTYPE"),
        (b"PK\x03\x04 no archive", "", 200, "Содержимое архива не показывается"),
    ],
)
async def test_whatever_is_dropped_is_answered_in_words(open_house: House, content, kind, status, words):
    answer = await posted(open_house, content, kind=kind)
    assert (answer["status"], words in answer["text"]) == (status, True)


async def test_a_form_that_is_none_is_answered_in_words(open_house: House):
    async with somebody() as http:
        for body, kind in ((b"x", "text/plain"), (b"--", "multipart/form-data; boundary=-")):
            async with http.post(
                f"{open_house.http}/check/", data=body, headers={"Content-Type": kind}
            ) as answer:
                assert answer.status in {400, 422}
                assert 'role="alert"' in await answer.text()


async def test_whoever_goes_away_in_the_middle_gives_the_place_back(open_house: House, capfd):
    port = int(open_house.http.rpartition(":")[2])
    head = (
        b"POST /check/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b'Content-Length: 100000\r\n\r\n--b\r\nContent-Disposition: form-data; name="document"; filename="a"\r\n\r\n'
    )
    for _ in range(AT_ONCE + 1):
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.251", 0))
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.1)  # the page has begun to read
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
    assert (await posted(open_house, b"<x/>", address="127.0.0.251"))["status"] == 200
    said = "".join(capfd.readouterr())
    assert "bug.caught" not in said
    assert "store_away" not in said


async def test_an_operator_drops_a_document_in_the_console(house: House, tab: Page, world: World):
    await sign_in(house, tab, "viewer")
    await tab.click("nav >> text=Проверка")
    await expect(tab.locator(".caution")).to_have_count(0)
    before = await counts(house)
    await drop(tab, a_broken_document(world))
    await expect(tab.locator(".verdict h1")).to_contain_text("Не годен")
    assert await counts(house) == before


async def test_the_consoles_form_is_nothing_without_its_token(house: House, tab: Page):
    await sign_in(house, tab, "viewer")
    status = await tab.evaluate(
        """async () => { const form = new FormData(); form.append("document", new File(["<x/>"], "a.xml"));
           return (await fetch("/console/check", {method: "POST", body: form})).status; }"""
    )
    assert status == 403


async def test_a_documents_report_is_a_page_in_the_console_and_at_the_api(
    house: House, tab: Page, world: World, signers: Signers
):
    vendor = house.partners[0]
    broken = base64.b64encode(a_broken_document(world)).decode()
    submission = msgspec.structs.replace(a_submission(world, signers), content=Content(data=broken))
    ticket = await vendor.submit(submission, wait=20)
    document = ticket.body["ticket"]["id"]
    await sign_in(house, tab)
    await tab.goto(f"{house.http}/console/documents/{document}")
    await tab.click("text=Отчёт целиком")
    await expect(tab.locator(".verdict h1")).to_contain_text("Не годен")
    assert await tab.locator(".source").count() == 0
    await tab.set_extra_http_headers({"Authorization": f"Bearer {vendor.secret}", "Accept": "text/html"})
    await tab.goto(f"{house.http}/api/v1/documents/{document}/report")
    await expect(tab.locator(".verdict h1")).to_contain_text("Не годен")
    await picture(tab, "report.png", 1200)
    ground = await tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert ground == "rgb(244, 246, 246)", "the style sheet is let through by its digest"
    assert world.patients(world.clinics[0])[0].snils not in await tab.content()
    assert "findings" in (await vendor.get(f"/documents/{document}/report")).body


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_page_and_its_report_fit_a_phone_and_a_desk(house: House, tab: Page, world: World, width):
    await sign_in(house, tab)
    await tab.set_viewport_size({"width": width, "height": 800})
    await tab.goto(f"{house.http}/console/check")
    for step in (None, a_broken_document(world)):
        if step is not None:
            await drop(tab, step)
        assert await tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_whoever_sends_file_after_file_is_asked_to_wait(open_house: House):
    statuses = []
    for _ in range(PER_MINUTE_EACH + 1):
        answer = await posted(open_house, b"<x/>", address="127.0.0.250")
        statuses.append(answer["status"])
        if answer["status"] == 429:
            break
    assert statuses[-1] == 429
    assert "Подождите минуту" in answer["text"]
    assert answer["headers"]["Retry-After"]
    assert (await posted(open_house, b"<x/>"))["status"] == 200, "others are served all the same"
