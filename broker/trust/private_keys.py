"""Private keys of throw-away authorities and signers, RSA or ГОСТ: what a certificate needs of them, behind one face."""

from typing import TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust import der
from broker.trust.openssl import GostKey, load_gost
from broker.trust.suites import SUITES, Suite

PrivateKey: TypeAlias = rsa.RSAPrivateKey | GostKey


def new_key(suite: Suite = Suite.RSA_SHA256) -> PrivateKey:
    """Generate a key: RSA-2048 within a tenth of a second, of ГОСТ at once.

    Raises ``ProviderUnavailable`` for ГОСТ without an engine, ``ValueError`` for a suite that is verified only.
    """
    if SUITES[suite].verify_only:
        raise ValueError(f"nothing is signed with {suite}")
    if suite is Suite.RSA_SHA256:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    load_gost()
    return GostKey.generate(suite)


def read_key(pem: bytes, suite: Suite) -> PrivateKey:
    """Read an unencrypted PEM key of a suite; raises ``ValueError`` for another, ``ProviderUnavailable`` without an engine."""
    if suite is Suite.RSA_SHA256:
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the private key is not RSA")
        return key
    load_gost()
    return GostKey.from_pem(pem)


def key_suite(key: PrivateKey) -> Suite:
    """Return the suite a key signs with."""
    return key.suite if isinstance(key, GostKey) else Suite.RSA_SHA256


def key_pem(key: PrivateKey) -> bytes:
    """Return a key as unencrypted PKCS#8 in PEM."""
    if isinstance(key, GostKey):
        return key.pem
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def public_key_info(key: PrivateKey) -> bytes:
    """Return the public half as DER of SubjectPublicKeyInfo."""
    if isinstance(key, GostKey):
        return key.public_key_info
    return key.public_key().public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_with(key: PrivateKey, data: bytes) -> bytes:
    """Hash and sign as certificates are signed."""
    return key.sign(data) if isinstance(key, GostKey) else key.sign(data, PKCS1v15(), hashes.SHA256())


def certificate_algorithm(suite: Suite) -> bytes:
    """Return the AlgorithmIdentifier of certificates and revocation lists (RFC 4055 §5, RFC 9215 §3)."""
    if suite is Suite.RSA_SHA256:
        return der.sequence(der.oid(SUITES[suite].signature_oids[0]), der.NULL)
    return der.sequence(der.oid(SUITES[suite].certificate_oids[0]))
