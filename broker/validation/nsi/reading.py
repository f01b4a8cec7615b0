"""Which dictionaries are in these files? Answers of the REST service, CSV, archives of both, many at once.

Forms: passport and pages of ``/port/rest`` (remd.md §7.1), CSV with ``;`` or ``,`` in UTF-8 or cp1251, and the ZIP files of
``/api/dataFiles``. What lies inside ``…_json.zip`` was not seen: pages of the REST service and a list of plain objects
are both taken. One dictionary that cannot be read never stops the others.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

from broker.document.identity import is_oid
from broker.validation.nsi.dictionary import VERSION_PATTERN, Dictionary, DictionaryRefused
from broker.validation.nsi.rules import NsiRules
from broker.validation.nsi.source_files import SourceFile, files_of

MAX_ROWS: Final = 2_000_000
MAX_COLUMNS: Final = 256
MAX_CELLS: Final = 24_000_000
"""Rows × columns of one dictionary, the empty cells a file need not spell included."""
_NAMES_OF_LISTS: Final = ("list", "records", "data", "rows", "items")
"""Members under which a file of plain objects may keep them: our guess."""
_MOMENTS: Final = ("%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
_HOW_NAMED: Final = "назовите файл <OID>_<версия>.csv или укажите их явно."
Plain = str | int | float | bool | None


class _Cell(msgspec.Struct):
    column: str
    value: Plain = None


class _Field(msgspec.Struct):
    field: str


class _Key(msgspec.Struct):
    field: str
    type: str


class _Answer(msgspec.Struct, rename="camel"):
    """Passport and page in one: whichever members are there tell what it is."""

    result: str = "OK"
    result_text: str | None = None
    oid: str = ""
    version: str = ""
    full_name: str | None = ""
    rows_count: int | None = None
    publish_date: str | None = ""
    fields: list[_Field] = []
    keys: list[_Key] | None = None
    total: int | None = None
    rows: list[list[_Cell]] | None = msgspec.field(default=None, name="list")


class Reading(msgspec.Struct, frozen=True):
    """What came of reading many files: dictionaries, and in Russian why others were refused."""

    dictionaries: tuple[Dictionary, ...] = ()
    refusals: tuple[str, ...] = ()


class _Draft(msgspec.Struct):
    """An edition being put together from its files."""

    shown: str
    whole: Dictionary | None = None
    pages: dict[str, list[str]] = {}
    size: int = 0
    total: int | None = None
    passport: _Answer | None = None


def read_dictionary(
    source: bytes | Path, name: str = "", *, oid: str = "", version: str = "", rules: NsiRules | None = None
) -> list[Dictionary]:
    """Read every dictionary of a file, an archive or a directory; raise ``DictionaryRefused`` if one of them is bad.

    ``oid`` and ``version`` go before what names of files and passports say, for a source of one dictionary.
    """
    found = read_all(files_of(source, name), oid=oid, version=version, rules=rules)
    if found.refusals:
        raise DictionaryRefused(found.refusals[0])
    return list(found.dictionaries)


def read_files(files: Mapping[str, bytes], rules: NsiRules) -> Reading:
    """Read files by name, as a source of dictionaries brings them; archives among them are opened."""
    return read_all((one for name, data in files.items() for one in files_of(data, name)), rules=rules)


def read_all(
    files: Iterable[SourceFile], *, oid: str = "", version: str = "", rules: NsiRules | None = None
) -> Reading:
    """Read what can be read of many files; an archive that may not be opened ends the reading where it stands."""
    rules = rules or NsiRules()
    drafts: dict[tuple[str, str], _Draft] = {}
    refusals: list[str] = []
    try:
        for file in files:
            try:
                _take(file, drafts, (oid, version), rules)
            except DictionaryRefused as refused:
                refusals.append(str(refused))
    except DictionaryRefused as refused:
        refusals.append(str(refused))
    made = []
    for (its_oid, its_version), draft in drafts.items():
        try:
            made.append(_finished(its_oid, its_version, draft, rules))
        except DictionaryRefused as refused:
            refusals.append(str(refused))
    if not made and not refusals:
        refusals.append("Файлов справочников не найдено.")
    return Reading(tuple(made), tuple(refusals))


def _take(
    file: SourceFile, drafts: dict[tuple[str, str], _Draft], given: tuple[str, str], rules: NsiRules
) -> None:
    """Add one file to its edition's draft: a passport, a page, or the whole table, which is packed at once."""
    answer, table = _json(file) if _is_json(file.data) else (None, _csv(file))
    oid = given[0] or (answer.oid if answer else "") or file.oid or rules.recognise(tuple(table))
    version = given[1] or (answer.version if answer else "") or file.version
    if not is_oid(oid):
        raise DictionaryRefused(f"{file.shown}: не назван OID справочника: {_HOW_NAMED}")
    if not VERSION_PATTERN.fullmatch(version):
        raise DictionaryRefused(f"{file.shown}: не названа версия справочника: {_HOW_NAMED}")
    draft = drafts.setdefault((oid, version), _Draft(file.shown))
    if answer is None:
        draft.whole = Dictionary.of(oid, version, table)
        return
    if answer.fields:
        draft.passport = answer
    if answer.total is not None:
        draft.total = answer.total
    _append(draft, table, file)


def _append(draft: _Draft, table: dict[str, list[str]], file: SourceFile) -> None:
    """Add the rows of one more page; a column that one page has and another has not is filled with empty values."""
    size = len(next(iter(table.values()), []))
    _limit(file, len({*draft.pages, *table}), draft.size + size)
    for column in table:
        if column not in draft.pages:
            draft.pages[column] = [""] * draft.size
    for column, cells in draft.pages.items():
        cells.extend(table.get(column) or [""] * size)
    draft.size += size


def _finished(oid: str, version: str, draft: _Draft, rules: NsiRules) -> Dictionary:
    """Put an edition together; pages go before a table that came too, and must all be there."""
    passport = draft.passport
    expected = draft.total if draft.total is not None else passport.rows_count if passport else None
    body = Dictionary.of(oid, version, draft.pages) if draft.size or draft.whole is None else draft.whole
    if not body.size:
        raise DictionaryRefused(f"{draft.shown}: строк нет: рядом с паспортом нужны страницы данных или CSV.")
    if expected is not None and expected != body.size:
        raise DictionaryRefused(
            f"{draft.shown}: строк {body.size}, а в справочнике {expected}: пришло не всё."
        )
    key, name = rules.key_and_name(
        oid, body.columns, _of_type(passport, "PRIMARY"), _of_type(passport, "VALUE")
    )
    return body.described(
        full_name=((passport.full_name if passport else "") or "").strip(),
        published=_moment(passport.publish_date) if passport else None,
        key=key,
        name=name,
    )


def _of_type(passport: _Answer | None, kind: str) -> str:
    keys = (passport.keys if passport else None) or []
    return next((key.field for key in keys if key.type == kind), "")


def _moment(text: str | None) -> date | None:
    for form in _MOMENTS:
        try:
            return datetime.strptime(text or "", form).date()  # noqa: DTZ007  only the day is kept
        except ValueError:
            continue
    return None


# ---------------------------------------------------------------------- JSON


def _is_json(data: bytes) -> bool:
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _json(file: SourceFile) -> tuple[_Answer | None, dict[str, list[str]]]:
    """Return an answer of the service with its rows, or None with the rows of a file of plain objects."""
    data = file.data.removeprefix(b"\xef\xbb\xbf")
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return None, _objects(file, data)
    if answer.result.upper() != "OK":
        raise DictionaryRefused(
            f"{file.shown}: это ответ службы НСИ об ошибке: {(answer.result_text or '')[:200]}"
        )
    if answer.rows is None and not answer.fields:
        return None, _objects(file, data)
    return answer, _transposed(file, answer.rows or [])


def _transposed(file: SourceFile, rows: list[list[_Cell]]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    names = {cell.column for row in rows for cell in row}
    _limit(file, len(names), len(rows))
    for place, row in enumerate(rows):
        for cell in row:
            column = table.get(cell.column)
            if column is None:
                column = table[cell.column] = [""] * place
            if len(column) > place:
                raise DictionaryRefused(f"{file.shown}: в строке {place + 1} столбец повторяется.")
            column.append(_text(cell.value))
        for column in table.values():
            if len(column) == place:
                column.append("")
    return table


def _objects(file: SourceFile, data: bytes) -> dict[str, list[str]]:
    """Read a list of plain objects, alone or as the one list of an object."""
    try:
        read = msgspec.json.decode(data, type=list[dict[str, Plain]] | dict[str, msgspec.Raw])
        if isinstance(read, dict):
            inner = next((read[name] for name in _NAMES_OF_LISTS if name in read), None)
            if inner is None:
                raise DictionaryRefused(f"{file.shown}: JSON не похож на справочник НСИ.")
            read = msgspec.json.decode(inner, type=list[dict[str, Plain]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise DictionaryRefused(f"{file.shown}: JSON не похож на справочник НСИ.") from error
    rows = [[_Cell(column, value) for column, value in row.items()] for row in read]
    return _transposed(file, rows)


def _text(value: Plain) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------------- CSV


def _csv(file: SourceFile) -> dict[str, list[str]]:
    text = _decoded(file)
    if "\0" in text:
        raise DictionaryRefused(f"{file.shown}: в файле двоичные данные, это не CSV.")
    head = text[: text.find("\n")] if "\n" in text else text
    delimiter = ";" if head.count(";") > head.count(",") else ","
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(rows, [])]
        if not any(header) or len(set(header)) != len(header):
            raise DictionaryRefused(f"{file.shown}: в первой строке нет имён столбцов или они повторяются.")
        table: dict[str, list[str]] = {name: [] for name in header}
        _limit(file, len(header), text.count("\n"))
        columns = list(table.values())
        for row in rows:
            if not row:
                continue
            if len(row) != len(columns):
                raise DictionaryRefused(
                    f"{file.shown}: строка {rows.line_num}: значений {len(row)}, а столбцов {len(columns)}."
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    except csv.Error as error:
        raise DictionaryRefused(
            f"{file.shown}: CSV записан неверно: кавычки или слишком длинное значение."
        ) from error
    if not columns[0]:
        raise DictionaryRefused(f"{file.shown}: в файле одна строка с именами столбцов.")
    return table


def _decoded(file: SourceFile) -> str:
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return file.data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DictionaryRefused(f"{file.shown}: файл не в UTF-8 и не в windows-1251.")


def _limit(file: SourceFile, columns: int, rows: int) -> None:
    """Refuse a table larger than a dictionary ever is, before it is made."""
    if columns > MAX_COLUMNS:
        raise DictionaryRefused(f"{file.shown}: столбцов больше {MAX_COLUMNS}.")
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise DictionaryRefused(
            f"{file.shown}: строк больше допустимого: {MAX_ROWS}, а значений {MAX_CELLS}."
        )
