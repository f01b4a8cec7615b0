"""SOAP over aiohttp for adapters: build an envelope, post it, read the answer or say why there is none.

WSDL-typed clients use zeep through ``zeep_client``; hot paths build with lxml and post here. Names of elements are the
adapter's business.
"""

import io
from typing import Final

import aiohttp
import msgspec
from lxml import etree

from broker.adapter_kit.outcome import InDoubt, Unavailable
from broker.adapter_kit.pieces import Body, Parts

SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
MAX_ANSWER: Final = 32 * 1024 * 1024
"""Enough for a file of 20 MiB in base64; a longer answer is doubt."""
_CONTENT_TYPE: Final = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}


def safe_parser(*, huge: bool = False) -> etree.XMLParser:
    """Return a parser that loads nothing, expands nothing and drops comments (truncated-text trap, crypto.md §2.4)."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=huge,
        remove_comments=True,
        remove_pis=True,
    )


class SoapAnswer(msgspec.Struct, frozen=True):
    """A well-formed SOAP answer: HTTP status, envelope, Body, and the bytes it was read from (for its signature)."""

    status: int
    envelope: etree._Element
    body: etree._Element
    raw: bytes = b""

    @property
    def fault(self) -> etree._Element | None:
        """The Fault element of either SOAP version, if the answer is one."""
        for version in (SOAP11, SOAP12):
            fault = self.body.find(f"{{{version}}}Fault")
            if fault is not None:
                return fault
        return None


def fault_text(fault: etree._Element) -> str:
    """Return the human text of a Fault of either SOAP version, or an empty string."""
    for path in ("faultstring", f"{{{SOAP12}}}Reason/{{{SOAP12}}}Text"):
        found = fault.findtext(path)
        if found:
            return " ".join(found.split())
    return ""


def parse_soap(data: bytes, *, status: int = 200, limit: int = 64 * 1024 * 1024) -> SoapAnswer | str:
    """Parse an envelope; return a stable reason code when it is none: too_large, malformed, no_body."""
    if len(data) > limit:
        return "too_large"
    try:
        root = etree.fromstring(data, safe_parser(huge=len(data) > 8 * 1024 * 1024))
    except etree.XMLSyntaxError:
        return "malformed"
    if root.getroottree().docinfo.internalDTD is not None:
        return "malformed"
    for version in (SOAP11, SOAP12):
        if root.tag == f"{{{version}}}Envelope":
            body = root.find(f"{{{version}}}Body")
            return "no_body" if body is None else SoapAnswer(status, root, body, data)
    return "malformed"


async def read_at_most(stream: aiohttp.StreamReader, limit: int) -> bytes | None:
    """Read a body to its end; None when it is longer than ``limit`` bytes, whatever its header promised."""
    chunks, size = [], 0
    async for chunk in stream.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
    return b"".join(chunks)


async def post_soap(
    http: aiohttp.ClientSession,
    url: str,
    envelope: Body,
    *,
    action: str,
    version: str = SOAP11,
    timeout: float,
    headers: dict[str, str] | None = None,
    limit: int = MAX_ANSWER,
) -> SoapAnswer | Unavailable | InDoubt:
    """Post an envelope and read the answer, of which no more than ``limit`` bytes are ever held.

    Not connected, 429, 503, or 4xx without an envelope (a gateway's refusal): ``Unavailable``. Sent and no whole,
    well-formed answer: ``InDoubt``, and so are 502 and 504 without one (RFC 9110 §15.6): the gateway passed the message on.
    ``timeout`` is in seconds for the whole call. An envelope with a document comes in parts.
    """
    content_type = _CONTENT_TYPE[version]
    if version == SOAP12 and action:
        content_type += f'; action="{action}"'
    all_headers = {"Content-Type": content_type, **(headers or {})}
    if version == SOAP11:
        all_headers["SOAPAction"] = f'"{action}"'
    try:
        async with http.post(
            url,
            data=Parts(envelope)
            if isinstance(envelope, tuple)
            else io.BytesIO(envelope),  # never in one piece
            headers=all_headers,
            timeout=aiohttp.ClientTimeout(total=timeout, connect=timeout / 2),
        ) as response:
            data = await read_at_most(response.content, limit)
            status = response.status
    except aiohttp.ClientConnectorError:
        return Unavailable("destination.connect_failed")
    except (aiohttp.ConnectionTimeoutError, aiohttp.ServerTimeoutError):
        return Unavailable("destination.connect_timeout")
    except TimeoutError:
        return InDoubt("destination.answer_timeout")
    except (aiohttp.ClientError, ConnectionError):
        return InDoubt("destination.connection_lost")
    if status in {429, 503}:
        return Unavailable(f"destination.http_{status}")
    answer = "too_large" if data is None else parse_soap(data, status=status)
    if isinstance(answer, SoapAnswer):
        return answer
    if 400 <= status < 500:
        return Unavailable(f"destination.http_{status}")
    return InDoubt(f"destination.http_{status}" if status in {502, 504} else f"destination.answer_{answer}")
