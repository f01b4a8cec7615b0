"""The XML the simulated РЭМД writes, as templates: it answers hundreds of times a second."""

from datetime import datetime
from xml.sax.saxutils import escape

from adapters.remd.names import ADDRESSING_NS, CALLBACK_NS, SERVICE_NS
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.soap import SOAP11, SOAP12


def envelope(body: str, *, soap: str = SOAP12, header: str = "") -> bytes:
    """Wrap a body and headers into an envelope."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{soap}" xmlns:wsa="{ADDRESSING_NS}">'
        f"<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def addressing(*, message_id: str, action: str, to: str = "", relates_to: str = "") -> str:
    """Write addressing headers."""
    parts = [
        f"<wsa:MessageID>{escape(message_id)}</wsa:MessageID>",
        f"<wsa:Action>{escape(action)}</wsa:Action>",
    ]
    if relates_to:
        parts.append(f"<wsa:RelatesTo>{escape(relates_to)}</wsa:RelatesTo>")
    if to:
        parts.append(f"<wsa:To>{escape(to)}</wsa:To>")
    return "".join(parts)


def errors(refusals: list[Refusal] | tuple[Refusal, ...], prefix: str, *, group: str = "errors") -> str:
    """Write a list of codes and texts, or nothing."""
    if not refusals:
        return ""
    items = "".join(
        f"<{prefix}:item><{prefix}:code>{escape(one.code)}</{prefix}:code>"
        f"<{prefix}:message>{escape(one.text)}</{prefix}:message></{prefix}:item>"
        for one in refusals
    )
    return f"<{prefix}:{group}>{items}</{prefix}:{group}>"


def register_response(refusal: Refusal | None, soap: str, header: str = "") -> bytes:
    """Answer registerDocument: accepted, or refused at once."""
    status = "success" if refusal is None else "error"
    listed = "" if refusal is None else errors([refusal], "ser")
    return envelope(
        f'<ser:registerDocumentResponse xmlns:ser="{SERVICE_NS}"><ser:status>{status}</ser:status>{listed}'
        "</ser:registerDocumentResponse>",
        soap=soap,
        header=header,
    )


def fault(text: str, soap: str, *, sender: bool) -> bytes:
    """Answer with a SOAP Fault."""
    if soap == SOAP11:
        code = "soap:Client" if sender else "soap:Server"
        inner = f"<faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring>"
    else:
        code = "soap:Sender" if sender else "soap:Receiver"
        inner = (
            f"<soap:Code><soap:Value>{code}</soap:Value></soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="ru">{escape(text)}</soap:Text></soap:Reason>'
        )
    return envelope(f"<soap:Fault>{inner}</soap:Fault>", soap=soap)


def file_request(local_uid: str, *, message_id: str, to: str, emdr_id: str = "") -> bytes:
    """Ask for a file by localUid while it is being registered, by emdrId ever after."""
    named = "emdrId" if emdr_id else "localUid"
    return envelope(
        f'<cb:getDocumentFileRequest xmlns:cb="{CALLBACK_NS}"><cb:{named}>{escape(emdr_id or local_uid)}</cb:{named}>'
        "</cb:getDocumentFileRequest>",
        header=addressing(message_id=message_id, action="getDocumentFile", to=to),
    )


def written(moment: datetime) -> str:
    """Write an instant with its zone."""
    return moment.isoformat(timespec="milliseconds")


def result(inner: str, *, relates_to: str, message_id: str, to: str) -> bytes:
    """Tell a result; ``inner`` follows relatesToMessage."""
    return envelope(
        f'<cb:registerDocumentResult xmlns:cb="{CALLBACK_NS}">'
        f"<cb:relatesToMessage>{escape(relates_to)}</cb:relatesToMessage>{inner}</cb:registerDocumentResult>",
        header=addressing(message_id=message_id, action="sendRegisterDocumentResult", to=to),
    )


def moment(text: str) -> datetime | None:
    """Read an instant with a zone; anything else is none."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def search_response(matches: str, soap: str, header: str = "") -> bytes:
    """Answer searchRegistryItem."""
    return envelope(
        f'<ser:searchRegistryItemResponse xmlns:ser="{SERVICE_NS}"><ser:status>success</ser:status>'
        f"<ser:matches>{matches}</ser:matches></ser:searchRegistryItemResponse>",
        soap=soap,
        header=header,
    )
