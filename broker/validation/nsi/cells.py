"""How is a column of a dictionary kept: one block of text and where each cell ends, not an object for each cell.

Written as: number of cells, their lengths (32 bits each, little-endian), the UTF-8 text.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

_WIDTH: Final = 4
_SEARCHED: Final = 8 * 1024 * 1024
_TRIED: Final = 500
_CODE: Final = "I" if array("I").itemsize == _WIDTH else "L"


class Cells:
    """A column of texts in the memory of its own text and four bytes a cell."""

    __slots__ = ("_block", "_ends")

    def __init__(self, block: bytes, lengths: "array[int]") -> None:
        self._block = block
        self._ends = array(_CODE, accumulate(lengths))

    @classmethod
    def of(cls, values: Iterable[str]) -> "Cells":
        """Pack texts."""
        parts = [value.encode() for value in values]
        return cls(b"".join(parts), array(_CODE, map(len, parts)))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Cells":
        """Read what ``to_bytes`` wrote; raise ``ValueError`` when the lengths do not add up to the text."""
        size = int.from_bytes(data[:_WIDTH], "little")
        start = _WIDTH * (size + 1)
        lengths = array(_CODE)
        if len(data) < start:
            raise ValueError("a column shorter than its table of lengths")
        lengths.frombytes(data[_WIDTH:start])
        if sys.byteorder == "big":
            lengths.byteswap()
        if sum(lengths) != len(data) - start:
            raise ValueError("a column whose lengths do not add up")
        return cls(data[start:], lengths)

    def to_bytes(self) -> bytes:
        """Write the column, the same bytes on every machine."""
        ends = self._ends
        lengths = array(_CODE, (end - before for before, end in zip([0, *ends], ends, strict=False)))
        if sys.byteorder == "big":
            lengths.byteswap()
        return len(ends).to_bytes(_WIDTH, "little") + lengths.tobytes() + self._block

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends:
            yield self._block[start:end].decode()
            start = end

    @property
    def weight(self) -> int:
        """Return the bytes it takes."""
        return len(self._block) + _WIDTH * len(self._ends)

    def raw(self, place: int) -> bytes:
        """Return one cell as UTF-8."""
        return self._block[self._ends[place - 1] if place else 0 : self._ends[place]]

    def holds(self, place: int, text: bytes) -> bool:
        """Tell whether a cell is exactly this text, without making the cell."""
        start = self._ends[place - 1] if place else 0
        return self._ends[place] - start == len(text) and self._block.startswith(text, start)

    def place_of(self, text: bytes) -> int | None:
        """Return the place of the first cell that is this text, which is not empty, or None.

        A search through the block, for a finding's sake: it gives up in a large column and after many cells that only
        hold the text, so that a document cannot make it last.
        """
        if len(self._block) > _SEARCHED:
            return None
        found = self._block.find(text)
        for _ in range(_TRIED):
            if found < 0:
                return None
            place = bisect_left(self._ends, found + 1)
            if self.holds(place, text):
                return place
            found = self._block.find(text, self._ends[place])
        return None
