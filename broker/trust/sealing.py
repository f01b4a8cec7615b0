"""Envelopes signed and opened in a process that computes: values in, values out, so that the work can travel.

Processes with an event loop hold no GOST engine and wait for no token or remote signer; they hand these functions to a
compute process (``broker.adapter_kit.computing``).
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

import msgspec
from lxml import etree

from broker.adapter_kit.soap import safe_parser
from broker.trust.envelope import HUGE, Part, PeerTrust, VerifiedEnvelope, WssRefusal
from broker.trust.hole import Hole
from broker.trust.provider import ProviderUnavailable
from broker.trust.signer import Signer
from broker.trust.signing import SigningKey, asked_signer, signer_of
from broker.trust.suites import Suite
from broker.trust.wss import sign_around, sign_envelope
from broker.trust.wss_verify import Arithmetic, verify_envelope
from broker.trust.xmldsig import XmlNames

Made = TypeVar("Made")


class Sealing(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope to be signed: its bytes, which key, which parts, when, and how ГОСТ is named in it."""

    envelope: bytes
    key: SigningKey
    parts: tuple[Part, ...]
    now: datetime
    names: XmlNames = XmlNames.URN


class SealingAround(Sealing, frozen=True, kw_only=True):
    """An envelope with a hole: ``mark`` stands where the base64 text of ``filling`` belongs."""

    mark: str
    filling: bytes


class KeyCard(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs with a key, for receipts and for the policy of production; ``certified``: its certificate's number."""

    provider: str
    version: str
    certified: str
    suite: Suite


class Unsealed(msgspec.Struct, frozen=True):
    """The envelope could not be signed: the key, its provider or a setting is not in order; ``reason`` is Russian.

    ``passing`` when it may mend itself.
    """

    reason: str
    passing: bool = False


def seal(work: Sealing) -> bytes | Unsealed:
    """Sign an envelope; never raises for a key that cannot be had."""
    signer = _signer(work.key)
    if isinstance(signer, Unsealed):
        return signer
    root = etree.fromstring(work.envelope, safe_parser(huge=len(work.envelope) > HUGE))
    return _named(
        lambda: sign_envelope(root, signer, parts=work.parts, now=work.now, names=work.names, in_place=True)
    )


def seal_around(work: SealingAround) -> tuple[bytes, bytes] | Unsealed:
    """Sign an envelope with a hole; return what stands before and after the filling, never raise as ``seal`` does not."""
    signer = _signer(work.key)
    if isinstance(signer, Unsealed):
        return signer
    root = etree.fromstring(work.envelope, safe_parser())
    hole = Hole(work.mark, work.filling)
    return _named(lambda: sign_around(root, signer, hole, parts=work.parts, now=work.now, names=work.names))


def _named(sign: Callable[[], Made]) -> Made | Unsealed:
    """Sign, or say why it cannot be done."""
    try:
        return sign()
    except ProviderUnavailable as unavailable:
        return Unsealed(unavailable.reason, unavailable.passing)
    except ValueError:  # its text may quote the message
        return Unsealed("Конверт не подписан: нет подписываемой части или алгоритм ключа не для подписи.")


def describe(key: SigningKey) -> KeyCard | Unsealed:
    """Say who signs with a key now, having opened it; a service is asked again."""
    signer = _signer(key, asked_signer)
    if isinstance(signer, Unsealed):
        return signer
    return KeyCard(
        provider=signer.provider,
        version=signer.provider_version,
        certified=signer.certified,
        suite=signer.suite,
    )


def _signer(key: SigningKey, find: Callable[[SigningKey], Signer] = signer_of) -> Signer | Unsealed:
    try:
        return find(key)
    except ProviderUnavailable as unavailable:
        return Unsealed(unavailable.reason, unavailable.passing)
    except OSError:
        return Unsealed("Файл ключа или сертификата не читается.")
    except ValueError:  # its text may quote the key
        return Unsealed(
            "Ключ или сертификат неверны: не PEM, другой пароль или ключ не от этого сертификата."
        )


class RawSigning(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes to be signed as they are, without an envelope: what a signing service is asked for."""

    data: bytes
    key: SigningKey


def sign_raw(work: RawSigning) -> bytes | Unsealed:
    """Sign bytes; never raises for a key that cannot be had."""
    signer = _signer(work.key)
    if isinstance(signer, Unsealed):
        return signer
    try:
        return signer.sign(work.data)
    except ProviderUnavailable as unavailable:
        return Unsealed(unavailable.reason, unavailable.passing)


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope to be verified: its bytes, whom we believe, when."""

    data: bytes
    peer: PeerTrust
    now: datetime


def open_envelope(work: Opening) -> VerifiedEnvelope | WssRefusal:
    """Verify an envelope; never raises for anything that may arrive."""
    return verify_envelope(work.data, work.peer, work.now)


@lru_cache(maxsize=64)
def may_stay(suites: frozenset[Suite]) -> bool:
    """Tell whether a process with an event loop computes these suites itself, in a thread: no engine is needed."""
    return all(Arithmetic.of(suite) is Arithmetic.SIGNXML for suite in suites)
