"""What chains are built of, read once and kept: certificates as issuers see them, revocation lists with their index.

Kept by their bytes: a list's own signature, the link between two certificates and the index of revoked serial numbers are
computed once per process, so that a verdict on the thousandth document costs what differs in it.
"""

from datetime import UTC, datetime
from functools import cached_property, lru_cache
from weakref import WeakValueDictionary

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from broker.trust.certificate import KEPT_SIZE, READ_ERRORS, certificate_names, list_issuer, load_certificate
from broker.trust.provider import Provider
from broker.trust.suites import Suite, suite_of_certificate


class Seal(msgspec.Struct, frozen=True):
    """A signed body of a certificate or a list: what was signed, the value, and the dotted OID it names."""

    body: bytes
    value: bytes
    algorithm: str
    hash: hashes.HashAlgorithm | None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as a link of a chain; ``depth_allowed`` is how many authorities may stand below it, None: any number."""

    der: bytes
    serial: int
    subject: bytes
    issuer: bytes
    not_before: datetime
    not_after: datetime
    issues: bool
    signs_lists: bool
    depth_allowed: int | None

    def may_issue(self, below: int) -> bool:
        """Tell whether it may issue a certificate with so many authorities below itself."""
        return self.issues and (self.depth_allowed is None or below <= self.depth_allowed)


def read_link(der: bytes) -> Link | None:
    """Read a certificate; None for bytes that are none. What is of ordinary size is read once."""
    return _kept_link(der) if len(der) <= KEPT_SIZE else _read_link(der)


def _read_link(der: bytes) -> Link | None:
    try:
        certificate = load_certificate(der)
        _, issuer, subject = certificate_names(der)
        issues, depth_allowed = _authority(certificate)
        usage = _usage(certificate)
    except READ_ERRORS:
        return None
    return Link(
        der=der,
        serial=certificate.serial_number,
        subject=subject,
        issuer=issuer,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issues=issues and (usage is None or usage.key_cert_sign),
        signs_lists=usage is None or usage.crl_sign,
        depth_allowed=depth_allowed,
    )


_kept_link = lru_cache(maxsize=4096)(_read_link)


def _authority(certificate: x509.Certificate) -> tuple[bool, int | None]:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False, None
    return basic.ca, basic.path_length


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def signed_by(certificate: Link, issuer: Link, provider: Provider) -> bool | None:
    """Check a certificate's signature with its issuer's key; None when nobody here can compute the algorithm."""
    if len(certificate.der) + len(issuer.der) > KEPT_SIZE:
        return _signed_by(certificate.der, issuer.der, provider)
    return _kept_signed_by(certificate.der, issuer.der, provider)  # type: ignore[arg-type]  # hashed by identity


def _signed_by(certificate: bytes, issuer: bytes, provider: Provider) -> bool | None:
    loaded = load_certificate(certificate)
    seal = Seal(
        loaded.tbs_certificate_bytes,
        loaded.signature,
        loaded.signature_algorithm_oid.dotted_string,
        _hash_of(loaded),
    )
    return _fits(seal, issuer, provider)


_kept_signed_by = lru_cache(maxsize=4096)(_signed_by)


class RevocationList:
    """A revocation list that was read: whose it says it is, of which time, and which serial numbers it names."""

    def __init__(self, der: bytes) -> None:
        self._list = x509.load_der_x509_crl(der)
        self.issuer = list_issuer(der)
        self.last_update = self._list.last_update_utc
        self.next_update = self._list.next_update_utc
        self._signed: dict[tuple[bytes, Provider], bool | None] = {}

    def signed_by(self, issuer: Link, provider: Provider) -> bool | None:
        """Check the list's signature with an authority's key, once; None when nobody here can."""
        key = (issuer.der, provider)
        if key not in self._signed:
            seal = Seal(
                self._list.tbs_certlist_bytes,
                self._list.signature,
                self._list.signature_algorithm_oid.dotted_string,
                _hash_of(self._list),
            )
            self._signed[key] = _fits(seal, issuer.der, provider)
        return self._signed[key]

    def revoked_at(self, serial: int) -> datetime | None:
        """Return when a certificate was revoked, None where it was not."""
        found = self._index.get(serial)
        return None if found is None else datetime.fromtimestamp(found, UTC)

    @cached_property
    def _index(self) -> dict[int, float]:
        """Revoked serial numbers with seconds since the epoch: a hundred bytes each, where looking through takes tens of ms."""
        return {entry.serial_number: entry.revocation_date_utc.timestamp() for entry in self._list}


_in_force: WeakValueDictionary[bytes, RevocationList] = WeakValueDictionary()
"""Lists some arrangement below still holds: a new snapshot with the same list does not read it again."""


@lru_cache(maxsize=4)
def lists_by_issuer(lists: tuple[bytes, ...]) -> dict[bytes, list[RevocationList]]:
    """Arrange lists by the name of their issuer, newest first; ``ValueError`` for one that cannot be read."""
    found: dict[bytes, list[RevocationList]] = {}
    for one in sorted(map(_read_list, lists), key=lambda item: item.last_update, reverse=True):
        found.setdefault(one.issuer, []).append(one)
    return found


def _read_list(der: bytes) -> RevocationList:
    known = _in_force.get(der)
    if known is None:
        known = _in_force[der] = RevocationList(der)
    return known


@lru_cache(maxsize=16)
def links_by_subject(certificates: tuple[bytes, ...]) -> dict[bytes, list[Link]]:
    """Arrange certificates by the name of their holder; what cannot be read is left out."""
    found: dict[bytes, list[Link]] = {}
    for link in map(read_link, certificates):
        if link is not None:
            found.setdefault(link.subject, []).append(link)
    return found


def _hash_of(signed: x509.Certificate | x509.CertificateRevocationList) -> hashes.HashAlgorithm | None:
    try:
        return signed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None


def _fits(seal: Seal, issuer: bytes, provider: Provider) -> bool | None:
    """Check a seal with the key of a certificate: ГОСТ by the provider, RSA with whichever hash here."""
    suite = suite_of_certificate(seal.algorithm)
    if suite in {Suite.GOST2012_256, Suite.GOST2012_512}:
        return provider.verify(suite, issuer, seal.value, seal.body)
    try:
        key = load_certificate(issuer).public_key()
    except UnsupportedAlgorithm:
        return None
    except READ_ERRORS:
        return False
    if not isinstance(key, rsa.RSAPublicKey) or seal.hash is None:
        return None
    try:
        key.verify(seal.value, seal.body, PKCS1v15(), seal.hash)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
