"""Seals bytes at rest: zstd, then AES-256-GCM under a fresh key wrapped by the master key (crypto.md §5).

Layout: version byte 1, key number byte, wrapped key (40), nonce (12), ciphertext with tag. The document's id is bound in
as associated data, so a body moved to another row does not open. AES is no certified СКЗИ: where a threat model demands
one at rest, that is the disk's or the database's task in production (docs/threat-model.md).
"""

import hmac
import os
import threading
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

_VERSION: Final = 1
_WRAPPED: Final = 40
_NONCE: Final = 12
MAX_PLAIN: Final = 64 * 1024 * 1024
"""Nothing larger is ever sealed, so nothing larger is ever unpacked: bytes."""


class Tampered(Exception):  # noqa: N818  names what happened, not a kind of error
    """Stored bytes do not open: wrong key, wrong row, or changed."""


class MasterKeys(msgspec.Struct, frozen=True):
    """Key-encrypting keys by number (0–255); the highest seals, all open. Each is 32 bytes."""

    keys: dict[int, bytes]

    @property
    def current(self) -> int:
        """Number of the key that seals."""
        return max(self.keys)

    def derive(self, purpose: str) -> bytes:
        """Derive a 32-byte key for a purpose (pepper, hashes) from the oldest key, so that it survives rotation."""
        return hmac.digest(self.keys[min(self.keys)], f"inaya/{purpose}".encode(), "sha256")


LARGE: Final = 1024 * 1024
"""Bytes from which sealing and opening takes milliseconds and belongs in a thread."""


class _Zstd(threading.local):
    """What compresses, one for each thread: a context of zstd used by two at once spoils the bytes of both."""

    def __init__(self, level: int) -> None:
        self.pack = zstandard.ZstdCompressor(level=level)
        self.unpack = zstandard.ZstdDecompressor()


class Codec:
    """Seals and opens content; one per process, shared by its threads."""

    def __init__(self, keys: MasterKeys, *, level: int = 1) -> None:
        self._keys = keys
        self._zstd = _Zstd(level)

    def seal(self, plain: bytes, bound_to: UUID) -> bytes:
        """Compress and encrypt ``plain`` (at most ``MAX_PLAIN`` bytes) for the row of this id."""
        number = self._keys.current
        key, nonce = os.urandom(32), os.urandom(_NONCE)
        packed = self._zstd.pack.compress(plain)
        del plain  # of a large content no more is alive than must be
        sealed = AESGCM(key).encrypt(nonce, packed, bound_to.bytes)
        del packed
        return b"".join(
            (bytes((_VERSION, number)), aes_key_wrap(self._keys.keys[number], key), nonce, sealed)
        )

    def open(self, sealed: bytes, bound_to: UUID) -> bytes:
        """Return the plain bytes; raise ``Tampered`` when they are not what was sealed for this row."""
        head, nonce_at, body_at = 2, 2 + _WRAPPED, 2 + _WRAPPED + _NONCE
        if len(sealed) <= body_at or sealed[0] != _VERSION or sealed[1] not in self._keys.keys:
            raise Tampered("unknown layout or key")
        try:
            key = aes_key_unwrap(self._keys.keys[sealed[1]], sealed[head:nonce_at])
            body = memoryview(sealed)[body_at:]
            packed = AESGCM(key).decrypt(sealed[nonce_at:body_at], body, bound_to.bytes)
            if (
                zstandard.frame_content_size(packed) > MAX_PLAIN
            ):  # the limit below holds for frames of unknown size only
                raise Tampered("too large")
            return self._zstd.unpack.decompress(packed, max_output_size=MAX_PLAIN)
        except (InvalidTag, InvalidUnwrap, zstandard.ZstdError) as error:
            raise Tampered("does not open") from error


def digest(data: bytes) -> bytes:
    """Return the SHA-256 by which a content is known everywhere."""
    return sha256(data).digest()
