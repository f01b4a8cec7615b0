"""What is one edition of a dictionary of НСИ, how is it kept, and which name has a code in it?

Editions are immutable: (OID, version) and a digest name one for ever. Columns are kept packed, each on its own, so that a
large dictionary costs its compressed text, and a look-up opens the two columns it needs.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import Final

import msgspec
import zstandard

from broker.validation.nsi.cells import Cells

MIB: Final = 1024 * 1024
MAX_COLUMN: Final = 128 * MIB
"""Bytes of one unpacked column; nothing larger is written or read."""
VERSION_PATTERN: Final = re.compile(r"\d{1,6}(\.\d{1,6}){1,3}")
"""A version as НСИ numbers its editions, ``12.85``."""
SUFFIX: Final = ".nsi"
_FORM: Final = 1
_LEVEL: Final = 9
_HASH: Final = 0xFFFF_FFFF_FFFF_FFFF


class DictionaryRefused(Exception):  # noqa: N818  a text said to the operator, not a fault of ours
    """A file is no dictionary we may rely on; the text is Russian and says what is wrong and in which file."""


class Dictionary(msgspec.Struct, frozen=True, kw_only=True):
    """One edition. ``key`` and ``name`` are the columns of code and name, empty where nothing names them.

    ``full_name`` and ``published`` stand in the passport and are empty for a file without one. ``packed`` holds the
    columns in their order, zstd over ``Cells``, and ``sums`` the SHA-256 of each before packing. ``digest`` is the SHA-256
    of all but the packed bytes, hex: the same on every machine.
    """

    oid: str
    version: str
    full_name: str = ""
    published: date | None = None
    key: str = ""
    name: str = ""
    columns: tuple[str, ...] = ()
    size: int = 0
    sums: tuple[bytes, ...] = ()
    packed: tuple[bytes, ...] = ()
    digest: str = ""

    @classmethod
    def of(cls, oid: str, version: str, table: Mapping[str, list[str]]) -> "Dictionary":
        """Pack a table given by columns of equal length; raise ``DictionaryRefused`` for a column too large."""
        sums, packed = [], []
        compressor = zstandard.ZstdCompressor(level=_LEVEL)
        for name, values in table.items():
            plain = Cells.of(values).to_bytes()
            if len(plain) > MAX_COLUMN:
                raise DictionaryRefused(f"{oid}, редакция {version}: столбец {name[:40]} больше допустимого.")
            sums.append(sha256(plain).digest())
            packed.append(compressor.compress(plain))
        size = len(next(iter(table.values()), []))
        made = cls(
            oid=oid,
            version=version,
            columns=tuple(table),
            size=size,
            sums=tuple(sums),
            packed=tuple(packed),
        )
        return made.described()

    def described(
        self, *, full_name: str = "", published: date | None = None, key: str = "", name: str = ""
    ) -> "Dictionary":
        """Return the dictionary with what its passport says."""
        plain = msgspec.structs.replace(self, full_name=full_name, published=published, key=key, name=name)
        return msgspec.structs.replace(plain, digest=_digest(plain))

    @property
    def file_name(self) -> str:
        """Name of the file a shelf looks for."""
        return f"{self.oid}_{self.version}{SUFFIX}"

    def cells(self, name: str) -> Cells:
        """Open one column; raise ``KeyError`` when there is none of that name, ``DictionaryRefused`` for a damaged one."""
        if name not in self.columns:
            raise KeyError(name)
        place = self.columns.index(name)
        try:
            if not 0 < zstandard.frame_content_size(self.packed[place]) <= MAX_COLUMN:
                raise _damaged()
            plain = zstandard.ZstdDecompressor().decompress(self.packed[place])
            cells = Cells.from_bytes(plain)
        except (zstandard.ZstdError, ValueError) as error:
            raise _damaged() from error
        if sha256(plain).digest() != self.sums[place] or len(cells) != self.size:
            raise _damaged()
        return cells

    def column(self, name: str) -> list[str]:
        """Return one column as texts, an absent value as an empty one."""
        return list(self.cells(name))

    def rows(self, *names: str) -> Iterator[tuple[str, ...]]:
        """Iterate over rows, of all columns or of those named."""
        return zip(*(self.cells(name) for name in names or self.columns), strict=True)

    def to_bytes(self) -> bytes:
        """Write the dictionary as MessagePack: the same bytes for the same dictionary and zstd library."""
        return msgspec.msgpack.encode((_FORM, self))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Dictionary":
        """Read what ``to_bytes`` wrote; raise ``DictionaryRefused`` for anything else, damaged or changed."""
        try:
            form, read = msgspec.msgpack.decode(data, type=tuple[int, Dictionary])
        except msgspec.DecodeError as error:
            raise _damaged() from error
        if form != _FORM or read.digest != _digest(read):
            raise _damaged()
        if not len(read.columns) == len(read.packed) == len(read.sums):
            raise _damaged()
        return read


def _digest(dictionary: Dictionary) -> str:
    plain = msgspec.structs.replace(dictionary, packed=(), digest="")
    return sha256(msgspec.msgpack.encode(plain)).hexdigest()


def _damaged() -> DictionaryRefused:
    return DictionaryRefused("Файл справочника повреждён или изменён: загрузите эту редакцию заново.")


def version_order(version: str) -> tuple[int, ...]:
    """Return what versions are compared by: ``12.9`` comes before ``12.85``; a malformed one comes first."""
    return tuple(map(int, version.split("."))) if VERSION_PATTERN.fullmatch(version) else ()


def tidy(text: str) -> str:
    """Return a name as it is compared: white space at the ends and doubled inside means nothing."""
    return " ".join(text.split())


class Lookup:
    """Code → names of one edition: both columns as they are and the rows in the order of their codes' hashes.

    Takes the text and some twenty bytes a row; a look-up is a bisection.
    """

    __slots__ = ("_codes", "_hashes", "_names", "_rows")

    def __init__(self, codes: Cells, names: Cells | None) -> None:
        hashes = array("Q", (hash(codes.raw(row)) & _HASH for row in range(len(codes))))
        self._rows = array("I", sorted(range(len(codes)), key=hashes.__getitem__))
        self._hashes = array("Q", (hashes[row] for row in self._rows))
        self._codes = codes
        self._names = names

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def weight(self) -> int:
        """Return the bytes it takes."""
        text = self._codes.weight + (self._names.weight if self._names is not None else 0)
        return text + 12 * len(self._rows)

    def has(self, code: str, name: str) -> bool:
        """Tell whether a row has exactly this code and this name: the quick answer to what is nearly always so."""
        wanted = code.encode()
        place = bisect_left(self._hashes, hash(wanted) & _HASH)
        if place == len(self._hashes) or self._names is None:
            return False
        row = self._rows[place]
        return self._codes.holds(row, wanted) and self._names.holds(row, name.encode())

    def names(self, code: str) -> tuple[str, ...]:
        """Return the names under a code (more than one where the column is no key), empty when there is none."""
        wanted = code.encode()
        number = hash(wanted) & _HASH
        place = bisect_left(self._hashes, number)
        found: tuple[str, ...] = ()
        while place < len(self._hashes) and self._hashes[place] == number:
            row = self._rows[place]
            if self._codes.holds(row, wanted):
                found += (tidy(self._names.raw(row).decode()) if self._names is not None else "",)
            place += 1
        return found

    def code_of(self, name: str) -> str | None:
        """Return the code of the first row with this name; a search through the text, meant for a finding."""
        row = self._names.place_of(name.encode()) if name and self._names is not None else None
        return None if row is None else self._codes.raw(row).decode()
