"""WS-Security of the exchange with ИПС: our envelopes are signed, its envelopes verified, when the destination says how.

Without a key and a pinned certificate envelopes travel unsigned and unverified (a development instance of РЭМД). RSA is
computed in a thread; ГОСТ and foreign signers in a compute process. A file of twenty megabytes stays out of both: it is
signed around (``broker.trust.hole``).
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from adapters.remd.request import serialized
from adapters.remd.settings import Settings, settings_of
from broker.adapter_kit import ComputeAway, Context, Destination, in_thread
from broker.trust.envelope import Part, PeerTrust, VerifiedEnvelope, WssCode, WssRefusal
from broker.trust.hole import Hole
from broker.trust.sealing import (
    KeyCard,
    Opening,
    Sealing,
    SealingAround,
    Unsealed,
    describe,
    may_stay,
    open_envelope,
    seal,
    seal_around,
)
from broker.trust.signing import SigningKey
from broker.trust.suites import Suite
from broker.trust.xmldsig import XmlNames

_PEM: Final = "-----BEGIN"
_RSA: Final = "openssl-rsa"
Work = TypeVar("Work")
Signed = TypeVar("Signed")
LINK_AGE: Final = timedelta(seconds=5)
"""How soon a changed file of a key or a certificate is noticed."""
CARD_AGE: Final = timedelta(minutes=10)
"""How long what a signing means says of itself is believed."""
AWAY_AGE: Final = timedelta(seconds=30)
"""How soon a means that said nothing is asked again."""
_KEPT: Final = 256
MEMORY: Final = timedelta(hours=24)
"""How long the MessageID of a verified message without a Timestamp is remembered."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A destination understood: its settings, who signs for us, whom we believe (None: nobody signs, all is believed)."""

    settings: Settings
    key: SigningKey | None = None
    peer: PeerTrust | None = None


class SealingFailed(Exception):  # noqa: N818  names what happened
    """An envelope could not be signed; ``code`` is stable, ``text`` Russian for the operator, ``passing`` when it may mend itself."""

    def __init__(self, code: str, text: str, *, passing: bool) -> None:
        super().__init__(code)
        self.code, self.text, self.passing = code, text, passing


async def link_of(context: Context) -> Link | str:
    """Read a destination's settings and keys, in a thread and at most every ``LINK_AGE``; a text for the operator when they are wrong."""
    now, mark = context.clock.now(), _mark(context.destination)
    known = _LINKS.get(mark)
    if known is not None and known.since <= now < known.until:
        return known.link
    link = await in_thread(_read_link, context.destination)
    if isinstance(link, Link):
        _forget(_LINKS)
        _LINKS[mark] = _KnownLink(link=link, since=now, until=now + LINK_AGE)
    return link


def _read_link(destination: Destination) -> Link | str:
    settings = settings_of(destination)
    if isinstance(settings, str):
        return settings
    try:
        key = _key(destination, settings)
        peer = _peer(settings) if settings.peer_certificate else None
        _parts(settings.signed_parts)
    except OSError:
        return f"Направление {destination.id}: файл ключа или сертификата не читается."
    except ValueError:  # their texts may quote the key
        return f"Направление {destination.id}: ключ, сертификат или перечень подписи конверта неверны."
    if key is not None and key.provider == _RSA:
        made = describe(key)
        if isinstance(made, Unsealed):
            return f"Направление {destination.id}: {made.reason}"
    return Link(settings=settings, key=key, peer=peer)


def _key(destination: Destination, settings: Settings) -> SigningKey | None:
    secrets = destination.secrets
    if not secrets.get("sign_key") and settings.sign_provider in {_RSA, "openssl-gost"}:
        return None
    return SigningKey(
        provider=settings.sign_provider,
        certificate=secrets.get("sign_certificate") or settings.sign_certificate,
        key=secrets.get("sign_key", ""),
        password=secrets.get("sign_key_password", ""),
        params={
            name.removeprefix("sign."): value
            for name, value in (settings.sign | secrets).items()
            if name.startswith("sign.")
        },
    )


async def sealed(envelope: etree._Element, link: Link, context: Context) -> bytes:
    """Sign an envelope when the destination has a key, and serialise it; raise ``SealingFailed``."""
    if link.key is None:
        return serialized(envelope)
    await _allowed(link, link.key, context)
    work = Sealing(
        envelope=serialized(envelope),
        key=link.key,
        parts=_signed_parts(envelope, link),
        now=context.clock.now(),
        names=XmlNames[link.settings.sign_names.upper()],
    )
    return await _made(seal, work, link.key, context)


async def sealed_around(
    envelope: etree._Element, mark: str, filling: bytes, link: Link, context: Context
) -> tuple[bytes, bytes]:
    """Sign an envelope as if the base64 text of a file stood in the place of the mark; return what stands on either side.

    The file is in no tree. Raises ``SealingFailed``.
    """
    if link.key is None:
        return Hole(mark, filling).split(serialized(envelope))
    await _allowed(link, link.key, context)
    work = SealingAround(
        envelope=serialized(envelope),
        key=link.key,
        parts=_signed_parts(envelope, link),
        now=context.clock.now(),
        names=XmlNames[link.settings.sign_names.upper()],
        mark=mark,
        filling=filling,
    )
    return await _made(seal_around, work, link.key, context)


def _signed_parts(envelope: etree._Element, link: Link) -> tuple[Part, ...]:
    """Return which parts of an envelope are to be signed: of the headers those it has."""
    header = envelope[0]
    present = {child.tag.rpartition("}")[2] for child in header if isinstance(child.tag, str)}
    always = {Part.BODY, Part.TIMESTAMP}
    return tuple(
        part for part in _parts(link.settings.signed_parts) if part in always or part.value in present
    )


async def _made(
    sign: Callable[[Work], Signed | Unsealed], work: Work, key: SigningKey, context: Context
) -> Signed:
    """Have an envelope signed where its key lives; raise ``SealingFailed``."""
    try:
        made = await (in_thread if key.provider == _RSA else context.compute)(sign, work)
    except ComputeAway as error:
        text = "Конверт не подписан: вычислительный процесс недоступен."
        raise SealingFailed("operator.signing_away", text, passing=True) from error
    if isinstance(made, Unsealed):
        raise SealingFailed("destination.signing_failed", made.reason, passing=made.passing)
    return made


async def _allowed(link: Link, key: SigningKey, context: Context) -> None:
    """Let no envelope of production leave signed by a means that is not certified, unless an exception is on record."""
    if context.destination.mode != "production" or link.settings.sign_uncertified:
        return
    card = await _card(key, context)
    if card is None:
        text = "Конверт не подписан: средство подписи сейчас не говорит, сертифицировано ли оно."
        raise SealingFailed("operator.signing_away", text, passing=True)
    if isinstance(card, Unsealed):
        raise SealingFailed("destination.signing_failed", card.reason, passing=card.passing)
    if not card.certified:
        text = (
            f"Средство подписи {card.provider} не сертифицировано: конверты промышленного контура им не подписываются. "
            "Подключите сертифицированное средство и назовите номер его сертификата (sign.certified) "
            "или запишите исключение с причиной (sign_uncertified)."
        )
        raise SealingFailed("destination.signer_uncertified", text, passing=False)


async def signed_by(link: Link, context: Context) -> str:
    """Return what stands in a receipt: the system, and who signed our envelope when somebody did."""
    if link.key is None:
        return "РЭМД"
    card = await _card(link.key, context)
    if not isinstance(card, KeyCard):
        known = _CARDS.get(_mark(link.key))
        card = known.last if known else None
    if card is None:
        return f"РЭМД; подпись конверта: {link.key.provider}"
    means = f"сертификат средства: {card.certified}" if card.certified else "средство не сертифицировано"
    return f"РЭМД; подпись конверта: {card.provider} {card.version}".rstrip() + f"; {means}"


async def _card(key: SigningKey, context: Context) -> KeyCard | Unsealed | None:
    """Describe a key, at most every ``CARD_AGE``; why it cannot be had; None while nobody can compute.

    While one asks, others hear what was said last; after a failure nobody asks for ``AWAY_AGE``.
    """
    mark, now = _mark(key), context.clock.now()
    known = _CARDS.get(mark)
    if known is not None and known.since <= now < known.until:
        return known.said
    last = known.last if known else None
    if known is not None:
        _CARDS[mark] = msgspec.structs.replace(known, since=now, until=now + AWAY_AGE)
    try:
        said = await (in_thread if key.provider == _RSA else context.compute)(describe, key)
    except ComputeAway:
        said = None
    _forget(_CARDS)
    if isinstance(said, KeyCard):
        _CARDS[mark] = _KnownCard(said=said, last=said, since=now, until=now + CARD_AGE)
    else:
        _CARDS[mark] = _KnownCard(said=said, last=last, since=now, until=now + AWAY_AGE)
    return said


class _KnownLink(msgspec.Struct, frozen=True, kw_only=True):
    link: Link
    since: datetime
    until: datetime


class _KnownCard(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a key, by the clock of the context; ``last`` is the last card anybody gave."""

    said: KeyCard | Unsealed | None
    last: KeyCard | None
    since: datetime
    until: datetime


_LINKS: Final[dict[bytes, _KnownLink]] = {}
_CARDS: Final[dict[bytes, _KnownCard]] = {}


def _forget(memory: dict[bytes, Any]) -> None:
    """Keep a memory small: a process signs with few keys, but they and their settings change for years."""
    if len(memory) >= _KEPT:
        memory.clear()


def _mark(described: SigningKey | Destination) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(described)).digest()


async def opened(raw: bytes, link: Link, context: Context) -> VerifiedEnvelope | str | None:
    """Verify an incoming envelope: what it signs, the stable code of why it is not believed, or None when nobody asks.

    In production nobody is believed, and no file is handed out, without the certificate to know the caller by.
    """
    if link.peer is None:
        return "destination.peer_unverified" if context.destination.mode == "production" else None
    work = Opening(data=raw, peer=link.peer, now=context.clock.now())
    try:
        made = await (in_thread if may_stay(link.peer.suites) else context.compute)(open_envelope, work)
    except ComputeAway:
        return "operator.verifying_away"
    if isinstance(made, WssRefusal):
        return (
            "operator.verifying_away"
            if made.code is WssCode.UNVERIFIED
            else f"destination.envelope_{made.code}"
        )
    return made


def _pem(text: str) -> bytes:
    return text.encode() if _PEM in text else Path(text).read_bytes()


@lru_cache(maxsize=32)
def _pinned(pem: bytes) -> tuple[bytes, ...]:
    certificates = x509.load_pem_x509_certificates(pem)
    return tuple(one.public_bytes(Encoding.DER) for one in certificates)


def _peer(settings: Settings) -> PeerTrust:
    return PeerTrust(
        certificates=_pinned(_pem(settings.peer_certificate)),
        suites=_suites(settings.peer_suites),
        required=_parts(settings.peer_parts),
        accept_expired_certificate=settings.peer_certificate_may_be_expired,
    )


@lru_cache(maxsize=32)
def _suites(text: str) -> frozenset[Suite]:
    return frozenset(Suite(name) for name in text.split())


@lru_cache(maxsize=32)
def _parts(text: str) -> tuple[Part, ...]:
    return tuple(Part(name) for name in text.split())
