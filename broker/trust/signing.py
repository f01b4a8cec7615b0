"""Which key signs: a picklable description that travels to a compute process, and the signer made of it there."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from broker.trust.cryptopro import CryptoproSigner
from broker.trust.means import certificate_of, seconds, uncertifiable
from broker.trust.openssl import GostSigner
from broker.trust.provider import ProviderUnavailable
from broker.trust.remote import TIMEOUT, RemoteSigner
from broker.trust.signer import RsaSigner, Signer


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key and who computes with it.

    ``provider``: openssl-rsa | openssl-gost | cryptopro-cli | remote. ``certificate`` and ``key`` are PEM or the path of
    a file with it; authorities may follow the certificate. ``params`` belong to the provider. Its text form shows no secret.
    """

    provider: str
    certificate: str
    key: str = ""
    password: str = ""
    params: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SigningKey(provider={self.provider!r})"


class _Material(msgspec.Struct, frozen=True):
    """A key whose files were read; hashable, so that a signer is made once."""

    provider: str
    certificate: str
    key: str
    password: str
    params: tuple[tuple[str, str], ...]


def signer_of(key: SigningKey) -> Signer:
    """Return the signer of a key, made once per process and anew when its files change.

    Raises ``ValueError`` for an unreadable key and ``ProviderUnavailable`` where its provider cannot be had; ``OSError``
    for a file that cannot be read.
    """
    params = tuple(sorted(key.params.items()))
    return _made(_Material(key.provider, _pem(key.certificate), _pem(key.key), key.password, params))


def asked_signer(key: SigningKey) -> Signer:
    """Return the signer of a key as it is now: a service is asked again who it is. Raises as ``signer_of`` does."""
    made = signer_of(key)
    if isinstance(made, RemoteSigner):
        made.learn()
    return made


def _pem(text: str) -> str:
    """Return PEM given as it is or by the path of its file; what is neither stays, for the provider knows it."""
    if "-----BEGIN " in text or not text:
        return text
    path = Path(text)
    return path.read_text(encoding="ascii") if path.is_absolute() else text


@lru_cache(maxsize=64)
def _made(material: _Material) -> Signer:
    make = _DRIVERS.get(material.provider)
    if make is None:
        known = ", ".join(sorted(_DRIVERS))
        raise ProviderUnavailable(
            f"Средство подписи «{material.provider}» здесь не поддерживается; есть: {known}."
        )
    return make(material)


def _rsa(material: _Material) -> Signer:
    uncertifiable(material.provider, dict(material.params))
    return RsaSigner.from_pem(*_files(material), password=material.password.encode() or None)


def _gost(material: _Material) -> Signer:
    uncertifiable(material.provider, dict(material.params))
    return GostSigner.from_pem(*_files(material), password=material.password.encode() or None)


def _files(material: _Material) -> tuple[bytes, bytes]:
    return material.certificate.encode("ascii"), material.key.encode("ascii")


def _remote(material: _Material) -> Signer:
    params = dict(material.params)
    return RemoteSigner(
        params.get("url", ""),
        params.get("token", ""),
        ca=params.get("ca", ""),
        timeout=seconds(params, TIMEOUT),
        certified=certificate_of(params),
    )


def _cryptopro(material: _Material) -> Signer:
    return CryptoproSigner(material.certificate, material.password, dict(material.params))


_DRIVERS: Final[dict[str, Callable[[_Material], Signer]]] = {
    "openssl-rsa": _rsa,
    "openssl-gost": _gost,
    "cryptopro-cli": _cryptopro,
    "remote": _remote,
}
