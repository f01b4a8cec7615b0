"""Opening a ZIP nobody vouches for: a registry of bills from a partner, an answer of a fund.

Sizes in headers are not believed: every entry is inflated under a counter. Nothing touches the disk.
"""

import io
import stat
import zipfile
import zlib
from enum import StrEnum
from typing import Final

import msgspec

MIB: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
_BOMB_FLOOR: Final = MIB
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1


class ZipFault(StrEnum):
    """Why an archive is refused."""

    NOT_ZIP = "not_zip"
    """The bytes are no ZIP archive."""
    EMPTY = "empty"
    """The archive holds no file."""
    TOO_LARGE = "too_large"
    """The archive or what it inflates to exceeds the limit."""
    TOO_MANY = "too_many"
    """More entries than allowed."""
    BOMB = "bomb"
    """Inflates out of all proportion."""
    ENCRYPTED = "encrypted"
    """An entry is protected by a password."""
    UNSAFE_NAME = "unsafe_name"
    """A name with a path, a drive, a control character, or a link instead of a file."""
    NESTED = "nested"
    """An archive inside the archive."""
    DUPLICATE = "duplicate"
    """Two entries of one name."""
    METHOD = "method"
    """Compressed with something else than deflate."""
    DAMAGED = "damaged"
    """The checksum does not fit or data are cut."""


class ZipLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits in bytes and numbers; ``ratio`` is inflated : packed, counted from one mebibyte on."""

    archive: int = 20 * MIB
    total: int = 64 * MIB
    entries: int = 16
    ratio: int = 200


class ZipEntry(msgspec.Struct, frozen=True):
    """One file of the archive, inflated."""

    name: str
    data: bytes


class ZipRefusal(msgspec.Struct, frozen=True):
    """The archive is not opened; ``entry`` numbers the guilty file from 1 (0 = the archive itself)."""

    fault: ZipFault
    entry: int = 0


def read_zip(data: bytes, limits: ZipLimits = ZipLimits()) -> tuple[ZipEntry, ...] | ZipRefusal:  # noqa: B008  a frozen value
    """Inflate every file of a small archive in memory, or say why it is refused."""
    if len(data) > limits.archive:
        return ZipRefusal(ZipFault.TOO_LARGE)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _refused_listing(archive.infolist(), limits) or _inflate_all(archive, limits)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OverflowError):
        return ZipRefusal(ZipFault.NOT_ZIP)


def _refused_listing(entries: list[zipfile.ZipInfo], limits: ZipLimits) -> ZipRefusal | None:
    """Refuse by the table of contents alone, before a byte is inflated."""
    if not entries:
        return ZipRefusal(ZipFault.EMPTY)
    if len(entries) > limits.entries:
        return ZipRefusal(ZipFault.TOO_MANY)
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        fault = _refused_entry(entry)
        if fault is None and entry.filename.upper() in seen:
            fault = ZipFault.DUPLICATE
        if fault is not None:
            return ZipRefusal(fault, number)
        seen.add(entry.filename.upper())
    return None


def _refused_entry(entry: zipfile.ZipInfo) -> ZipFault | None:
    # orig_filename keeps what ZipInfo cuts away (a NUL and what follows it)
    name = entry.orig_filename
    if not name.isprintable() or name.startswith(".") or any(mark in name for mark in "/\\:"):
        return ZipFault.UNSAFE_NAME
    if stat.S_ISLNK(entry.external_attr >> 16):
        return ZipFault.UNSAFE_NAME
    if entry.flag_bits & _ENCRYPTED:
        return ZipFault.ENCRYPTED
    if entry.compress_type not in _METHODS:
        return ZipFault.METHOD
    if name.upper().endswith(".ZIP"):
        return ZipFault.NESTED
    return None


def _inflate_all(archive: zipfile.ZipFile, limits: ZipLimits) -> tuple[ZipEntry, ...] | ZipRefusal:
    left = limits.total
    files: list[ZipEntry] = []
    for number, entry in enumerate(archive.infolist(), 1):
        data = _inflate(archive, entry, left, limits.ratio)
        if isinstance(data, ZipFault):
            return ZipRefusal(data, number)
        if data.startswith(b"PK\x03\x04"):
            return ZipRefusal(ZipFault.NESTED, number)
        left -= len(data)
        files.append(ZipEntry(entry.filename, data))
    return tuple(files)


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, ratio: int) -> bytes | ZipFault:
    """Inflate one entry under a counter; ``left`` bytes may still come."""
    parts: list[bytes] = []
    size = 0
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > _BOMB_FLOOR and size > ratio * max(entry.compress_size, 1):
                    return ZipFault.BOMB
                if size > left:
                    return ZipFault.TOO_LARGE
                parts.append(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        return ZipFault.DAMAGED
    return b"".join(parts)
