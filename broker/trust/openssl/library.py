"""Which functions of libcrypto we call, with their types, and how its objects are owned and its errors read.

OpenSSL 3: libcrypto.so.3, the one Python itself is linked with. ctypes lets go of the GIL in every call. Errors stand in a
queue of the thread that failed, so ``failure`` is called there and then.
"""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from broker.trust.provider import ProviderUnavailable

SONAME: Final = "libcrypto.so.3"

_POINTER: Final = ctypes.c_void_p
_BYTES: Final = ctypes.c_char_p
_INT: Final = ctypes.c_int
_UINT: Final = ctypes.c_uint
_LONG: Final = ctypes.c_long
_ULONG: Final = ctypes.c_ulong
_SIZE: Final = ctypes.c_size_t
_SIZE_OUT: Final = ctypes.POINTER(ctypes.c_size_t)
_UINT_OUT: Final = ctypes.POINTER(ctypes.c_uint)
_POINTER_OUT: Final = ctypes.POINTER(ctypes.c_void_p)
_BYTES_OUT: Final = ctypes.POINTER(ctypes.c_char_p)

_PROTOTYPES: Final = {
    "BIO_ctrl": (_LONG, _POINTER, _INT, _LONG, _POINTER),
    "BIO_free": (_INT, _POINTER),
    "BIO_new": (_POINTER, _POINTER),
    "BIO_new_mem_buf": (_POINTER, _BYTES, _INT),
    "BIO_s_mem": (_POINTER,),
    "ENGINE_by_id": (_POINTER, _BYTES),
    "ENGINE_ctrl_cmd_string": (_INT, _POINTER, _BYTES, _BYTES, _INT),
    "ENGINE_free": (_INT, _POINTER),
    "ENGINE_init": (_INT, _POINTER),
    "ENGINE_set_default": (_INT, _POINTER, _UINT),
    "ERR_clear_error": (None,),
    "ERR_error_string_n": (None, _ULONG, _BYTES, _SIZE),
    "ERR_get_error": (_ULONG,),
    "EVP_Digest": (_INT, _BYTES, _SIZE, _BYTES, _UINT_OUT, _POINTER, _POINTER),
    "EVP_DigestFinal_ex": (_INT, _POINTER, _BYTES, _UINT_OUT),
    "EVP_DigestInit_ex": (_INT, _POINTER, _POINTER, _POINTER),
    "EVP_DigestSign": (_INT, _POINTER, _BYTES, _SIZE_OUT, _BYTES, _SIZE),
    "EVP_DigestSignInit": (_INT, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
    "EVP_DigestUpdate": (_INT, _POINTER, _BYTES, _SIZE),
    "EVP_DigestVerify": (_INT, _POINTER, _BYTES, _SIZE, _BYTES, _SIZE),
    "EVP_DigestVerifyInit": (_INT, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
    "EVP_MD_CTX_free": (None, _POINTER),
    "EVP_MD_CTX_new": (_POINTER,),
    "EVP_PKEY_CTX_ctrl_str": (_INT, _POINTER, _BYTES, _BYTES),
    "EVP_PKEY_CTX_free": (None, _POINTER),
    "EVP_PKEY_CTX_new_id": (_POINTER, _INT, _POINTER),
    "EVP_PKEY_eq": (_INT, _POINTER, _POINTER),
    "EVP_PKEY_free": (None, _POINTER),
    "EVP_PKEY_get_base_id": (_INT, _POINTER),
    "EVP_PKEY_keygen": (_INT, _POINTER, _POINTER_OUT),
    "EVP_PKEY_keygen_init": (_INT, _POINTER),
    "EVP_get_digestbyname": (_POINTER, _BYTES),
    "OBJ_txt2nid": (_INT, _BYTES),
    "OPENSSL_init_crypto": (_INT, ctypes.c_uint64, _POINTER),
    "OpenSSL_version": (_BYTES, _INT),
    "OpenSSL_version_num": (_ULONG,),
    "PEM_read_bio_PrivateKey": (_POINTER, _POINTER, _POINTER, _POINTER, _BYTES),
    "PEM_write_bio_PKCS8PrivateKey": (_INT, _POINTER, _POINTER, _POINTER, _BYTES, _INT, _POINTER, _POINTER),
    "X509_free": (None, _POINTER),
    "X509_get_pubkey": (_POINTER, _POINTER),
    "d2i_X509": (_POINTER, _POINTER, _BYTES_OUT, _LONG),
    "i2d_PUBKEY_bio": (_INT, _POINTER, _POINTER),
}
"""Result and arguments by name, from the manual pages of section 3ssl."""

_BIO_CTRL_INFO: Final = 3
_NO_CONFIG: Final = 0x00000080  # OPENSSL_INIT_NO_LOAD_CONFIG: what stands in openssl.cnf is not ours


class Library:
    """libcrypto with typed functions; one per process."""

    def __init__(self, handle: ctypes.CDLL) -> None:
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(handle, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(name)  # for the type checker: every prototype was set above

    @property
    def version(self) -> str:
        """Return the version of the library as it says it: ``3.0.19``."""
        number = self.OpenSSL_version_num()
        return f"{number >> 28}.{number >> 20 & 0xFF}.{number >> 4 & 0xFFFF}"

    def failure(self) -> str:
        """Return what the error queue of this thread holds, and empty it."""
        found = []
        while code := self.ERR_get_error():
            text = ctypes.create_string_buffer(256)
            self.ERR_error_string_n(code, text, len(text))
            found.append(text.value.decode("ascii", errors="replace"))
        return "; ".join(found)


@lru_cache(maxsize=1)
def library() -> Library:
    """Open libcrypto; ``ProviderUnavailable`` where it is absent or lacks something."""
    try:
        opened = Library(ctypes.CDLL(SONAME))
    except (OSError, AttributeError) as error:
        raise ProviderUnavailable(
            f"Библиотека {SONAME} (OpenSSL 3) не найдена или не годится: {error}."
        ) from error
    opened.OPENSSL_init_crypto(_NO_CONFIG, None)
    return opened


class Owned:
    """One object of the library, freed with the last reference to it."""

    __slots__ = ("_free", "pointer")

    def __init__(self, pointer: int, free: Callable[[int], object]) -> None:
        self.pointer = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self.pointer)


def owned(pointer: int | None, free: Callable[[int], object]) -> Owned:
    """Own an object just made; ``ValueError`` with the library's words when it was not."""
    if not pointer:
        raise ValueError(library().failure() or "libcrypto made nothing")
    return Owned(pointer, free)


def readable(data: bytes) -> Owned:
    """Return a BIO that reads the bytes, which must outlive it."""
    crypto = library()
    return owned(crypto.BIO_new_mem_buf(data, len(data)), crypto.BIO_free)


def written(write: Callable[[int], int]) -> bytes:
    """Return what a function writes into a BIO; ``ValueError`` when it fails."""
    crypto = library()
    memory = owned(crypto.BIO_new(crypto.BIO_s_mem()), crypto.BIO_free)
    if write(memory.pointer) != 1:
        raise ValueError(crypto.failure() or "libcrypto wrote nothing")
    start = ctypes.c_char_p()
    size = crypto.BIO_ctrl(memory.pointer, _BIO_CTRL_INFO, 0, ctypes.cast(ctypes.byref(start), _POINTER))
    return ctypes.string_at(start, size)


def decoded(read: Callable[..., int], der: bytes, free: Callable[[int], object]) -> Owned:
    """Return what a ``d2i_`` function makes of DER; ``ValueError`` when it is not that."""
    start = ctypes.c_char_p(der)
    return owned(read(None, ctypes.byref(start), len(der)), free)
