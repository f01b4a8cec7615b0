"""Which files came, and of which dictionary is each? Paths, archives and archives of archives as one stream of files.

A bundle may hold every dictionary there is, so its members are inflated one at a time under a counter. Names are only
read, never written to: what matters of a name is the OID and the version in it.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec

from broker.document.zip_reading import MIB, ZipFault, ZipLimits, ZipRefusal, read_zip
from broker.validation.nsi.dictionary import DictionaryRefused

MAX_FILE: Final = 64 * MIB
"""Bytes of one file of a dictionary, unpacked."""
MAX_BUNDLE: Final = 512 * MIB
"""Bytes of an archive of dictionaries, and of a directory of them."""
MAX_MEMBERS: Final = 4096
RATIO: Final = 200
"""Inflated : packed; the published tables stay under 30."""
LIMITS: Final = ZipLimits(archive=MAX_FILE, total=MAX_FILE, entries=256, ratio=RATIO)
"""Of one dictionary's archive, where CSV or the pages of one edition lie flat."""
_CHUNK: Final = 64 * 1024
_NAMED: Final = re.compile(
    r"(?P<oid>[0-2](?:\.(?:0|[1-9]\d*)){3,})_v?(?P<version>\d+(?:\.\d+)+)(?:_(?P<part>\w+))?", re.ASCII
)
_VERSION: Final = re.compile(r"(?:^|[_\- ])v?(\d+(?:\.\d+)+)$", re.ASCII)
_READABLE: Final = frozenset({".csv", ".json", ".zip"})
_REASONS: Final = {
    ZipFault.NOT_ZIP: "это не архив ZIP",
    ZipFault.EMPTY: "в архиве нет файлов",
    ZipFault.TOO_LARGE: "архив или его содержимое больше допустимого",
    ZipFault.TOO_MANY: "в архиве слишком много файлов",
    ZipFault.BOMB: "содержимое раздувается несоразмерно архиву",
    ZipFault.ENCRYPTED: "архив защищён паролем",
    ZipFault.UNSAFE_NAME: "в архиве недопустимое имя файла",
    ZipFault.NESTED: "в архиве справочника лежит ещё один архив",
    ZipFault.DUPLICATE: "в архиве два файла с одним именем",
    ZipFault.METHOD: "архив сжат неизвестным способом",
    ZipFault.DAMAGED: "архив повреждён",
}


class SourceFile(msgspec.Struct, frozen=True):
    """One file; ``origin`` is the archive it came from, empty for a file that came alone."""

    name: str
    data: bytes
    origin: str = ""

    @property
    def oid(self) -> str:
        """OID in its own name, else in that of its archive, else empty."""
        return _in_names(self, "oid")

    @property
    def version(self) -> str:
        """Version in its own name, else in that of its archive, else empty."""
        found = _in_names(self, "version")
        if found:
            return found
        loose = _VERSION.search(Path(self.name).stem) or _VERSION.search(Path(self.origin).stem)
        return loose[1] if loose else ""

    @property
    def shown(self) -> str:
        """Name for people, cut to a sane length."""
        whole = f"{self.origin}: {self.name}" if self.origin else self.name
        return "".join(mark if mark.isprintable() else "?" for mark in whole)[:160]


def _in_names(file: SourceFile, group: str) -> str:
    for name in (file.name, file.origin):
        found = _NAMED.match(Path(name).name)
        if found:
            return found[group]
    return ""


def files_of(source: bytes | Path, name: str = "") -> Iterator[SourceFile]:
    """Give every file of a path (file or directory) or of bytes with their name, archives opened.

    Raise ``DictionaryRefused`` for an archive that may not be opened or what exceeds the limits.
    """
    if isinstance(source, bytes):
        yield from _opened(SourceFile(name or "справочник", source))
        return
    left = MAX_BUNDLE
    for path in _paths(source):
        try:
            size = path.stat().st_size
            left -= size
            if left < 0 or (size > MAX_FILE and path.suffix.lower() != ".zip"):
                raise DictionaryRefused(f"{path.name}: файл больше допустимого.")
            data = path.read_bytes()
        except OSError as error:
            raise DictionaryRefused(f"{path.name}: файл не читается.") from error
        yield from _opened(SourceFile(path.name, data))


def _paths(source: Path) -> list[Path]:
    if not source.exists():
        raise DictionaryRefused(f"{source}: такого файла нет.")
    if not source.is_dir():
        return [source]
    found = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix.lower() in _READABLE)
    if not found:
        raise DictionaryRefused(f"{source}: в каталоге нет файлов .csv, .json или .zip.")
    return found


def _opened(file: SourceFile) -> Iterator[SourceFile]:
    if not file.data.startswith(b"PK\x03\x04"):
        if len(file.data) > MAX_FILE:
            raise DictionaryRefused(f"{file.shown}: файл больше допустимого.")
        yield file
        return
    made = read_zip(file.data, LIMITS)
    if not isinstance(made, ZipRefusal):
        for entry in made:
            yield SourceFile(entry.name, entry.data, file.name)
    elif made.fault in {ZipFault.NESTED, ZipFault.UNSAFE_NAME, ZipFault.TOO_LARGE, ZipFault.TOO_MANY}:
        yield from _members(file)
    else:
        raise _refused(file, made.fault)


def _members(bundle: SourceFile) -> Iterator[SourceFile]:
    """Open a bundle: folders are allowed in its names, and archives in it, whose own members are not archives."""
    if len(bundle.data) > MAX_BUNDLE:
        raise _refused(bundle, ZipFault.TOO_LARGE)
    try:
        with zipfile.ZipFile(BytesIO(bundle.data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_MEMBERS:
                raise _refused(bundle, ZipFault.TOO_MANY)
            left = MAX_BUNDLE
            for entry in entries:
                data = _member(archive, entry, bundle)
                left -= len(data)
                if left < 0:
                    raise _refused(bundle, ZipFault.TOO_LARGE)
                member = SourceFile(Path(entry.filename).name, data, bundle.name)
                yield from _unpacked(member) if data.startswith(b"PK\x03\x04") else [member]
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
        OverflowError,
    ) as error:
        raise _refused(bundle, ZipFault.DAMAGED) from error


def _unpacked(member: SourceFile) -> Iterator[SourceFile]:
    made = read_zip(member.data, LIMITS)
    if isinstance(made, ZipRefusal):
        raise _refused(member, made.fault)
    for entry in made:
        yield SourceFile(entry.name, entry.data, member.name)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, bundle: SourceFile) -> bytes:
    fault = _guarded(entry)
    if fault is not None:
        raise _refused(bundle, fault)
    parts: list[bytes] = []
    size = 0
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MIB and size > RATIO * max(entry.compress_size, 1):
                raise _refused(bundle, ZipFault.BOMB)
            if size > MAX_FILE:
                raise _refused(bundle, ZipFault.TOO_LARGE)
            parts.append(chunk)
    return b"".join(parts)


def _guarded(entry: zipfile.ZipInfo) -> ZipFault | None:
    name = entry.orig_filename
    steps = name.split("/")
    if not name.isprintable() or ".." in steps or any(mark in name for mark in "\\:") or not steps[0]:
        return ZipFault.UNSAFE_NAME
    if stat.S_ISLNK(entry.external_attr >> 16):
        return ZipFault.UNSAFE_NAME
    if entry.flag_bits & 0x1:
        return ZipFault.ENCRYPTED
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return ZipFault.METHOD
    return None


def _refused(file: SourceFile, fault: ZipFault) -> DictionaryRefused:
    return DictionaryRefused(f"{file.shown}: {_REASONS[fault]}.")
