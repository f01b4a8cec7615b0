"""A partner has a draft prepared, signs what came back and hands it in: the state systems get exactly those bytes."""

import base64
import uuid
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from builders import a_sample, a_signature, a_submission, as_json, text_of
from in_process import a_house

from broker.document.submission import Submission
from broker.normalizer.normalising import FILE
from broker.samples.sample import Sample
from broker.settings import SettingsError

PREPARE = "/prepare"
SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture
def draft(world, signers) -> tuple[Sample, Submission]:
    """A good document as a careless МИС exports it: windows-1251 under a false name, a style sheet, people's forms."""
    sample = a_sample(world, kind="290")
    submission = a_submission(world, signers, kind="290", **_as(sample))
    text = base64.b64decode(submission.content.data).decode()
    snils = sample.patient.snils
    spoilt = (
        text.replace("<ClinicalDocument", '<?xml-stylesheet href="mis.xsl"?><ClinicalDocument', 1)
        .replace(f'extension="{snils}"', f'extension="{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"')
        .replace('value="tel:+7', 'value="8 ')
        .replace('root="1.2.643.100.3"', 'root=" 1.2.643.100.3"')
        .replace("№", "N")
    )
    assert spoilt != text
    return sample, _with(submission, spoilt.encode("cp1251"), [])


def _as(sample: Sample) -> dict[str, object]:
    return {name: getattr(sample, name) for name in ("local_uid", "document_number", "set_id", "created_at")}


def _with(submission: Submission, content: bytes, signatures: list[object]) -> dict[str, object]:
    plain = as_json(submission)
    plain["content"]["data"] = text_of(content)
    return plain | {"signatures": signatures, "messageId": str(uuid.uuid4())}


async def test_what_was_prepared_and_signed_is_delivered_byte_for_byte(house, alpha, draft, signers, there):
    sample, submission = draft
    prepared = await alpha.post(PREPARE, json=submission)
    assert prepared.status == 200, prepared.body
    rules = {change["rule"] for change in prepared.body["changes"]}
    assert rules == {"encoding", "stylesheet", "snils", "phone", "blanks"}
    assert [finding["code"] for finding in prepared.body["reported"]] == ["normalise.encoding_guessed"]
    content = base64.b64decode(prepared.body["content"])
    assert prepared.body["digest"] == sha256(content).hexdigest()
    said = msgspec.json.encode(prepared.body["changes"]).decode()
    assert sample.patient.snils not in said.replace("-", "").replace(" ", "")

    again = await alpha.post(PREPARE, json=submission | {"content": {"data": prepared.body["content"]}})
    assert (again.body["content"], again.body["changes"]) == (prepared.body["content"], [])
    sign = a_signature(signers)
    doctor = sample.doctors[0]
    signed = submission | {
        "content": {"data": prepared.body["content"]},
        "signatures": [
            {"kind": "personal", "role": "AUTHOR", "data": text_of(sign(content, doctor))},
            {"kind": "organization", "data": text_of(sign(content, sample.clinic))},
        ],
    }
    answer = await alpha.submit(signed, wait=25, until="final")
    assert answer.status == 202, answer.body
    assert answer.body["status"] == "completed", answer.body
    assert answer.body["digest"] == prepared.body["digest"]
    stored = await alpha.get(f"/documents/{answer.body['id']}/content")
    assert stored.body == content
    assert [parcel.content for parcel in there.taken if parcel.local_uid == sample.local_uid] == [content]


async def test_rules_are_left_out_for_one_document_and_strangers_are_refused(house, alpha, draft):
    _, submission = draft
    without = await alpha.post(f"{PREPARE}?without=phone&without=snils,blanks", json=submission)
    assert {change["rule"] for change in without.body["changes"]} == {"encoding", "stylesheet"}
    refused = await alpha.post(f"{PREPARE}?without=phone,fone", json=submission)
    assert (refused.status, refused.code) == (422, "partner.rule_unknown")
    assert "fone" in refused.body["detail"]
    assert "phone" in refused.body["fix"]


async def test_what_is_signed_is_refused_wherever_the_signature_lies(house, alpha, draft, world, signers):
    _, submission = draft
    signed = await alpha.post(PREPARE, json=as_json(a_submission(world, signers)))
    assert (signed.status, signed.code) == (422, "partner.already_signed")
    enveloped = b'<a><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></a>'
    inside = await alpha.post(PREPARE, json=submission | {"content": {"data": text_of(enveloped)}})
    assert (inside.status, inside.code) == (422, "partner.already_signed")
    assert inside.body["findings"][0]["code"] == "normalise.signed_inside"


async def test_what_cannot_be_read_is_answered_with_findings_and_nothing_is_kept(house, alpha, draft):
    _, submission = draft
    before = await house.database.fetchval("select count(*) from document")
    hostile = await alpha.post(PREPARE, json=submission | {"content": {"data": text_of(b"<!DOCTYPE a><a/>")}})
    assert (hostile.status, hostile.code) == (422, "partner.document_unreadable")
    assert hostile.body["findings"][0]["code"] == "xml.doctype_forbidden"
    assert await house.database.fetchval("select count(*) from document") == before


NAMES = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:identity="urn:hl7-ru:identity">'
    "<name><given>А</given><given>Б</given></name></ClinicalDocument>"
).encode()
PERMITTED = """
[rules]
phone = false

[[shim]]
rule = "second_given"
kinds = ["290"]
partners = ["{partner}"]
reason = "Заявка партнёра."
"""


@pytest.fixture
def schemas(tmp_path) -> Path:
    """The rule sets that ship, beside decisions of this installation's own."""
    home = tmp_path / "schemas"
    home.mkdir()
    for one in SCHEMAS.iterdir():
        if one.name != FILE:
            (home / one.name).symlink_to(one)
    return home


async def test_what_an_operator_permitted_works_for_the_partner_and_kind_it_names(
    tmp_path, schemas, database_url, world, draft
):
    (schemas / FILE).write_text(PERMITTED.format(partner=world.vendors[0].id), encoding="utf-8")
    submission = draft[1] | {"content": {"data": text_of(NAMES)}}
    async with a_house(
        tmp_path / "house", database_url, world, processes=("serve",), INAYA_SCHEMAS_DIR=str(schemas)
    ) as house:
        first, second = house.partners[0], house.partners[2]
        permitted = await first.post(PREPARE, json=submission)
        (change,) = permitted.body["changes"]
        assert change["rule"] == "second_given"
        assert change["message"].endswith("Основание: Заявка партнёра.")
        assert b"<identity:Patronymic>" in base64.b64decode(permitted.body["content"])
        assert (await second.post(PREPARE, json=submission)).body["changes"] == []
        assert (await first.post(PREPARE, json=submission | {"kind": "306"})).body["changes"] == []
        whole = await first.post(PREPARE, json=draft[1])
        assert "phone" not in {change["rule"] for change in whole.body["changes"]}


async def test_decisions_that_cannot_be_read_stop_the_door_with_their_reason(
    tmp_path, schemas, database_url, world
):
    (schemas / FILE).write_text("[rules]\nfone = false", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"normalising\.toml.*fone"):
        async with a_house(
            tmp_path / "house", database_url, world, processes=("serve",), INAYA_SCHEMAS_DIR=str(schemas)
        ):
            pass
