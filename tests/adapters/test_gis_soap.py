"""What gis_soap tells a ГИС, in which order, and what it makes of every answer."""

import asyncio

import msgspec
import pytest
from aiohttp import web
from gis_stage import GUID, ID_LPU, OID, a_gis_destination, a_gis_parcel, gis_stage
from lxml import etree

from adapters.gis_soap import ADAPTER
from adapters.gis_soap.adapter import EMK_WSDL, PIX_WSDL, fingerprint
from adapters.gis_soap.faults import Fault, FaultKind, Told, meaning, without_people
from adapters.gis_soap.messages import document_message, patient_message
from adapters.gis_soap.settings import Settings, read_settings
from broker.adapter_kit import Awaiting, Delivered, Held, InDoubt, Registered, Rejected, Unavailable, Verdict
from broker.adapter_kit.harness import Stage, a_document, context_for, next_attempt, serving
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.soap import parse_soap
from broker.adapter_kit.zeep_client import Contract, load_contract
from broker.document.canonical import IdentityDocument, Patient
from broker.document.finding import Responsible

N3 = "http://schemas.datacontract.org/2004/07/"
MEDDOC = f"{{{N3}N3.EMK.Dto.MedRec.MedDoc}}"
DTO = f"{{{N3}EMKService.Data.Dto}}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def settings(**changes: object) -> Settings:
    made = Settings(
        pix_url="http://x/PixService.svc",
        emk_url="http://x/EMKService.svc",
        guid=GUID,
        guid_is_clinics=False,
        id_lpu=ID_LPU,
        kinds={"306": "306"},
        records={},
    )
    return msgspec.structs.replace(made, **changes)


def with_patient(number: int, **changes: object) -> Parcel:
    document = a_document(number)
    patient = msgspec.structs.replace(document.patient, **changes)
    return a_gis_parcel(number, document=msgspec.structs.replace(document, patient=patient))


async def calls_of(stage: Stage, parcel: Parcel) -> int:
    return next(d.calls for d in await stage.documents() if d.local_uid == parcel.local_uid)


# ---------------------------------------------------------------- messages


def test_the_document_message_fits_the_contract_and_names_its_type():
    contract = load_contract(EMK_WSDL)
    parcel = a_gis_parcel(1)
    envelope = document_message(contract, parcel, settings(records={"306": "ConsultNote"}, confidentiality=1))
    assert contract.violations(envelope) == []
    record = envelope.find(".//{http://tempuri.org/}medRecord")
    prefix, _, name = record.get(XSI_TYPE).partition(":")
    assert name == "ConsultNote"
    assert record.nsmap[prefix] == MEDDOC.strip("{}")
    assert [child.tag for child in record] == [
        MEDDOC + member
        for member in (
            "Attachments",
            "Author",
            "CreationDate",
            "Header",
            "IdDocumentMis",
            "IdMedDocumentType",
        )
    ]
    assert record.findtext(f"{MEDDOC}IdDocumentMis") == parcel.local_uid
    assert envelope.find(".//{http://tempuri.org/}idCaseMis") is None


def test_the_patient_message_is_alphabetical_and_holds_no_more_than_it_must():
    contract = load_contract(PIX_WSDL)
    envelope = patient_message(contract, "AddPatient", a_document(1).patient, settings())
    assert contract.violations(envelope) == []
    names = [child.tag.removeprefix(DTO) for child in envelope.find(".//{http://tempuri.org/}patient")]
    assert names == sorted(names)
    assert names == ["BirthDate", "Documents", "FamilyName", "GivenName", "IdPatientMIS", "MiddleName", "Sex"]


@pytest.mark.parametrize(("type_", "expected"), [("1", "14"), ("10", "18")])
def test_without_snils_the_identity_document_goes(type_: str, expected: str):
    card = IdentityDocument(type=type_, series="00 00", number="000 001", issuer="Выдуманный орган")
    patient = msgspec.structs.replace(a_document(1).patient, snils="", identity_document=card)
    envelope = patient_message(load_contract(PIX_WSDL), "AddPatient", patient, settings())
    assert envelope.findtext(f".//{DTO}IdDocumentType") == expected
    assert envelope.findtext(f".//{DTO}DocN") == "000001"


def test_the_contract_notices_a_member_out_of_order():
    contract = load_contract(PIX_WSDL)
    envelope = patient_message(contract, "AddPatient", a_document(1).patient, settings())
    born = envelope.find(f".//{DTO}BirthDate")
    born.getparent().append(born)
    assert [violation.path.rpartition("/")[2] for violation in contract.violations(envelope)] == ["BirthDate"]


def test_the_fingerprint_depends_on_data_clinic_and_secret_and_shows_none_of_them():
    patient = a_document(1).patient
    other = msgspec.structs.replace(patient, birth_date="19810101")
    prints = {
        fingerprint(patient, settings()),
        fingerprint(other, settings()),
        fingerprint(patient, settings(id_lpu="x")),
        fingerprint(patient, settings(guid="y")),
    }
    assert len(prints) == 4
    assert all(len(one) == 64 for one in prints)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("parcel", "changes", "scope", "word"),
    [
        (a_gis_parcel(1, idLpu=""), {}, "clinic", "idLpu"),
        (a_gis_parcel(1), {"secrets": {}}, "clinic", "guid"),
        (a_gis_parcel(1), {"url": ""}, "destination", "url"),
        (a_gis_parcel(1), {"params": {"duplicateText": "("}}, "destination", "duplicateText"),
        (a_gis_parcel(1), {"params": {"confidentiality": "x"}}, "destination", "confidentiality"),
    ],
)
async def test_a_missing_parameter_holds_what_needs_it(parcel: Parcel, changes: dict, scope: str, word: str):
    destination = msgspec.structs.replace(a_gis_destination("http://127.0.0.1:9"), **changes)
    async with context_for(destination) as context:
        outcome = await ADAPTER.deliver(parcel, context)
    assert isinstance(outcome, Held)
    assert outcome.scope == scope
    assert word in outcome.text


async def test_a_kind_without_a_code_waits_for_the_operator():
    async with context_for(a_gis_destination("http://127.0.0.1:9")) as context:
        outcome = await ADAPTER.deliver(a_gis_parcel(1, kind="290"), context)
    assert isinstance(outcome, Held)
    assert outcome.reason == "gis.kind_not_mapped"
    assert outcome.scope == "delivery"


async def test_a_clinics_own_guid_comes_before_that_of_the_destination():
    async with context_for(a_gis_destination("http://x")) as context:
        read = read_settings(a_gis_parcel(1, guid="own"), context)
    assert isinstance(read, Settings)
    assert (read.guid, read.guid_is_clinics) == ("own", True)


async def test_everything_a_document_lacks_is_told_at_once():
    document = msgspec.structs.replace(a_document(1), patient=Patient(), created_at=None, local_uid="17")
    parcel = msgspec.structs.replace(a_gis_parcel(1, document=document), signatures=())
    async with context_for(a_gis_destination("http://127.0.0.1:9")) as context:
        outcome = await ADAPTER.deliver(parcel, context)
    assert isinstance(outcome, Rejected)
    assert {finding.code.removeprefix("gis.") for finding in outcome.findings} == {
        "id_not_uuid",
        "created_missing",
        "patient_id_missing",
        "patient_family_missing",
        "patient_given_missing",
        "patient_gender_missing",
        "patient_birth_missing",
        "signature_missing",
    }


async def test_a_value_that_breaks_the_contract_is_named_by_path_alone():
    async with gis_stage() as stage:
        outcome = await stage.send(with_patient(1, gender="мужской"))
    assert isinstance(outcome, Rejected)
    finding = outcome.findings[0]
    assert finding.code == "gis.contract_violation"
    assert finding.message.endswith("AddPatient/patient/Sex.")
    assert "мужской" not in str(outcome)


# ---------------------------------------------------------------- the way


async def test_an_empty_answer_is_delivery_under_the_documents_own_id():
    async with gis_stage() as stage:
        parcel = a_gis_parcel(1)
        outcome = await stage.send(parcel)
        held = await stage.documents()
    assert isinstance(outcome, Delivered)
    assert outcome.receipt.gis_id == parcel.local_uid
    assert outcome.receipt.provider == "gis.77"
    assert [(d.clinic, d.sha256, d.registrations) for d in held] == [(OID, parcel.digest, 1)]


async def test_a_patient_is_told_once_and_again_when_the_data_change():
    async with gis_stage() as stage:
        await stage.send(a_gis_parcel(1))
        key = (OID, "patient:P1")
        first = stage.context.ids.values[key]
        other = with_patient(1, birth_date="19810101")
        second = msgspec.structs.replace(other, local_uid="0b5e9a52-6b3a-4f0c-8a5e-1d2c3b4a5f6e")
        outcome = await stage.send(second)
        assert isinstance(outcome, Delivered)
        assert stage.context.ids.values[key] != first
        assert GUID not in str(stage.context.ids.values)


async def test_a_patient_the_index_has_already_is_updated():
    async with gis_stage() as stage:
        await stage.send(a_gis_parcel(1))
        stage.context.ids.values.clear()
        parcel = msgspec.structs.replace(a_gis_parcel(1), local_uid="0b5e9a52-6b3a-4f0c-8a5e-1d2c3b4a5f6e")
        assert isinstance(await stage.send(parcel), Delivered)
        assert (OID, "patient:P1") in stage.context.ids.values


async def test_a_patient_the_index_has_forgotten_is_told_once_more():
    async with gis_stage() as stage:
        parcel = a_gis_parcel(1)
        read = read_settings(parcel, stage.context)
        assert isinstance(read, Settings)
        told = fingerprint(parcel.document.patient, read)
        await stage.context.ids.put(OID, "patient:P1", told)
        assert isinstance(await stage.send(parcel), Delivered)


async def test_two_documents_of_a_new_patient_at_once_both_arrive():
    async with gis_stage() as stage:
        twin = msgspec.structs.replace(a_gis_parcel(1), local_uid="0b5e9a52-6b3a-4f0c-8a5e-1d2c3b4a5f6e")
        outcomes = await asyncio.gather(stage.send(a_gis_parcel(1)), stage.send(twin))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes


@pytest.mark.parametrize("duplicates", ["fault", "overwrite"])
async def test_a_repeat_is_success_whatever_the_region_does_with_it(duplicates: str):
    async with gis_stage(simulator={"duplicates": duplicates}) as stage:
        parcel = a_gis_parcel(1)
        await stage.send(parcel)
        outcome = await stage.send(next_attempt(parcel))
        assert isinstance(outcome, Delivered)
        assert await calls_of(stage, parcel) == 2
        assert [d.registrations for d in await stage.documents()] == [1]


async def test_the_regions_own_text_for_a_duplicate_can_be_taught():
    async with gis_stage(duplicateText="дубль документа") as stage:
        await stage.faults(code="Обнаружен дубль документа")
        assert isinstance(await stage.send(a_gis_parcel(1)), Delivered)


async def test_a_large_document_arrives_whole():
    body = b"<ClinicalDocument>" + b"<!-- -->" * 300_000 + b"</ClinicalDocument>"
    async with gis_stage() as stage:
        parcel = a_gis_parcel(1, content=body)
        assert isinstance(await stage.send(parcel), Delivered)
        assert (await stage.documents())[0].sha256 == parcel.digest


# ---------------------------------------------------------------- answers


async def test_a_wrong_system_guid_holds_the_destination():
    async with gis_stage(guid="11111111-2222-4333-8444-555555555555") as stage:
        outcome = await stage.send(a_gis_parcel(1))
    assert isinstance(outcome, Held)
    assert outcome.scope == "destination"


async def test_a_clinics_own_wrong_guid_holds_that_clinic_alone():
    async with gis_stage() as stage:
        outcome = await stage.send(a_gis_parcel(1, guid="11111111-2222-4333-8444-555555555555"))
    assert isinstance(outcome, Held)
    assert outcome.scope == "clinic"


async def test_a_wrong_id_lpu_holds_the_clinic():
    async with gis_stage() as stage:
        outcome = await stage.send(a_gis_parcel(1, idLpu="11111111-2222-4333-8444-555555555555"))
    assert isinstance(outcome, Held)
    assert outcome.scope == "clinic"


async def test_a_warning_means_the_document_was_kept():
    async with gis_stage() as stage:
        await stage.faults(code="RequestWarning")
        outcome = await stage.send(a_gis_parcel(1))
        held = await stage.documents()
    assert isinstance(outcome, Delivered)
    assert outcome.receipt.warnings == ["Документ сохранён с предупреждением"]
    assert len(held) == 1


async def test_a_fault_without_a_reason_is_tried_again():
    async with gis_stage() as stage:
        await stage.faults(code="NoReason")
        outcome = await stage.send(a_gis_parcel(1))
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "gis.fault_without_reason"


async def test_an_unknown_refusal_goes_to_the_operator():
    async with gis_stage() as stage:
        await stage.faults(code="Нечто небывалое")
        outcome = await stage.send(a_gis_parcel(1))
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].responsible is Responsible.OPERATOR
    assert "Нечто небывалое" in outcome.findings[0].message


async def test_several_refusals_come_back_together():
    async with gis_stage(signatures="optional") as stage:
        parcel = msgspec.structs.replace(a_gis_parcel(1, content=b"not xml"), signatures=())
        outcome = await stage.send(parcel)
    assert isinstance(outcome, Rejected)
    assert {finding.code for finding in outcome.findings} == {"gis.Data", "gis.PersonalSigns"}


@pytest.mark.parametrize(
    "row", [row for row in ADAPTER.answers.rows if row.sample], ids=lambda row: row.sample
)
def test_every_row_of_the_answer_table_leads_to_its_verdict(row):
    fault = Fault(FaultKind.REFUSED, (Told(row.sample, about=row.code),))
    outcome = meaning(fault, ADAPTER.answers, settings(), a_document(1))
    match row.verdict:
        case Verdict.HELD:
            assert isinstance(outcome, Held)
            assert outcome.scope == row.hold
        case Verdict.REJECTED:
            assert isinstance(outcome, Rejected)
            assert outcome.findings[0].message == row.say
            assert outcome.findings[0].responsible is row.responsible
        case Verdict.UNAVAILABLE:
            assert isinstance(outcome, Unavailable)
        case Verdict.REGISTERED:
            assert outcome == [row.say]


def test_what_a_refusal_quotes_of_people_is_blanked():
    document = a_document(1)
    snils = document.patient.snils
    grouped = f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"
    text = f"Пациент Выдуманов Небылий, СНИЛС {grouped} ({snils}), 29.02.1980 и 1980-02-29 уже прикреплён"
    said = without_people(text, document)
    for word in ("Выдуманов", "Небылий", snils, grouped, "29.02.1980", "1980-02-29"):
        assert word not in said
    assert "уже прикреплён" in said


NESTED = f"""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:Client</faultcode><faultstring>The creator of this fault did not specify a Reason.</faultstring>
<detail><RequestFault xmlns="{N3}N3.EMK.Dto.Common"><PropertyName>patient</PropertyName><Message/>
<ErrorCode>0</ErrorCode><Errors><RequestFault><PropertyName>Sex</PropertyName>
<Message>Значение поля Sex не должно быть пустым</Message><ErrorCode>7</ErrorCode></RequestFault></Errors>
</RequestFault></detail></s:Fault></s:Body></s:Envelope>"""


def test_nested_faults_are_flattened_and_the_default_reason_is_no_text():
    from adapters.gis_soap.faults import read_fault

    answer = parse_soap(NESTED.encode())
    assert not isinstance(answer, str)
    fault = read_fault(answer)
    assert fault == Fault(
        FaultKind.REFUSED,
        (Told("", about="patient"), Told("Значение поля Sex не должно быть пустым", "7", "Sex")),
    )


async def test_an_answer_of_another_operation_is_doubt():
    async def other(_request: web.Request) -> web.Response:
        body = NESTED[: NESTED.index("<s:Fault>")] + '<x xmlns="http://tempuri.org/"/></s:Body></s:Envelope>'
        return web.Response(text=body, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/{tail:.*}", other)
    async with serving(app) as url, context_for(a_gis_destination(url)) as context:
        outcome = await ADAPTER.deliver(a_gis_parcel(1), context)
    assert outcome == InDoubt("destination.answer_unexpected")


# ---------------------------------------------------------------- read-back


async def test_with_a_readback_the_document_waits_until_remd_has_it():
    async with gis_stage(readback="registry") as stage:
        parcel = a_gis_parcel(1, kind="119")
        waiting = await stage.send(parcel)
        assert isinstance(waiting, Awaiting)
        assert waiting.correlation == parcel.local_uid
        early = await ADAPTER.poll(msgspec.structs.replace(parcel, state=waiting.state), stage.context)
        assert isinstance(early, Awaiting)
        outcome = await stage.settle(parcel, waiting)
    assert isinstance(outcome, Registered)
    assert outcome.receipt.gis_id == parcel.local_uid
    assert (outcome.receipt.emdr_id or "").startswith("198.")


async def test_a_refusal_of_remd_is_told_with_its_reason():
    refused = {"refusedTypes": {"306": "Code: OBJECT_NOT_FOUND"}}
    async with gis_stage(simulator=refused, readback="registry") as stage:
        outcome = await stage.send_and_settle(a_gis_parcel(1))
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].responsible is Responsible.OPERATOR


async def test_a_readback_that_is_down_means_waiting_on():
    async with gis_stage(readback="registry") as stage:
        parcel = a_gis_parcel(1)
        waiting = await stage.send(parcel)
        assert isinstance(waiting, Awaiting)
        await stage.faults(unavailable=1)
        outcome = await ADAPTER.poll(msgspec.structs.replace(parcel, state=waiting.state), stage.context)
    assert isinstance(outcome, Awaiting)
    assert outcome.state == waiting.state


async def test_no_tree_ever_holds_a_document(monkeypatch: pytest.MonkeyPatch):
    built: list[int] = []

    def watched(contract: Contract, parcel: Parcel, its: Settings) -> etree._Element:
        envelope = document_message(contract, parcel, its)
        built.append(len(etree.tostring(envelope)))
        return envelope

    monkeypatch.setattr("adapters.gis_soap.adapter.document_message", watched)
    parcel = a_gis_parcel(1, content=b"<ClinicalDocument>" + b"<!-- -->" * 300_001 + b"</ClinicalDocument>")
    async with gis_stage() as stage:
        assert isinstance(await stage.send(parcel), Delivered)
        assert (await stage.documents())[0].sha256 == parcel.digest
    assert max(built) < 64 * 1024
