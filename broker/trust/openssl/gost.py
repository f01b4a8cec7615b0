"""ГОСТ Р 34.10-2012 with keys of 256 and 512 bits: digests, verification, signing and new keys, by the engine.

The engine calls itself a reference implementation: good for verification, tests and pilots; not a certified СКЗИ.
"""

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust.certificate import KEPT_SIZE
from broker.trust.openssl.engine import load_engine
from broker.trust.openssl.library import Library, Owned, decoded, library, owned, readable, written
from broker.trust.openssl.selftest import self_test
from broker.trust.provider import ProviderUnavailable
from broker.trust.suites import SUITES, Suite

NAME: Final = "openssl-gost"
GOST_SUITES: Final = (Suite.GOST2012_256, Suite.GOST2012_512)

_PARAMETERS: Final = {Suite.GOST2012_256: b"TCB", Suite.GOST2012_512: b"A"}
"""Curves of new keys: id-tc26-gost-3410-2012-256-paramSetB and -512-paramSetA (RFC 9215 §4)."""
_DIGEST_SIZE: Final = {Suite.GOST2012_256: 32, Suite.GOST2012_512: 64}
_KNOWN_KEYS: Final = 1024
"""Public keys kept between containers: the few signers of a clinic come again and again."""


class GostProvider:
    """Стрибог and ГОСТ Р 34.10-2012 by the engine; made by ``load_gost``."""

    name: str = NAME
    certified: bool = False

    def __init__(self, crypto: Library) -> None:
        self.version = crypto.version
        self._crypto = crypto
        self._key = lru_cache(maxsize=_KNOWN_KEYS)(_public_key)

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        """Compute Стрибог, or None for a suite that is not of ГОСТ."""
        size = _DIGEST_SIZE.get(suite)
        if size is None:
            return None
        found = ctypes.create_string_buffer(size)
        if self._crypto.EVP_Digest(data, len(data), found, None, _algorithm(suite), None) != 1:
            raise ProviderUnavailable(f"Движок ГОСТ перестал считать хеш: {self._crypto.failure()}.")
        return found.raw

    def digest_of(self, suite: Suite, pieces: Iterable[bytes]) -> bytes | None:
        """Compute Стрибог of bytes that come in pieces, or None for a suite that is not of ГОСТ."""
        size = _DIGEST_SIZE.get(suite)
        if size is None:
            return None
        crypto = self._crypto
        context = owned(crypto.EVP_MD_CTX_new(), crypto.EVP_MD_CTX_free)
        found = ctypes.create_string_buffer(size)
        done = crypto.EVP_DigestInit_ex(context.pointer, _algorithm(suite), None) == 1
        for piece in pieces if done else ():
            done = done and crypto.EVP_DigestUpdate(context.pointer, piece, len(piece)) == 1
        if not done or crypto.EVP_DigestFinal_ex(context.pointer, found, None) != 1:
            raise ProviderUnavailable(f"Движок ГОСТ перестал считать хеш: {crypto.failure()}.")
        return found.raw

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        """Check a value s||r, or None for a suite that is not of ГОСТ; another sort of key is False."""
        if suite not in _DIGEST_SIZE:
            return None
        find = self._key if len(certificate) <= KEPT_SIZE else _public_key
        key = find(suite, certificate)
        return key is not None and _verify(self._crypto, suite, key, signature, data)


def _verify(crypto: Library, suite: Suite, key: Owned, signature: bytes, data: bytes) -> bool:
    context = owned(crypto.EVP_MD_CTX_new(), crypto.EVP_MD_CTX_free)
    started = crypto.EVP_DigestVerifyInit(context.pointer, None, _algorithm(suite), None, key.pointer)
    fits: bool = (
        started == 1
        and crypto.EVP_DigestVerify(context.pointer, signature, len(signature), data, len(data)) == 1
    )
    if not fits:
        crypto.ERR_clear_error()
    return fits


@lru_cache(maxsize=len(GOST_SUITES))
def _algorithm(suite: Suite) -> int:
    """Return the EVP_MD of a suite; it belongs to the library."""
    found: int | None = library().EVP_get_digestbyname(SUITES[suite].digest_name.encode("ascii"))
    if not found:
        raise ProviderUnavailable(f"Движок ГОСТ не знает алгоритма {SUITES[suite].digest_name}.")
    return found


@lru_cache(maxsize=len(GOST_SUITES))
def _key_type(suite: Suite) -> int:
    number: int = library().OBJ_txt2nid(SUITES[suite].signature_oids[0].encode("ascii"))
    return number


def _public_key(suite: Suite, certificate: bytes) -> Owned | None:
    """Return the public key of a DER certificate; None when it is not a key of this suite."""
    crypto = library()
    try:
        read = decoded(crypto.d2i_X509, certificate, crypto.X509_free)
        key = owned(crypto.X509_get_pubkey(read.pointer), crypto.EVP_PKEY_free)
    except ValueError:
        return None
    return key if crypto.EVP_PKEY_get_base_id(key.pointer) == _key_type(suite) else None


class GostKey:
    """A private key of ГОСТ Р 34.10-2012 in the memory of this process."""

    def __init__(self, key: Owned) -> None:
        kind = library().EVP_PKEY_get_base_id(key.pointer)
        suite = next((one for one in GOST_SUITES if _key_type(one) == kind), None)
        if suite is None:
            raise ValueError("the private key is not of ГОСТ Р 34.10-2012")
        self.suite: Suite = suite
        self._key = key

    @classmethod
    def generate(cls, suite: Suite) -> "GostKey":
        """Make a new key of a suite of ГОСТ; the engine must be loaded."""
        crypto = library()
        context = owned(crypto.EVP_PKEY_CTX_new_id(_key_type(suite), None), crypto.EVP_PKEY_CTX_free)
        made = ctypes.c_void_p()
        done = (
            crypto.EVP_PKEY_keygen_init(context.pointer) == 1
            and crypto.EVP_PKEY_CTX_ctrl_str(context.pointer, b"paramset", _PARAMETERS[suite]) == 1
            and crypto.EVP_PKEY_keygen(context.pointer, ctypes.byref(made)) == 1
        )
        if not done:
            raise ValueError(crypto.failure() or "no key was made")
        return cls(owned(made.value, crypto.EVP_PKEY_free))

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> "GostKey":
        """Read a PEM private key; raises ``ValueError`` when it is unreadable, encrypted otherwise or not of ГОСТ."""
        crypto = library()
        source = readable(pem)
        # an empty word instead of none: with none the library would ask at the terminal
        read = crypto.PEM_read_bio_PrivateKey(source.pointer, None, None, password or b"")
        return cls(owned(read, crypto.EVP_PKEY_free))

    @property
    def pem(self) -> bytes:
        """The key as unencrypted PKCS#8 in PEM."""
        write = library().PEM_write_bio_PKCS8PrivateKey
        return written(lambda out: write(out, self._key.pointer, None, None, 0, None, None))

    @property
    def public_key_info(self) -> bytes:
        """The public key as DER of SubjectPublicKeyInfo."""
        return written(lambda out: library().i2d_PUBKEY_bio(out, self._key.pointer))

    def fits(self, certificate: bytes) -> bool:
        """Tell whether a DER certificate is of this key."""
        public = _public_key(self.suite, certificate)
        return public is not None and library().EVP_PKEY_eq(public.pointer, self._key.pointer) == 1

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Check a value s||r with the public half of this key."""
        return _verify(library(), self.suite, self._key, signature, data)

    def sign(self, data: bytes) -> bytes:
        """Hash and sign; return s||r as CMS and XMLDSig want it (64 or 128 bytes)."""
        crypto = library()
        context = owned(crypto.EVP_MD_CTX_new(), crypto.EVP_MD_CTX_free)
        value = ctypes.create_string_buffer(2 * _DIGEST_SIZE[self.suite])
        size = ctypes.c_size_t(len(value))
        algorithm = _algorithm(self.suite)
        done = (
            crypto.EVP_DigestSignInit(context.pointer, None, algorithm, None, self._key.pointer) == 1
            and crypto.EVP_DigestSign(context.pointer, value, ctypes.byref(size), data, len(data)) == 1
        )
        if not done:
            raise ProviderUnavailable(f"Движок ГОСТ не смог подписать: {crypto.failure()}.")
        return value.raw[: size.value]


class GostSigner:
    """Signs with a GOST key in this process: tests, pilots, development; not a certified СКЗИ."""

    provider: str = NAME
    certified: str = ""

    def __init__(self, certificate: bytes, key: GostKey, chain: tuple[bytes, ...] = ()) -> None:
        if not key.fits(certificate):
            raise ValueError("the private key does not belong to the certificate")
        self.suite = key.suite
        self.certificate = certificate
        self.chain = chain
        self.provider_version = library().version
        self._key = key

    @classmethod
    def from_pem(cls, cert: bytes, key: bytes, password: bytes | None = None) -> "GostSigner":
        """Read a PEM certificate (authorities may follow it) and a PEM private key.

        Raises ``ValueError`` when either is unreadable or the key is not the certificate's, and ``ProviderUnavailable``
        where there is no engine.
        """
        load_gost()
        own, *chain = (one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(cert))
        return cls(own, GostKey.from_pem(key, password), tuple(chain))

    def sign(self, data: bytes) -> bytes:
        """Hash and sign the bytes."""
        return self._key.sign(data)


@lru_cache(maxsize=4)
def load_gost(path: str | None = None) -> GostProvider:
    """Return the provider of ГОСТ, its engine loaded and tested; raises ``ProviderUnavailable`` with the reason.

    ``path`` is the engine's file; without it, ``INAYA_GOST_ENGINE`` and the usual places are looked at.
    """
    provider = GostProvider(load_engine(path))
    self_test(provider)
    for suite in GOST_SUITES:
        _round_trip(suite)
    return provider


def _round_trip(suite: Suite) -> None:
    """Sign with a fresh key and verify; ``ProviderUnavailable`` when what the engine made it does not believe."""
    try:
        key = GostKey.generate(suite)
    except ValueError as error:
        raise ProviderUnavailable(f"Движок ГОСТ не создал ключ ({suite}): {error}.") from error
    value = key.sign(b"text")
    if not key.verifies(value, b"text") or key.verifies(value, b"another"):
        raise ProviderUnavailable(f"Движок ГОСТ не прошёл самопроверку: подпись ({suite}) не сходится.")
