"""What leaves for РЭМД: the request follows our schema, every open point follows its setting, nothing else changes."""

import zlib
from base64 import b64decode, b64encode
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from adapters.remd import ADAPTER
from adapters.remd.names import SERVICE_NS
from adapters.remd.request import bare_id, checksum, register_body, soap_envelope
from adapters.remd.settings import ChecksumBase, ChecksumSign, Settings, settings_of
from broker.adapter_kit import Destination, Held, Rejected
from broker.adapter_kit.harness import (
    HostileServer,
    Misbehaviour,
    a_document,
    a_parcel,
    context_for,
    next_attempt,
)
from broker.document.submission import Association, PersonCard

CONTRACT = Path(__file__).parents[2] / "adapters/remd/contract"
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"
CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"


def the_request(settings: Settings | None = None, **changes) -> etree._Element:
    """Return the body's request element for a good parcel with a changed document."""
    document = msgspec.structs.replace(a_document(1), **changes)
    parcel = a_parcel(1, document=document)
    _, body = soap_envelope(settings or Settings(), message_id="m", action="registerDocument")
    register_body(body, parcel, document, settings or Settings())
    return body[0]


def value(element: etree._Element, path: str) -> str | None:
    return element.findtext("/".join(f"{{{SERVICE_NS}}}{step}" for step in path.split("/")))


async def what_leaves(parcel=None, **params: str) -> tuple[bytes, etree._Element]:
    """Deliver to a server that keeps the request; return head and envelope."""
    async with HostileServer(Misbehaviour.SERVER_ERROR).open() as server:
        destination = Destination(
            id="remd",
            adapter="remd",
            url=f"{server.url}/port/emdr",
            timeout=5,
            params={"client_entity_id": CLIENT, **params},
        )
        async with context_for(destination, peer_url="http://own.example/peer/remd") as context:
            await ADAPTER.deliver(parcel or a_parcel(1), context)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    return head, etree.fromstring(body)


def test_a_full_request_follows_our_schema() -> None:
    schema = etree.XMLSchema(etree.parse(CONTRACT / "emdr-service.xsd"))
    organization = msgspec.structs.replace(
        a_document(1).organization, department="1.2.643.5.1.13.13.12.2.77.9001.0.1"
    )
    link = Association(target="119.77.26.05.030830566", type="1")
    schema.assertValid(the_request(series="А", associations=[link], organization=organization))


def test_the_two_contracts_agree_with_themselves() -> None:
    from zeep import Client
    from zeep import Settings as ZeepSettings
    from zeep.transports import Transport

    for name in ("emdr-service.wsdl", "emdr-callback.wsdl"):
        with Transport().session:
            client = Client(str(CONTRACT / name), settings=ZeepSettings(strict=True), transport=Transport())
            assert client.wsdl.services


def test_a_request_carries_what_the_document_says() -> None:
    request = the_request()
    assert value(request, "kind") == "306"
    assert value(request, "creationDateTime") == "2026-03-01T10:16:00+00:00"
    assert value(request, "patient/birthDate") == "1980-02-29"
    assert value(request, "personalSignatures/personalSignature/signer/role") == "AUTHOR"
    assert value(request, "personalSignatures/personalSignature/signer/position") == "109"
    assert b64decode(value(request, "orgSignature/data") or "") == b"0\x03\x02\x01\x02"


def test_the_file_never_travels_with_the_request() -> None:
    parcel = a_parcel(1, content=b"<ClinicalDocument>THE-FILE</ClinicalDocument>")
    _, body = soap_envelope(Settings(), message_id="m", action="a")
    register_body(body, parcel, a_document(1), Settings())
    written = etree.tostring(body)
    assert b"THE-FILE" not in written
    assert b64encode(parcel.content)[:20] not in written


@pytest.mark.parametrize(
    ("base", "sign", "expected"),
    [
        (ChecksumBase.BYTES, ChecksumSign.UNSIGNED, zlib.crc32(b"\xff")),
        (ChecksumBase.BYTES, ChecksumSign.SIGNED, zlib.crc32(b"\xff") - (1 << 32)),
        (ChecksumBase.BASE64, ChecksumSign.UNSIGNED, zlib.crc32(b"/w==")),
    ],
)
def test_checksums_follow_base_and_sign(base, sign, expected) -> None:
    assert zlib.crc32(b"\xff") >= 1 << 31
    settings = Settings(checksum_base=base, checksum_sign=sign)
    assert checksum(b"\xff", (b"/w", b"=="), settings) == str(expected)


def test_roles_are_written_as_numbers_when_asked() -> None:
    settings = settings_of(Destination(id="remd", adapter="remd", params={"role_form": "id"}))
    assert isinstance(settings, Settings)
    assert value(the_request(settings), "personalSignatures/personalSignature/signer/role") == "19"


def test_any_name_of_the_contract_can_be_replaced() -> None:
    params = {"name.personal_signature": "item", "name.service_namespace": "urn:other"}
    settings = settings_of(Destination(id="remd", adapter="remd", params=params))
    assert isinstance(settings, Settings)
    request = the_request(settings)
    assert request.tag == "{urn:other}registerDocumentRequest"
    assert request.find("{urn:other}personalSignatures/{urn:other}item") is not None


async def test_headers_name_message_action_and_where_to_answer() -> None:
    parcel = a_parcel(1)
    head, envelope = await what_leaves(parcel)
    text = etree.tostring(envelope).decode()
    assert f">urn:uuid:{parcel.message_id}<" in text
    assert ">http://own.example/peer/remd/callback<" in text
    assert f">{CLIENT}<" in text
    assert b'application/soap+xml; charset=utf-8; action="registerDocument"' in head


async def test_soap_1_1_and_plain_message_ids_are_settings() -> None:
    parcel = a_parcel(1)
    head, envelope = await what_leaves(parcel, soap="1.1", message_id_form="plain", reply_to="https://a/b")
    assert envelope.tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
    assert b'SOAPAction: "registerDocument"' in head
    text = etree.tostring(envelope).decode()
    assert f">{parcel.message_id}<" in text
    assert ">https://a/b<" in text


async def test_a_clinic_with_its_own_system_is_sent_under_its_id() -> None:
    parcel = a_parcel(1)
    own = "aaaaaaaa-0000-4000-8000-000000000001"
    clinic = msgspec.structs.replace(parcel.clinic, client_entity_id=own)
    _, envelope = await what_leaves(msgspec.structs.replace(parcel, clinic=clinic))
    assert own in etree.tostring(envelope).decode()


@pytest.mark.parametrize(
    "params",
    [
        {"client_entity_id": CLIENT, "role_form": "по-русски"},
        {"client_entity_id": CLIENT, "nobody_knows": "1"},
        {"client_entity_id": CLIENT, "soap": "2"},
        {"client_entity_id": CLIENT, "peer_certificate": "/nowhere/at/all.pem"},
        {"client_entity_id": CLIENT, "signed_parts": "Everything"},
        {},
    ],
)
async def test_a_wrong_setting_holds_the_destination_and_says_which(params: dict[str, str]) -> None:
    destination = Destination(id="remd", adapter="remd", url="http://127.0.0.1:9", params=params)
    async with context_for(destination) as context:
        outcome = await ADAPTER.deliver(a_parcel(1), context)
    assert isinstance(outcome, Held)
    assert outcome.scope == "destination"


async def test_a_wrong_key_is_named_without_being_quoted() -> None:
    destination = Destination(
        id="remd",
        adapter="remd",
        params={"client_entity_id": CLIENT},
        secrets={"sign_key": "-----BEGIN PRIVATE KEY-----\nSECRET\n", "sign_certificate": "-----BEGIN"},
    )
    async with context_for(destination) as context:
        outcome = await ADAPTER.deliver(a_parcel(1), context)
    assert isinstance(outcome, Held)
    assert "SECRET" not in outcome.text


async def test_a_character_xml_cannot_carry_is_a_finding() -> None:
    document = msgspec.structs.replace(a_document(1), document_number="12\x0034")
    destination = Destination(
        id="remd", adapter="remd", url="http://127.0.0.1:9", params={"client_entity_id": CLIENT}
    )
    async with context_for(destination) as context:
        outcome = await ADAPTER.deliver(a_parcel(1, document=document), context)
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].code == "metadata.unsendable"


@pytest.mark.parametrize(
    "written",
    [
        "d067bef9-1498-44d0-bd40-037a1e09f040",
        "urn:uuid:D067BEF9-1498-44D0-BD40-037A1E09F040",
        "d067bef9149844d0bd40037a1e09f040",
        " URN:UUID:d067bef9-1498-44d0-bd40-037a1e09f040 ",
    ],
)
def test_a_message_id_is_recognised_in_every_seen_form(written: str) -> None:
    assert bare_id(written) == "d067bef9-1498-44d0-bd40-037a1e09f040"


def a_person(**changes) -> PersonCard:
    fields = {
        "surname": "Представителев",
        "name": "Выдуман",
        "snils": "900-000-001 00",
        "birth_date": "19700131",
    }
    return PersonCard(**(fields | changes))


def test_everything_the_register_may_be_told_follows_our_schema() -> None:
    signatures = tuple(
        msgspec.structs.replace(
            one,
            speciality="27",
            department=f"{CLINIC}.0.1",
            email="doctor@clinic.example",
            phone="+70000000000",
        )
        for one in a_parcel(1).signatures
    )
    settings = Settings(
        send_version=True,
        kind_version="12.85",
        position_version="9.6",
        speciality_version="4.4",
        association_version="1.2",
    )
    document = msgspec.structs.replace(
        a_document(1),
        series="А",
        document_number="12-34",
        version=3,
        addressees=[a_person(), a_person(patronymic="Иначеевна", snils=None, birth_date=None)],
        representative=a_person(),
        associations=[Association(target="119.77.26.05.030830566", type="1")],
        pluggable_attributes='<a:attrs xmlns:a="urn:kind"><a:one>1</a:one></a:attrs>',
        organization=msgspec.structs.replace(a_document(1).organization, department=f"{CLINIC}.0.1"),
    )
    _, body = soap_envelope(settings, message_id="m", action="registerDocument")
    register_body(body, a_parcel(1, document=document, signatures=signatures), document, settings)
    etree.XMLSchema(etree.parse(CONTRACT / "emdr-service.xsd")).assertValid(body[0])
    request = body[0]
    assert value(request, "documentVersion") == "3"
    assert value(request, "recipients/recipient/snils") == "90000000100"
    assert value(request, "representative/birthDate") == "1970-01-31"
    assert value(request, "personalSignatures/personalSignature/signer/email") == "doctor@clinic.example"
    assert value(request, "personalSignatures/personalSignature/signer/phone") == "+70000000000"
    assert request.findtext(".//{urn:kind}one") == "1"
    versions = {
        element.tag.rpartition("}")[2]: element.get("version")
        for element in request.iter()
        if element.get("version")
    }
    assert versions == {
        "kind": "12.85",
        "gender": "2.1",
        "role": "2.8",
        "position": "9.6",
        "speciality": "4.4",
        "type": "1.2",
    }


@pytest.mark.parametrize(
    "text",
    ["не XML", "<a>", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', '<a xmlns="">\x00</a>', "<a/><b/>"],
)
async def test_attributes_that_are_no_xml_are_refused_before_anything_is_sent(text: str) -> None:
    document = msgspec.structs.replace(a_document(1), pluggable_attributes=text)
    destination = Destination(
        id="remd", adapter="remd", url="http://127.0.0.1:9", params={"client_entity_id": CLIENT}
    )
    async with context_for(destination) as context:
        outcome = await ADAPTER.deliver(a_parcel(1, document=document), context)
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].code == "metadata.unsendable"


async def test_a_clinic_with_its_own_endpoint_is_answered_there() -> None:
    parcel = a_parcel(1)
    clinic = msgspec.structs.replace(parcel.clinic, params={"reply_to": "https://clinic.example/emdr"})
    _, envelope = await what_leaves(msgspec.structs.replace(parcel, clinic=clinic), reply_to="https://a/b")
    assert ">https://clinic.example/emdr<" in etree.tostring(envelope).decode()


async def test_every_attempt_leaves_under_its_own_message_id_with_the_same_local_uid() -> None:
    first = a_parcel(1)
    second = next_attempt(first)
    texts = [etree.tostring((await what_leaves(one))[1]).decode() for one in (first, second)]
    assert first.message_id != second.message_id
    for parcel, text in zip((first, second), texts, strict=True):
        assert str(parcel.message_id) in text
        assert f"localUid>{first.local_uid}<" in text
