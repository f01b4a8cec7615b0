"""The simulated ГИС as a МИС vendor meets it: contracts that load, refusals in the known texts, a register that lasts."""

import asyncio
import base64
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
import zeep
import zeep.exceptions
from gis_stage import GUID, ID_LPU, OID, SYSTEMS, a_gis_parcel, gis_stage
from lxml import etree
from test_gis_soap import DTO, MEDDOC, settings

from adapters.gis_soap.adapter import EMK_WSDL, PIX_WSDL
from adapters.gis_soap.faults import Fault, FaultKind, read_fault
from adapters.gis_soap.messages import document_message, patient_message
from adapters.gis_soap.simulator import create, wcf
from adapters.gis_soap.simulator.wsdl import xsd_page
from broker.adapter_kit.harness import Stage, SteppedClock, a_document
from broker.adapter_kit.simulation import SimulatorSetup
from broker.adapter_kit.soap import SoapAnswer, post_soap
from broker.adapter_kit.zeep_client import Contract, load_contract

PIX = "http://tempuri.org/IPixService/AddPatient"
EMK = "http://tempuri.org/IEmkService/AddMedRecord"


async def call(stage: Stage, service: str, action: str, envelope: bytes) -> SoapAnswer:
    url = f"{stage.simulator}/emk/{service}.svc"
    answer = await post_soap(stage.context.http, url, envelope, action=action, timeout=5)
    assert isinstance(answer, SoapAnswer), answer
    return answer


def a_patient_call(change: Callable[[etree._Element], None] = lambda _patient: None) -> bytes:
    envelope = patient_message(load_contract(PIX_WSDL), "AddPatient", a_document(1).patient, settings())
    change(envelope.find(".//{http://tempuri.org/}patient"))
    return etree.tostring(envelope)


def a_record_call(number: int = 1, change: Callable[[etree._Element], None] = lambda _record: None) -> bytes:
    envelope = document_message(load_contract(EMK_WSDL), a_gis_parcel(number), settings())
    change(envelope.find(".//{http://tempuri.org/}medRecord"))
    return etree.tostring(envelope)


def put(name: str, text: str) -> Callable[[etree._Element], None]:
    """Set a member of the patient, in its place."""
    order = wcf.shapes()[f"{DTO}PatientDto"].members

    def change(patient: etree._Element) -> None:
        member = patient.find(DTO + name)
        if member is None:
            member = etree.Element(DTO + name)
            after = [
                child for child in patient if order.index(child.tag.removeprefix(DTO)) < order.index(name)
            ]
            patient.insert(len(after), member)
        member.text = text

    return change


def put_document(**members: str) -> Callable[[etree._Element], None]:
    """Replace the patient's document."""

    def change(patient: etree._Element) -> None:
        document = patient.find(f"{DTO}Documents/{DTO}DocumentDto")
        for child in list(document):
            document.remove(child)
        for name in sorted(members):
            etree.SubElement(document, DTO + name).text = members[name]

    return change


def drop(name: str) -> Callable[[etree._Element], None]:
    return lambda parent: parent.remove(next(child for child in parent if child.tag.endswith(f"}}{name}")))


def refusal(answer: SoapAnswer) -> Fault:
    assert answer.status == 500
    fault = read_fault(answer)
    assert fault is not None
    return fault


# ---------------------------------------------------------------- contracts


def loaded(page: bytes) -> zeep.Client:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "single.wsdl")
        path.write_bytes(page)
        return zeep.Client(str(path), settings=zeep.Settings(forbid_dtd=True, forbid_external=True))


@pytest.mark.parametrize("service", ["PixService", "EMKService"])
async def test_the_single_wsdl_loads_in_zeep_and_names_its_own_address(service: str):
    async with gis_stage() as stage:
        url = f"{stage.simulator}/emk/{service}.svc"
        async with stage.context.http.get(f"{url}?singleWsdl") as response:
            page = await response.read()
    client = await asyncio.to_thread(loaded, page)
    assert client.service._binding_options["address"] == url
    assert {"GetVersion"} < set(client.service._operations)


async def test_the_wsdl_points_to_schemas_that_can_be_fetched():
    async with gis_stage() as stage, aiohttp.ClientSession() as http:
        waiting, seen = [f"{stage.simulator}/emk/EMKService.svc?wsdl"], set()
        while waiting:
            url = waiting.pop()
            seen.add(url)
            async with http.get(url) as response:
                assert response.status == 200
                root = etree.fromstring(await response.read())
            found = {node.get("schemaLocation") for node in root.iter("{*}import")}
            waiting += [link for link in found if link and link not in seen]
    assert len(seen) == 8


async def test_a_schema_outside_the_contract_is_not_shown():
    assert xsd_page("../passport", "http://x") is None
    async with gis_stage() as stage:
        url = f"{stage.simulator}/emk/PixService.svc"
        async with stage.context.http.get(url, params={"xsd": "../../adapter"}) as response:
            assert response.status == 404


async def test_a_typed_client_reads_the_version_and_its_faults():
    contract = load_contract(PIX_WSDL)
    async with gis_stage() as stage:
        url = f"{stage.simulator}/emk/PixService.svc"
        service = contract.service(stage.context.http, url, timeout=5)
        version = await service.GetVersion()
        assert version.ServiceVersion == "simulator"
        with pytest.raises(zeep.exceptions.Fault, match="Неправильный идентификатор системы"):
            await service.AddPatient(guid="x", idLPU=ID_LPU)


# ---------------------------------------------------------------- how WCF behaves


async def test_an_unknown_action_is_a_bare_fault():
    async with gis_stage() as stage:
        answer = await call(stage, "PixService", "http://tempuri.org/IPixService/Nothing", a_patient_call())
    assert refusal(answer).kind is FaultKind.REFUSED


async def test_the_action_decides_and_the_body_must_agree():
    async with gis_stage() as stage:
        answer = await call(
            stage, "PixService", f"{PIX[: -len('AddPatient')]}UpdatePatient", a_patient_call()
        )
    assert refusal(answer).told


async def test_what_is_no_envelope_is_a_bad_request():
    async with gis_stage() as stage:
        url = f"{stage.simulator}/emk/PixService.svc"
        async with stage.context.http.post(url, data=b"<a/>", headers={"SOAPAction": PIX}) as response:
            assert response.status == 400


async def test_a_member_out_of_order_is_dropped_in_silence():
    def misplace(patient: etree._Element) -> None:
        patient.append(patient.find(f"{DTO}BirthDate"))

    async with gis_stage() as stage:
        answer = await call(stage, "PixService", PIX, a_patient_call(misplace))
    assert [told.text for told in refusal(answer).told] == ["Поле BirthDate не может быть пустым"]


async def test_a_foreign_xsi_type_cannot_be_read():
    def estrange(record: etree._Element) -> None:
        record.set("{http://www.w3.org/2001/XMLSchema-instance}type", "nowhere:MedDocument")

    async with gis_stage() as stage:
        await call(stage, "PixService", PIX, a_patient_call())
        answer = await call(stage, "EMKService", EMK, a_record_call(1, estrange))
        assert await stage.documents() == []
    assert "xsi:type" in refusal(answer).told[0].text


# ---------------------------------------------------------------- the patient index


@pytest.mark.parametrize(
    ("change", "about", "text"),
    [
        (drop("FamilyName"), "FamilyName", "Поле FamilyName не может быть пустым"),
        (drop("GivenName"), "GivenName", "Поле GivenName не может быть пустым"),
        (drop("BirthDate"), "BirthDate", "Поле BirthDate не может быть пустым"),
        (drop("Sex"), "Sex", "Значение поля Sex не должно быть пустым"),
        (put("Sex", "9"), "Sex", "Значение Sex не соответствует коду пола (OID 1.2.643.5.1.13.2.1.1.156)"),
        (put("DeathTime", "1970-01-01T00:00:00"), "BirthDate", "не может быть больше чем поле DeathTime"),
        (put("IdBloodType", "99"), "IdBloodType", "1.2.643.2.69.1.1.1.3"),
        (put("IdLivingAreaType", "9"), "IdLivingAreaType", "1.2.643.5.1.13.2.1.1.573"),
        (put("SocialGroup", "99"), "SocialGroup", "1.2.643.2.69.1.1.1.4"),
        (
            put_document(DocN="900-000-001", IdDocumentType="223"),
            "DocN",
            "Для поля DocN разделители недопустимы",
        ),
        (put_document(IdDocumentType="223"), "DocN", "Значение поля DocN не может быть пустым"),
        (
            put_document(DocN="7700000000000001", IdDocumentType="228"),
            "IdProvider",
            "Для медицинских полисов необходимо указать страховую организацию",
        ),
        (
            put_document(
                DocN="1",
                IdDocumentType="14",
                IssuedDate="2020-01-02T00:00:00",
                ExpiredDate="2020-01-01T00:00:00",
            ),
            "IssuedDate",
            "Значение поля IssuedDate не может быть больше чем поле ExpiredDate",
        ),
    ],
)
async def test_the_index_refuses_in_the_known_texts(change: Callable[..., None], about: str, text: str):
    async with gis_stage() as stage:
        answer = await call(stage, "PixService", PIX, a_patient_call(change))
    told = refusal(answer).told[0]
    assert told.about == about
    assert text in told.text


async def test_several_faults_of_a_patient_come_nested():
    def spoil(patient: etree._Element) -> None:
        drop("Sex")(patient)
        drop("FamilyName")(patient)

    async with gis_stage() as stage:
        answer = await call(stage, "PixService", PIX, a_patient_call(spoil))
    assert {told.about for told in refusal(answer).told} == {"Sex", "FamilyName"}


async def test_a_repeated_patient_is_error_23_and_a_new_one_cannot_be_updated():
    update = f"{PIX[: -len('AddPatient')]}UpdatePatient"
    renamed = a_patient_call().replace(b"AddPatient", b"UpdatePatient")
    async with gis_stage() as stage:
        assert refusal(await call(stage, "PixService", update, renamed)).is_about("IdPatientMis")
        assert read_fault(await call(stage, "PixService", PIX, a_patient_call())) is None
        assert refusal(await call(stage, "PixService", PIX, a_patient_call())).has_code("23")
        assert read_fault(await call(stage, "PixService", update, renamed)) is None


# ---------------------------------------------------------------- documents


async def test_a_document_of_an_unknown_patient_is_refused():
    async with gis_stage() as stage:
        answer = await call(stage, "EMKService", EMK, a_record_call())
    assert refusal(answer).is_about("IdPatientMis")


def put_record(name: str, text: str) -> Callable[[etree._Element], None]:
    def change(record: etree._Element) -> None:
        record.find(f".//{MEDDOC}{name}").text = text

    return change


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (put_record("IdDocumentMis", "17"), "IdDocumentMis"),
        (put_record("Data", base64.b64encode(b"not xml").decode()), "Data"),
        (put_record("Data", base64.b64encode(b"<!DOCTYPE a []><a/>").decode()), "Data"),
        (put_record("Data", "***"), "Data"),
        (put_record("OrganizationSign", ""), "PersonalSigns"),
        (put_record("Sign", ""), "PersonalSigns"),
        (put_record("IdMedDocumentType", "999"), "IdMedDocumentType"),
        (drop("Author"), "Author"),
        (drop("Attachments"), "Data"),
    ],
)
async def test_a_document_is_refused_for_what_is_wrong_with_it(change: Callable[..., None], about: str):
    async with gis_stage(simulator={"documentTypes": {"306": True}}) as stage:
        await call(stage, "PixService", PIX, a_patient_call())
        answer = await call(stage, "EMKService", EMK, a_record_call(1, change))
        assert await stage.documents() == []
    assert refusal(answer).is_about(about)


async def test_a_type_that_does_not_go_to_remd_needs_no_signatures():
    async with gis_stage(simulator={"documentTypes": {"306": False}}) as stage:
        await call(stage, "PixService", PIX, a_patient_call())
        answer = await call(stage, "EMKService", EMK, a_record_call(1, put_record("Sign", "")))
        assert read_fault(answer) is None


async def test_an_open_contour_takes_any_uuid_as_a_system():
    async with gis_stage(simulator={"systems": {}}, guid="11111111-2222-4333-8444-555555555555") as stage:
        await stage.send(a_gis_parcel(1))
        assert [document.clinic for document in await stage.documents()] == [ID_LPU]


async def test_overwriting_with_other_bytes_is_a_second_registration():
    async with gis_stage(simulator={"duplicates": "overwrite"}) as stage:
        await stage.send(a_gis_parcel(1))
        other = msgspec.structs.replace(a_gis_parcel(1), content=b"<other/>")
        await stage.send(other)
        held = await stage.documents()
    assert [(d.calls, d.registrations, d.sha256) for d in held] == [
        (2, 2, hashlib.sha256(b"<other/>").hexdigest())
    ]


async def test_the_register_outlives_a_killed_process(tmp_path: Path):
    script = tmp_path / "sim.py"
    script.write_text(SCRIPT)
    state = tmp_path / "state"
    for expected in (0, 1):
        process, port = await started(script, state)
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/sim/documents") as response:
                assert len(await response.json()) == expected
            if not expected:
                url = f"http://127.0.0.1:{port}/emk"
                patient, record = a_patient_call(), a_record_call()
                await post_soap(http, f"{url}/PixService.svc", patient, action=PIX, timeout=5)
                await post_soap(http, f"{url}/EMKService.svc", record, action=EMK, timeout=5)
        process.kill()
        await process.wait()


SCRIPT = f"""
import asyncio, datetime, pathlib, sys
from adapters.gis_soap.simulator import create
from broker.adapter_kit.harness import SteppedClock, serving
from broker.adapter_kit.simulation import SimulatorSetup

async def main():
    setup = SimulatorSetup(clock=SteppedClock(), state=pathlib.Path(sys.argv[1]), params={{"systems": {SYSTEMS!r}}})
    async with serving(create(setup)) as url:
        print(url.rpartition(":")[2], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def started(script: Path, state: Path) -> tuple[asyncio.subprocess.Process, int]:
    import sys

    root = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(state), stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": root}
    )
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


# ---------------------------------------------------------------- read-back and settings


async def test_the_registry_is_for_known_systems_only():
    async with gis_stage() as stage:
        url = f"{stage.simulator}/emk/registry/{a_gis_parcel(1).local_uid}"
        async with stage.context.http.get(url) as response:
            assert response.status == 401
        async with stage.context.http.get(url, headers={"Authorization": f"N3 {GUID}"}) as response:
            assert await response.json() == []


def test_an_unknown_setting_of_the_simulator_is_refused():
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        create(SimulatorSetup(clock=SteppedClock(), params={"surprise": 1}))


def test_both_contracts_know_every_known_operation():
    assert load_contract(PIX_WSDL).operations == (
        "GetVersion",
        "AddPatient",
        "UpdatePatient",
        "GetPatient",
        "GetPatientByGlobalId",
    )
    assert load_contract(EMK_WSDL).operations == (
        "GetVersion",
        "AddMedRecord",
        "UpdateMedRecord",
        "CancelCase",
    )
    assert OID in SYSTEMS[GUID].values()


SEEN = Path(__file__).parents[3] / "shared" / "data" / "gis"


@pytest.mark.skipif(
    not SEEN.exists(), reason="НЕТ увиденных WSDL ГИС: сверка нашей редакции контракта пропущена"
)
@pytest.mark.parametrize(
    ("ours", "seen"),
    [(PIX_WSDL, "pix_local/PixService.wsdl"), (EMK_WSDL, "EmkService.generated.wsdl")],
    ids=["pix", "emk"],
)
def test_our_edition_agrees_with_the_contract_that_was_seen(ours: Path, seen: str):
    known = zeep.Client(str(SEEN / seen), settings=zeep.Settings(forbid_dtd=True))
    contract: Contract = load_contract(ours)
    for operation in contract.operations:
        theirs = known.service._binding.get(operation)
        assert theirs.soapaction == contract.action(operation)
    for name, shape in wcf.shapes().items():
        try:
            theirs = known.get_type(name)
        except (zeep.exceptions.LookupError, zeep.exceptions.NamespaceError):
            continue
        assert tuple(member for member, _ in theirs.elements) == shape.members, name
