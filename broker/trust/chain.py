"""Does the signer's certificate lead to an authority we trust, was it valid then, had it been revoked?

Thin on purpose: names, signatures, validity, CA rights and CRL. Policies and OCSP belong to a certified provider.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust.certificate import READ_ERRORS, certificate_names, list_issuer, load_certificate
from broker.trust.verdict import SignatureVerdict

MAX_DEPTH: Final = 6
"""Certificates from the signer's to the root: real chains have two to four."""


class ChainCode(StrEnum):
    """What is wrong with a chain; the first cause met from the signer upwards is told."""

    OK = "OK"
    """Leads to a trusted root and everything on the way was valid."""
    UNTRUSTED = "UNTRUSTED"
    """No way to a trusted root."""
    CERT_EXPIRED = "CERT_EXPIRED"
    """A certificate had run out."""
    NOT_YET_VALID = "NOT_YET_VALID"
    """A certificate was not valid yet."""
    REVOKED = "REVOKED"
    """A certificate had been revoked."""
    CRL_MISSING = "CRL_MISSING"
    """The policy demands a revocation list and there is none of this authority."""
    CRL_EXPIRED = "CRL_EXPIRED"
    """The newest revocation list of this authority is not of this time."""
    CHAIN_UNVERIFIED = "CHAIN_UNVERIFIED"
    """No provider here can check signatures of this algorithm."""


class ChainVerdict(msgspec.Struct, frozen=True):
    """The verdict on a chain; ``depth`` counts from 0, the signer's own certificate."""

    code: ChainCode
    depth: int = 0

    @property
    def ok(self) -> bool:
        """Whether the chain is good."""
        return self.code is ChainCode.OK

    @property
    def text(self) -> str:
        """What is wrong, in Russian."""
        return _TEXTS[self.code]

    @property
    def remd_code(self) -> str | None:
        """The mnemonic РЭМД would answer with (our reading of remd.md §5)."""
        return _REMD_CODES.get(self.code)


_TEXTS: Final = {
    ChainCode.OK: "Цепочка сертификатов верна.",
    ChainCode.UNTRUSTED: "Не удалось построить цепочку сертификатов до доверенного удостоверяющего центра.",
    ChainCode.CERT_EXPIRED: "Срок действия сертификата истёк.",
    ChainCode.NOT_YET_VALID: "Срок действия сертификата ещё не начался.",
    ChainCode.REVOKED: "Сертификат отозван.",
    ChainCode.CRL_MISSING: "Нет списка отозванных сертификатов удостоверяющего центра.",
    ChainCode.CRL_EXPIRED: "Список отозванных сертификатов удостоверяющего центра устарел.",
    ChainCode.CHAIN_UNVERIFIED: "Цепочка не проверена: здесь нет средства для алгоритма этого удостоверяющего центра.",
}
_REMD_CODES: Final = {
    ChainCode.UNTRUSTED: "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT",
    ChainCode.CERT_EXPIRED: "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT",
    ChainCode.NOT_YET_VALID: "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT",
    ChainCode.REVOKED: "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT",
    ChainCode.CRL_MISSING: "CA_INACCESSIBILITY",
    ChainCode.CRL_EXPIRED: "CA_INACCESSIBILITY",
}


def verify_chain(
    verdict: SignatureVerdict,
    roots: Sequence[bytes],
    at: datetime,
    crls: Sequence[bytes] = (),
    *,
    crl_required: bool = False,
) -> ChainVerdict:
    """Judge the chain of a verdict's certificate at an instant; roots and CRLs are DER.

    Without ``crl_required`` an authority that has no list here is passed over. Roots and CRLs are ours and must be
    readable (``ValueError`` otherwise); the container's own certificates may be anything.
    """
    current = _load(verdict.certificate)
    if current is None:
        return ChainVerdict(ChainCode.UNTRUSTED)
    trusted = [load_certificate(root) for root in roots]
    lists = [x509.load_der_x509_crl(crl) for crl in crls]
    others = [found for found in map(_load, verdict.extra_certificates) if found is not None]
    for depth in range(MAX_DEPTH):
        code = _validity(current, at)
        if code is not None:
            return ChainVerdict(code, depth)
        if current in trusted:
            return ChainVerdict(ChainCode.OK, depth)
        issuer = _issuer(current, [*trusted, *others])
        if not isinstance(issuer, x509.Certificate):
            return ChainVerdict(issuer, depth)
        code = _revocation(current, issuer, lists, at, required=crl_required)
        if code is not None:
            return ChainVerdict(code, depth)
        current = issuer
    return ChainVerdict(ChainCode.UNTRUSTED, MAX_DEPTH)


def _load(der: bytes) -> x509.Certificate | None:
    try:
        return load_certificate(der)
    except ValueError:
        return None


def _validity(certificate: x509.Certificate, at: datetime) -> ChainCode | None:
    if at > certificate.not_valid_after_utc:
        return ChainCode.CERT_EXPIRED
    if at < certificate.not_valid_before_utc:
        return ChainCode.NOT_YET_VALID
    return None


def _issuer(
    certificate: x509.Certificate, candidates: list[x509.Certificate]
) -> x509.Certificate | ChainCode:
    """Find the authority that signed a certificate; UNTRUSTED, or CHAIN_UNVERIFIED when nobody here can tell."""
    answer = ChainCode.UNTRUSTED
    named = certificate_names(certificate.public_bytes(Encoding.DER))[1]
    for candidate in candidates:
        if not _may_issue(candidate) or _subject(candidate) != named:
            continue
        signed = _signed_by(certificate, candidate)
        if signed:
            return candidate
        if signed is None:
            answer = ChainCode.CHAIN_UNVERIFIED
    return answer


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | None:
    """Check a certificate's signature; None when the algorithm is beyond us (ГОСТ)."""
    try:
        key, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    except READ_ERRORS:
        return False
    if not isinstance(key, rsa.RSAPublicKey) or algorithm is None:
        return None
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(candidate: x509.Certificate) -> bool:
    try:
        if not candidate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return candidate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    except READ_ERRORS:
        return False


def _revocation(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: list[x509.CertificateRevocationList],
    at: datetime,
    *,
    required: bool,
) -> ChainCode | None:
    own = [crl for crl in lists if _is_list_of(crl, issuer)]
    if not own:
        return ChainCode.CRL_MISSING if required else None
    newest = max(own, key=lambda crl: crl.last_update_utc)
    entry = newest.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None and entry.revocation_date_utc <= at:
        return ChainCode.REVOKED
    next_update = newest.next_update_utc
    if required and (newest.last_update_utc > at or (next_update is not None and next_update < at)):
        return ChainCode.CRL_EXPIRED
    return None


def _is_list_of(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if list_issuer(crl.public_bytes(Encoding.DER)) != _subject(issuer):
        return False
    try:
        key = issuer.public_key()
    except UnsupportedAlgorithm:
        return False
    return isinstance(key, rsa.RSAPublicKey) and crl.is_signature_valid(key)


def _subject(certificate: x509.Certificate) -> bytes:
    """Return the name as bytes: comparing parsed names is slow and noisy for Russian ones."""
    return certificate_names(certificate.public_bytes(Encoding.DER))[2]
