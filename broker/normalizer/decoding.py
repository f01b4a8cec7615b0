"""From the bytes of a file to UTF-8 that says so: marks in front, the encoding, the declaration.

The declaration decides where the bytes agree with it; bytes that are valid UTF-8 are UTF-8 whatever it says. Without a
usable declaration windows-1251 and КОИ-8 are told apart by how often Russian letters occur; what cannot be told stays.
"""

import codecs
import re
from collections import Counter
from typing import Final

from broker.document.finding import Finding, Layer
from broker.document.markup import MAX_CONTENT
from broker.normalizer.changes import Change, noticed
from broker.normalizer.rules import Rule

_WIDE: Final = (
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_WIDER: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_LEGACY: Final = frozenset({"cp1251", "koi8-r", "cp866", "iso8859-5"})
_MISTAKEN: Final = _LEGACY | {"utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "cp1252"}
"""What UTF-8 is declared as by mistake: encodings in which ASCII means itself or nothing would be read at all."""
_NAMES: Final = {"cp1251": "windows-1251", "koi8-r": "KOI8-R", "cp866": "CP866", "iso8859-5": "ISO-8859-5"}
_SNIFFED: Final = ("cp1251", "koi8-r")
_DECLARATION: Final = re.compile(
    r"""(\A<\?xml[^>]{0,200}?encoding\s*=\s*["'])([A-Za-z][A-Za-z0-9._-]{0,40})(?=["'])"""
)
_FRONT: Final = re.compile(rb"\A(?:\xef\xbb\xbf)*(?:[ \t\r\n]*(?=<\?xml[ \t\r\n]))?")
_ASCII: Final = bytes(range(128))
_SAMPLE: Final = 50_000
_RUSSIAN: Final = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюя")
_FREQUENT: Final = frozenset("оеаинтсрвл")
"""The ten most frequent letters of Russian: two of three in a text, one of three in a wrong decoding."""
_NEUTRAL: Final = frozenset("ё«»№–—“”„…§°\u00a0±²³·×")


class Decoded:
    """The bytes, what was changed to get them, and what to tell."""

    __slots__ = ("changes", "content", "reported")

    def __init__(
        self, content: bytes, changes: tuple[Change, ...] = (), reported: tuple[Finding, ...] = ()
    ) -> None:
        self.content = content
        self.changes = changes
        self.reported = reported


def to_utf8(content: bytes, on: frozenset[Rule]) -> Decoded:
    """Return the document in UTF-8; bytes nobody can decode for certain are returned as they are."""
    if len(content) > MAX_CONTENT:
        return Decoded(content)
    changes: list[Change] = []
    if Rule.BOM in on and (front := _FRONT.match(content)) and front[0]:
        content = content[front.end() :]
        changes.append(
            Change(rule=Rule.BOM, message="Убрано лишнее перед началом документа (метка BOM, пробелы).")
        )
    if Rule.ENCODING not in on:
        return Decoded(content, tuple(changes))
    encoding, guessed = encoding_of(content)
    text = _text(content, encoding)
    if text is None:
        return Decoded(content, tuple(changes))
    declared = _DECLARATION.match(text)
    if encoding != "utf-8":
        changes.append(
            Change(rule=Rule.ENCODING, message=f"Документ перекодирован в UTF-8 из {_name(encoding)}.")
        )
    elif declared is not None and _contradicts(declared[2], content):
        message = f"Объявлена кодировка UTF-8 вместо {declared[2]}: документ записан в UTF-8."
        changes.append(Change(rule=Rule.ENCODING, message=message))
    else:
        return Decoded(content, tuple(changes))
    text = _DECLARATION.sub(r"\g<1>UTF-8", text, count=1)
    return Decoded(text.encode("utf-8"), tuple(changes), (_guess(encoding),) if guessed else ())


def encoding_of(content: bytes) -> tuple[str, bool]:
    """Return the codec of the bytes and whether it was guessed; an empty name when it cannot be told."""
    if content.startswith(_WIDER):
        return "", False
    for start, encoding in _WIDE:
        if content.startswith(start):
            return encoding, False
    if _text(content, "utf-8") is not None:
        return "utf-8", False
    declared = _DECLARATION.match(content[:512].decode("latin-1"))
    known = _codec(declared[2]) if declared else ""
    if known in _LEGACY:
        return known, False
    return (_sniffed(content), True) if known in {"", "utf-8", "ascii"} else ("", False)


def _text(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding) if encoding else None
    except UnicodeDecodeError:
        return None


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "unknown"


def _contradicts(declared: str, content: bytes) -> bool:
    """Tell whether bytes valid as UTF-8 are declared as what they are not; names nobody knows are left to be refused."""
    codec = _codec(declared)
    return codec in _MISTAKEN or (codec == "ascii" and not content.isascii())


def _sniffed(content: bytes) -> str:
    """Return windows-1251 or КОИ-8 when the letters speak for one of them clearly."""
    sample = Counter(content.translate(None, _ASCII)[:_SAMPLE])
    scores = sorted(((_score(sample, encoding), encoding) for encoding in _SNIFFED), reverse=True)
    (best, encoding), (second, _) = scores
    return encoding if best >= 0.5 and best - second >= 0.15 else ""


def _score(sample: Counter[int], encoding: str) -> float:
    """Return the share of the frequent letters, 0 when there are too few letters or too much else."""
    letters = frequent = strange = 0
    for byte, times in sample.items():
        letter = bytes([byte]).decode(encoding, "replace").lower()
        letters += times * (letter in _RUSSIAN)
        frequent += times * (letter in _FREQUENT)
        strange += times * (letter not in _RUSSIAN and letter not in _NEUTRAL)
    return 0.0 if letters < 4 or strange * 9 > letters else frequent / letters


def _name(encoding: str) -> str:
    return _NAMES.get(encoding, "UTF-16")


def _guess(encoding: str) -> Finding:
    return noticed(
        "normalise.encoding_guessed",
        f"Кодировка документа не объявлена или объявлена неверно; по частоте букв это {_name(encoding)}.",
        'Просмотрите тексты в ответе, прежде чем подписывать; выгружайте документ в UTF-8 с encoding="UTF-8".',
        layer=Layer.XML,
    )
