"""РЭМД calls us: it asks for files (answered at once) and tells results (taken, stored, read later).

Both operations come to one endpoint, ``/peer/<destination>/callback``, in SOAP 1.1 or 1.2.
"""

import asyncio
import hashlib
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from lxml import etree
from msgspec.structs import replace

from adapters.remd.names import ADDRESSING_NAMESPACES, CALLBACK_NS, callback_tags
from adapters.remd.replies import (
    SUCCESS,
    Reply,
    answered,
    child,
    faulted,
    judged,
    read_reply,
    staged,
    text_of,
)
from adapters.remd.request import bare_id, checksum, serialized, soap_envelope, written_id
from adapters.remd.security import MEMORY, Link, SealingFailed, opened, sealed, sealed_around
from adapters.remd.settings import FileReplay, Settings
from broker.adapter_kit import (
    CallbackVerdict,
    Context,
    FileAway,
    InDoubt,
    Outcome,
    PeerReply,
    PeerRequest,
    Refuse,
    Replay,
    Serve,
    StoredCallback,
    StoredFile,
    Take,
)
from broker.adapter_kit.pieces import Body, Encoded
from broker.adapter_kit.soap import SOAP11, SOAP12, SoapAnswer, fault_text, parse_soap
from broker.trust.envelope import VerifiedEnvelope

MAX_CALL: Final = 8 * 1024 * 1024
"""A result with hundreds of findings stays far below this."""
_REPLY_IDS: Final = UUID("0b8f1f0a-63a1-4e8e-8a37-6a1d1d0c5b11")
_MEDIA: Final = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}


async def receive(request: PeerRequest, context: Context, link: Link) -> PeerReply:
    """Answer a call of РЭМД; nothing is changed, a verdict is only named to be stored."""
    if request.endpoint != "callback":
        return _refusal("destination.callback_unknown_endpoint", "Такой точки нет.", status=404)
    if request.method != "POST":
        return _refusal("destination.callback_wrong_method", "Точка принимает только POST.", status=405)
    call = parse_soap(request.body, limit=MAX_CALL)
    if isinstance(call, str):
        return _refusal(f"destination.callback_{call}", "Сообщение не читается как SOAP.")
    verified = await opened(request.body, link, context)
    if isinstance(verified, str):
        status = 503 if verified == "operator.verifying_away" else 400
        return _refusal(verified, "Подпись конверта не принята.", call=call, status=status)
    element = next((one for one in call.body if isinstance(one.tag, str)), None)
    if element is None:
        return _refusal("destination.callback_empty", "В сообщении нет операции.", call=call)
    try:
        return await _answer(element, call, request, context, link, verified)
    except SealingFailed as failed:
        return _refusal(
            failed.code, "Ответ сейчас не может быть подписан, повторите позже.", call=call, status=503
        )


async def _answer(
    element: etree._Element,
    call: SoapAnswer,
    request: PeerRequest,
    context: Context,
    link: Link,
    verified: VerifiedEnvelope | None,
) -> PeerReply:
    if element.tag.rpartition("}")[2] == link.settings.names.file_request:
        served = await _hand_out(element, call, request, context, link)
        again = link.settings.file_replay is FileReplay.IDENTICAL
        return replace(served, replay=_replay(verified, call, request, context, repeatable=again))
    correlation = _correlation(element, call, link.settings)
    if correlation is None:
        return _refusal("destination.callback_unknown_operation", "Операция не поддерживается.", call=call)
    return Take(
        correlation=correlation,
        reply=await _acknowledgement(call, request, context, link),
        content_type=_MEDIA[_version(call)],
        replay_key=_replay_key(call, request),
        replay=_replay(verified, call, request, context, repeatable=True),
    )


def _replay(
    verified: VerifiedEnvelope | None,
    call: SoapAnswer,
    request: PeerRequest,
    context: Context,
    *,
    repeatable: bool,
) -> Replay | None:
    """Say for how long a verified message is to be remembered; what nobody signed proves nothing and is not."""
    if verified is None or not verified.message_id:
        return None
    return Replay(
        message_id=bare_id(verified.message_id),
        until=verified.replay_until or context.clock.now() + MEMORY,
        digest=hashlib.sha256(request.body).digest(),
        repeatable=repeatable,
        refusal=_refusal("destination.envelope_replay", "Сообщение с таким MessageID уже было.", call=call),
    )


def interpret(callback: StoredCallback, link: Link) -> list[CallbackVerdict]:
    """Read a stored result; a pure function of its bytes."""
    settings = link.settings
    call = parse_soap(callback.body, limit=MAX_CALL)
    if isinstance(call, str):
        return []
    element = next((one for one in call.body if isinstance(one.tag, str)), None)
    correlation = None if element is None else _correlation(element, call, settings)
    if element is None or correlation is None:
        return []
    fault = call.fault
    if fault is not None:
        return [CallbackVerdict(correlation, staged(faulted(fault_text(fault)), at_entry=False))]
    reply = read_reply(element, settings.names)
    outcome = _verdict(reply)
    alone = judged(reply.items, ours=False) if reply.items and reply.status not in SUCCESS else outcome
    first = None if alone == outcome else staged(alone, at_entry=False)
    return [CallbackVerdict(correlation, staged(outcome, at_entry=False), first)]


def _verdict(reply: Reply) -> Outcome:
    """Judge a result; a success without a number is no proof, and repeating brings the number (NOT_UNIQUE_PROVIDED_ID)."""
    return answered(reply, ours=True) or InDoubt("destination.receipt_without_number")


def _version(call: SoapAnswer) -> str:
    return SOAP11 if call.envelope.tag.startswith(f"{{{SOAP11}}}") else SOAP12


def _header(call: SoapAnswer, name: str) -> str:
    """Return an addressing header of either edition of WS-Addressing."""
    header = call.envelope.find(f"{{{_version(call)}}}Header")
    if header is None:
        return ""
    for namespace in ADDRESSING_NAMESPACES:
        found = header.findtext(f"{{{namespace}}}{name}")
        if found:
            return str(found).strip()
    return ""


def _correlation(element: etree._Element, call: SoapAnswer, settings: Settings) -> str | None:
    """Return the message id a result is about, or None when the element is no result."""
    names = settings.names
    if element.tag.rpartition("}")[2] == names.result:
        relates = text_of(element, names.relates_to_message) or _header(call, "RelatesTo")
        return bare_id(relates) if relates else None
    wrapped = child(element, names.result)
    if wrapped is not None:
        return _correlation(wrapped, call, settings)
    if call.fault is not None and _header(call, "RelatesTo"):
        return bare_id(_header(call, "RelatesTo"))
    return None


def _replay_key(call: SoapAnswer, request: PeerRequest) -> str:
    message_id = _header(call, "MessageID")
    return bare_id(message_id) if message_id else hashlib.sha256(request.body).hexdigest()


def _reply_envelope(
    call: SoapAnswer, request: PeerRequest, settings: Settings, action: str
) -> tuple[etree._Element, etree._Element]:
    """Open an answer; its MessageID depends on the request alone, so a repeated call gets the same answer."""
    own = uuid5(_REPLY_IDS, hashlib.sha256(request.body).hexdigest())
    return soap_envelope(
        settings,
        message_id=written_id(own, settings.message_id_form),
        action=action,
        relates_to=_header(call, "MessageID"),
        version=_version(call),
    )


async def _acknowledgement(call: SoapAnswer, request: PeerRequest, context: Context, link: Link) -> bytes:
    tags = callback_tags(link.settings.names)
    envelope, body = _reply_envelope(call, request, link.settings, link.settings.action_result)
    response = etree.SubElement(body, tags.result_response, nsmap={"cb": CALLBACK_NS})
    etree.SubElement(response, tags.status).text = "success"
    return await sealed(envelope, link, context)


async def _hand_out(
    element: etree._Element, call: SoapAnswer, request: PeerRequest, context: Context, link: Link
) -> Serve:
    """Serve a file by localUid while it is being registered, by emdrId ever after."""
    names = link.settings.names
    local_uid, emdr_id = text_of(element, names.local_uid), text_of(element, names.emdr_id)
    file = await context.files.by_receipt(emdr_id) if emdr_id else None
    if file is None and local_uid:
        file = await context.files.by_local_uid(local_uid)
    media, asked = _MEDIA[_version(call)], emdr_id or local_uid
    match file:
        case None:
            body = await _file_refused(_MISSING, call, request, context, link)
            return Serve(body=body, content_type=media, event="file.missing", asked=asked)
        case FileAway(document_id=document, reason=reason, over=over):
            told = _OVER if over else _Told(link.settings.file_away_code, _AWAY)
            body = await _file_refused(told, call, request, context, link)
            return Serve(
                body=body,
                content_type=media,
                event="file.missing" if over else "file.awaited",
                document_id=document,
                asked=asked,
                note=reason,
            )
        case StoredFile():
            parts = await _file_found(file, call, request, context, link)
            return Serve(
                body=parts, content_type=media, document_id=file.document_id, asked=asked, note=file.source
            )


class _Told(NamedTuple):
    """A refusal to hand out a file, as РЭМД reads it."""

    code: str
    text: str


_MISSING: Final = _Told(
    "REGISTRY_ITEM_NOT_FOUND", "Документ с таким идентификатором через эту систему не проходил"
)
_OVER: Final = _Told("REGISTRY_ITEM_NOT_FOUND", "Срок хранения файла истёк")
_AWAY: Final = "Файл сейчас недоступен: он запрошен у медицинской организации, повторите запрос позже"


async def _file_found(
    file: StoredFile, call: SoapAnswer, request: PeerRequest, context: Context, link: Link
) -> Body:
    """Answer with a file, which stands in no tree and is encoded while it is written."""
    settings = link.settings
    tags = callback_tags(settings.names)
    envelope, body = _reply_envelope(call, request, settings, settings.action_file)
    response = etree.SubElement(body, tags.file_response, nsmap={"cb": CALLBACK_NS})
    etree.SubElement(response, tags.status).text = "success"
    holder = etree.SubElement(response, tags.document_file)
    file_text = Encoded(file.content)
    mark = f"hole-{hashlib.sha256(request.body).hexdigest()}"  # no request can name its own digest
    etree.SubElement(holder, tags.data).text = mark
    etree.SubElement(holder, tags.checksum).text = await asyncio.to_thread(
        checksum, file.content, file_text.pieces(), settings
    )
    head, tail = await sealed_around(envelope, mark, file.content, link, context)
    return head, file_text, tail


async def _file_refused(
    told: _Told, call: SoapAnswer, request: PeerRequest, context: Context, link: Link
) -> bytes:
    tags = callback_tags(link.settings.names)
    envelope, body = _reply_envelope(call, request, link.settings, link.settings.action_file)
    response = etree.SubElement(body, tags.file_response, nsmap={"cb": CALLBACK_NS})
    etree.SubElement(response, tags.status).text = "error"
    item = etree.SubElement(etree.SubElement(response, tags.errors), tags.item)
    etree.SubElement(item, tags.code).text = told.code
    etree.SubElement(item, tags.message).text = told.text
    return await sealed(envelope, link, context)


def _refusal(code: str, text: str, *, status: int = 400, call: SoapAnswer | None = None) -> Refuse:
    """Refuse with a SOAP Fault of the caller's version (1.2 when none can be made out)."""
    version = SOAP12 if call is None else _version(call)
    envelope = etree.Element(f"{{{version}}}Envelope", nsmap={"soap": version})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{version}}}Body"), f"{{{version}}}Fault")
    if version == SOAP11:
        etree.SubElement(fault, "faultcode").text = "soap:Client"
        etree.SubElement(fault, "faultstring").text = text
    else:
        value = etree.SubElement(etree.SubElement(fault, f"{{{version}}}Code"), f"{{{version}}}Value")
        value.text = "soap:Sender"
        reason = etree.SubElement(etree.SubElement(fault, f"{{{version}}}Reason"), f"{{{version}}}Text")
        reason.set("{http://www.w3.org/XML/1998/namespace}lang", "ru")
        reason.text = text
    return Refuse(code=code, reply=serialized(envelope), status=status, content_type=_MEDIA[version])
