"""Detached CAdES-BES containers: make one, and say of one that arrived whether it signs the given bytes.

``inspect`` never raises: whatever arrives becomes a ``SignatureVerdict``. RFC 5652 (CMS), RFC 5035 (ESS), ETSI EN 319 122.
"""

import base64
import binascii
import contextlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pybase64
from msgspec.structs import replace

from broker.trust import ber, der
from broker.trust.certificate import READ_ERRORS, certificate_names, key_identifier, read_certificate
from broker.trust.container import (
    CONTENT_TYPE,
    ESS_V1,
    ESS_V2,
    MESSAGE_DIGEST,
    SIGNED_DATA,
    SIGNING_TIME,
    Container,
    read_container,
    read_octets,
    read_signers,
    read_signing_certificate,
    read_time,
)
from broker.trust.openssl import GostSigner, load_gost
from broker.trust.provider import Provider, computing, digest_of_certificate
from broker.trust.providers import process_provider
from broker.trust.signer import Signer
from broker.trust.suites import STRONG_SUITES, SUITES, Suite, suite_of_oids
from broker.trust.verdict import SignatureCode, SignatureVerdict

MAX_CONTAINER: Final = 512 * 1024
"""In bytes. A detached container holds certificates and one signature: ten kilobytes are usual (our own limit)."""

_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9# ]{1,32}-----")
_BLANKS: Final = re.compile(r"\s+")


def decode_armoured(text: str) -> bytes | None:
    """Decode base64 with line breaks, a BOM or PEM armour; None when it is not base64 or empty.

    A PEM file that was encoded once more is unwrapped once.
    """
    raw = _decode_base64(text)
    if raw is not None and raw.startswith(b"-----BEGIN "):
        return _decode_base64(raw.decode("ascii", errors="replace"))
    return raw


def _decode_base64(text: str) -> bytes | None:
    with contextlib.suppress(binascii.Error, ValueError):  # plain base64, as nearly all of it is
        return pybase64.b64decode(text, validate=True) or None
    packed = _BLANKS.sub("", _ARMOUR.sub("", text.removeprefix("\ufeff")))
    try:
        return base64.b64decode(packed.encode("ascii"), validate=True) or None
    except (binascii.Error, UnicodeEncodeError):
        return None


def sign_detached(
    content: bytes, signer: Signer, *, signing_time: datetime, provider: Provider | None = None
) -> bytes:
    """Return a detached CAdES-BES container (DER) over the content: one signer, its certificate and chain inside.

    ``signing_time`` is aware; ``provider`` computes the digest of the signer's suite, by default who signs or whoever can
    in this process. Raises ``ValueError`` when it cannot, or when the suite is for verification only.
    """
    facts = SUITES[signer.suite]
    provider = provider or (load_gost() if isinstance(signer, GostSigner) else process_provider())
    digest = provider.digest(signer.suite, content)
    certificate_digest = provider.digest(signer.suite, signer.certificate)
    if facts.verify_only or digest is None or certificate_digest is None:
        raise ValueError(f"{provider.name} cannot sign with {signer.suite}")
    algorithm = der.sequence(der.oid(facts.digest_oids[0]))
    serial, issuer, _ = certificate_names(signer.certificate)
    attributes = [
        _attribute(CONTENT_TYPE, _DATA_OID),
        _attribute(SIGNING_TIME, der.time(signing_time)),
        _attribute(MESSAGE_DIGEST, der.octets(digest)),
        _attribute(ESS_V2, _signing_certificate(algorithm, certificate_digest, issuer, serial)),
    ]
    info = der.sequence(
        der.small_integer(1),
        der.sequence(issuer, serial),
        algorithm,
        der.context(0, *sorted(attributes)),
        _signature_algorithm(signer.suite),
        der.octets(signer.sign(der.set_of(*attributes))),
    )
    signed_data = der.sequence(
        der.small_integer(1),
        der.set_of(algorithm),
        der.sequence(_DATA_OID),
        der.context(0, *sorted((signer.certificate, *signer.chain))),
        der.set_of(info),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.context(0, signed_data))


_DATA: Final = "1.2.840.113549.1.7.1"
_DATA_OID: Final = der.oid(_DATA)


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.set_of(value))


def _signing_certificate(algorithm: bytes, digest: bytes, issuer: bytes, serial: bytes) -> bytes:
    """Write signingCertificateV2 (RFC 5035): the hash of the certificate, its issuer and serial number."""
    issuer_serial = der.sequence(der.sequence(der.context(4, issuer)), serial)
    # DER leaves a default out, and SHA-256 is the default here
    by_default = algorithm == der.sequence(der.oid(SUITES[Suite.RSA_SHA256].digest_oids[0]))
    named = der.sequence(b"" if by_default else algorithm, der.octets(digest), issuer_serial)
    return der.sequence(der.sequence(named))


def _signature_algorithm(suite: Suite) -> bytes:
    parameters = der.NULL if suite is Suite.RSA_SHA256 else b""  # RFC 4055 §5 for RSA, RFC 9215 for ГОСТ
    return der.sequence(der.oid(SUITES[suite].signature_oids[0]), parameters)


def inspect(
    container: bytes,
    content: bytes,
    *,
    provider: Provider | None = None,
    suites: frozenset[Suite] = STRONG_SUITES,
) -> SignatureVerdict:
    """Say whether a CMS container (DER or BER) is one good detached signature over exactly these bytes.

    ``provider`` is that of this process unless one is given. Chain, revocation and the policy of a kind are other questions (``verify_chain``, ``signature_findings``).
    """
    if len(container) > MAX_CONTAINER:
        return SignatureVerdict(code=SignatureCode.TOO_LARGE)
    try:
        return _inspect(container, content, provider or process_provider(), suites)
    except READ_ERRORS:
        return SignatureVerdict(code=SignatureCode.MALFORMED)


def inspect_signers(
    container: bytes,
    content: bytes,
    *,
    provider: Provider | None = None,
    suites: frozenset[Suite] = STRONG_SUITES,
) -> tuple[SignatureVerdict, ...]:
    """Return one verdict per signer of a container, of at most sixteen; empty where it cannot be read or has none.

    РЭМД takes one signer per container, so of several ``inspect`` says MULTIPLE_SIGNERS; this tells who they are.
    """
    if len(container) > MAX_CONTAINER:
        return ()
    using = provider or process_provider()
    try:
        return tuple(_judge(found, content, using, suites) for found in read_signers(container))
    except READ_ERRORS:
        return ()


def _inspect(
    container: bytes, content: bytes, provider: Provider, suites: frozenset[Suite]
) -> SignatureVerdict:
    found = read_container(container)
    if found.signers is None:
        return SignatureVerdict(code=SignatureCode.NOT_SIGNED_DATA)
    if found.signers != 1:
        code = SignatureCode.MULTIPLE_SIGNERS if found.signers else SignatureCode.NO_SIGNER
        return SignatureVerdict(code=code)
    return _judge(found, content, provider, suites)


def _judge(
    found: Container, content: bytes, provider: Provider, suites: frozenset[Suite]
) -> SignatureVerdict:
    """Judge one signer."""
    own = _find_certificate(found)
    draft = _describe(found, provider)
    if own is None:
        return replace(draft, code=SignatureCode.NO_CERTIFICATE)
    draft = _describe_certificate(draft, own, found.certificates)
    if draft.suite is None:
        return replace(draft, code=SignatureCode.UNKNOWN_ALGORITHM)
    if draft.suite not in suites:
        return replace(draft, code=SignatureCode.WRONG_SUITE)
    if found.content is not None and found.content != content:
        return replace(draft, code=SignatureCode.ATTACHED_MISMATCH)
    if not _content_type_agrees(found):
        return replace(draft, code=SignatureCode.MALFORMED)
    code = _check(found, draft, content, provider)
    if code in {SignatureCode.OK, SignatureCode.DIGEST_UNVERIFIED}:
        attached = found.content is not None
        form = SignatureCode.ATTACHED if attached else _check_form(found, draft, provider)
        code = _graver(code, form)
    return replace(draft, code=code)


def _content_type_agrees(found: Container) -> bool:
    """Tell whether the signed contentType is that of the content (RFC 5652 §11.1); without signed attributes it is."""
    expected = _DATA_OID if found.content_type == _DATA else der.oid(found.content_type)
    return not found.attributes or found.single(CONTENT_TYPE) == expected


def _graver(code: SignatureCode, form: SignatureCode) -> SignatureCode:
    """Let the form speak, but never let a mere missing attribute hide that nothing was computed."""
    if form is SignatureCode.OK or (code is SignatureCode.DIGEST_UNVERIFIED and form is SignatureCode.NO_ESS):
        return code
    return form


def _find_certificate(found: Container) -> bytes | None:
    """Find the signer's certificate by issuer and serial number, or by key identifier; names are compared as bytes."""
    for certificate in found.certificates:
        if found.key_id:
            same = key_identifier(certificate) == found.key_id
        else:
            serial, issuer, _ = certificate_names(certificate)
            same = (issuer, serial) == (found.issuer, found.serial)
        if same:
            return certificate
    return None


def _describe(found: Container, provider: Provider) -> SignatureVerdict:
    """Fill what the SignerInfo itself tells, before anything is believed."""
    signed_at, digest = found.single(SIGNING_TIME), found.single(MESSAGE_DIGEST)
    suite = suite_of_oids(found.signature_algorithm, found.digest_algorithm)
    who = computing(provider, suite)
    return SignatureVerdict(
        code=SignatureCode.MALFORMED,
        suite=suite,
        signing_time=None if signed_at is None else read_time(signed_at),
        message_digest=b"" if digest is None else read_octets(digest),
        provider=f"{who.name}/{who.version}",
    )


def _describe_certificate(
    draft: SignatureVerdict, own: bytes, certificates: Sequence[bytes]
) -> SignatureVerdict:
    facts = read_certificate(own)
    return replace(
        draft,
        signer=facts.subject,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_usage=facts.key_usage,
        serial=facts.serial,
        issuer=facts.issuer,
        certificate=own,
        extra_certificates=tuple(other for other in certificates if other != own),
    )


def _check(found: Container, draft: SignatureVerdict, content: bytes, provider: Provider) -> SignatureCode:
    """Check digest and signature value; DIGEST_UNVERIFIED when the provider cannot compute either."""
    assert draft.suite is not None
    if found.attributes is None:
        signed = provider.verify(draft.suite, draft.certificate, found.signature, content)
        return _signature_code(signed)
    if not draft.message_digest:
        return SignatureCode.MALFORMED
    digest = provider.digest(draft.suite, content)
    if digest is not None and not hmac.compare_digest(digest, draft.message_digest):
        return SignatureCode.DIGEST_MISMATCH
    verified = _verify_attributes(found, draft, provider)
    if digest is None and verified:
        return SignatureCode.DIGEST_UNVERIFIED
    return _signature_code(verified)


def _verify_attributes(found: Container, draft: SignatureVerdict, provider: Provider) -> bool | None:
    """Verify over the signed attributes as they stand, and over their DER form when they were sent as BER."""
    assert draft.suite is not None
    verified = provider.verify(draft.suite, draft.certificate, found.signature, found.signed)
    if verified is not False:
        return verified
    canonical = ber.canonical(found.signed)
    if canonical == found.signed:
        return False
    return provider.verify(draft.suite, draft.certificate, found.signature, canonical)


def _signature_code(verified: bool | None) -> SignatureCode:  # noqa: FBT001  three-valued answer of a provider
    if verified is None:
        return SignatureCode.DIGEST_UNVERIFIED
    return SignatureCode.OK if verified else SignatureCode.BAD_SIGNATURE


def _check_form(found: Container, draft: SignatureVerdict, provider: Provider) -> SignatureCode:
    """Check what РЭМД wants of the form: signingTime, and signingCertificate(V2) naming this certificate."""
    if draft.signing_time is None:
        return SignatureCode.NO_SIGNING_TIME
    oid, version = (ESS_V2, 2) if ESS_V2 in (found.attributes or {}) else (ESS_V1, 1)
    value = found.single(oid)
    named = None if value is None else read_signing_certificate(value, version=version)
    if named is None:
        return SignatureCode.NO_ESS
    digest = _digest_by(named.algorithm, draft.certificate, provider)
    if digest is None:
        return SignatureCode.DIGEST_UNVERIFIED
    same = hmac.compare_digest(digest, named.digest)
    return SignatureCode.OK if same else SignatureCode.ESS_MISMATCH


def _digest_by(oid: str, certificate: bytes, provider: Provider) -> bytes | None:
    """Hash the certificate with the algorithm the attribute names."""
    for suite, facts in SUITES.items():
        if oid in facts.digest_oids:
            return digest_of_certificate(provider, suite, certificate)
    return None
