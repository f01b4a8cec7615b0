"""Asks a clinic that keeps its own files for one of them: HTTPS, signed by us, believed only when the digest is the document's.

The question is ``POST <url>`` with the JSON ``{"documentId", "localUid", "digest", "askedAt"}`` and the header
``X-Inaya-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256(key, "<t>." + body)>``; the answer is the file's bytes (200),
404 when the clinic does not have it. Our own protocol: no source prescribes one.
"""

import asyncio
import hashlib
import hmac
import ssl
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import msgspec

from broker.store.files import ClinicEndpoint, Holding
from broker.telemetry.log import log

PATIENCE: Final = 20.0
"""Seconds a clinic has to answer; РЭМД itself waits meanwhile."""
AT_ONCE: Final = 2
"""Files of one clinic asked for at once by a process."""
REST: Final = 30.0
"""Seconds in which a clinic that did not answer is not asked again."""
SIGNATURE: Final = "X-Inaya-Signature"
SHORTEST_KEY: Final = 32
"""Characters of a key, at least."""
LONGEST_URL: Final = 500
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class FileQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a clinic is asked; ``digest`` is the SHA-256 of the bytes in hex."""

    document_id: UUID
    local_uid: str
    digest: str
    asked_at: datetime


def question_of(local_uid: str, holding: Holding, at: datetime) -> FileQuestion:
    """Word the question for a document's bytes."""
    return FileQuestion(document_id=holding.id, local_uid=local_uid, digest=holding.digest.hex(), asked_at=at)


class NotHanded(msgspec.Struct, frozen=True):
    """The clinic did not hand the file out; ``why`` is a stable code."""

    why: str


_TIMEOUT: Final = NotHanded("clinic.timeout")
_UNREACHABLE: Final = NotHanded("clinic.unreachable")
_OTHER: Final = NotHanded("clinic.other_bytes")
_BUSY: Final = NotHanded("clinic.busy")


def signature_of(key: bytes, body: bytes, at: datetime) -> str:
    """Return the header by which a clinic knows that we ask."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={hmac.digest(key, seconds.encode() + b'.' + body, 'sha256').hex()}"


def is_allowed_url(url: str) -> bool:
    """Tell whether files may be asked for there: HTTPS with a host and nothing secret; plain HTTP only of this machine."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and parts.hostname in _LOCAL
    bare = not (parts.query or parts.fragment or parts.username or parts.password) and port != 0
    return bare and bool(parts.hostname) and (parts.scheme == "https" or plain) and len(url) <= LONGEST_URL


def tls_of(ca_file: str) -> ssl.SSLContext:
    """Return how clinics' certificates are judged: the machine's roots, and those of a PEM file when one is named."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cadata=Path(ca_file).read_text(encoding="ascii"))
    return context


class ClinicFiles:
    """Asks clinics' endpoints; one that is slow or away holds up nobody else's files. Times are monotonic seconds."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        patience: float = PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._tls = tls
        self._patience = aiohttp.ClientTimeout(total=patience)
        self._monotonic = monotonic
        self._asking: Counter[str] = Counter()
        self._away: dict[str, tuple[float, NotHanded]] = {}

    async def ask(self, endpoint: ClinicEndpoint, question: FileQuestion, size: int) -> bytes | NotHanded:
        """Return the file's bytes, ``size`` of them with the digest asked for, or why there are none.

        A clinic that is asked ``AT_ONCE`` times already, or did not answer just now, is not asked.
        """
        clinic = endpoint.clinic
        until, why = self._away.get(clinic, (0.0, _BUSY))
        if self._monotonic() < until:
            return why
        if self._asking[clinic] >= AT_ONCE:
            return _BUSY
        self._asking[clinic] += 1
        try:
            made = await self._asked(endpoint, question, size)
        finally:
            self._asking[clinic] -= 1
        self._away.pop(clinic, None)
        if isinstance(made, NotHanded):
            if made in {_TIMEOUT, _UNREACHABLE}:
                self._away[clinic] = (self._monotonic() + REST, made)
            log().warning("clinic.file_not_handed", clinic=clinic, why=made.why,
                          document=str(question.document_id))  # fmt: skip
        return made

    async def _asked(self, endpoint: ClinicEndpoint, question: FileQuestion, size: int) -> bytes | NotHanded:
        body = msgspec.json.encode(question)
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature_of(endpoint.key, body, question.asked_at),
        }
        try:
            async with self._http.post(
                endpoint.url,
                data=body,
                headers=headers,
                ssl=self._tls,
                timeout=self._patience,
                allow_redirects=False,
            ) as answer:
                made = await _read(answer, size)
        except TimeoutError:
            return _TIMEOUT
        except (aiohttp.ClientError, OSError, ValueError):
            return _UNREACHABLE
        if isinstance(made, NotHanded):
            return made
        digest = (await asyncio.to_thread(hashlib.sha256, made)).hexdigest()
        return made if digest == question.digest else _OTHER


async def _read(answer: aiohttp.ClientResponse, size: int) -> bytes | NotHanded:
    """Read no more than the file can have."""
    if answer.status == 404:
        return NotHanded("clinic.has_not")
    if answer.status != 200:
        return NotHanded("clinic.refused")
    held = bytearray()
    async for chunk in answer.content.iter_any():
        held += chunk
        if len(held) > size:
            return _OTHER
    return bytes(held)
