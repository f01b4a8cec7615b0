"""ГОСТ Р 34.10-2012 and Стрибог by libcrypto and its GOST engine, called in this process through ctypes.

Import costs nothing: the library is opened by the first ``load_gost``, which only compute processes, tools and tests call.
"""

from broker.trust.openssl.gost import GostKey, GostProvider, GostSigner, load_gost

__all__ = ["GostKey", "GostProvider", "GostSigner", "load_gost"]
