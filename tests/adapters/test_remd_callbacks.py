"""РЭМД calls us: files are handed out by either number, results are taken once understood, everything else is refused."""

import zlib
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree
from msgspec import structs

from adapters.remd import ADAPTER
from adapters.remd.names import CALLBACK_NS
from broker.adapter_kit import (
    Context,
    Destination,
    Held,
    InDoubt,
    PeerRequest,
    Refuse,
    Registered,
    Rejected,
    Serve,
    StoredCallback,
    Take,
    Unavailable,
)
from broker.adapter_kit.harness import MemoryFiles, a_parcel, context_for
from broker.adapter_kit.pieces import whole
from broker.adapter_kit.soap import SOAP11, SOAP12

MESSAGE = "d067bef9-1498-44d0-bd40-037a1e09f040"
CONTRACT = Path(__file__).parents[2] / "adapters/remd/contract"
EMDR_ID = "306.77.26.03.000000042"


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    destination = Destination(id="remd", adapter="remd", params={"client_entity_id": "x"})
    async with context_for(destination) as opened:
        yield opened


def an_envelope(body: str, *, soap: str = SOAP12, header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{soap}" xmlns:w="http://www.w3.org/2005/08/addressing"><s:Header>{header}</s:Header>'
        f'<s:Body xmlns:c="{CALLBACK_NS}">{body}</s:Body></s:Envelope>'
    ).encode()


def a_result(inner: str, relates: str = MESSAGE) -> str:
    return (
        f"<c:registerDocumentResult><c:relatesToMessage>{relates}</c:relatesToMessage>{inner}"
        "</c:registerDocumentResult>"
    )


SUCCESS = (
    f"<c:status>success</c:status><c:registryItem><c:emdrId>{EMDR_ID}</c:emdrId>"
    "<c:documentVersion>2</c:documentVersion><c:registrationDate>2026-03-02+03:00</c:registrationDate>"
    "<c:registrationDateTime>2026-03-02T10:31:05.896+03:00</c:registrationDateTime>"
    "<c:storeTillDate>2051-03-02+03:00</c:storeTillDate><c:registrationWarnings><c:item>"
    "<c:code>IPS_VALIDATION_WARNING</c:code><c:message>СНИЛС [90000000100]</c:message></c:item>"
    "</c:registrationWarnings></c:registryItem>"
)


def an_error(code: str, message: str) -> str:
    return (
        f"<c:status>error</c:status><c:errors><c:item><c:code>{code}</c:code>"
        f"<c:message>{message}</c:message></c:item></c:errors>"
    )


def a_call(body: bytes, *, endpoint: str = "callback", method: str = "POST") -> PeerRequest:
    return PeerRequest(endpoint=endpoint, method=method, path="/", query={}, headers={}, body=body)


async def understood(body: bytes, context: Context):
    """Take a callback and read it as the broker does."""
    taken = await ADAPTER.receive(a_call(body), context)
    assert isinstance(taken, Take), taken
    stored = StoredCallback(endpoint="callback", correlation=taken.correlation, headers={}, body=body)
    (verdict,) = await ADAPTER.interpret(stored, context)
    assert verdict.correlation == taken.correlation
    return verdict


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("upper", [False, True])
async def test_a_file_is_handed_out_by_local_uid(context: Context, soap: str, upper: bool) -> None:
    assert isinstance(context.files, MemoryFiles)
    parcel = a_parcel(1)
    context.files.hold(parcel)
    uid = parcel.local_uid.upper() if upper else parcel.local_uid
    body = f"<c:getDocumentFileRequest><c:localUid>{uid}</c:localUid></c:getDocumentFileRequest>"
    reply = await ADAPTER.receive(a_call(an_envelope(body, soap=soap)), context)
    assert isinstance(reply, Serve)
    answer = etree.fromstring(whole(reply.body))
    assert answer.tag == f"{{{soap}}}Envelope"
    data = answer.findtext(f".//{{{CALLBACK_NS}}}data") or ""
    assert b64decode(data) == parcel.content
    signed = int(answer.findtext(f".//{{{CALLBACK_NS}}}checksum") or "")
    assert signed & 0xFFFFFFFF == zlib.crc32(data.encode())


async def test_a_registered_file_is_handed_out_by_its_number(context: Context) -> None:
    assert isinstance(context.files, MemoryFiles)
    parcel = a_parcel(1)
    context.files.hold(parcel)
    context.files.receipt(EMDR_ID, parcel)
    body = f"<c:getDocumentFileRequest><c:emdrId>{EMDR_ID}</c:emdrId></c:getDocumentFileRequest>"
    reply = await ADAPTER.receive(a_call(an_envelope(body)), context)
    assert isinstance(reply, Serve)
    answer = etree.fromstring(whole(reply.body))
    assert b64decode(answer.findtext(f".//{{{CALLBACK_NS}}}data") or "") == parcel.content


async def test_the_answer_with_a_file_follows_our_schema(context: Context) -> None:
    assert isinstance(context.files, MemoryFiles)
    parcel = a_parcel(1)
    context.files.hold(parcel)
    schema = etree.XMLSchema(etree.parse(CONTRACT / "emdr-callback.xsd"))
    for uid in (parcel.local_uid, "nobody"):
        body = f"<c:getDocumentFileRequest><c:localUid>{uid}</c:localUid></c:getDocumentFileRequest>"
        reply = await ADAPTER.receive(a_call(an_envelope(body)), context)
        assert isinstance(reply, Serve)
        assert reply.document_id == (parcel.document_id if uid == parcel.local_uid else None)
        schema.assertValid(etree.fromstring(whole(reply.body))[-1][0])


async def test_an_unknown_file_is_answered_with_an_error_status(context: Context) -> None:
    body = "<c:getDocumentFileRequest><c:localUid>nobody</c:localUid></c:getDocumentFileRequest>"
    reply = await ADAPTER.receive(a_call(an_envelope(body)), context)
    assert isinstance(reply, Serve)
    assert reply.event == "file.missing"
    assert etree.fromstring(whole(reply.body)).findtext(f".//{{{CALLBACK_NS}}}status") == "error"


@pytest.mark.parametrize("code", ["FILE_WAS_NOT_SENT", "MIS_NOT_AVAILABLE"])
async def test_a_file_that_is_not_at_hand_is_answered_with_an_error_that_asks_to_come_again(
    context: Context, code: str
) -> None:
    assert isinstance(context.files, MemoryFiles)
    parcel = a_parcel(1)
    context.files.hold(parcel)
    context.files.receipt(EMDR_ID, parcel)
    context.files.away[parcel.document_id] = "file.with_clinic"
    destination = structs.replace(context.destination, params={"file_away_code": code})
    body = f"<c:getDocumentFileRequest><c:emdrId>{EMDR_ID}</c:emdrId></c:getDocumentFileRequest>"
    reply = await ADAPTER.receive(
        a_call(an_envelope(body)), structs.replace(context, destination=destination)
    )
    assert isinstance(reply, Serve)
    assert (reply.event, reply.document_id, reply.asked) == ("file.awaited", parcel.document_id, EMDR_ID)
    answer = etree.fromstring(reply.body)
    assert answer.findtext(f".//{{{CALLBACK_NS}}}status") == "error"
    assert answer.findtext(f".//{{{CALLBACK_NS}}}code") == code
    assert "повторите" in (answer.findtext(f".//{{{CALLBACK_NS}}}message") or "")
    schema = etree.XMLSchema(etree.parse(CONTRACT / "emdr-callback.xsd"))
    schema.assertValid(answer[-1][0])


async def test_a_success_becomes_a_receipt_with_everything_in_it(context: Context) -> None:
    verdict = await understood(an_envelope(a_result(SUCCESS, f"urn:uuid:{MESSAGE.upper()}")), context)
    assert verdict.correlation == MESSAGE
    assert isinstance(verdict.outcome, Registered)
    receipt = verdict.outcome.receipt
    assert receipt.emdr_id == EMDR_ID
    assert receipt.document_version == 2
    assert receipt.registered_at is not None
    assert receipt.registered_at.isoformat() == "2026-03-02T10:31:05.896000+03:00"
    assert str(receipt.store_till_date) == "2051-03-02"
    assert receipt.warnings == ["IPS_VALIDATION_WARNING: СНИЛС […]"]
    assert verdict.if_first is None


async def test_soap_1_1_results_are_taken_too(context: Context) -> None:
    verdict = await understood(an_envelope(a_result(SUCCESS), soap=SOAP11), context)
    assert isinstance(verdict.outcome, Registered)


async def test_a_refusal_carries_all_findings(context: Context) -> None:
    inner = (
        "<c:status>error</c:status><c:errors>"
        + "".join(f"<c:item><c:code>NO_SNILS</c:code><c:message>{n}</c:message></c:item>" for n in range(3))
        + "</c:errors>"
    )
    verdict = await understood(an_envelope(a_result(inner)), context)
    assert isinstance(verdict.outcome, Rejected)
    assert len(verdict.outcome.findings) == 3


async def test_our_broken_file_service_is_no_fault_of_the_document(context: Context) -> None:
    body = an_envelope(a_result(an_error("MIS_NOT_AVAILABLE", "нет связи")))
    verdict = await understood(body, context)
    assert isinstance(verdict.outcome, Unavailable)


async def test_an_unlinked_clinic_may_be_told_late(context: Context) -> None:
    text = "Организация [1.2.643.5.1.13.13.12.2.77.9001] не привязана к РМИС [emdr-rmis-1754]"
    verdict = await understood(an_envelope(a_result(an_error("VALIDATION_ERROR", text))), context)
    assert isinstance(verdict.outcome, Held)
    assert verdict.outcome.scope == "clinic"


async def test_registered_before_is_ours_only_when_we_had_sent_it_before(context: Context) -> None:
    text = f"Документ с идентификатором 'x' уже зарегистрирован с номером [{EMDR_ID}]"
    verdict = await understood(an_envelope(a_result(an_error("NOT_UNIQUE_PROVIDED_ID", text))), context)
    assert isinstance(verdict.outcome, Registered)
    assert verdict.outcome.receipt.emdr_id == EMDR_ID
    assert isinstance(verdict.if_first, Rejected)
    assert verdict.if_first.findings[0].code == "destination.local_uid_taken"


async def test_a_success_without_a_number_is_doubt(context: Context) -> None:
    verdict = await understood(an_envelope(a_result("<c:status>success</c:status>")), context)
    assert isinstance(verdict.outcome, InDoubt)


async def test_a_fault_about_a_message_is_taken(context: Context) -> None:
    body = (
        f'<s:Envelope xmlns:s="{SOAP11}" xmlns:w="http://www.w3.org/2005/08/addressing"><s:Header>'
        f"<w:RelatesTo>urn:uuid:{MESSAGE}</w:RelatesTo></s:Header><s:Body><s:Fault>"
        "<faultcode>soap:Server</faultcode><faultstring>Internal</faultstring></s:Fault></s:Body></s:Envelope>"
    )
    verdict = await understood(body.encode(), context)
    assert verdict.correlation == MESSAGE
    assert isinstance(verdict.outcome, Unavailable)


async def test_the_same_message_has_the_same_replay_key_and_answer(context: Context) -> None:
    header = "<w:MessageID>urn:uuid:AAAAAAAA-0000-4000-8000-000000000001</w:MessageID>"
    body = an_envelope(a_result(SUCCESS), header=header)
    first = await ADAPTER.receive(a_call(body), context)
    again = await ADAPTER.receive(a_call(body), context)
    assert first == again
    assert isinstance(first, Take)
    assert first.replay_key == "aaaaaaaa-0000-4000-8000-000000000001"
    assert b"RelatesTo" in first.reply


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (a_call(an_envelope(a_result(SUCCESS)), endpoint="elsewhere"), "callback_unknown_endpoint"),
        (a_call(b"", method="GET"), "callback_wrong_method"),
        (a_call(an_envelope("")), "callback_empty"),
        (a_call(an_envelope("<c:sendNotice/>")), "callback_unknown_operation"),
        (a_call(an_envelope("<c:registerDocumentResult/>")), "callback_unknown_operation"),
    ],
)
async def test_what_is_not_understood_is_refused_with_a_fault(context: Context, call, code: str) -> None:
    reply = await ADAPTER.receive(call, context)
    assert isinstance(reply, Refuse)
    assert reply.code == f"destination.{code}"
    assert b"Fault" in reply.reply


async def test_a_comment_inside_a_number_does_not_truncate_it(context: Context) -> None:
    torn = SUCCESS.replace(EMDR_ID, f"{EMDR_ID[:6]}<!-- x -->{EMDR_ID[6:]}")
    verdict = await understood(an_envelope(a_result(torn)), context)
    assert isinstance(verdict.outcome, Registered)
    assert verdict.outcome.receipt.emdr_id == EMDR_ID


async def test_in_production_a_caller_nobody_can_know_gets_nothing() -> None:
    destination = Destination(id="remd", adapter="remd", mode="production", params={"client_entity_id": "x"})
    async with context_for(destination) as context:
        reply = await ADAPTER.receive(a_call(an_envelope(a_result(SUCCESS))), context)
    assert isinstance(reply, Refuse)
    assert reply.code == "destination.peer_unverified"
