"""From an application to a document at the door: applying, deciding, clinics, secrets, and who may do which."""

import asyncio
import re
from itertools import count

import aiohttp
import msgspec
import pytest
from applications import an_application, spoiled
from builders import a_submission
from in_process import CLAIM_UNDER_WAY, House
from office import PASSWORD, Person
from partner import Partner

from broker.dev.world import Signers, World
from broker.store.journal import Journal

_numbers = count(601)


@pytest.fixture
def form():
    """An application nobody has made before."""
    return an_application(next(_numbers))


async def applied(people, form) -> tuple[str, str]:
    answer = await people["nobody"].post("/registrations", form)
    assert answer.status == 201, answer.body
    return answer.body["id"], f"Bearer {answer.body['token']}"


async def test_an_application_with_many_mistakes_is_answered_with_all_of_them(people):
    answer = await people["nobody"].post("/registrations", {"oid": 1, "inn": "1", "extra": 1})
    assert (answer.status, answer.code) == (422, "registration.invalid")
    assert {"/oid", "/inn", "/ogrn", "/extra", "/contacts"} <= {
        one["pointer"] for one in answer.body["findings"]
    }


@pytest.mark.parametrize("body", [b"not json", b'"\xd0"', b"[" * 100_000, b"{" + b" " * 300_000 + b"}"])
async def test_a_body_that_is_no_form_is_refused_in_words(people, body):
    answer = await people["nobody"].post("/registrations", body)
    assert answer.status in {400, 422}
    assert answer.body["detail"]


async def test_a_clinic_applies_without_a_secret_and_follows_by_its_token(people, form):
    identifier, token = await applied(people, form)
    shown = await people["nobody"].get(f"/registrations/{identifier}", Authorization=token)
    assert shown.body["registration"]["status"] == "submitted"
    assert shown.body["form"]["oid"] == form["oid"]
    for headers in ({}, {"Authorization": "Bearer inaya_reg_wrong"}):
        assert (await people["nobody"].get(f"/registrations/{identifier}", **headers)).status == 404


async def test_the_same_form_again_is_the_same_application_and_anothers_is_a_duplicate(people, form):
    identifier, token = await applied(people, form)
    again = await people["nobody"].post("/registrations", form, Authorization=token)
    assert (again.status, again.body["id"]) == (200, identifier)
    other = await people["nobody"].post("/registrations", form)
    assert {one["code"] for one in other.body["findings"]} == {"registration.open_already"}


async def test_two_who_apply_for_one_clinic_at_once_cannot_both_be_taken(people, form):
    answers = await asyncio.gather(*(people["nobody"].post("/registrations", form) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422]


async def test_an_incomplete_clinic_is_returned_mended_and_approved_with_a_secret_shown_once(
    people, form, house
):
    identifier, token = await applied(people, spoiled(form, "/agreement", {}))
    operator = people["operator"]
    path = f"/registrations/{identifier}"
    refused = await operator.post(f"{path}/approve", {"partner": "vendor-new"})
    assert refused.status == 422
    assert {one["pointer"] for one in refused.body["findings"]} == {"/agreement", "/agreement/file"}

    assert (await operator.post(f"{path}/return", {"comment": ""})).status == 400
    returned = await operator.post(f"{path}/return", {"comment": "нет договора"})
    assert returned.body["registration"]["status"] == "returned"
    assert (await operator.post(f"{path}/approve", {"partner": "vendor-new"})).code == "registration.decided"

    mended = await people["nobody"].post("/registrations", form, Authorization=token)
    assert (mended.status, mended.body["id"]) == (201, identifier)
    assert (await operator.post(f"{path}/approve")).status == 422  # whose МИС?
    assert (await operator.post(f"{path}/approve", {"partner": "x-test"})).status == 422
    approved = await operator.post(f"{path}/approve", {"partner": "vendor-new", "linkRequested": True})
    secret = approved.body["secret"]
    async with Partner(house.http, secret) as partner:
        assert (await partner.get("/documents")).status == 200

    again = await operator.post(f"{path}/approve", {"partner": "vendor-new"})
    assert again.status == 200
    assert "secret" not in again.body
    assert (await operator.post(f"{path}/reject", {"comment": "поздно"})).status == 409
    card = (await operator.get(f"/clinics/{form['oid']}")).body
    assert (card["status"], card["remdLink"], card["partners"]) == ("active", "requested", ["vendor-new"])
    assert card["mcod"] == "770001"
    assert "Пробов" not in msgspec.json.encode(card).decode()


async def test_a_vendor_applies_by_its_own_key_and_the_clinic_becomes_its(people, form, house):
    vendor = house.partners[0]
    answer = await vendor.post("/registrations", json=form)
    identifier = answer.body["id"]
    assert "token" not in answer.body
    assert (await vendor.get(f"/registrations/{identifier}")).status == 200
    assert (await house.partners[2].get(f"/registrations/{identifier}")).status == 404
    approved = await people["operator"].post(f"/registrations/{identifier}/approve")
    assert approved.body["registration"]["partner"] == vendor.id
    assert "secret" not in approved.body  # it has one
    once_more = await vendor.post("/registrations", json=form)
    assert {one["code"] for one in once_more.body["findings"]} == {"registration.connected_already"}


async def test_every_move_of_an_application_is_journalled_with_who_and_why(people, form, house):
    identifier, _ = await applied(people, form)
    await people["operator"].post(f"/registrations/{identifier}/reject", {"comment": "двойник"})
    rows = await house.database.fetch(
        "select event, actor, body from journal where body ->> 'registration' = $1 order by id", identifier
    )
    assert [(row["event"], row["actor"]) for row in rows] == [
        ("registration.submitted", "applicant"),
        ("registration.rejected", "operator:operator"),
    ]
    assert rows[1]["body"]["comment"] == "двойник"
    raw = await house.database.fetchval(
        "select form::text || sealed::text from registration where id = $1::uuid", identifier
    )
    assert "Пробов" not in raw


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("nobody", "GET", "/registrations", 401),
        ("viewer", "GET", "/registrations", 200),
        ("viewer", "POST", "/clinics/1.2.643.5.1.13.13.12.2.77.9001/suspend", 403),
        ("operator", "POST", "/partners/vendor-alpha/credentials", 403),
        ("operator", "GET", "/clinics/1.2.3", 404),
        ("operator", "POST", "/registrations/nonsense/approve", 404),
        ("admin", "POST", "/partners/nobody-here/credentials", 404),
    ],
)
async def test_roles_and_unknown_things_are_told_apart(people, who, method, path, status):
    answer = await people[who].call(method, f"/api/v1{path}", {} if method == "POST" else None)
    assert answer.status == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_partners_key_opens_no_door_of_operators(house):
    assert (await house.partners[0].get("/registrations")).status == 401


async def test_wrong_passwords_are_slowed_down_and_the_right_one_with_them(house):
    guesser = Person(house.http, "somebody", "wrong")
    statuses = [(await guesser.get("/registrations", X_Try=str(n))).status for n in range(7)]
    await guesser.close()
    assert statuses[:5] == [401] * 5
    assert 429 in statuses[5:]


async def test_a_clinic_is_changed_only_by_fields_that_exist_and_fit(people):
    path = "/api/v1/clinics/1.2.643.5.1.13.13.12.2.77.9002"
    for body in ({"remdLink": "maybe"}, {"mcod": "12"}, {"ogrn": "1"}, {"storage": "cloud"}):
        assert (await people["operator"].call("PATCH", path, body)).status == 422
    change = {
        "params": {"folder": {"room": "7", "shelf": "2"}},
        "contact": {"email": "clinic@proba.example"},
        "reason": "переезд",
    }
    changed = await people["operator"].call("PATCH", path, change)
    assert changed.body["params"]["folder"] == {"room": "7", "shelf": "2"}
    assert changed.body["card"]["contact"]["email"] == "clinic@proba.example"
    forgotten = await people["operator"].call("PATCH", path, {"params": {"folder": {"room": None}}})
    assert forgotten.body["params"]["folder"] == {"shelf": "2"}
    assert forgotten.body["title"] == changed.body["title"]


async def test_a_change_may_come_in_several_segments(house):
    oid = "1.2.643.5.1.13.13.12.2.77.9002"

    async def pieces():
        for piece in (b'{"params": {"folder": {"shelf"', b': "5"}}', b"}"):
            yield piece
            await asyncio.sleep(0.05)

    async with aiohttp.ClientSession() as http:
        key = aiohttp.encode_basic_auth("operator", PASSWORD, encoding="utf-8")
        async with http.patch(
            f"{house.http}/api/v1/clinics/{oid}", data=pieces(), headers={"Authorization": key}
        ) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["params"]["folder"]["shelf"] == "5"


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"ogrn": "1"}, 422, "operator.body_invalid", "неизвестное поле «ogrn»"),
        ({"storage": "cloud"}, 422, "operator.body_invalid", "поле storage"),
        ({"oms": "да"}, 422, "operator.body_invalid", "ожидается тип"),
        (b"{", 422, "operator.body_invalid", "не является JSON"),
        (b" " * 70_000, 413, "operator.body_too_large", "64 КиБ"),
    ],
)
async def test_a_change_that_does_not_fit_is_explained_in_russian(people, body, status, code, words):
    answer = await people["operator"].call("PATCH", "/api/v1/clinics/1.2.643.5.1.13.13.12.2.77.9002", body)
    assert (answer.status, answer.code) == (status, code)
    assert words in answer.body["detail"]
    assert answer.body["fix"]
    assert "Expected" not in str(answer.body)
    assert "Object" not in str(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/v1/nowhere", 404, "/openapi.json"),
        ("DELETE", "/api/v1/documents", 405, "GET,POST"),
    ],
)
async def test_an_address_or_a_method_that_is_not_there_is_told_in_russian(
    people, method, path, status, words
):
    answer = await people["nobody"].call(method, path)
    assert (answer.status, answer.code) == (status, f"http.{status}")
    assert re.search("[а-я]", answer.body["detail"])
    assert words in answer.body["fix"]
    assert not re.search(r"Not Found|Not Allowed", str(answer.body))


async def test_a_suspended_clinic_is_refused_its_deliveries_wait_and_resuming_lets_them_go(
    people, house: House, world: World, signers: Signers
):
    clinic, vendor, operator = world.clinics[1], house.partners[0], people["operator"]
    await people["operator"].post(f"/clinics/{clinic.oid}/resume")
    await pause(house)
    ticket = await vendor.submit(a_submission(world, signers, clinic=1), wait=20)
    assert ticket.status == 202, ticket.body
    assert (await operator.post(f"/clinics/{clinic.oid}/suspend", {"reason": "проверка"})).status == 200
    refused = await vendor.submit(a_submission(world, signers, clinic=1))
    assert refused.code == "partner.clinic_suspended"
    await resume(house)
    assert await delivery_becomes(vendor, ticket.body["id"], "held")
    resumed = await operator.post(f"/clinics/{clinic.oid}/resume", {"reason": "проверено"})
    assert resumed.body["released"] == 1
    assert (await vendor.outcome(ticket.body["id"]))["status"] == "completed"


async def delivery_becomes(vendor: Partner, document: str, status: str) -> bool:
    for _ in range(200):
        card = (await vendor.get(f"/documents/{document}")).body
        if card["deliveries"][0]["status"] == status:
            return True
        await asyncio.sleep(0.1)
    return False


async def pause(house: House) -> None:
    await house.database.execute("update destination set paused = true where id = 'folder'")
    await asyncio.sleep(CLAIM_UNDER_WAY)


async def resume(house: House) -> None:
    await house.database.execute("update destination set paused = false where id = 'folder'")


async def test_a_replaced_secret_ends_at_once_or_after_its_grace(people, house):
    admin, vendor = people["admin"], house.partners[2]
    path = f"/partners/{vendor.id}/credentials"
    mode = "test" if vendor.secret.startswith("inaya_test_") else "production"
    first = await admin.post(path, {"mode": mode, "graceSeconds": 3600})
    assert (await vendor.get("/documents")).status == 200
    async with Partner(house.http, first.body["secret"]) as renewed:
        assert (await renewed.get("/documents")).status == 200
        house.pass_time(3601)
        assert (await vendor.get("/documents")).status == 401
        second = await admin.post(path, {"mode": mode})
        assert (await renewed.get("/documents")).status == 401
    vendor.secret = second.body["secret"]
    assert (await vendor.get("/documents")).status == 200
    assert (await admin.post(path, {"graceSeconds": -1})).status == 422


async def test_a_session_of_the_console_serves_the_api_but_changes_nothing_without_its_token(house):
    person = Person(house.http)
    form = b"login=operator&password=" + "пробный пароль 2026".encode().replace(b" ", b"+")
    signed = await person.call(
        "POST", "/console/sign-in", form, Content_Type="application/x-www-form-urlencoded"
    )
    assert signed.status == 303
    cookie = signed.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    await person.close()
    caller = Person(house.http)
    session = cookie.split(";")[0]
    assert (await caller.get("/registrations", Cookie=session)).status == 200
    suspend = "/clinics/1.2.643.5.1.13.13.12.2.77.9001/suspend"
    assert (await caller.post(suspend, Cookie=session)).code == "operator.csrf"
    csrf = await house.database.fetchval(
        "select csrf from session order by created_at desc, seen_at desc limit 1"
    )
    allowed = await caller.post("/clinics/1.2.3/suspend", Cookie=session, X_CSRF_Token=csrf)
    assert allowed.status == 404
    await caller.close()


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_password_a_browser_remembers_does_nothing_for_another_sites_page(people, header):
    path = "/clinics/1.2.643.5.1.13.13.12.2.77.9001/suspend"
    assert (await people["operator"].post(path, {"reason": "x"}, **header)).code == "operator.csrf"


async def test_an_idle_session_is_over_and_looking_does_not_keep_it_alive(house):
    person = Person(house.http)
    form = b"login=viewer&password=" + "пробный пароль 2026".encode().replace(b" ", b"+")
    signed = await person.call(
        "POST", "/console/sign-in", form, Content_Type="application/x-www-form-urlencoded"
    )
    session = signed.headers["Set-Cookie"].split(";")[0]
    house.pass_time(600)
    assert (await person.call("GET", "/console/", Cookie=session, X_Refresh="1")).status == 200
    house.pass_time(400)
    assert (await person.call("GET", "/console/", Cookie=session, X_Refresh="1")).status == 401
    assert (await person.call("GET", "/console/", Cookie=session)).status == 303
    await person.close()


async def test_nothing_secret_reaches_the_journal(house):
    text = "".join(row["b"] for row in await house.database.fetch("select body::text as b from journal"))
    assert "inaya_" not in text
    assert "пароль" not in text
    assert await Journal(house.database).feed("vendor-alpha", "", 1) is not None
