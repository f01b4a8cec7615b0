"""Who computes digests and checks signature values: the port, and the driver that knows RSA.

A provider answers None for what it cannot do, so that nothing is called right without having been computed.
"""

import hashlib
from typing import Final, Protocol

import cryptography
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from broker.trust.certificate import load_certificate
from broker.trust.suites import SUITES, Suite


class Provider(Protocol):
    """The arithmetic behind verdicts; ``name`` and ``version`` stand in every receipt."""

    @property
    def name(self) -> str:
        """The provider's name: ``openssl-rsa``."""
        ...

    @property
    def version(self) -> str:
        """The version of the library that computes."""
        ...

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest, or None when this provider cannot."""
        ...

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        """Check a signature value with the key of a DER certificate, or None when this provider cannot."""
        ...


class RsaProvider:
    """RSA by ``cryptography``, digests by ``hashlib`` (Стрибог too where the machine's OpenSSL offers it)."""

    name: str = "openssl-rsa"
    version: str = cryptography.__version__

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest, or None when OpenSSL does not know it."""
        try:
            return hashlib.new(SUITES[suite].digest_name, data, usedforsecurity=False).digest()
        except ValueError:
            return None

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        """Check an RSA value; None for suites of ГОСТ."""
        algorithm = _RSA_HASHES.get(suite)
        if algorithm is None:
            return None
        try:
            key = load_certificate(certificate).public_key()
        except (ValueError, UnsupportedAlgorithm):
            return False
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        try:
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            return False
        return True


_RSA_HASHES: Final[dict[Suite, hashes.HashAlgorithm]] = {
    Suite.RSA_SHA256: hashes.SHA256(),
    Suite.RSA_SHA1: hashes.SHA1(),  # noqa: S303  verified only where a peer's profile allows it
}

RSA_PROVIDER: Final[Provider] = RsaProvider()
"""The provider of this edition; a GOST engine becomes another one."""
