"""Opening a ZIP nobody vouches for: a registry of bills from a partner, an answer of a fund, a pack of rules.

Sizes in headers are not believed: every entry is inflated under a counter. Nothing touches the disk.
"""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from broker.document.zip_names import entry_name, is_safe_path

MIB: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
_BOMB_FLOOR: Final = MIB
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1 | 0x40
"""General purpose flags: encrypted, strongly encrypted."""
_STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""An archive begins with its first entry, or with its end when it is empty; anything before them is smuggled in."""
_LISTED: Final = b"PK\x01\x02"
_LOCAL_HEADER: Final = 30
"""Bytes before the name in an entry's own header."""
_FILES: Final = frozenset({0, stat.S_IFREG, stat.S_IFDIR})
_ARCHIVES: Final = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz")


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
    OVERLAP = "overlap"
    """Two entries are made of the same bytes."""
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
    """Inflate every file of a small flat archive in memory, or say why it is refused."""
    return _opened(data, limits, lambda archive: _read_flat(archive, limits))


def read_zip_tree(
    data: bytes, limits: ZipLimits, wanted: Callable[[str], bool]
) -> tuple[ZipEntry, ...] | ZipRefusal:
    """Inflate the files of an archive with directories whose names are ``wanted``, or say why it is refused.

    Names are relative POSIX paths in NFC (``zip_names``); what is not wanted is looked at but never inflated, and does
    not count towards ``limits.total``.
    """
    return _opened(data, limits, lambda archive: _read_tree(archive, limits, wanted))


def _opened(
    data: bytes,
    limits: ZipLimits,
    read: Callable[[zipfile.ZipFile], tuple[ZipEntry, ...] | ZipRefusal],
) -> tuple[ZipEntry, ...] | ZipRefusal:
    if len(data) > limits.archive:
        return ZipRefusal(ZipFault.TOO_LARGE)
    if not data.startswith(_STARTS):
        return ZipRefusal(ZipFault.NOT_ZIP)
    # before the table of contents is read: a million entries would cost seconds and hundreds of megabytes
    if data.count(_LISTED) > 2 * limits.entries + 16:
        return ZipRefusal(ZipFault.TOO_MANY)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return read(archive)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OverflowError):
        return ZipRefusal(ZipFault.NOT_ZIP)


def _read_flat(archive: zipfile.ZipFile, limits: ZipLimits) -> tuple[ZipEntry, ...] | ZipRefusal:
    entries = archive.infolist()
    names = [entry.orig_filename for entry in entries]
    refused = _refused_listing(entries, names, limits, _is_flat)
    return refused or _inflate_all(archive, enumerate(entries, 1), {}, limits)


def _read_tree(
    archive: zipfile.ZipFile, limits: ZipLimits, wanted: Callable[[str], bool]
) -> tuple[ZipEntry, ...] | ZipRefusal:
    entries = archive.infolist()
    names = [entry_name(entry) for entry in entries]
    refused = _refused_listing(entries, names, limits, lambda name: is_safe_path(name.removesuffix("/")))
    if refused is not None:
        return refused
    files = [
        (number, entry)
        for number, (entry, name) in enumerate(zip(entries, names, strict=True), 1)
        if not name.endswith("/") and wanted(name)
    ]
    return _inflate_all(archive, files, dict(enumerate(names, 1)), limits)


def _refused_listing(
    entries: list[zipfile.ZipInfo], names: list[str], limits: ZipLimits, is_safe: Callable[[str], bool]
) -> ZipRefusal | None:
    """Refuse by the table of contents alone, before a byte is inflated."""
    if not entries:
        return ZipRefusal(ZipFault.EMPTY)
    if len(entries) > limits.entries:
        return ZipRefusal(ZipFault.TOO_MANY)
    seen: set[str] = set()
    for number, (entry, name) in enumerate(zip(entries, names, strict=True), 1):
        fault = _refused_entry(entry, name, is_safe)
        if fault is None and name.casefold() in seen:
            fault = ZipFault.DUPLICATE
        if fault is not None:
            return ZipRefusal(fault, number)
        seen.add(name.casefold())
    return _refused_places(entries) or _refused_files(names)


def _refused_places(entries: list[zipfile.ZipInfo]) -> ZipRefusal | None:
    """Refuse entries that share bytes: a small archive can so hold a thousand times what it weighs."""
    end = 0
    for number, entry in sorted(enumerate(entries, 1), key=lambda numbered: numbered[1].header_offset):
        if entry.header_offset < end:
            return ZipRefusal(ZipFault.OVERLAP, number)
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    return None


def _refused_files(names: list[str]) -> ZipRefusal | None:
    """Refuse a file that is also the directory of another."""
    files = {name.casefold(): number for number, name in enumerate(names, 1) if not name.endswith("/")}
    for name in names:
        for directory in _directories(name.removesuffix("/").casefold()):
            if directory in files:
                return ZipRefusal(ZipFault.DUPLICATE, files[directory])
    return None


def _directories(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _is_flat(name: str) -> bool:
    return name.isprintable() and not name.startswith(".") and not any(mark in name for mark in "/\\:")


def _refused_entry(entry: zipfile.ZipInfo, name: str, is_safe: Callable[[str], bool]) -> ZipFault | None:
    if not is_safe(name) or stat.S_IFMT(entry.external_attr >> 16) not in _FILES:
        return ZipFault.UNSAFE_NAME
    if entry.flag_bits & _ENCRYPTED:
        return ZipFault.ENCRYPTED
    if entry.compress_type not in _METHODS:
        return ZipFault.METHOD
    if name.casefold().endswith(_ARCHIVES):
        return ZipFault.NESTED
    return None


def _inflate_all(
    archive: zipfile.ZipFile,
    entries: Iterable[tuple[int, zipfile.ZipInfo]],
    names: dict[int, str],
    limits: ZipLimits,
) -> tuple[ZipEntry, ...] | ZipRefusal:
    left = limits.total
    files: list[ZipEntry] = []
    for number, entry in entries:
        data = _inflate(archive, entry, left, limits.ratio)
        if isinstance(data, ZipFault):
            return ZipRefusal(data, number)
        if data.startswith(b"PK\x03\x04"):
            return ZipRefusal(ZipFault.NESTED, number)
        left -= len(data)
        files.append(ZipEntry(names.get(number, entry.filename), data))
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
    return ZipFault.DAMAGED if size != entry.file_size else b"".join(parts)
