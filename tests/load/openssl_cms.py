"""``CMS_verify`` of OpenSSL through ctypes: what our verdict is measured against, and a third voice."""

import ctypes
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from broker.trust.openssl.library import SONAME

CMS_BINARY: Final = 0x80
CMS_CADES: Final = 0x100000
CRL_CHECK: Final = 0x4
ANY_PURPOSE: Final = 7

_P, _I = ctypes.c_void_p, ctypes.c_int
_SOURCE: Final = ctypes.POINTER(ctypes.c_char_p)
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "BIO_new_mem_buf": (_P, ctypes.c_char_p, _I),
    "BIO_free": (_I, _P),
    "CMS_verify": (_I, _P, _P, _P, _P, _P, ctypes.c_uint),
    "CMS_ContentInfo_free": (None, _P),
    "ERR_clear_error": (None,),
    "X509_STORE_new": (_P,),
    "X509_STORE_free": (None, _P),
    "X509_STORE_add_cert": (_I, _P, _P),
    "X509_STORE_add_crl": (_I, _P, _P),
    "X509_STORE_set_flags": (_I, _P, ctypes.c_ulong),
    "X509_STORE_set_purpose": (_I, _P, _I),
    "X509_STORE_get0_param": (_P, _P),
    "X509_VERIFY_PARAM_set_time": (None, _P, ctypes.c_int64),
    "X509_free": (None, _P),
    "X509_CRL_free": (None, _P),
    "d2i_CMS_bio": (_P, _P, _P),
    "d2i_X509": (_P, _P, _SOURCE, ctypes.c_long),
    "d2i_X509_CRL": (_P, _P, _SOURCE, ctypes.c_long),
}


class OpensslCms:
    """A store of trusted roots and revocation lists, at an instant; lists are demanded where there are any."""

    def __init__(self, roots: Sequence[bytes], crls: Sequence[bytes], at: datetime) -> None:
        crypto = self._crypto = ctypes.CDLL(SONAME)
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(crypto, name)
            function.restype, function.argtypes = result, arguments
        self._store = crypto.X509_STORE_new()
        for root in roots:
            read = crypto.d2i_X509(None, ctypes.byref(ctypes.c_char_p(root)), len(root))
            assert crypto.X509_STORE_add_cert(self._store, read) == 1
            crypto.X509_free(read)
        for crl in crls:
            read = crypto.d2i_X509_CRL(None, ctypes.byref(ctypes.c_char_p(crl)), len(crl))
            assert crypto.X509_STORE_add_crl(self._store, read) == 1
            crypto.X509_CRL_free(read)
        crypto.X509_STORE_set_purpose(self._store, ANY_PURPOSE)
        crypto.X509_STORE_set_flags(self._store, CRL_CHECK if crls else 0)
        crypto.X509_VERIFY_PARAM_set_time(crypto.X509_STORE_get0_param(self._store), int(at.timestamp()))

    def verify(self, container: bytes, content: bytes) -> bool:
        """Judge a detached CAdES-BES container: digest, signature, signingCertificateV2, chain, revocation."""
        crypto = self._crypto
        source = crypto.BIO_new_mem_buf(container, len(container))
        cms = crypto.d2i_CMS_bio(source, None)
        crypto.BIO_free(source)
        if not cms:
            crypto.ERR_clear_error()
            return False
        data = crypto.BIO_new_mem_buf(content, len(content))
        good = crypto.CMS_verify(cms, None, self._store, data, None, CMS_BINARY | CMS_CADES) == 1
        crypto.BIO_free(data)
        crypto.CMS_ContentInfo_free(cms)
        if not good:
            crypto.ERR_clear_error()
        return good

    def close(self) -> None:
        """Free the store."""
        self._crypto.X509_STORE_free(self._store)
