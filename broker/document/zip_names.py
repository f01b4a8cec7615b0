"""What is a file inside a ZIP called, and may it lie there? Names come in three encodings and are hostile until shown safe.

The specification (APPNOTE 6.3.9, appendix D) knows code page 437, or UTF-8 by flag 0x800; Russian archivers write code
page 866, others UTF-8 without the flag, Info-ZIP adds the name in an extra field of its own.
"""

import struct
import unicodedata
import zipfile
import zlib
from typing import Final

_UTF8_FLAG: Final = 0x800
_UNICODE_PATH: Final = 0x7075
"""Info-ZIP Unicode Path Extra Field: version 1, CRC-32 of the name in the header, the name in UTF-8."""
_LONGEST_NAME: Final = 255
"""Bytes of one name: the limit of file systems."""
_LONGEST_PATH: Final = 1024
_DEEPEST: Final = 16
_FORBIDDEN: Final = frozenset("\\:\ufffd")
"""What some system takes for a path, a drive or a stream; and what stands for bytes that are no text."""
_DEVICES: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10))}
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of control and formatting characters; among them those that turn the direction of writing."""


def entry_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry in NFC, whichever way it was written."""
    written = entry.orig_filename  # keeps what ZipInfo cuts away (a NUL and what follows it)
    if entry.flag_bits & _UTF8_FLAG or written.isascii():
        return unicodedata.normalize("NFC", _unicode_path(entry.extra, written.encode()) or written)
    raw = written.encode("cp437")  # the way zipfile read it, undone
    return unicodedata.normalize("NFC", _unicode_path(entry.extra, raw) or legacy_text(raw))


def legacy_text(raw: bytes) -> str:
    """Read a name whose encoding nobody states: UTF-8 where that gives Russian, else code page 866."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp866")
    return text if all(letter.isascii() or _is_usual(letter) for letter in text) else raw.decode("cp866")


def _is_usual(letter: str) -> bool:
    """Tell whether a letter may stand in a Russian name: Cyrillic, accents, the dashes and quotes of typography."""
    return "\u00a0" <= letter <= "\u036f" or "\u0400" <= letter <= "\u052f" or "\u2010" <= letter <= "\u2122"


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """Return the name an Info-ZIP extra field gives; empty when there is none or it belongs to another name."""
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, position)
        data = extra[position + 4 : position + 4 + size]
        position += 4 + size
        if kind == _UNICODE_PATH and len(data) == size > 5 and data[0] == 1:
            (checksum,) = struct.unpack_from("<I", data, 1)
            if checksum == zlib.crc32(raw):
                return data[5:].decode("utf-8", "replace")
    return ""


def is_safe_path(name: str) -> bool:
    """Tell whether a file may be called so in a directory of ours: relative, without tricks, on any system."""
    parts = name.split("/")
    return (
        len(name.encode("utf-8", "replace")) <= _LONGEST_PATH
        and len(parts) <= _DEEPEST
        and all(_is_safe_name(part) for part in parts)
    )


def _is_safe_name(name: str) -> bool:
    if not name.strip(" ."):  # some systems cut both off, and are left with the directory above
        return False
    if len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return False
    if name.partition(".")[0].rstrip().upper() in _DEVICES:
        return False
    return not any(letter in _FORBIDDEN or unicodedata.category(letter) in _INVISIBLE for letter in name)
