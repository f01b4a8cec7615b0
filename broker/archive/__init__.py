"""How stored content is kept: compressed, encrypted, bound to its document (pure codec)."""

from broker.archive.codec import Codec, MasterKeys, Tampered
from broker.archive.envelope import SealedPart, StoredContent

__all__ = ["Codec", "MasterKeys", "SealedPart", "StoredContent", "Tampered"]
