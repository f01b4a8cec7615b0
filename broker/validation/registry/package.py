"""From the bytes of a package to a registry: the archive, the names, the encoding, safe XML — or all that is wrong with them."""

import re
from typing import Final

import msgspec
from lxml import etree

from broker.adapter_kit.soap import safe_parser
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.registry_name import RegistryName, bare_name, parse_registry_name, person_names
from broker.document.zip_reading import ZipEntry, ZipFault, ZipLimits, ZipRefusal, read_zip
from broker.validation.registry.node import Node, read_tree
from broker.validation.registry.shape import MAIN, PERSON

PAIR: Final = 2
_DECLARED: Final = re.compile(rb"""\A<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE|<!ENTITY", re.IGNORECASE)
_CYRILLIC: Final = re.compile("[А-Яа-яЁё]")
_HUGE: Final = 8 * 1024 * 1024

_ZIP_TEXTS: Final[dict[ZipFault, tuple[str, str]]] = {
    ZipFault.NOT_ZIP: (
        "Содержимое не является архивом ZIP.",
        "Упакуйте основной и персональный файлы реестра в один архив ZIP.",
    ),
    ZipFault.EMPTY: ("В архиве нет файлов.", "Положите в архив основной и персональный файлы реестра."),
    ZipFault.TOO_LARGE: (
        "Архив больше 20 МиБ или его содержимое больше 24 МиБ (около пятнадцати тысяч случаев).",
        "Разбейте реестр на несколько пакетов с разными номерами.",
    ),
    ZipFault.TOO_MANY: (
        "В архиве слишком много файлов.",
        "Оставьте ровно два файла: основной и персональный.",
    ),
    ZipFault.BOMB: (
        "Содержимое архива распаковывается в несоразмерно большой объём.",
        "Проверьте файлы: реестр не сжимается в сотни раз.",
    ),
    ZipFault.ENCRYPTED: ("Архив защищён паролем.", "Уберите пароль: канал передачи защищён и без него."),
    ZipFault.UNSAFE_NAME: (
        "Имя файла в архиве содержит путь, служебные знаки или ссылку.",
        "Кладите файлы в корень архива под именами вида HM650001T65_2401001.XML.",
    ),
    ZipFault.NESTED: ("Внутри архива лежит другой архив.", "Положите XML-файлы прямо в архив."),
    ZipFault.DUPLICATE: ("Два файла в архиве носят одно имя.", "Оставьте один файл каждого имени."),
    ZipFault.OVERLAP: (
        "Файлы архива наложены друг на друга.",
        "Соберите архив заново обычным архиватором.",
    ),
    ZipFault.METHOD: ("Файл сжат неподдерживаемым способом.", "Сожмите архив обычным способом (deflate)."),
    ZipFault.DAMAGED: (
        "Архив повреждён: контрольная сумма не сходится.",
        "Упакуйте и передайте пакет заново.",
    ),
}


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """A readable package: both roots, the parsed name of the main file (None when it breaks the grammar), joins by ID_PAC."""

    main: Node
    person: Node
    main_file: str
    person_file: str
    name: RegistryName | None
    persons: dict[str, list[Node]]
    cases: dict[str, list[Node]]


def finding(  # noqa: PLR0913  the fields of a finding
    code: str,
    message: str,
    fix: str,
    *,
    layer: Layer = Layer.XML,
    severity: Severity = Severity.ERROR,
    responsible: Responsible = Responsible.MIS,
    source: Source = Source.SEEN,
    location: Location | None = None,
    value: str | None = None,
    expected: str | None = None,
) -> Finding:
    """Build a finding about a package; most are the vendor's and seen in public sources."""
    return Finding(
        layer=layer,
        severity=severity,
        code=f"oms.{code}",
        message=message,
        fix=fix,
        responsible=responsible,
        source=source,
        location=location,
        value=value,
        expected=expected,
    )


def open_package(data: bytes, limits: ZipLimits) -> tuple[Registry | None, list[Finding]]:
    """Open a package; without a registry the findings say why, with one they tell of names and encodings."""
    entries = read_zip(data, limits)
    if isinstance(entries, ZipRefusal):
        message, fix = _ZIP_TEXTS[entries.fault]
        where = f"файл {entries.entry} в архиве" if entries.entry else None
        return None, [finding(f"zip_{entries.fault}", message, fix, value=where)]
    findings: list[Finding] = []
    roots = [(entry, _read(entry, findings)) for entry in entries]
    mains = [(entry, root) for entry, root in roots if root is not None and root.tag == MAIN]
    persons = [(entry, root) for entry, root in roots if root is not None and root.tag == PERSON]
    if len(entries) != PAIR or len(mains) != 1 or len(persons) != 1:
        if len(entries) != PAIR or all(root is not None for _, root in roots):
            findings.append(_not_a_pair(len(entries), len(mains), len(persons)))
        return None, findings
    registry = _joined(mains[0], persons[0])
    return registry, [*findings, *_check_names(registry)]


def _not_a_pair(files: int, mains: int, persons: int) -> Finding:
    return finding(
        "not_a_pair",
        "В пакете должны быть ровно один основной файл (ZL_LIST) и один персональный (PERS_LIST); "
        f"найдено файлов: {files}, из них основных: {mains}, персональных: {persons}.",
        "Соберите пакет заново: два файла XML в одном архиве.",
    )


def _joined(main: tuple[ZipEntry, etree._Element], person: tuple[ZipEntry, etree._Element]) -> Registry:
    main_tree, person_tree = read_tree(main[1]), read_tree(person[1])
    persons: dict[str, list[Node]] = {}
    for record in person_tree.walk(("PERS",)):
        persons.setdefault(record.text("ID_PAC"), []).append(record)
    cases: dict[str, list[Node]] = {}
    for case in main_tree.walk(("ZAP",)):
        cases.setdefault(next(iter(case.texts(("PACIENT", "ID_PAC"))), ""), []).append(case)
    return Registry(
        main=main_tree,
        person=person_tree,
        main_file=main[0].name,
        person_file=person[0].name,
        name=parse_registry_name(bare_name(main[0].name)),
        persons=persons,
        cases=cases,
    )


def _read(entry: ZipEntry, findings: list[Finding]) -> etree._Element | None:
    """Parse one file safely; what is wrong is added to the findings."""
    if _DOCTYPE.search(entry.data):
        findings.append(
            finding(
                "doctype",
                "В файле есть DOCTYPE или ENTITY: такие файлы не принимаются.",
                "Уберите DOCTYPE: реестр его не содержит.",
            )
        )
        return None
    findings.extend(_encoding_findings(entry.data))
    try:
        root = etree.fromstring(entry.data, safe_parser(huge=len(entry.data) > _HUGE))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        findings.append(
            finding(
                "not_xml",
                "Файл реестра не читается как XML.",
                "Выгрузите файл заново; проверьте незакрытые элементы и недопустимые знаки.",
                location=Location(line=line, column=column),
            )
        )
        return None
    return root


def _encoding_findings(data: bytes) -> list[Finding]:
    """Demand windows-1251 in the declaration and in the bytes."""
    declared = _DECLARED.match(data)
    name = declared[1].decode("ascii").lower() if declared else ""
    if name not in {"windows-1251", "cp1251"}:
        return [
            finding(
                "encoding",
                "В объявлении XML должна стоять кодировка windows-1251.",
                'Выгружайте файл в windows-1251 с объявлением <?xml version="1.0" encoding="windows-1251"?>.',
                value=name or "не указана",
                expected="windows-1251",
            )
        ]
    if looks_like_utf8(data):
        return [
            finding(
                "encoding_mismatch",
                "Объявлена кодировка windows-1251, а сам файл записан в UTF-8.",
                "Записывайте файл в той кодировке, которую объявляете: windows-1251.",
            )
        ]
    return []


def looks_like_utf8(data: bytes) -> bool:
    """Tell whether the bytes are Russian text in UTF-8: text in windows-1251 practically never decodes so."""
    if data.isascii():
        return False
    try:
        return _CYRILLIC.search(data.decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def _check_names(registry: Registry) -> list[Finding]:
    """Check the grammar of both names and that the headers repeat them."""
    findings: list[Finding] = []
    main_file, person_file = bare_name(registry.main_file), bare_name(registry.person_file)
    if registry.name is None:
        findings.append(
            finding(
                "file_name",
                "Имя основного файла не соответствует правилу <тип>PiNiPpNp_YYMMN.",
                "Назовите файл, например, HM650001T65_2401001.XML: тип, код МО (6 цифр), код получателя, год, месяц, "
                "номер пакета.",
                value=main_file,
            )
        )
    elif person_file not in (expected := person_names(registry.name)):
        findings.append(
            finding(
                "person_file_name",
                "Имя персонального файла не соответствует имени основного.",
                "Повторите имя основного файла с буквой L.",
                value=person_file,
                expected=" или ".join(expected),
            )
        )
    findings.extend(_header_name(registry.main, "FILENAME", main_file))
    findings.extend(_header_name(registry.person, "FILENAME", person_file))
    findings.extend(_header_name(registry.person, "FILENAME1", main_file))
    return findings


def _header_name(root: Node, field: str, file_name: str) -> list[Finding]:
    stated = next(iter(root.texts(("ZGLV", field))), "")
    if not stated or stated.upper() == file_name:
        return []
    xpath, line = root.location(("ZGLV", field))
    return [
        finding(
            "header_name",
            f"Элемент {field} заголовка {root.tag} не совпадает с именем файла (без расширения).",
            "Запишите в заголовок имя файла без расширения.",
            location=Location(xpath=xpath, line=line),
            value=stated[:40],
            expected=file_name,
        )
    ]
