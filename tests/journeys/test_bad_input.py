"""Bad input: each has a stable code, a Russian text that says what to do, and leaves nothing but a searchable row."""

import asyncio
import base64
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from builders import a_sample, a_signature, a_submission, as_json, text_of
from in_process import House
from partner import Answer, Partner

from broker.dev.world import Signers, World
from broker.partners.clinic import ClinicStatus
from broker.samples.submission import make_submission
from broker.store.partners import PartnerStore
from broker.store.views import Views

MIB = 1024 * 1024
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
Bend = Callable[[dict[str, Any]], Any]


@pytest.fixture
def good(world: World, signers: Signers) -> dict[str, Any]:
    """A good submission as plain JSON, to be bent out of shape."""
    return as_json(a_submission(world, signers))


@pytest.fixture
def alpha(a_folder_house: House) -> Partner:
    return a_folder_house.partners[0]


async def kept(house: House) -> dict[str, int]:
    """How many rows there are of everything a submission could leave behind."""
    return {
        table: await house.database.fetchval(f"select count(*) from {table}")
        for table in ("document", "content", "submission", "identity", "task", "delivery", "report")
    }


async def refusals(house: House, code: str) -> list[dict[str, Any]]:
    return await Views(house.database).rows("refusals", "", code, 1000)


def says_what_to_do(answer: Answer) -> bool:
    body = answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return all(CYRILLIC.search(body[field]) for field in ("title", "detail", "fix"))


def content(data: object) -> Bend:
    return lambda good: good | {"content": {"data": data}}


AT_THE_DOOR: dict[str, tuple[int, str, Bend]] = {
    "nothing": (400, "partner.json_malformed", lambda good: b""),
    "no JSON": (400, "partner.json_malformed", lambda good: b"<ClinicalDocument/>"),
    "JSON cut off": (400, "partner.json_malformed", lambda good: msgspec.json.encode(good)[:-10]),
    "JSON not in UTF-8": (
        400,
        "partner.json_malformed",
        lambda good: '{"clinic": "клиника"}'.encode("cp1251"),
    ),
    "JSON of another kind": (422, "partner.submission_invalid", lambda good: b"[1, 2]"),
    "JSON nested without end": (422, "partner.submission_invalid", lambda good: b"[" * 200_000),
    "an unknown field": (422, "partner.submission_invalid", lambda good: good | {"priority": 1}),
    "an unknown field deep inside": (
        422,
        "partner.submission_invalid",
        lambda good: good | {"metadata": good["metadata"] | {"patient": {"name": "x"}}},
    ),
    "a field of the wrong type": (422, "partner.submission_invalid", lambda good: good | {"kind": 306}),
    "a field missing": (
        422,
        "partner.submission_invalid",
        lambda good: {k: v for k, v in good.items() if k != "content"},
    ),
    "an unknown type": (422, "partner.submission_invalid", lambda good: good | {"type": "pdf"}),
    "base64 cut off": (
        422,
        "partner.content_base64",
        lambda good: content(good["content"]["data"][:1001])(good),
    ),
    "base64 with foreign signs": (422, "partner.content_base64", content("PGEvPg==%%%")),
    "an empty document": (422, "partner.content_empty", content("")),
    "a document of 21 MiB": (413, "partner.content_too_large", content(text_of(b"x" * (21 * MIB)))),
    "a body of 41 MiB": (413, "partner.body_too_large", content("A" * (41 * MIB))),
    "no kind": (422, "partner.kind_missing", lambda good: {k: v for k, v in good.items() if k != "kind"}),
    "no message id": (
        422,
        "partner.message_id_missing",
        lambda good: {k: v for k, v in good.items() if k != "messageId"},
    ),
    "a message id with blanks": (
        422,
        "partner.message_id_missing",
        lambda good: good | {"messageId": "a b\n"},
    ),
    "a clinic that is no OID": (422, "partner.clinic_oid", lambda good: good | {"clinic": "1.2.643.77"}),
    "a clinic with a leading zero": (
        422,
        "partner.clinic_oid",
        lambda good: good | {"clinic": "1.2.643.5.1.13.13.12.2.077.9001"},
    ),
    "an unknown clinic": (
        403,
        "partner.clinic_not_linked",
        lambda good: good | {"clinic": "1.2.643.5.1.13.13.12.2.77.99999"},
    ),
    "a registry without its fund": (
        422,
        "partner.tfoms_missing",
        lambda good: good | {"type": "oms-registry", "metadata": {}},
    ),
    "a kind with a NUL": (422, "partner.submission_invalid", lambda good: good | {"kind": "306\0"}),
    "a number over two lines": (
        422,
        "partner.submission_invalid",
        lambda good: good | {"metadata": good["metadata"] | {"documentNumber": "1\n2"}},
    ),
    "a localUid no index takes": (
        422,
        "partner.submission_invalid",
        lambda good: good | {"metadata": good["metadata"] | {"localUid": "x" * 3000}},
    ),
    "a department with a NUL": (
        422,
        "partner.submission_invalid",
        lambda good: good | {"metadata": good["metadata"] | {"department": "а\0б"}},
    ),
    "a field named with a NUL": (422, "partner.submission_invalid", lambda good: good | {"a\0b": 1}),
    "a message id with a NUL": (
        422,
        "partner.message_id_missing",
        lambda good: good | {"messageId": "a\0b"},
    ),
    "a message id of a page": (
        422,
        "partner.message_id_missing",
        lambda good: good | {"messageId": "x" * 5000},
    ),
    "too many signatures": (
        422,
        "partner.too_many_signatures",
        lambda good: good | {"signatures": good["signatures"][:1] * 33},
    ),
    "a signature that is huge": (
        413,
        "partner.signature_too_large",
        lambda good: good | {"signatures": [{"kind": "organization", "data": "A" * MIB}]},
    ),
}


@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_what_is_turned_away_at_the_door(a_folder_house: House, alpha: Partner, good, name: str):
    status, code, bend = AT_THE_DOOR[name]
    before, told = await kept(a_folder_house), len(await refusals(a_folder_house, code))
    answer = await alpha.submit(bend(good))
    assert (answer.status, answer.code) == (status, code), answer.body
    assert says_what_to_do(answer)
    assert await kept(a_folder_house) == before, "nothing may be left behind"
    rows = await refusals(a_folder_house, code)
    assert len(rows) == told + 1, "one row says that it came"
    assert rows[0]["partner_id"] == alpha.id
    body = rows[0]["body"]
    assert (body["code"], body["door"]) == (code, "http") if isinstance(body, dict) else code in body
    assert len(str(body)) < 1000, "nothing of the content is in the row"


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "none"),
        ("inaya_000000000000_" + "A" * 43, "unknown"),
        ("wrong", "no secret of ours"),
        ("inaya_test_000000000000_" + "A" * 43, "unknown, of test"),
    ],
)
async def test_a_wrong_key_is_refused_and_leaves_a_row_without_the_key(
    a_folder_house: House, good, secret: str, why: str
):
    before = await kept(a_folder_house)
    told = len(await refusals(a_folder_house, "partner.unauthorized"))
    async with Partner(a_folder_house.http, secret) as stranger:
        answer = await stranger.submit(good)
    assert (answer.status, answer.code) == (401, "partner.unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert says_what_to_do(answer)
    assert await kept(a_folder_house) == before
    rows = await refusals(a_folder_house, "partner.unauthorized")
    assert len(rows) == told + 1
    assert not secret or secret not in str(rows)


async def test_a_right_key_with_one_sign_changed_is_wrong(a_folder_house: House, alpha: Partner, good):
    changed = alpha.secret[:-1] + ("A" if alpha.secret[-1] != "A" else "B")
    async with Partner(a_folder_house.http, changed) as stranger:
        assert (await stranger.submit(good)).status == 401


async def test_another_partners_clinic_is_as_unknown_as_any(a_folder_house: House, good):
    beta = a_folder_house.partners[2]
    answer = await beta.submit(good)
    assert (answer.status, answer.code) == (403, "partner.clinic_not_linked")


@pytest.mark.parametrize(
    ("status", "code"),
    [(ClinicStatus.SUSPENDED, "partner.clinic_suspended"), (ClinicStatus.CLOSED, "partner.clinic_closed")],
)
async def test_a_clinic_that_may_not_send_now(a_folder_house, alpha, world, signers, status, code):
    store = PartnerStore(a_folder_house.database)
    clinic = world.clinics[1]
    now = a_folder_house.clock.now()
    await store.set_status(clinic.oid, status, now)
    try:
        answer = await alpha.submit(a_submission(world, signers, clinic=1))
        assert (answer.status, answer.code) == (403, code)
        assert says_what_to_do(answer)
        assert (await refusals(a_folder_house, code))[0]["clinic_oid"] == clinic.oid
    finally:
        await store.set_status(clinic.oid, ClinicStatus.ACTIVE, now)


async def test_a_message_id_with_other_content_and_a_local_uid_with_other_content(
    a_folder_house, alpha, world, signers
):
    sample = a_sample(world)
    first = make_submission(sample, a_signature(signers))
    assert (await alpha.submit(first)).status == 202
    before = await kept(a_folder_house)
    other = as_json(a_submission(world, signers, message_id=sample.message_id))
    answer = await alpha.submit(other)
    assert (answer.status, answer.code) == (409, "partner.message_id_reused")
    assert says_what_to_do(answer)
    reused = as_json(a_submission(world, signers))
    reused["metadata"] |= {"localUid": sample.local_uid}
    answer = await alpha.submit(reused)
    assert (answer.status, answer.code) == (409, "partner.local_uid_reused")
    assert says_what_to_do(answer)
    after = await kept(a_folder_house)
    assert {t: after[t] for t in ("document", "submission", "identity")} == {
        t: before[t] for t in ("document", "submission", "identity")
    }


async def test_two_message_ids_that_differ_are_refused(alpha: Partner, good):
    answer = await alpha.submit(good, headers={"Idempotency-Key": "another"})
    assert (answer.status, answer.code) == (422, "partner.message_id_differs")
    assert says_what_to_do(answer)


async def test_what_people_write_may_have_more_than_one_line(alpha: Partner, good):
    good["metadata"] |= {"department": "Отделение\n№ 1\tкорпус 2", "title": "Протокол\r\nконсультации"}
    answer = await alpha.post("/validate", json=good)
    assert answer.status == 200, answer.body


async def test_an_idempotency_key_that_is_no_text_is_refused_like_any_other_odd_one(alpha: Partner, good):
    del good["messageId"]
    body = msgspec.json.encode(good)
    head = (
        f"POST /api/v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alpha.secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    ).encode() + b"Idempotency-Key: \xcf\xf0\xff\r\n\r\n"
    address = urlsplit(alpha.base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head + body)
    raw = await reader.read()
    writer.close()
    assert raw.startswith(b"HTTP/1.1 422"), raw[:200]
    assert b"partner.message_id_missing" in raw


@pytest.mark.parametrize(
    "path",
    [
        "/documents?kind=%00",
        "/documents?clinic=a%00b",
        "/documents?status=%00",
        "/documents?from=0001-01-01T00:00:00%2B14:00",
        "/documents?cursor=%00",
        "/documents?limit=%00",
        "/events?after=%00",
        "/events?wait=%00",
        "/documents/%00",
        "/registrations/%00",
    ],
)
async def test_a_parameter_no_column_takes_is_the_askers_fault(alpha: Partner, path: str):
    answer = await alpha.get(path)
    assert answer.status in {400, 404, 422}, answer.body
    assert answer.code in {"partner.query_invalid", "partner.not_found", "registration.not_found"}
    assert says_what_to_do(answer)


async def test_a_content_type_nobody_reads(alpha: Partner, good):
    answer = await alpha.submit(good, headers={"Content-Type": "application/xml"})
    assert (answer.status, answer.code) == (415, "partner.media_type")
    assert says_what_to_do(answer)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"--b\r\nrubbish", "multipart/form-data; boundary=b", "partner.multipart"),
        (b"rubbish", "multipart/form-data", "partner.multipart"),
        (
            b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n<a/>\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "partner.multipart_parts",
        ),
        (
            (
                b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{]\r\n'
                b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n<a/>\r\n--b--\r\n'
            ),
            "multipart/form-data; boundary=b",
            "partner.json_malformed",
        ),
    ],
)
async def test_a_multipart_body_that_is_broken(alpha: Partner, body: bytes, kind: str, code: str):
    answer = await alpha.submit(body, headers={"Content-Type": kind})
    assert answer.status in {400, 422}
    assert answer.code.startswith(code)
    assert says_what_to_do(answer)


def xml(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
UNREADABLE: dict[str, bytes] = {
    "not XML": b"%PDF-1.7 not a document",
    "XML cut off": b"<ClinicalDocument xmlns='urn:hl7-org:v3'><id",
    "not UTF-8": b'<?xml version="1.0" encoding="UTF-8"?><a>\xcf\xf0\xe8\xe2\xe5\xf2</a>',
    "DOCTYPE": b"<!DOCTYPE a><a/>",
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    "entity over the network": b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]><a>&x;</a>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname">%x;]><a/>',
    "entity bomb": xml(f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]><a>&e11;</a>'),
    "nested 100 000 deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "only blanks": b" \n ",
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_document_that_cannot_be_read_is_refused_with_findings(alpha: Partner, good, name: str):
    bent = good | {"content": {"data": text_of(UNREADABLE[name])}, "messageId": str(uuid.uuid4())}
    answer = await alpha.submit(bent, wait=25)
    assert (answer.status, answer.code) == (422, "partner.document_invalid"), answer.body
    assert says_what_to_do(answer)
    blocking = [one for one in answer.body["findings"] if one["severity"] == "error"]
    assert any(one["layer"] == "xml" for one in blocking)
    for finding in blocking:
        assert CYRILLIC.search(finding["message"])
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", finding["code"])
    assert any(CYRILLIC.search(one.get("fix") or "") for one in blocking)
    assert "hostname" not in str(answer.body), "nothing of our files may come back"
    ticket = answer.body["ticket"]
    card = (await alpha.get(f"/documents/{ticket['id']}")).body
    assert (card["status"], card["deliveries"], card["receipts"]) == ("rejected", [], [])
    assert card["version"] == 1


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"<a>" + b"x" * (11 * MIB) + b"</a>", {"kind.not_cda", "xsd.root", "signature.digest_mismatch"}),
        (b'<a b="' + b"x" * (11 * MIB) + b'"/>', {"xml.attribute_too_long", "signature.digest_mismatch"}),
    ],
    ids=["text", "attribute"],
)
async def test_a_node_over_10_mb_is_told_of_and_other_layers_still_judge(
    alpha: Partner, good, content: bytes, codes: set[str]
):
    """An attachment may be that large a text, so that is no fault by itself; no attribute holds a file."""
    bent = good | {"content": {"data": text_of(content)}, "messageId": str(uuid.uuid4())}
    answer = await alpha.submit(bent, wait=25)
    assert (answer.status, answer.code) == (422, "partner.document_invalid")
    found = {one["code"] for one in answer.body["findings"] if one["severity"] == "error"}
    assert codes <= found
    assert {code for code in found if code.startswith("xml.")} == codes & {"xml.attribute_too_long"}
    assert len(str(answer.body)) < 64 * 1024, "an answer never quotes what is that large"


def a_document_of_one_node(world: World, signers: Signers, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A good consultation with one text of 11 MiB in it."""
    monkeypatch.setattr("broker.samples.filler.PIECE", 11 * MIB)
    return as_json(make_submission(a_sample(world, kind="290", padding=11 * MIB), a_signature(signers)))


async def test_a_good_document_with_a_text_over_10_mb_goes_its_way(alpha, world, signers, monkeypatch):
    good = a_document_of_one_node(world, signers, monkeypatch)
    longest = max(len(text) for text in base64.b64decode(good["content"]["data"]).split(b"<"))
    assert longest > 10 * MIB
    answer = await alpha.submit(good, wait=25)
    assert answer.status == 202, answer.body
    assert answer.body["status"] in {"routed", "completed"}, "its folder may have it by now"
    assert (await alpha.outcome(answer.body["id"]))["status"] == "completed"


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("99999", {"kind.unknown"}),
        ("194", {"kind.closed_on_date", "kind.template_mismatch"}),
        ("103", {"kind.template_mismatch"}),
    ],
    ids=["unknown", "closed", "another"],
)
async def test_a_kind_that_is_unknown_closed_or_another(alpha: Partner, good, kind: str, codes: set[str]):
    answer = await alpha.submit(good | {"kind": kind}, wait=25)
    assert (answer.status, answer.code) == (422, "partner.document_invalid")
    told = [one for one in answer.body["findings"] if one["layer"] == "kind" and one["severity"] == "error"]
    assert {one["code"] for one in told} == codes
    assert all(CYRILLIC.search(one["message"]) and CYRILLIC.search(one["fix"]) for one in told)


async def test_three_faults_in_three_layers_come_back_in_one_answer(alpha: Partner, world, signers):
    """Acceptance 5: XSD, the numbers and the submission are each wrong; none hides another."""
    from broker.samples.faults import BY_ID

    submission = as_json(a_submission(world, signers, fault=BY_ID["xsd-wrong-order"]))
    submission["metadata"] |= {"documentNumber": "другой", "createdAt": "2025-12-01T00:00:00+03:00"}
    submission["signatures"] = [s for s in submission["signatures"] if s["kind"] != "organization"]
    answer = await alpha.submit(submission, wait=25)
    assert answer.status == 422
    layers = {one["layer"] for one in answer.body["findings"] if one["severity"] == "error"}
    assert {"xsd", "metadata", "signature"} <= layers


async def test_base64_with_line_breaks_armour_and_a_bom_is_no_fault(alpha: Partner, good):
    data = good["content"]["data"]
    lines = "\r\n".join(data[n : n + 76] for n in range(0, len(data), 76))
    armoured = good["signatures"][0] | {
        "data": f"-----BEGIN CMS-----\n{good['signatures'][0]['data']}\n-----END CMS-----\n"
    }
    bent = good | {"content": {"data": lines}, "signatures": [armoured, *good["signatures"][1:]]}
    answer = await alpha.submit(b"\xef\xbb\xbf" + msgspec.json.encode(bent), wait=25)
    assert answer.status == 202, answer.body


async def test_the_form_of_a_bad_document_is_kept_as_it_came(alpha: Partner, good):
    bent = good | {"content": {"data": text_of(b"<a>\r\n</a>")}}
    ticket = (await alpha.submit(bent, wait=25)).body["ticket"]
    answer = await alpha.get(f"/documents/{ticket['id']}/content")
    assert answer.body == b"<a>\r\n</a>"
    assert base64.b64decode(bent["content"]["data"]) == answer.body
