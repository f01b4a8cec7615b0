"""Who computes digests and checks signature values: the port, the driver that knows RSA, and several drivers as one.

A provider answers None for what it cannot do, so that nothing is called right without having been computed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Protocol

import cryptography
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from broker.trust.certificate import KEPT_SIZE, load_certificate
from broker.trust.suites import SUITES, Suite


class ProviderUnavailable(Exception):  # noqa: N818  names the state of a provider
    """A provider cannot be had on this machine; ``reason`` is Russian, for the operator, with what to do about it.

    ``passing`` when it may mend itself: a service that is away for a while.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing


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

    @property
    def certified(self) -> bool:
        """Whether it is a certified means of cryptographic protection (СКЗИ)."""
        ...

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest, or None when this provider cannot."""
        ...

    def digest_of(self, suite: Suite, pieces: Iterable[bytes]) -> bytes | None:
        """Compute the digest of bytes that come in pieces; None, and no piece taken, when this provider cannot."""
        ...

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        """Check a signature value with the key of a DER certificate, or None when this provider cannot."""
        ...


class RsaProvider:
    """RSA by ``cryptography``, digests by ``hashlib`` (Стрибог too where the machine's OpenSSL offers it)."""

    name: str = "openssl-rsa"
    version: str = cryptography.__version__
    certified: bool = False

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest, or None when OpenSSL does not know it."""
        return self.digest_of(suite, (data,))

    def digest_of(self, suite: Suite, pieces: Iterable[bytes]) -> bytes | None:
        """Compute the digest of bytes that come in pieces, or None when OpenSSL does not know it."""
        try:
            found = hashlib.new(SUITES[suite].digest_name, usedforsecurity=False)
        except ValueError:
            return None
        for piece in pieces:
            found.update(piece)
        return found.digest()

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
"""The provider every process has."""


class CompositeProvider:
    """Several providers as one: each is asked in turn, the first that can answers."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = tuple(providers)
        self.name = "+".join(provider.name for provider in self.providers)
        self.version = "+".join(provider.version for provider in self.providers)
        self.certified = all(provider.certified for provider in self.providers)

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest with the first provider that can."""
        for provider in self.providers:
            found = provider.digest(suite, data)
            if found is not None:
                return found
        return None

    def digest_of(self, suite: Suite, pieces: Iterable[bytes]) -> bytes | None:
        """Compute the digest of bytes that come in pieces with the first provider that can."""
        for provider in self.providers:
            found = provider.digest_of(suite, pieces)
            if found is not None:
                return found
        return None

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        """Check a signature value with the first provider that can."""
        for provider in self.providers:
            found = provider.verify(suite, certificate, signature, data)
            if found is not None:
                return found
        return None

    def of(self, suite: Suite) -> Provider:
        """Return who computes a suite here, for receipts; this composite where nobody does."""
        return _who_computes(self.providers, suite) or self


@lru_cache(maxsize=64)
def _who_computes(providers: tuple[Provider, ...], suite: Suite) -> Provider | None:
    return next((one for one in providers if one.digest(suite, b"") is not None), None)


class ContentProvider(CompositeProvider):
    """A provider that hashes one content once, however many have signed it; made for a document and dropped with it."""

    def __init__(self, provider: Provider, content: bytes) -> None:
        super().__init__(provider.providers if isinstance(provider, CompositeProvider) else (provider,))
        self._content = content
        self._digests: dict[Suite, bytes | None] = {}

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute the suite's digest, that of the content once."""
        if data is not self._content:
            return super().digest(suite, data)
        if suite not in self._digests:
            self._digests[suite] = super().digest(suite, data)
        return self._digests[suite]


def computing(provider: Provider, suite: Suite | None) -> Provider:
    """Return the driver behind a provider that computes a suite, to name it in a receipt."""
    if suite is None or not isinstance(provider, CompositeProvider):
        return provider
    return provider.of(suite)


def digest_of_certificate(provider: Provider, suite: Suite, certificate: bytes) -> bytes | None:
    """Compute the digest of a certificate, or None; the few signers of a clinic come again and again: kept."""
    if isinstance(provider, CompositeProvider) and len(certificate) <= KEPT_SIZE:
        return _kept_digest(provider.providers, suite, certificate)
    return provider.digest(suite, certificate)


@lru_cache(maxsize=1024)
def _kept_digest(providers: tuple[Provider, ...], suite: Suite, certificate: bytes) -> bytes | None:
    return CompositeProvider(providers).digest(suite, certificate)
