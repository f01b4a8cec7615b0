"""A throw-away authority for development, tests and samples: certificates with the Russian subject fields, RSA-2048.

Nothing it issues has legal force. Key generation is slow, so every ``issue_*`` takes a key to use again.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from broker.document.canonical import PersonName
from broker.trust.certificate import quiet
from broker.trust.signer import RsaSigner

SNILS: Final = ObjectIdentifier("1.2.643.100.3")
INN: Final = ObjectIdentifier("1.2.643.3.131.1.1")
INN_LE: Final = ObjectIdentifier("1.2.643.100.4")
OGRN: Final = ObjectIdentifier("1.2.643.100.1")

_CA_LIFE: Final = timedelta(days=3650)
_COMMON_NAME_LIMIT: Final = 64
"""X.520 ub-common-name, in letters; longer names of organisations stand whole in organizationName."""


def new_key() -> rsa.RSAPrivateKey:
    """Generate an RSA-2048 key (about a tenth of a second)."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its private key, as PEM."""

    certificate_pem: bytes
    key_pem: bytes
    serial: int

    @property
    def signer(self) -> RsaSigner:
        """The signer of this key."""
        return RsaSigner.from_pem(self.certificate_pem, self.key_pem)

    @property
    def certificate(self) -> bytes:
        """The certificate as DER."""
        return x509.load_pem_x509_certificate(self.certificate_pem).public_bytes(Encoding.DER)

    def save(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write ``<name>.pem`` and ``<name>.key`` (readable by the owner only); return both paths."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.certificate_pem)
        _write_private(key, self.key_pem)
        return certificate, key

    @classmethod
    def load(cls, directory: Path, name: str) -> "Issued":
        """Read back what ``save`` wrote."""
        pem = (directory / f"{name}.pem").read_bytes()
        return cls(
            certificate_pem=pem,
            key_pem=(directory / f"{name}.key").read_bytes(),
            serial=x509.load_pem_x509_certificate(pem).serial_number,
        )


class ThrowAwayCa:
    """A self-signed root and a counter of serial numbers."""

    def __init__(self, certificate: x509.Certificate, key: rsa.RSAPrivateKey, next_serial: int = 2) -> None:
        self._certificate = certificate
        self._key = key
        self._next_serial = next_serial

    @classmethod
    def create(cls, now: datetime, *, key: rsa.RSAPrivateKey | None = None) -> "ThrowAwayCa":
        """Make a root valid for ten years from ``now``."""
        key = key or new_key()
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "RU"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Иная ИС, учебный удостоверяющий центр"),
                x509.NameAttribute(NameOID.COMMON_NAME, "Учебный УЦ без силы"),
            ]
        )
        builder = (
            _builder(name, name, key.public_key(), 1, now, now + _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def certificate(self) -> bytes:
        """The root certificate as DER."""
        return self._certificate.public_bytes(Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        """The root certificate as PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

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
        key: rsa.RSAPrivateKey | None = None,
    ) -> Issued:
        """Issue the certificate of a medical worker."""
        full_name = " ".join(filter(None, (name.family, name.given, name.patronymic)))
        fields = [*_person(name), (SNILS, snils), (INN, inn), (OGRN, ogrn)]
        fields += [(NameOID.ORGANIZATION_NAME, organization), (NameOID.TITLE, post)]
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
        key: rsa.RSAPrivateKey | None = None,
    ) -> Issued:
        """Issue the certificate of a clinic; in the field it names the person who acts for it (``head``)."""
        fields = [(NameOID.ORGANIZATION_NAME, organization), (OGRN, ogrn), (INN_LE, inn_le)]
        optional = [*(_person(head) if head else ()), (SNILS, snils), (NameOID.TITLE, post)]
        return self._issue(organization, [*fields, *optional], not_before, not_after, key)

    def issue_system(
        self, cn: str, *, not_before: datetime, not_after: datetime, key: rsa.RSAPrivateKey | None = None
    ) -> Issued:
        """Issue the certificate an information system signs its IPS envelopes with."""
        return self._issue(cn, [], not_before, not_after, key)

    def _issue(
        self,
        common_name: str,
        fields: Iterable[tuple[ObjectIdentifier, str | None]],
        not_before: datetime,
        not_after: datetime,
        key: rsa.RSAPrivateKey | None,
    ) -> Issued:
        key = key or new_key()
        serial, self._next_serial = self._next_serial, self._next_serial + 1
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "RU"),
            _common_name(common_name[:_COMMON_NAME_LIMIT]),
            *(x509.NameAttribute(oid, value) for oid, value in fields if value),
        ]
        subject = x509.Name(attributes)
        builder = (
            _builder(subject, self._certificate.subject, key.public_key(), serial, not_before, not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            certificate_pem=certificate.public_bytes(Encoding.PEM), key_pem=_key_pem(key), serial=serial
        )

    def crl(self, revoked: Iterable[int] = (), *, now: datetime | None = None) -> bytes:
        """Return a revocation list (DER) of serial numbers, valid from ``now`` (the root's start) to the root's end."""
        moment = now or self._certificate.not_valid_before_utc
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(moment)
            .next_update(self._certificate.not_valid_after_utc)
        )
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def save(self, directory: Path) -> None:
        """Write the authority to a directory: ``ca.pem``, ``ca.key`` (readable by the owner only), ``ca.json``."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ca.pem").write_bytes(self.certificate_pem)
        (directory / "ca.json").write_text(json.dumps({"nextSerial": self._next_serial}), encoding="utf-8")
        _write_private(directory / "ca.key", _key_pem(self._key))

    @classmethod
    def load(cls, directory: Path) -> "ThrowAwayCa":
        """Read back what ``save`` wrote."""
        certificate = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        state = json.loads((directory / "ca.json").read_bytes())
        return cls(certificate, key, int(state["nextSerial"]))


def _common_name(text: str) -> x509.NameAttribute[str]:
    """Make a common name of up to 64 letters: ``cryptography`` counts bytes, and Russian letters take two."""
    with quiet(UserWarning, "Attribute's length must be"):
        return x509.NameAttribute(NameOID.COMMON_NAME, text, _validate=False)


def _person(name: PersonName) -> list[tuple[ObjectIdentifier, str | None]]:
    given = " ".join(filter(None, (name.given, name.patronymic)))
    return [(NameOID.SURNAME, name.family), (NameOID.GIVEN_NAME, given)]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey,
    serial: int,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_private(path: Path, data: bytes) -> None:
    """Write a file nobody else may read, not even while it is being written."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)
