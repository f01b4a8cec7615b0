"""WS-Security of the exchange with ИПС: our envelopes are signed, its envelopes verified, when the destination says how.

Without a key and a pinned certificate envelopes travel unsigned and unverified (a development instance of РЭМД). The work
is done in a thread: an envelope with a file may hold twenty megabytes.
"""

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from adapters.remd.request import serialized
from adapters.remd.settings import Settings, settings_of
from broker.adapter_kit import Context, Destination
from broker.trust.envelope import Part, PeerTrust, WssRefusal
from broker.trust.signer import RsaSigner, Signer
from broker.trust.suites import Suite
from broker.trust.wss import sign_envelope, verify_envelope

_PEM: Final = "-----BEGIN"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A destination understood: its settings, who signs for us, whom we believe (None: nobody signs, all is believed)."""

    settings: Settings
    signer: Signer | None = None
    peer: PeerTrust | None = None

    @property
    def provider(self) -> str:
        """What stands in a receipt: the system, and who signed the envelope when somebody did."""
        if self.signer is None:
            return "РЭМД"
        return f"РЭМД; подпись конверта: {self.signer.provider} {self.signer.provider_version}"


def link_of(destination: Destination) -> Link | str:
    """Read a destination's settings and keys; return a text for the operator when they are wrong."""
    settings = settings_of(destination)
    if isinstance(settings, str):
        return settings
    secrets = destination.secrets
    try:
        signer = None
        if secrets.get("sign_key"):
            certificate = secrets.get("sign_certificate") or settings.sign_certificate
            signer = _signer(certificate, secrets["sign_key"], secrets.get("sign_key_password", ""))
        peer = _peer(settings) if settings.peer_certificate else None
        _parts(settings.signed_parts)
    except OSError:
        return f"Направление {destination.id}: файл ключа или сертификата не читается."
    except ValueError:  # their texts may quote the key
        return f"Направление {destination.id}: ключ, сертификат или перечень подписи конверта неверны."
    return Link(settings=settings, signer=signer, peer=peer)


async def sealed(envelope: etree._Element, link: Link, context: Context) -> bytes:
    """Sign an envelope when the destination has a key, and serialise it."""
    if link.signer is None:
        return serialized(envelope)
    header = envelope[0]
    present = {child.tag.rpartition("}")[2] for child in header if isinstance(child.tag, str)}
    always = {Part.BODY, Part.TIMESTAMP}
    parts = [part for part in _parts(link.settings.signed_parts) if part in always or part.value in present]
    return await asyncio.to_thread(sign_envelope, envelope, link.signer, parts=parts, now=context.clock.now())


async def distrust(raw: bytes, link: Link, context: Context) -> str | None:
    """Return the stable code of why an incoming envelope is not to be trusted, or None when it is.

    In production nobody is believed, and no file is handed out, without the certificate to know the caller by.
    """
    if link.peer is None:
        return "destination.peer_unverified" if context.destination.mode == "production" else None
    verified = await asyncio.to_thread(verify_envelope, raw, link.peer, context.clock.now())
    return f"destination.envelope_{verified.code}" if isinstance(verified, WssRefusal) else None


def _pem(text: str) -> bytes:
    return text.encode() if _PEM in text else Path(text).read_bytes()


@lru_cache(maxsize=32)
def _signer(certificate: str, key: str, password: str) -> Signer:
    return RsaSigner.from_pem(_pem(certificate), _pem(key), password=password.encode() or None)


@lru_cache(maxsize=32)
def _peer(settings: Settings) -> PeerTrust:
    certificates = x509.load_pem_x509_certificates(_pem(settings.peer_certificate))
    return PeerTrust(
        certificates=tuple(one.public_bytes(Encoding.DER) for one in certificates),
        suites=frozenset(Suite(name) for name in settings.peer_suites.split()),
        required=_parts(settings.peer_parts),
        accept_expired_certificate=settings.peer_certificate_may_be_expired,
    )


@lru_cache(maxsize=32)
def _parts(text: str) -> tuple[Part, ...]:
    return tuple(Part(name) for name in text.split())
