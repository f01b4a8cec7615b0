"""From an archive or a directory to the few files a pack is made of, or a refusal: nothing here believes what it is given.

Kept are Schematrons, schemas, sample documents and the README; guides, tables and style sheets are never unpacked.
Bounds: an archive of 64 MiB, 2 000 entries, 32 MiB unpacked; the largest official pack seen keeps below 3 MiB.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from broker.document.zip_names import is_safe_path, legacy_text
from broker.document.zip_reading import MIB, ZipFault, ZipLimits, ZipRefusal, read_zip_tree
from broker.validation.pack_layout import is_generic
from broker.validation.packs.outcome import PackRefused, shown_name

LIMITS: Final = ZipLimits(archive=64 * MIB, total=32 * MIB, entries=2000)
_KEPT: Final = frozenset({".sch", ".xsd", ".xml"})
_README: Final = frozenset({"readme.md", "readme.txt", "readme"})
_OWN_DIRECTORIES: Final = frozenset({"xsd", "schematron", "xml", "coreschemas"})
"""Directories that mean something inside a pack: none of them is only a wrapping."""
_WRAPPINGS: Final = 3
_COMMIT: Final = re.compile(rb"\x28\x00([0-9a-f]{40})\Z")
"""Git writes the commit as the archive's comment (git-archive(1)); a branch of the repository changes without a tag."""

_TEXTS: Final[dict[ZipFault, tuple[str, str]]] = {
    ZipFault.NOT_ZIP: (
        "Это не архив ZIP, либо он обрезан или начинается с посторонних данных.",
        "Скачайте пакет заново и передайте сам ZIP, без самораспаковки и без переименования других форматов.",
    ),
    ZipFault.EMPTY: ("В пакете нет ни одного файла.", "Скачайте пакет заново."),
    ZipFault.TOO_LARGE: (
        f"Пакет больше {LIMITS.archive // MIB} МиБ или его правила больше {LIMITS.total // MIB} МиБ.",
        "Уберите из архива лишнее: нужны каталоги xsd, schematron, xml и README.",
    ),
    ZipFault.TOO_MANY: (
        f"В пакете больше {LIMITS.entries} файлов.",
        "Передавайте один пакет одного руководства, а не всё хранилище сразу.",
    ),
    ZipFault.BOMB: (
        "Файл пакета распаковывается в несоразмерно большой объём: архив похож на бомбу.",
        "Скачайте пакет из хранилища Минздрава заново; этот архив не используйте.",
    ),
    ZipFault.ENCRYPTED: (
        "Архив защищён паролем.",
        "Распакуйте его и передайте каталог или архив без пароля.",
    ),
    ZipFault.UNSAFE_NAME: (
        "Имя файла в пакете ведёт за его пределы, содержит служебные знаки или это ссылка вместо файла.",
        "Скачайте пакет из хранилища Минздрава заново; этот архив не используйте.",
    ),
    ZipFault.NESTED: (
        "Внутри пакета лежит другой архив.",
        "Распакуйте вложенный архив и передайте его содержимое отдельным пакетом.",
    ),
    ZipFault.DUPLICATE: (
        "Два файла пакета носят одно имя (различия регистра и способа записи букв не считаются).",
        "Оставьте один файл каждого имени или скачайте пакет заново.",
    ),
    ZipFault.OVERLAP: (
        "Файлы архива наложены друг на друга: архив похож на бомбу.",
        "Скачайте пакет из хранилища Минздрава заново; этот архив не используйте.",
    ),
    ZipFault.METHOD: (
        "Файл сжат неподдерживаемым способом.",
        "Распакуйте архив и передайте каталог или сожмите обычным способом (deflate).",
    ),
    ZipFault.DAMAGED: (
        "Архив повреждён: размер или контрольная сумма файла не сходится.",
        "Скачайте пакет заново.",
    ),
}


class Unpacked(msgspec.Struct, frozen=True):
    """The kept files by path, the names of the wrapping directories they lay in (the outermost first), the commit."""

    files: dict[str, bytes]
    wrappings: tuple[str, ...] = ()
    commit: str = ""


def unpack(source: Path | bytes) -> Unpacked | PackRefused:
    """Return the files of a pack: from the bytes of an archive, an archive on disk or a directory."""
    if isinstance(source, bytes):
        return _from_archive(source)
    try:
        if source.is_dir():
            return _from_directory(source)
        if source.stat().st_size > LIMITS.archive:
            return refused(ZipFault.TOO_LARGE)
        return _from_archive(source.read_bytes())
    except OSError as error:
        return PackRefused(
            "pack.unavailable",
            f"Файл пакета не читается: {_reason(error)}.",
            "Проверьте путь и права доступа.",
            shown_name(source.name),
        )


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "такого файла нет"
    return "нет прав на чтение" if isinstance(error, PermissionError) else "ошибка диска"


def refused(fault: ZipFault, file: str = "") -> PackRefused:
    """Word a refusal of the archive or of its names."""
    return PackRefused(f"pack.zip_{fault}", *_TEXTS[fault], shown_name(file))


def is_kept(path: str) -> bool:
    """Tell whether a file is of any use to us: hidden directories and macOS leftovers are not."""
    parts = PurePosixPath(path).parts
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return False
    return PurePosixPath(path).suffix.lower() in _KEPT or parts[-1].lower() in _README


def _from_archive(data: bytes) -> Unpacked | PackRefused:
    entries = read_zip_tree(data, LIMITS, is_kept)
    if isinstance(entries, ZipRefusal):
        where = f"запись № {entries.entry} архива" if entries.entry else ""
        return refused(entries.fault, where)
    said = _COMMIT.search(data, max(0, len(data) - 64))
    commit = said[1].decode("ascii") if said else ""
    return _unwrapped({entry.name: entry.data for entry in entries}, commit)


def _from_directory(directory: Path) -> Unpacked | PackRefused:
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    left = LIMITS.total
    for number, (name, path) in enumerate(_walk(directory)):
        if number >= LIMITS.entries:
            return refused(ZipFault.TOO_MANY)
        if not is_kept(name):
            continue
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or not is_safe_path(name):
            return refused(ZipFault.UNSAFE_NAME, name)
        if name.casefold() in seen:
            return refused(ZipFault.DUPLICATE, name)
        left -= status.st_size
        if left < 0:
            return refused(ZipFault.TOO_LARGE, name)
        seen.add(name.casefold())
        files[name] = path.read_bytes()
    return _unwrapped(files)


def _walk(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file below a directory with its name in NFC; links to directories are not followed."""
    for parent, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            relative = path.relative_to(directory).as_posix()
            if not relative.isprintable():  # bytes that are no UTF-8 come as surrogates
                relative = legacy_text(os.fsencode(relative))
            yield unicodedata.normalize("NFC", relative), path


def _unwrapped(files: dict[str, bytes], commit: str = "") -> Unpacked | PackRefused:
    """Take away the directories that hold everything and mean nothing; without rules there is no pack."""
    if not any(path.lower().endswith((".sch", ".xsd")) for path in files):
        return PackRefused(
            "pack.no_rules",
            "В пакете нет ни одного файла правил: ни схем (.xsd), ни Schematron (.sch).",
            "Передайте архив целиком, как он скачан: в нём есть каталоги xsd и schematron.",
        )
    wrappings: list[str] = []
    while len(wrappings) < _WRAPPINGS and (root := _wrapping(files)) is not None:
        files = {path.removeprefix(f"{root}/"): content for path, content in files.items()}
        wrappings.append(root)
    return Unpacked(dict(sorted(files.items())), tuple(wrappings), commit)


def _wrapping(files: dict[str, bytes]) -> str | None:
    roots = {path.partition("/")[0] if "/" in path else "" for path in files}
    root = next(iter(roots))
    if len(roots) > 1 or not root or root.lower() in _OWN_DIRECTORIES or is_generic(f"{root}/x"):
        return None
    return root
