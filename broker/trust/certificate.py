"""Who a certificate belongs to and when it is valid, for GOST keys too.

The subject is read from the raw name, so that any ASN.1 string type is accepted and nothing is refused for its length;
the rest comes from ``cryptography``, which parses GOST certificates but can do nothing with their keys.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec
from asn1crypto import core, parser
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from broker.trust.der import children

READ_ERRORS: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``asn1crypto`` and ``cryptography`` raise on bytes that are not what they should be."""


class SignerSubject(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of a certificate; an absent field is empty. Digits are kept as written."""

    common_name: str = ""
    surname: str = ""
    given_name: str = ""
    organization: str = ""
    title: str = ""
    snils: str = ""
    inn: str = ""
    inn_le: str = ""
    ogrn: str = ""
    ogrnip: str = ""


class CertificateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict needs of a certificate; ``key_usage`` is None when the extension is absent."""

    subject: SignerSubject
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    key_usage: frozenset[str] | None


SUBJECT_OIDS: Final = {
    "2.5.4.3": "common_name",
    "2.5.4.4": "surname",
    "2.5.4.42": "given_name",
    "2.5.4.10": "organization",
    "2.5.4.12": "title",
    "1.2.643.100.3": "snils",
    "1.2.643.3.131.1.1": "inn",
    "1.2.643.100.4": "inn_le",
    "1.2.643.100.1": "ogrn",
    "1.2.643.100.5": "ogrnip",
}
"""Attributes of a qualified certificate (crypto.md §1.2)."""

_CODECS: Final = {
    12: "utf-8",
    18: "ascii",
    19: "ascii",
    22: "ascii",
    26: "ascii",
    28: "utf-32-be",
    30: "utf-16-be",
}
_KEY_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


class _Attribute(core.Sequence):  # type: ignore[misc]  # asn1crypto carries no types
    _fields = [("type", core.ObjectIdentifier), ("value", core.Any)]


class _RelativeName(core.SetOf):  # type: ignore[misc]  # asn1crypto carries no types
    _child_spec = _Attribute


class _Name(core.SequenceOf):  # type: ignore[misc]  # asn1crypto carries no types
    _child_spec = _RelativeName


@contextmanager
def quiet(category: type[Warning], message: str = "") -> Iterator[None]:
    """Silence one kind of warning of ``cryptography``; a lock, because the filters belong to the whole process."""
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield


_FILTERS: Final = threading.Lock()


KEPT_SIZE: Final = 16 * 1024
"""In bytes. Larger certificates are read anew each time: nobody fills our memory with what is kept."""


def load_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate quietly: odd serial numbers and encodings of real authorities are not our news.

    Raises ``ValueError`` for bytes that are no certificate. The few signers of a clinic come again and again: kept.
    """
    return _kept(der) if len(der) <= KEPT_SIZE else _load(der)


def _load(der: bytes) -> x509.Certificate:
    with quiet(CryptographyDeprecationWarning):
        try:
            return x509.load_der_x509_certificate(der)
        except x509.InvalidVersion as error:
            raise ValueError("not a version of X.509") from error


_kept = lru_cache(maxsize=1024)(_load)


def read_certificate(der: bytes) -> CertificateFacts:
    """Read subject, issuer, validity and key usage; raises one of ``READ_ERRORS`` for bytes that are no certificate."""
    return _kept_facts(der) if len(der) <= KEPT_SIZE else _read_facts(der)


def _read_facts(der: bytes) -> CertificateFacts:
    certificate = load_certificate(der)
    _, issuer, subject = certificate_names(der)
    with quiet(CryptographyDeprecationWarning):
        key_usage = _key_usage(certificate)
    return CertificateFacts(
        subject=read_subject(subject),
        issuer=", ".join(value for _, value in _name_values(issuer)),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_usage=key_usage,
    )


_kept_facts = lru_cache(maxsize=1024)(_read_facts)


def read_subject(name_der: bytes) -> SignerSubject:
    """Read the DER of a Name; a field that stands twice keeps its first value."""
    values: dict[str, str] = {}
    for oid, value in _name_values(name_der):
        field = SUBJECT_OIDS.get(oid)
        if field is not None:
            values.setdefault(field, value)
    return SignerSubject(**values)


def certificate_names(certificate: bytes) -> tuple[bytes, bytes, bytes]:
    """Return serial number, issuer and subject as they stand in a DER certificate, each with tag and length."""
    return _kept_names(certificate) if len(certificate) <= KEPT_SIZE else _names(certificate)


def _names(certificate: bytes) -> tuple[bytes, bytes, bytes]:
    fields = children(children(certificate, 1)[0], 7)
    if fields[0][:1] == b"\xa0":  # the version, absent from a v1 certificate
        del fields[0]
    return fields[0], fields[2], fields[4]


_kept_names = lru_cache(maxsize=1024)(_names)


def key_identifier(certificate: bytes) -> bytes | None:
    """Return the subject key identifier of a DER certificate; None when it states none."""
    with quiet(CryptographyDeprecationWarning):
        extensions = load_certificate(certificate).extensions
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def list_issuer(crl: bytes) -> bytes:
    """Return the issuer of a DER revocation list, with tag and length."""
    fields = children(children(crl, 1)[0], 3)
    return fields[2] if fields[0][:1] == b"\x02" else fields[1]  # the version is optional


def _name_values(name_der: bytes) -> Iterator[tuple[str, str]]:
    for relative_name in _Name.load(name_der):
        for attribute in relative_name:
            yield attribute["type"].dotted, _string(attribute["value"].dump())


def _string(der: bytes) -> str:
    """Decode any ASN.1 string; a TeletexString or a lying type falls back to the code page of old Windows programs."""
    _, _, tag, _, contents, _ = parser.parse(der)
    try:
        text = str(contents, _CODECS.get(tag, "utf-8"))
    except UnicodeDecodeError:
        text = str(contents, "cp1251", errors="replace")
    return " ".join(text.split())


def _key_usage(certificate: x509.Certificate) -> frozenset[str] | None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return frozenset(name for name in _KEY_USAGES if getattr(usage, name))


def is_authority(der: bytes) -> bool:
    """Tell whether a certificate may issue others (basicConstraints)."""
    return _kept_authority(der) if len(der) <= KEPT_SIZE else _is_authority(der)


def _is_authority(der: bytes) -> bool:
    try:
        with quiet(CryptographyDeprecationWarning):
            extensions = load_certificate(der).extensions
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *READ_ERRORS):
        return False


_kept_authority = lru_cache(maxsize=1024)(_is_authority)
