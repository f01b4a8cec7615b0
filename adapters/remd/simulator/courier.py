"""The simulated РЭМД calls its sender back: it fetches files and tells results, at ReplyTo, as the real one does."""

import binascii
import zlib
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4, uuid5
from xml.sax.saxutils import escape

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.remd.names import Names
from adapters.remd.replies import child, text_of
from adapters.remd.simulator import wire
from adapters.remd.simulator.ledger import Accepted, Registration
from adapters.remd.simulator.registers import SimSettings
from adapters.remd.simulator.texts import Refusal, forced
from broker.adapter_kit.simulation import Simulation
from broker.adapter_kit.soap import SoapAnswer, parse_soap, read_at_most
from broker.trust.envelope import Part, PeerTrust, VerifiedEnvelope
from broker.trust.sealing import Opening, Sealing, open_envelope, seal
from broker.trust.signing import SigningKey
from broker.trust.suites import Suite

_NAMES: Final = Names()
_IDS: Final = UUID("8b6d4d2e-5b0c-4e56-9f39-5f4f0d3f7a01")
_MAX_FILE: Final = 64 * 1024 * 1024
_HEADERS: Final = {"Content-Type": "application/soap+xml; charset=utf-8"}
_ANSWERED: Final = (Part.BODY, Part.TIMESTAMP, Part.MESSAGE_ID, Part.ACTION)
"""What the bus signs of an answer, which names no address."""
_SIGNED: Final = (Part.BODY, Part.TIMESTAMP, Part.MESSAGE_ID, Part.ACTION, Part.TO)


class Courier:
    """Signs what leaves and verifies what comes, when the settings hold keys; opens its session lazily."""

    def __init__(self, settings: SimSettings, simulation: Simulation) -> None:
        self._settings = settings
        self._simulation = simulation
        self._clock = simulation.clock
        self._compute = simulation.setup.compute
        self._seen: dict[str, datetime] = {}
        self._session: aiohttp.ClientSession | None = None
        security = settings.security
        self._key = (
            SigningKey(provider=security.provider, certificate=security.certificate, key=security.key)
            if security.key
            else None
        )
        pinned = (
            x509.load_pem_x509_certificates(security.peer_certificate.encode())
            if security.peer_certificate
            else []
        )
        self._peer = (
            PeerTrust(
                certificates=tuple(one.public_bytes(Encoding.DER) for one in pinned),
                suites=frozenset(Suite(name) for name in security.peer_suites),
            )
            if pinned
            else None
        )

    async def open(self) -> None:
        """Open the HTTP session."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.file_timeout),
            connector=aiohttp.TCPConnector(limit=self._settings.workers_at_once * 2),
        )

    async def close(self) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def distrust(self, raw: bytes) -> str:
        """Say why an incoming envelope is not believed, empty when it is; without a pinned sender everybody is."""
        if self._peer is None:
            return ""
        now = self._clock.now()
        work = Opening(data=raw, peer=self._peer, now=now)
        opened = await self._compute(open_envelope, work)
        if not isinstance(opened, VerifiedEnvelope):
            return f"Подпись конверта не принята: {opened.text}"
        self._seen = {one: until for one, until in self._seen.items() if until > now}
        if opened.message_id in self._seen:
            return "Сообщение с таким MessageID уже было"
        if opened.replay_until is not None:
            self._seen[opened.message_id] = opened.replay_until
        return ""

    async def signed(self, envelope: bytes, parts: tuple[Part, ...]) -> bytes | None:
        """Sign an envelope when there is a key; None when the key cannot be had."""
        if self._key is None:
            return envelope
        work = Sealing(envelope=envelope, key=self._key, parts=parts, now=self._clock.now())
        made = await self._compute(seal, work)
        if not isinstance(made, bytes):
            return None
        return _spoilt(made) if self._simulation.happens("wrong_signature") else made

    async def answered(self, envelope: bytes) -> bytes:
        """Sign an answer when there is a key."""
        return await self.signed(envelope, _ANSWERED) or envelope

    async def fetch(self, accepted: Accepted) -> bytes | Refusal:
        """Ask for the file with getDocumentFile; return its bytes or why there are none."""
        to = self._address(accepted)
        message_id = self._id(accepted, "file", accepted.file_tries)
        answer = await self._call(
            to, wire.file_request(accepted.request.local_uid, message_id=message_id, to=to)
        )
        if answer is None:
            return forced("MIS_NOT_AVAILABLE")
        response = child(answer.body, _NAMES.file_response)
        if response is None:
            return forced("RMIS_ERROR")
        if text_of(response, _NAMES.status) != "success":
            return forced("MIS_ERROR")
        file = child(response, _NAMES.document_file)
        data = text_of(file, _NAMES.data)
        if file is None or not data:
            return forced("FILE_WAS_NOT_SENT")
        try:
            content = b64decode(data, validate=True)
        except binascii.Error:
            return forced("GET_DOCUMENT_FILE_ERROR")
        if not _checksum_fits(text_of(file, _NAMES.checksum), data.encode(), content):
            return forced("GET_DOCUMENT_FILE_ERROR")
        return content

    async def tell(self, accepted: Accepted, registration: Registration | None) -> bool:
        """Tell the verdict; True when the sender answered 200."""
        to = self._address(accepted)
        inner = _success(registration, self._settings) if registration else _error(accepted.refusals)
        message_id = self._id(accepted, "result", accepted.tell_tries)
        body = wire.result(inner, relates_to=accepted.request.message_id, message_id=message_id, to=to)
        return await self._call(to, body) is not None

    async def tell_of_nobody(self, accepted: Accepted) -> None:
        """Tell a verdict about a message nobody sent."""
        to = self._address(accepted)
        stranger = self._id(accepted, "nobody", accepted.tell_tries)
        message_id = self._id(accepted, "nobody's result", accepted.tell_tries)
        inner = _error((forced("RUNTIME_ERROR"),))
        await self._call(to, wire.result(inner, relates_to=stranger, message_id=message_id, to=to))

    async def ask(self, to: str, *, local_uid: str, emdr_id: str) -> tuple[str, bytes]:
        """Ask for an old file as РЭМД does for years; return the status said and the bytes (empty without)."""
        message_id = f"urn:uuid:{uuid4()}"
        answer = await self._call(
            to, wire.file_request(local_uid, message_id=message_id, to=to, emdr_id=emdr_id)
        )
        response = None if answer is None else child(answer.body, _NAMES.file_response)
        if response is None:
            return "unavailable", b""
        file = child(response, _NAMES.document_file)
        status = text_of(response, _NAMES.status)
        return status, b"" if file is None else b64decode(text_of(file, _NAMES.data))

    def _address(self, accepted: Accepted) -> str:
        return self._settings.callback_url or accepted.request.reply_to

    @staticmethod
    def _id(accepted: Accepted, purpose: str, attempt: int) -> str:
        return f"urn:uuid:{uuid5(_IDS, f'{accepted.number}/{purpose}/{attempt}')}"

    async def _call(self, url: str, envelope: bytes) -> SoapAnswer | None:
        signed = await self.signed(envelope, _SIGNED)
        if signed is None:
            return None
        envelope = signed
        assert self._session is not None
        try:
            async with self._session.post(url, data=envelope, headers=_HEADERS) as response:
                data = await read_at_most(response.content, _MAX_FILE)
                if response.status != 200 or data is None:
                    return None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        answer = parse_soap(data, limit=_MAX_FILE)
        return None if isinstance(answer, str) else answer


def _spoilt(envelope: bytes) -> bytes:
    """Change one character of the signature's value."""
    head, mark, tail = envelope.partition(b"SignatureValue>")
    return head + mark + (b"B" if tail[:1] == b"A" else b"A") + tail[1:]


def _checksum_fits(said: str, text: bytes, content: bytes) -> bool:
    """Accept CRC32 of either base with either sign: which one РЭМД computes is an open point."""
    try:
        value = int(said) & 0xFFFFFFFF
    except ValueError:
        return False
    return value in {zlib.crc32(text), zlib.crc32(content)}


def _success(registration: Registration, settings: SimSettings) -> str:
    moment = registration.registered_at
    till = moment + timedelta(days=365.25 * settings.store_years)
    return (
        "<cb:status>success</cb:status><cb:registryItem>"
        f"<cb:emdrId>{registration.emdr_id}</cb:emdrId>"
        f"<cb:documentVersion>{registration.version}</cb:documentVersion>"
        f"<cb:registrationDate>{moment.date().isoformat()}Z</cb:registrationDate>"
        f"<cb:registrationDateTime>{wire.written(moment)}</cb:registrationDateTime>"
        f"<cb:storeTillDate>{till.date().isoformat()}Z</cb:storeTillDate>"
        f"{_warnings(settings.warnings.get(registration.kind, ()))}</cb:registryItem>"
    )


def _warnings(said: tuple[str, ...]) -> str:
    items = "".join(
        f"<cb:item><cb:code>IPS_VALIDATION_WARNING</cb:code><cb:message>{escape(one)}</cb:message></cb:item>"
        for one in said
    )
    return f"<cb:registrationWarnings>{items}</cb:registrationWarnings>" if items else ""


def _error(refusals: tuple[Refusal, ...]) -> str:
    return "<cb:status>error</cb:status>" + wire.errors(refusals, "cb")
