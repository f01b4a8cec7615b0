"""Are the files of a pack safe to compile? No DTD, no entities, no inclusion from outside, no rules beyond all measure.

Schematrons and schemas are refused at the first fault; a sample that is merely broken is told of and kept. Bounds are
several times what the largest official pack needs (290: 3 524 assertions, expressions of 572 characters, 11 000 tags).
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from lxml.etree import _Element as Element

from broker.document.finding import Severity
from broker.document.markup import Markup, line_of, parse
from broker.validation.packs.outcome import PackFinding, PackRefused, shown_name
from broker.validation.schematron.load import SCHEMATRON, SchematronRefused, load
from broker.validation.schematron.terms import reaches_out

MAX_TAGS: Final = 300_000
"""Opening angle brackets in all files of a pack; the official pack of kind 290 has 28 000."""
MAX_RULE_FILE: Final = 8 * 1024 * 1024
"""Bytes of one Schematron or schema; the largest official one has 1.1 million."""
MAX_ASSERTIONS: Final = 20_000
"""Assertions of one Schematron; the largest official one has 3 524."""
MAX_EXPRESSION: Final = 16_000
"""Characters of one expression."""
MAX_NESTING: Final = 40
"""Brackets within brackets in one expression; official ones have 6."""
_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
_XINCLUDE: Final = "{http://www.w3.org/2001/XInclude}*"
_REFERENCES: Final = tuple(f"{_XSD}{name}" for name in ("include", "import", "redefine", "override"))
_PARTS: Final = tuple(f"{SCHEMATRON}{name}" for name in ("include", "extends"))
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]")
"""A scheme, a drive, a share or the root of a disk."""
_LITERAL: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_LINE: Final = re.compile(r"line (\d+)")
_TOO_MUCH: Final = frozenset(
    {"xml.too_large", "xml.too_many_nodes", "xml.too_deep", "xml.attribute_too_long"}
)
_DOWNLOAD: Final = "Скачайте пакет из хранилища Минздрава заново; этот файл не используйте."


def inspect(files: Mapping[str, bytes]) -> PackRefused | tuple[PackFinding, ...]:
    """Look into every file; findings tell of what is wrong and yet harmless."""
    tags = sum(content.count(b"<") for content in files.values())
    if tags > MAX_TAGS:
        return PackRefused(
            "pack.too_much_markup",
            f"В файлах пакета больше {MAX_TAGS} элементов: наборы правил такими не бывают.",
            _DOWNLOAD,
        )
    found: list[PackFinding] = []
    for path, content in files.items():
        said = _inspected(path, content, files)
        if isinstance(said, PackRefused):
            return said
        found += said
    return tuple(found)


def _inspected(
    path: str, content: bytes, files: Mapping[str, bytes]
) -> PackRefused | tuple[PackFinding, ...]:
    if not path.lower().endswith((".sch", ".xsd", ".xml")):
        return ()
    sample = path.lower().endswith(".xml")
    if not sample and len(content) > MAX_RULE_FILE:
        return _refused(
            "pack.too_much_markup", f"Файл правил больше {MAX_RULE_FILE // 1024 // 1024} МиБ.", path
        )
    markup = parse(content)
    if not isinstance(markup, Markup):
        return _unreadable(path, markup[0].code, markup[0].message, sample=sample)
    if next(markup.root.iter(_XINCLUDE), None) is not None:
        return _refused("pack.xml_include", "Файл включает в себя другие файлы (XInclude).", path)
    if path.lower().endswith(".xsd"):
        return _schema(path, markup.root, files)
    return () if sample else _schematron(path, content, markup.root) or ()


def _unreadable(path: str, code: str, message: str, *, sample: bool) -> PackRefused | tuple[PackFinding, ...]:
    if code == "xml.doctype_forbidden":
        return _refused(
            "pack.xml_doctype",
            "В файле есть объявление DOCTYPE: определения типа и сущности запрещены.",
            path,
            "В официальных пакетах его нет: скачайте пакет из хранилища Минздрава заново.",
        )
    if code in _TOO_MUCH:
        return _refused(
            "pack.too_much_markup",
            "Файл слишком велик, слишком глубоко вложен или в нём слишком много элементов.",
            path,
        )
    if sample:
        finding = PackFinding(
            Severity.WARNING,
            "pack.sample_unreadable",
            f"Пример документа не читается: {message}",
            "Пример не участвует в самопроверке; на правила это не влияет.",
            shown_name(path),
        )
        return (finding,)
    return _refused(
        "pack.rules_unreadable",
        f"Файл правил не читается: {message}",
        path,
        "Скачайте пакет заново; если файл таков в хранилище Минздрава, дождитесь его исправления.",
    )


def _schema(path: str, root: Element, files: Mapping[str, bytes]) -> PackRefused | tuple[PackFinding, ...]:
    if root.tag != f"{_XSD}schema":
        return _refused("pack.rules_unreadable", "Это не схема XSD: корневой элемент не xs:schema.", path)
    missing: list[PackFinding] = []
    for reference in root.iter(*_REFERENCES):
        location = reference.get("schemaLocation")
        if location is None:
            continue
        target = _target(path, location)
        if target is None:
            return _refused(
                "pack.schema_outside",
                f"Схема в строке {line_of(reference)} включает файл, который лежит вне пакета.",
                path,
                "Схемы берутся только из самого пакета, не из сети и не с диска: положите нужный файл в пакет.",
            )
        if target not in files:
            missing.append(_absent(path, line_of(reference)))
    return tuple(missing)


def _target(path: str, location: str) -> str | None:
    """Return the path a schema refers to; None when it is not inside the pack."""
    written = unquote(location.strip())
    if _ADDRESS.match(written) or "\x00" in written:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), written.replace("\\", "/")))
    return None if target == ".." or target.startswith("../") else target


def _absent(path: str, line: int) -> PackFinding:
    return PackFinding(
        Severity.WARNING,
        "pack.schema_missing",
        f"Схема в строке {line} включает файл, которого в пакете нет.",
        "Проверьте, что пакет передан целиком; самопроверка покажет, собирается ли схема.",
        shown_name(path),
    )


def _schematron(path: str, content: bytes, root: Element) -> PackRefused | None:
    if next(root.iter(*_PARTS), None) is not None:
        return _refused(
            "pack.schematron_include",
            "Schematron собирается из частей (include, extends): такие файлы не принимаются.",
            path,
            "Передайте Schematron одним файлом, как он лежит в хранилище Минздрава.",
        )
    assertions = sum(1 for _ in root.iter(f"{SCHEMATRON}assert", f"{SCHEMATRON}report"))
    if assertions > MAX_ASSERTIONS:
        return _refused("pack.too_much_markup", f"В Schematron больше {MAX_ASSERTIONS} проверок.", path)
    for element, expression in _expressions(root):
        fault = _wrong_expression(expression)
        if fault is not None:
            code, message = fault
            return _refused(code, f"Строка {line_of(element)}: {message}", path)
    try:
        load(content)
    except SchematronRefused as error:
        line = _LINE.search(str(error))
        where = f" в строке {line[1]}" if line else ""
        return _refused(
            "pack.rules_unreadable",
            f"Schematron не читается: неподдерживаемая конструкция{where}.",
            path,
            "Поддерживаются pattern, rule, assert, report, let и ns без абстрактных правил; сообщите оператору платформы.",
        )
    return None


def _expressions(root: Element) -> Iterator[tuple[Element, str]]:
    for element in root.iter(f"{SCHEMATRON}*"):
        for name in ("context", "test", "value", "select"):
            expression = element.get(name)
            if expression is not None:
                yield element, expression
        if element.tag == f"{SCHEMATRON}let" and element.get("value") is None:
            yield element, "".join(str(text) for text in element.itertext())


def _wrong_expression(expression: str) -> tuple[str, str] | None:
    if len(expression) > MAX_EXPRESSION or _nesting(expression) > MAX_NESTING:
        return "pack.too_much_markup", "выражение слишком длинно или слишком глубоко вложено."
    if reaches_out(expression):
        return (
            "pack.schematron_outside",
            "выражение обращается к файлам, сети или среде (doc, unparsed-text и подобные).",
        )
    return None


def _nesting(expression: str) -> int:
    depth = deepest = 0
    for mark in _LITERAL.sub("", expression):
        if mark in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in ")]}":
            depth -= 1
    return deepest


def _refused(code: str, message: str, path: str, fix: str = _DOWNLOAD) -> PackRefused:
    return PackRefused(code, message, fix, shown_name(path))
