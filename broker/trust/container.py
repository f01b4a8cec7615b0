"""What a CMS SignedData container says, before anything of it is believed (RFC 5652).

Nearly every container is DER and is taken apart within tens of microseconds (``broker.trust.der``); BER, and whatever else
that strict reader does not take, is read by ``asn1crypto``, forty times slower (``broker.trust.ber``). Both tell the same.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1

from broker.trust import ber, der

SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
ESS_V1: Final = "1.2.840.113549.1.9.16.2.12"
ESS_V2: Final = "1.2.840.113549.1.9.16.2.47"
_FIRST: Final = 0xA0
"""Tag of a constructed element ``[0]``."""
_KEY_ID: Final = 0x80
"""Tag of a primitive element ``[0]``: the signer is named by the identifier of its key."""
_SHA1: Final = "1.3.14.3.2.26"
_SHA256: Final = "2.16.840.1.101.3.4.2.1"


MOST_SIGNERS: Final = 16
"""Signers read of one container; the rest are only counted."""


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a container and of one of its signers; without a signer only ``signers`` (None: no SignedData at all).

    ``content`` is the embedded document or None; ``issuer`` and ``serial`` are DER elements, empty where ``key_id`` names
    the certificate; ``attributes`` are DER elements by dotted OID, None where there are no signed attributes, and
    ``signed`` is their SET as it was sent.
    """

    signers: int | None
    content_type: str = ""
    content: bytes | None = None
    certificates: tuple[bytes, ...] = ()
    issuer: bytes = b""
    serial: bytes = b""
    key_id: bytes = b""
    digest_algorithm: str = ""
    signature_algorithm: str = ""
    attributes: Mapping[str, tuple[bytes, ...]] | None = None
    signed: bytes = b""
    signature: bytes = b""

    def single(self, oid: str) -> bytes | None:
        """Return the only value of a signed attribute; None when it is absent or has not exactly one."""
        values = (self.attributes or {}).get(oid, ())
        return values[0] if len(values) == 1 else None


class SigningCertificate(msgspec.Struct, frozen=True):
    """What signingCertificate(V2) names first: the dotted OID of a digest, and the certificate's digest by it."""

    algorithm: str
    digest: bytes


def read_container(data: bytes) -> Container:
    """Read a container of one signer; of any other number only that number stands in it.

    Raises one of ``certificate.READ_ERRORS`` for bytes that are no container.
    """
    try:
        return _read(data)
    except (ValueError, IndexError):
        return Container(**ber.read(data))


def read_signers(data: bytes) -> tuple[Container, ...]:
    """Read a container once for each of its first signers; raises as ``read_container`` does."""
    try:
        return _read_each(data, MOST_SIGNERS)
    except (ValueError, IndexError):
        return tuple(Container(**fields) for fields in ber.read_each(data, MOST_SIGNERS))


def read_time(value: bytes) -> datetime | None:
    """Read UTCTime or GeneralizedTime, aware; None for another type."""
    try:
        if value[0] == der.UTC_TIME:
            return asn1.decode_der(asn1.UTCTime, value).as_datetime()
        if value[0] == der.GENERALIZED_TIME:
            return asn1.decode_der(asn1.GeneralizedTime, value).as_datetime()
    except ValueError:
        pass
    return ber.read_time(value)


def read_octets(value: bytes) -> bytes:
    """Return the contents of an OCTET STRING; ``ValueError`` for another type."""
    if not value or value[0] != der.OCTET_STRING:
        raise ValueError("no OCTET STRING")
    return der.contents(value)


def read_signing_certificate(value: bytes, *, version: int) -> SigningCertificate | None:
    """Read what signingCertificate (RFC 2634) or, version 2, signingCertificateV2 (RFC 5035) names; None: no certificate."""
    try:
        named = der.parts(der.parts(der.parts(value)[0])[0])
        if version == 1:
            return SigningCertificate(_SHA1, read_octets(named[0]))
        if named[0][0] == der.SEQUENCE:
            return SigningCertificate(_algorithm(named[0]), read_octets(named[1]))
        return SigningCertificate(_SHA256, read_octets(named[0]))
    except (ValueError, IndexError):
        found = ber.read_signing_certificate(value, version=version)
        return None if found is None else SigningCertificate(*found)


def _read(data: bytes) -> Container:
    """Read DER; ``ValueError`` or ``IndexError`` for whatever is not exactly what is expected."""
    fields = _signed_data(data)
    if fields is None:
        return Container(signers=None)
    signers = der.parts(fields[-1], der.SET)
    if len(signers) != 1:
        return Container(signers=len(signers))
    return Container(signers=1, **_shared(fields), **_signer(der.parts(signers[0])))


def _read_each(data: bytes, most: int) -> tuple[Container, ...]:
    fields = _signed_data(data)
    if fields is None:
        return ()
    signers = der.parts(fields[-1], der.SET)
    shared = _shared(fields)
    return tuple(
        Container(signers=len(signers), **shared, **_signer(der.parts(one))) for one in signers[:most]
    )


def _signed_data(data: bytes) -> list[bytes] | None:
    """Return the fields of SignedData; None for another content of CMS."""
    outer = der.parts(data)
    if _dotted(outer[0]) != SIGNED_DATA:
        return None
    (inner,) = der.parts(outer[1], _FIRST)
    return der.parts(inner)


def _shared(fields: list[bytes]) -> dict[str, Any]:
    """Read what all signers of a container share."""
    encapsulated = der.parts(fields[2])
    certificates = der.parts(fields[3], _FIRST) if fields[3][0] == _FIRST else []
    return {
        "content_type": _dotted(encapsulated[0]),
        "content": _only(der.parts(encapsulated[1], _FIRST)) if len(encapsulated) > 1 else None,
        "certificates": tuple(one for one in certificates if one[0] == der.SEQUENCE),
    }


def _signer(fields: list[bytes]) -> dict[str, Any]:
    """Read a SignerInfo: version, sid, digest algorithm, [0] attributes, signature algorithm, signature, [1] unsigned."""
    has_attributes = fields[3][0] == _FIRST
    algorithm, signature = (fields[4], fields[5]) if has_attributes else (fields[3], fields[4])
    found: dict[str, Any] = {
        "digest_algorithm": _algorithm(fields[2]),
        "signature_algorithm": _algorithm(algorithm),
        "signature": read_octets(signature),
    }
    if fields[1][0] == _KEY_ID:
        found["key_id"] = der.contents(fields[1])
    else:
        found["issuer"], found["serial"] = der.parts(fields[1])
    if has_attributes:
        attributes: dict[str, tuple[bytes, ...]] = {}
        for one in der.parts(fields[3], _FIRST):
            name, values = der.parts(one)
            oid = _dotted(name)
            if oid in attributes:
                raise ValueError(f"the signed attribute {oid} stands twice")
            attributes[oid] = tuple(der.parts(values, der.SET))
        for value in attributes.get(MESSAGE_DIGEST, ()):
            read_octets(value)
        found |= {"attributes": attributes, "signed": der.tlv(der.SET, der.contents(fields[3]))}
    return found


def _only(elements: list[bytes]) -> bytes:
    """Return what the only element, an OCTET STRING, holds."""
    (one,) = elements
    return read_octets(one)


def _algorithm(element: bytes) -> str:
    return _dotted(der.parts(element)[0])


@lru_cache(maxsize=256)
def _dotted(oid: bytes) -> str:
    return asn1.decode_der(x509.ObjectIdentifier, oid).dotted_string
