"""What does a WSDL say: messages are built from it, checked against it and answers read by it, without any network.

zeep is given no transport of its own: a contract is a folder of files beside the adapter, loaded once per process off
the event loop, hardened (no DTD, no entities, nothing fetched). Calls go over the broker's aiohttp session.
"""

import asyncio
import copy
import io
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import msgspec
import zeep
from lxml import etree
from zeep.proxy import AsyncServiceProxy

from broker.adapter_kit.soap import MAX_ANSWER, SOAP11, SOAP12, read_at_most, safe_parser

_ZEEP: Final[Any] = zeep.Client  # zeep ships no types
_PROXY: Final[Any] = AsyncServiceProxy
SETTINGS: Final = zeep.Settings(
    strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=True
)
_XSD_SCHEMA: Final = "{http://www.w3.org/2001/XMLSchema}schema"


class Violation(msgspec.Struct, frozen=True):
    """One place where a message breaks its schema: the path of names and libxml2's error name, never a value."""

    path: str
    error: str


class ContractError(Exception):
    """A contract names a file outside its own folder, or lacks a binding: the adapter's folder is broken."""


class AnswerTooLargeError(aiohttp.ClientError):
    """The counterpart answered with more than the caller allows."""


class _Files:
    """Stands where zeep expects a transport while a WSDL is read: opens files of one folder and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: object) -> bytes:
        path = Path(str(url)).resolve()
        if self._folder not in path.parents:
            raise ContractError(f"{path.name} is not in the folder of the contract")
        return path.read_bytes()


class _Reply(msgspec.Struct, frozen=True):
    """What zeep reads of an HTTP answer, under the names it uses."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class AiohttpTransport:
    """Carries zeep's typed calls over an aiohttp session: ``timeout`` in seconds, ``limit`` in bytes of the answer."""

    def __init__(self, http: aiohttp.ClientSession, *, timeout: float, limit: int = MAX_ANSWER) -> None:
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 2)
        self._limit = limit

    async def post_xml(self, address: str, envelope: etree._Element, headers: dict[str, str]) -> _Reply:
        """Post what zeep has built; raise ``aiohttp.ClientError`` or ``TimeoutError`` when there is no answer."""
        data = io.BytesIO(etree.tostring(envelope, encoding="utf-8", xml_declaration=True))
        async with self._http.post(address, data=data, headers=headers, timeout=self._timeout) as response:
            content = await read_at_most(response.content, self._limit)
            if content is None:
                raise AnswerTooLargeError
            return _Reply(response.status, content, dict(response.headers))


class Contract:
    """One WSDL with its schemas. Building it is slow and synchronous: take it from ``contract_of``."""

    def __init__(self, wsdl: Path) -> None:
        self.wsdl = wsdl
        self._client: Any = _ZEEP(str(wsdl.resolve()), transport=_Files(wsdl.parent), settings=SETTINGS)
        self._binding: Any = self._client.service._binding  # noqa: SLF001  zeep has no public name for it
        self._schema = _schema(wsdl)
        self._checking = threading.Lock()  # an XMLSchema keeps the errors of its last check

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations of the first port."""
        return tuple(self._binding.all())

    def action(self, operation: str) -> str:
        """Return the SOAPAction of an operation, without quotes."""
        return str(self._binding.get(operation).soapaction)

    def value(self, type_name: str, **members: object) -> Any:
        """Make a typed value, ``{namespace}Name``; a polymorphic member then carries its ``xsi:type``.

        An unknown member raises ``TypeError``: the contract, not the reader, keeps names right.
        """
        return self._client.get_type(type_name)(**members)

    def envelope(self, operation: str, **members: object) -> etree._Element:
        """Build the envelope of a call with members in the order the schema states."""
        envelope: etree._Element = self._client.create_message(self._client.service, operation, **members)
        return envelope

    def violations(self, envelope: etree._Element) -> list[Violation]:
        """Check what stands in the Body against the schema of the contract; an empty list means it fits."""
        body = envelope.find(f"{{{SOAP11}}}Body")
        body = envelope.find(f"{{{SOAP12}}}Body") if body is None else body
        if body is None or len(body) != 1:
            return [Violation("/Envelope/Body", "SOAP_BODY")]
        with self._checking:
            if self._schema.validate(body[0]):
                return []
            log = cast("Iterable[Any]", self._schema.error_log)
            return [Violation(_names(entry.path or ""), entry.type_name) for entry in log]

    def service(self, http: aiohttp.ClientSession, url: str, *, timeout: float) -> Any:
        """Return an object with one coroutine per operation, posting to ``url``.

        ``AsyncClient.create_service`` hands out the synchronous proxy (zeep issues 1168, 1237, 1288), hence this way.
        """
        client = copy.copy(self._client)
        client.transport = AiohttpTransport(http, timeout=timeout)
        return _PROXY(client, self._binding, address=url)


def _schema(wsdl: Path) -> etree.XMLSchema:
    """Compile the one schema in the WSDL's types; its imports are files beside it."""
    types = [*etree.parse(wsdl, safe_parser()).getroot().iter(_XSD_SCHEMA)]
    if len(types) != 1:
        raise ContractError(f"{wsdl.name} must hold one schema that imports the others")
    return etree.XMLSchema(types[0])


def _names(path: str) -> str:
    """Drop the prefixes of libxml2's path: they are made up per message and say nothing."""
    return "/".join(step.rpartition(":")[2] for step in path.strip("/").split("/"))


_loaded: dict[Path, Contract] = {}
_loading = threading.Lock()


def load_contract(wsdl: Path) -> Contract:
    """Load a contract once per process; blocks for 10 to 130 ms the first time."""
    with _loading:
        if wsdl not in _loaded:
            _loaded[wsdl] = Contract(wsdl)
        return _loaded[wsdl]


async def contract_of(wsdl: Path) -> Contract:
    """Return a contract without blocking the event loop."""
    known = _loaded.get(wsdl)
    return known if known is not None else await asyncio.to_thread(load_contract, wsdl)
