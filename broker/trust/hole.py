"""An envelope with a hole: a file is signed and sent without ever standing in a tree.

The tree holds a mark where the base64 text of the file belongs. Such a text has nothing XML escapes, so exclusive
canonicalisation leaves it as it is: the digest of the part with the mark is that of (bytes before it, text, bytes after it).
"""

from collections.abc import Iterator
from itertools import chain

import msgspec

from broker.adapter_kit.pieces import Encoded


class Hole(msgspec.Struct, frozen=True):
    """A place in an envelope: the mark that stands there alone, and the bytes whose base64 text belongs there.

    Nobody but who made the envelope may know the mark beforehand: it must not stand in what others say.
    """

    mark: str
    filling: bytes

    def is_in(self, data: bytes) -> bool:
        """Tell whether the mark stands in canonical or serialised bytes."""
        return self.mark.encode() in data

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what stands before and after the mark; raise ``ValueError`` unless it stands there once."""
        head, *tail = data.split(self.mark.encode())
        if len(tail) != 1:
            raise ValueError("the mark of the hole must stand in the envelope once")
        return head, tail[0]

    def around(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes with the text in the place of the mark, piece by piece."""
        head, tail = self.split(data)
        return chain((head,), Encoded(self.filling).pieces(), (tail,))
