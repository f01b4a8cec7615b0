"""A throw-away authority for development, tests and samples: certificates with the Russian subject fields, RSA or ГОСТ.

Nothing it issues has legal force. Generating an RSA key is slow, so every ``issue_*`` takes a key to use again.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.document.canonical import PersonName
from broker.trust.certificate import certificate_names, load_certificate
from broker.trust.issuing import COUNTRY, Order, make_certificate, make_list, name
from broker.trust.openssl import GostSigner
from broker.trust.private_keys import PrivateKey, key_pem, key_suite, new_key, read_key
from broker.trust.signer import RsaSigner, Signer
from broker.trust.suites import Suite, suite_of_key

COMMON_NAME: Final = "2.5.4.3"
SURNAME: Final = "2.5.4.4"
ORGANIZATION: Final = "2.5.4.10"
TITLE: Final = "2.5.4.12"
GIVEN_NAME: Final = "2.5.4.42"
OGRN: Final = "1.2.643.100.1"
SNILS: Final = "1.2.643.100.3"
INN_LE: Final = "1.2.643.100.4"
INN: Final = "1.2.643.3.131.1.1"

_CA_LIFE: Final = timedelta(days=3650)
_COMMON_NAME_LIMIT: Final = 64
"""X.520 ub-common-name, in letters; longer names of organisations stand whole in organizationName."""
_BELOW_ROOT: Final = 2
"""How many authorities may stand between the root and a signer."""
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its private key, as PEM; ``authorities_pem`` are those between it and the root, nearest first."""

    certificate_pem: bytes
    key_pem: bytes
    serial: int
    authorities_pem: bytes = b""

    @property
    def signer(self) -> Signer:
        """The signer of this key; raises ``ProviderUnavailable`` for one of ГОСТ without an engine."""
        certificates = self.certificate_pem + self.authorities_pem
        make = RsaSigner if self.suite is Suite.RSA_SHA256 else GostSigner
        return make.from_pem(certificates, self.key_pem)

    @property
    def suite(self) -> Suite:
        """What this key signs with."""
        return certificate_suite(self.certificate)

    @property
    def certificate(self) -> bytes:
        """The certificate as DER."""
        return _der(self.certificate_pem)

    def save(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write ``<name>.pem`` and ``<name>.key`` (readable by the owner only); return both paths."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.certificate_pem + self.authorities_pem)
        _write_private(key, self.key_pem)
        return certificate, key

    @classmethod
    def load(cls, directory: Path, name: str) -> "Issued":
        """Read back what ``save`` wrote."""
        own, *authorities = _BLOCK.findall((directory / f"{name}.pem").read_bytes())
        return cls(
            certificate_pem=own,
            key_pem=(directory / f"{name}.key").read_bytes(),
            serial=load_certificate(_der(own)).serial_number,
            authorities_pem=b"".join(authorities),
        )


class ThrowAwayCa:
    """A self-signed root, or an authority below one, and its counter of serial numbers."""

    def __init__(
        self, certificate: bytes, key: PrivateKey, next_serial: int = 2, authorities_pem: bytes = b""
    ) -> None:
        self.certificate = certificate
        self._key = key
        self._next_serial = next_serial
        self._authorities_pem = authorities_pem

    @classmethod
    def create(
        cls, now: datetime, *, suite: Suite = Suite.RSA_SHA256, key: PrivateKey | None = None
    ) -> "ThrowAwayCa":
        """Make a root valid for ten years from ``now``; of the suite of ``key`` where one is given."""
        key = key or new_key(suite)
        own = name(
            [
                (COUNTRY, "RU"),
                (ORGANIZATION, "Иная ИС, учебный удостоверяющий центр"),
                (COMMON_NAME, "Учебный УЦ без силы"),
            ]
        )
        order = Order(
            serial=1,
            issuer=own,
            subject=own,
            not_before=now,
            not_after=now + _CA_LIFE,
            authority=_BELOW_ROOT,
        )
        return cls(make_certificate(order, key, key), key)

    @property
    def suite(self) -> Suite:
        """What this authority signs with, and its new keys by default."""
        return key_suite(self._key)

    @property
    def certificate_pem(self) -> bytes:
        """Its certificate as PEM."""
        return _pem(self.certificate)

    def issue_authority(
        self,
        organization: str,
        *,
        not_before: datetime,
        not_after: datetime,
        key: PrivateKey | None = None,
    ) -> "ThrowAwayCa":
        """Issue an authority that stands below this one and issues certificates of its own."""
        key = key or new_key(self.suite)
        fields = [(ORGANIZATION, organization)]
        order = self._order(organization, fields, not_before, not_after, authority=0)
        made = make_certificate(order, key, self._key)
        return ThrowAwayCa(made, key, authorities_pem=_pem(made) + self._authorities_pem)

    def issue_person(
        self,
        name: PersonName,
        *,
        snils: str,
        organization: str,
        ogrn: str,
        post: str,
        not_before: datetime,
        not_after: datetime,
        inn: str | None = None,
        key: PrivateKey | None = None,
    ) -> Issued:
        """Issue the certificate of a medical worker."""
        full_name = " ".join(filter(None, (name.family, name.given, name.patronymic)))
        fields = [*_person(name), (SNILS, snils), (INN, inn), (OGRN, ogrn)]
        fields += [(ORGANIZATION, organization), (TITLE, post)]
        return self._issue(full_name, fields, not_before, not_after, key)

    def issue_organization(
        self,
        organization: str,
        *,
        ogrn: str,
        inn_le: str,
        not_before: datetime,
        not_after: datetime,
        head: PersonName | None = None,
        snils: str | None = None,
        post: str | None = None,
        key: PrivateKey | None = None,
    ) -> Issued:
        """Issue the certificate of a clinic; in the field it names the person who acts for it (``head``)."""
        fields = [(ORGANIZATION, organization), (OGRN, ogrn), (INN_LE, inn_le)]
        optional = [*(_person(head) if head else ()), (SNILS, snils), (TITLE, post)]
        return self._issue(organization, [*fields, *optional], not_before, not_after, key)

    def issue_system(
        self, cn: str, *, not_before: datetime, not_after: datetime, key: PrivateKey | None = None
    ) -> Issued:
        """Issue the certificate an information system signs its IPS envelopes with."""
        return self._issue(cn, [], not_before, not_after, key)

    def _issue(
        self,
        common_name: str,
        fields: Iterable[tuple[str, str | None]],
        not_before: datetime,
        not_after: datetime,
        key: PrivateKey | None,
    ) -> Issued:
        key = key or new_key(self.suite)
        order = self._order(common_name, fields, not_before, not_after)
        return Issued(
            certificate_pem=_pem(make_certificate(order, key, self._key)),
            key_pem=key_pem(key),
            serial=order.serial,
            authorities_pem=self._authorities_pem,
        )

    def _order(
        self,
        common_name: str,
        fields: Iterable[tuple[str, str | None]],
        not_before: datetime,
        not_after: datetime,
        *,
        authority: int | None = None,
    ) -> Order:
        serial, self._next_serial = self._next_serial, self._next_serial + 1
        known = [(COUNTRY, "RU"), (COMMON_NAME, common_name[:_COMMON_NAME_LIMIT])]
        return Order(
            serial=serial,
            issuer=certificate_names(self.certificate)[2],
            subject=name([*known, *((oid, value) for oid, value in fields if value)]),
            not_before=not_before,
            not_after=not_after,
            authority=authority,
        )

    def crl(
        self, revoked: Iterable[int] = (), *, now: datetime | None = None, until: datetime | None = None
    ) -> bytes:
        """Return a revocation list (DER) of serial numbers, valid from ``now`` (the authority's start) to its end."""
        own = load_certificate(self.certificate)
        moment = now or own.not_valid_before_utc
        return make_list(
            certificate_names(self.certificate)[2],
            [(serial, moment) for serial in revoked],
            this_update=moment,
            next_update=until or own.not_valid_after_utc,
            by=self._key,
        )

    def save(self, directory: Path) -> None:
        """Write the authority to a directory: ``ca.pem``, ``ca.key`` (readable by the owner only), ``ca.json``."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ca.pem").write_bytes(self._authorities_pem or self.certificate_pem)
        (directory / "ca.json").write_text(json.dumps({"nextSerial": self._next_serial}), encoding="utf-8")
        _write_private(directory / "ca.key", key_pem(self._key))

    @classmethod
    def load(cls, directory: Path) -> "ThrowAwayCa":
        """Read back what ``save`` wrote."""
        pem = (directory / "ca.pem").read_bytes()
        certificate = _der(pem)
        _, issuer, subject = certificate_names(certificate)
        key = read_key((directory / "ca.key").read_bytes(), certificate_suite(certificate))
        state = json.loads((directory / "ca.json").read_bytes())
        return cls(certificate, key, int(state["nextSerial"]), b"" if issuer == subject else pem)


def _person(name: PersonName) -> list[tuple[str, str | None]]:
    given = " ".join(filter(None, (name.given, name.patronymic)))
    return [(SURNAME, name.family), (GIVEN_NAME, given)]


def certificate_suite(certificate: bytes) -> Suite:
    """Return the suite the holder of a DER certificate signs with; ``ValueError`` for a key we do not know."""
    suite = suite_of_key(load_certificate(certificate).public_key_algorithm_oid.dotted_string)
    if suite is None:
        raise ValueError("the certificate is of a key we do not sign with")
    return suite


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _pem(certificate: bytes) -> bytes:
    return load_certificate(certificate).public_bytes(Encoding.PEM)


def _write_private(path: Path, data: bytes) -> None:
    """Write a file nobody else may read, not even while it is being written."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)
