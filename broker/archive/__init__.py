"""How stored content is kept: compressed, encrypted, bound to its document (pure codec)."""

from broker.archive.codec import LARGE, Codec, MasterKeys, Tampered
from broker.archive.envelope import SealedPart, StoredContent

__all__ = ["LARGE", "Codec", "MasterKeys", "SealedPart", "StoredContent", "Tampered"]
