"""What is sealed together in one row: the document's bytes, its signatures and the submission's own words."""

import msgspec

from broker.document.submission import Mchd, Metadata, SignatureKind, Signer


class SealedPart(msgspec.Struct, frozen=True, array_like=True):
    """One signature: DER bytes and what the partner said of the signer; ``broken`` is the text that is no base64."""

    kind: SignatureKind
    data: bytes
    role: str | None = None
    signer: Signer | None = None
    mchd: Mchd | None = None
    broken: str = ""


class StoredContent(msgspec.Struct, frozen=True, array_like=True):
    """The one copy of what a partner handed over."""

    content: bytes
    media_type: str
    signatures: tuple[SealedPart, ...]
    metadata: Metadata

    def pack(self) -> bytes:
        """Encode for sealing."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> "StoredContent":
        """Decode what ``pack`` made."""
        return msgspec.msgpack.decode(packed, type=cls)
