"""Reading what a fund answers: a ZIP in base64 with small XML files, of any encoding and not always the declared one."""

import binascii
import re
from base64 import b64decode
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from lxml import etree

from broker.adapter_kit.soap import safe_parser
from broker.document.registry_name import bare_name
from broker.document.zip_reading import MIB, ZipLimits, ZipRefusal, read_zip

_LIMITS: Final = ZipLimits(archive=32 * MIB, total=64 * MIB, entries=32)
_CYRILLIC: Final = re.compile("[А-Яа-яЁё]")
_HUGE: Final = 8 * MIB


class Stage(StrEnum):
    """States of a bill in the service, by the names it gives them."""

    REGISTERED = "Счет зарегистрирован сервисом счетов и помещен в очередь на ФЛК"
    """Taken; it waits for format and logic control."""
    QUEUED = "Счет ожидает обработки"
    """Its turn has not come."""
    FLK_FAILED = "ФЛК не пройден"
    """Format and logic control found errors: the package is not taken."""
    FLK_PASSED = "ФЛК пройден"
    """The preliminary medical and economic control follows."""
    MEK_PASSED = "Предварительный МЭК пройден"
    """The bill is taken; single cases may be refused."""
    MEK_FAILED = "Предварительный МЭК не пройден"
    """The bill is refused."""


class Answer(msgspec.Struct, frozen=True):
    """The XML files of one answer, parsed, by name in upper case."""

    files: dict[str, etree._Element]

    def find(self, root: str, path: str) -> str:
        """Return the text under a path of the first file with this root, or an empty string."""
        for file in self.files.values():
            if local(file).upper() == root.upper():
                return (file.findtext(path) or "").strip()
        return ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One error of a protocol as its columns name it; ``comment`` is the fund's own text."""

    rule: str = ""
    element: str = ""
    value: str = ""
    owner: str = ""
    n_zap: str = ""
    id_case: str = ""
    sl_id: str = ""
    comment: str = ""


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form of protocol as data."""

    name: str
    root: str
    row: str
    columns: dict[str, str]
    checked: str = ""


class _Formats(msgspec.Struct, forbid_unknown_fields=True):
    format: list[Format]


@cache
def formats() -> tuple[Format, ...]:
    """Return the known forms of protocols."""
    path = Path(__file__).parent / "formats.toml"
    return tuple(msgspec.toml.decode(path.read_bytes(), type=_Formats).format)


def local(element: etree._Element) -> str:
    """Return the name of an element without namespace."""
    return etree.QName(element).localname


def read_answer(text: str) -> Answer | str:
    """Open an answer's base64 ZIP; return a stable reason when it cannot be: not_base64, a ZIP fault, not_xml."""
    try:
        data = b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return "not_base64"
    entries = read_zip(data, _LIMITS)
    if isinstance(entries, ZipRefusal):
        return f"zip_{entries.fault}"
    files: dict[str, etree._Element] = {}
    for entry in entries:
        if entry.name.upper().endswith(".XML"):
            root = parse(entry.data)
            if root is None:
                return "not_xml"
            files[entry.name.upper()] = root
    return Answer(files)


def parse(data: bytes) -> etree._Element | None:
    """Parse one file safely, believing the bytes more than the declared encoding."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None
    for encoding in _encodings(data):
        parser = safe_parser(huge=len(data) > _HUGE)
        if encoding:
            parser = etree.XMLParser(
                encoding=encoding,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                remove_comments=True,
                remove_pis=True,
            )
        try:
            return etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            continue
    return None


def _encodings(data: bytes) -> tuple[str, ...]:
    """Return what to try: UTF-8 when the bytes are Russian UTF-8, the declared one (empty), then windows-1251."""
    try:
        if not data.isascii() and _CYRILLIC.search(data.decode("utf-8-sig")):
            return ("utf-8", "")
    except UnicodeDecodeError:
        return ("", "windows-1251")
    return ("",)


def stage_of(name: str) -> Stage | None:
    """Recognise a state by its name; a prefix before it is allowed, as the seen client allows it."""
    plain = " ".join(name.split()).replace("ё", "е").casefold()
    # the longest first: «ФЛК не пройден» must not be taken for another
    for stage in sorted(Stage, key=len, reverse=True):
        if plain.endswith(stage.casefold()):
            return stage
    return None


def rows(answer: Answer, *, prefer: str = "") -> list[Row]:
    """Return the errors of every protocol in an answer, each once, in their order."""
    return list(dict.fromkeys(row for file in answer.files.values() for row in _rows_of(file, prefer)))


def _rows_of(file: etree._Element, prefer: str) -> list[Row]:
    for form in sorted(formats(), key=lambda form: form.name != prefer):
        if form.root == local(file):
            elements = cast("list[Any]", file.xpath(form.row))
            if elements:
                return [_row(element, form) for element in elements]
    return []


def _row(element: etree._Element, form: Format) -> Row:
    cells = {
        column: " ".join(str(element.xpath(f"string({path})")).split())
        for column, path in form.columns.items()
    }
    return Row(**cells)


def checked_files(answer: Answer) -> set[str]:
    """Return the names of the files the protocols speak of, without extension, in upper case."""
    names: set[str] = set()
    for file in answer.files.values():
        for form in formats():
            if form.checked and form.root == local(file):
                name = bare_name(file.findtext(form.checked) or "")
                if name:
                    names.add(name)
    return names
