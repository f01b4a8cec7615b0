"""The port behind which a private key lives, and its driver for RSA keys in PEM files.

An engine, a token, a CryptoPro installation or a remote service is another driver of the same port.
"""

from typing import Final, Protocol

import cryptography
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust.suites import Suite


class Signer(Protocol):
    """Signs bytes with one key; ``certificate`` and ``chain`` are DER, the chain without the end certificate."""

    @property
    def suite(self) -> Suite:
        """The algorithms of this key."""
        ...

    @property
    def certificate(self) -> bytes:
        """The end certificate, DER."""
        ...

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Certificates of the authorities, nearest first, DER."""
        ...

    @property
    def provider(self) -> str:
        """Who computes, for receipts: ``openssl-rsa``."""
        ...

    @property
    def provider_version(self) -> str:
        """Its version, for receipts."""
        ...

    @property
    def certified(self) -> str:
        """The certificate number of the means of cryptographic protection (СКЗИ), for receipts; empty: not certified."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Hash and sign the bytes; the value has the form CMS and XMLDSig want (s||r for ГОСТ)."""
        ...


MIN_RSA_BITS: Final = 2048
"""Keys shorter than this are not signed with."""


class RsaSigner:
    """RSA-SHA256 by ``cryptography``: the test contour, development, machines without a GOST provider."""

    suite: Suite = Suite.RSA_SHA256
    provider: str = "openssl-rsa"
    provider_version: str = cryptography.__version__
    certified: str = ""

    def __init__(
        self, certificate: x509.Certificate, key: rsa.RSAPrivateKey, chain: tuple[bytes, ...]
    ) -> None:
        if certificate.public_key() != key.public_key():
            raise ValueError("the private key does not belong to the certificate")
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(f"an RSA key of {key.key_size} bits is too short")
        self.certificate = certificate.public_bytes(Encoding.DER)
        self.chain = chain
        self._key = key

    @classmethod
    def from_pem(cls, cert: bytes, key: bytes, *, password: bytes | None = None) -> "RsaSigner":
        """Read a PEM certificate (authorities may follow it) and a PEM private key.

        Raises ``ValueError`` when either is unreadable, the key is not RSA, too short or not the certificate's.
        """
        certificates = x509.load_pem_x509_certificates(cert)
        private = serialization.load_pem_private_key(key, password)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("the private key is not RSA")  # noqa: TRY004  a wrong file, not a wrong type
        chain = tuple(authority.public_bytes(Encoding.DER) for authority in certificates[1:])
        return cls(certificates[0], private, chain)

    def sign(self, data: bytes) -> bytes:
        """Sign with PKCS#1 v1.5 and SHA-256."""
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
