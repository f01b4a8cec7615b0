"""The two services of a fund as calls: what is asked, and what came back in four words.

SOAP 1.1 in ``http://tempuri.org/`` with the parameter order and SOAPActions seen; answers are read by local name without
regard to case, for the namespaces inside them were not seen.
"""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

import aiohttp
import msgspec
from lxml import etree

from broker.adapter_kit import InDoubt, Unavailable
from broker.adapter_kit.pieces import Encoded
from broker.adapter_kit.soap import SOAP11, fault_text, post_soap

NAMESPACE: Final = "http://tempuri.org/"
_CONTRACTS: Final = {"GetServiceToken": "IAuthContract"}


class Given(msgspec.Struct, frozen=True):
    """The service answered: texts of the answer's leaves by local name in lower case."""

    leaves: dict[str, str]


class Spoken(msgspec.Struct, frozen=True):
    """The service refused in words: ``exception`` or a Fault."""

    text: str


Reply = Given | Spoken | Unavailable | InDoubt


def envelope(operation: str, members: Mapping[str, str | bytes]) -> tuple[bytes | Encoded, ...]:
    """Build the envelope of a call; bytes become base64 (``xs:base64Binary``) while they are written."""
    parts: list[bytes | Encoded] = []
    text = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body><n:{operation} xmlns:n="{NAMESPACE}">'
    for name, value in members.items():
        if isinstance(value, bytes):
            parts += [f"{text}<n:{name}>".encode(), Encoded(value)]
            text = f"</n:{name}>"
        else:
            text += f"<n:{name}>{escape(value)}</n:{name}>"
    return (*parts, f"{text}</n:{operation}></s:Body></s:Envelope>".encode())


def action(operation: str) -> str:
    """Return the SOAPAction of an operation."""
    return f"{NAMESPACE}{_CONTRACTS.get(operation, 'IProtContract')}/{operation}"


async def call(
    http: aiohttp.ClientSession,
    url: str,
    operation: str,
    members: Mapping[str, str | bytes],
    *,
    timeout: float,
    request_id: str = "",
) -> Reply:
    """Ask a service; ``timeout`` in seconds, ``request_id`` travels in an HTTP header for later inquiries."""
    body = envelope(operation, members)
    answer = await post_soap(
        http,
        url,
        body,
        action=action(operation),
        timeout=timeout,
        headers={"X-Request-Id": request_id} if request_id else None,
    )
    if isinstance(answer, Unavailable | InDoubt):
        return answer
    if answer.fault is not None:
        return Spoken(fault_text(answer.fault))
    leaves = _leaves(answer.body)
    if leaves.get("exception"):
        return Spoken(leaves["exception"])
    return Given(leaves) if answer.status == 200 else InDoubt(f"destination.http_{answer.status}")


def _leaves(body: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in body.iter(etree.Element):
        if not len(element) and element.text and element.text.strip():
            found.setdefault(etree.QName(element).localname.lower(), element.text.strip())
    return found
