"""The bytes of certificates and revocation lists, for keys ``cryptography`` cannot sign with too (RFC 5280, RFC 9215)."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509

from broker.trust import der
from broker.trust.private_keys import PrivateKey, certificate_algorithm, key_suite, public_key_info, sign_with

COUNTRY: Final = "2.5.4.6"
_STRINGS: Final = {
    COUNTRY: 0x13,  # PrintableString
    "1.2.643.100.1": 0x12,  # NumericString: ОГРН, СНИЛС, ИНН, ИННЮЛ, ОГРНИП
    "1.2.643.100.3": 0x12,
    "1.2.643.100.4": 0x12,
    "1.2.643.100.5": 0x12,
    "1.2.643.3.131.1.1": 0x12,
}
"""The type a subject field is written with; the rest are UTF8String."""
_UTF8: Final = 0x0C
_CA_BITS: Final = b"\x03\x02\x01\x06"
_LEAF_BITS: Final = b"\x03\x02\x06\xc0"
_EXTENSIONS: Final = {
    "subject_key": "2.5.29.14",
    "usage": "2.5.29.15",
    "basic": "2.5.29.19",
    "authority": "2.5.29.35",
}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate to be made: names as DER, the life, and of an authority how many more may stand below it.

    ``authority`` None: an end certificate, for signing.
    """

    serial: int
    issuer: bytes
    subject: bytes
    not_before: datetime
    not_after: datetime
    authority: int | None = None


def name(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a Name of dotted OIDs and values in the order given, each a relative name of its own."""
    return der.sequence(
        *(
            der.set_of(der.sequence(der.oid(oid), der.tlv(_STRINGS.get(oid, _UTF8), value.encode())))
            for oid, value in fields
        )
    )


def make_certificate(order: Order, key: PrivateKey, by: PrivateKey) -> bytes:
    """Return the certificate (DER, X.509 v3) of a key, signed by another or by itself."""
    algorithm = certificate_algorithm(key_suite(by))
    info = public_key_info(key)
    body = der.sequence(
        der.context(0, der.small_integer(2)),
        der.integer(order.serial),
        algorithm,
        order.issuer,
        der.sequence(der.time(order.not_before), der.time(order.not_after)),
        order.subject,
        info,
        der.context(3, der.sequence(*_extensions(order, info, public_key_info(by)))),
    )
    return _signed(body, algorithm, by)


def make_list(
    issuer: bytes,
    revoked: Sequence[tuple[int, datetime]],
    *,
    this_update: datetime,
    next_update: datetime,
    by: PrivateKey,
) -> bytes:
    """Return a revocation list (DER, v2) of serial numbers with the instants of their revocation."""
    algorithm = certificate_algorithm(key_suite(by))
    entries = (der.sequence(der.integer(serial), der.time(at)) for serial, at in revoked)
    body = der.sequence(
        der.small_integer(1),
        algorithm,
        issuer,
        der.time(this_update),
        der.time(next_update),
        der.sequence(*entries) if revoked else b"",
    )
    return _signed(body, algorithm, by)


def _signed(body: bytes, algorithm: bytes, by: PrivateKey) -> bytes:
    return der.sequence(body, algorithm, der.bits(sign_with(by, body)))


def _extensions(order: Order, info: bytes, issuer_info: bytes) -> Iterable[bytes]:
    basic = x509.BasicConstraints(ca=order.authority is not None, path_length=order.authority)
    identifier = x509.AuthorityKeyIdentifier(_identifier(issuer_info), None, None)
    yield _extension("basic", basic.public_bytes(), critical=True)
    yield _extension("usage", _LEAF_BITS if order.authority is None else _CA_BITS, critical=True)
    yield _extension("subject_key", der.octets(_identifier(info)))
    yield _extension("authority", identifier.public_bytes())


def _extension(name: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = b"\x01\x01\xff" if critical else b""
    return der.sequence(der.oid(_EXTENSIONS[name]), flag, der.octets(value))


def _identifier(info: bytes) -> bytes:
    """Return the SHA-1 of the bits of a public key (RFC 5280 §4.2.1.2, method 1): a name, not a protection."""
    _, key = der.children(info)
    return hashlib.sha1(der.contents(key)[1:], usedforsecurity=False).digest()
