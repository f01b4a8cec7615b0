"""Normalising of unsigned input: the safe changes of semd.md §6.1, each recorded; business values are never invented.

For documents that will be signed afterwards. A signed document is never passed through here: its bytes are sacred.
Doing it twice changes nothing more.
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from lxml import etree
from lxml.etree import _Element as Element

from broker.document.cda import SNILS_ROOT
from broker.document.finding import Finding, Location
from broker.document.identity import snils_digits
from broker.document.markup import CDA, XSI, Markup, line_of, name_of, parse, path_of

_TRIMMED: Final = ("root", "extension", "code", "codeSystem", "codeSystemVersion")
_BLANKS: Final = " \t\r\n\u00a0\ufeff"
_TELECOM: Final = f"{{{CDA}}}telecom"
_ID: Final = f"{{{CDA}}}id"
_HINTS: Final = (f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")
_PHONE: Final = re.compile(r"(?:tel:)?\s*(\+?[\d\s().\u00a0-]+)")
_ENCODING: Final = re.compile(r"""(\A<\?xml[^>]{0,200}?encoding\s*=\s*["'])[^"']+""")


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change: the rule that made it, where, and in words; values are not repeated."""

    rule: str
    message: str
    location: Location | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes to sign, their SHA-256 in hex, and what was changed to get them."""

    content: bytes
    digest: str
    changes: tuple[Change, ...] = ()


def prepare(content: bytes) -> Prepared | tuple[Finding, ...]:
    """Return the normalised bytes of an unsigned document, or why it cannot be read."""
    text, changes = _as_utf8(content)
    readable = parse(text)
    if not isinstance(readable, Markup):
        return readable
    tree = etree.fromstring(text, _parser()).getroottree()
    found = [*_within(tree.getroot()), *_around(tree)]
    if found:
        text = etree.tostring(tree, encoding="UTF-8", xml_declaration=True)
    return Prepared(content=text, digest=hashlib.sha256(text).hexdigest(), changes=(*changes, *found))


def _parser() -> etree.XMLParser:
    """Keep comments and instructions: the bytes are to stay the sender's own; ``parse`` has found them harmless."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def _as_utf8(content: bytes) -> tuple[bytes, list[Change]]:
    """Drop the BOM, re-encode to UTF-8 and compose characters (NFC); bytes nobody can decode stay as they are."""
    changes: list[Change] = []
    bare = content.removeprefix(codecs.BOM_UTF8)
    if bare != content:
        changes.append(Change(rule="bom", message="Убрана метка порядка байтов (BOM) в начале файла."))
    text = _decoded(bare)
    if text is None:
        return content, []
    if text.encode("utf-8") != bare:
        changes.append(Change(rule="encoding", message="Документ перекодирован в UTF-8."))
    declared = _ENCODING.sub(r"\g<1>UTF-8", text, count=1)
    composed = unicodedata.normalize("NFC", declared)
    if composed != declared:
        changes.append(Change(rule="nfc", message="Составные буквы записаны одним знаком (Unicode NFC)."))
    return (composed.encode("utf-8"), changes) if changes or not _is_utf8_named(text) else (bare, changes)


def _is_utf8_named(text: str) -> bool:
    match = _ENCODING.match(text)
    return match is None or match[0].lower().endswith("utf-8")


def _decoded(content: bytes) -> str | None:
    """Decode by UTF-8 first: a declaration that contradicts valid UTF-8 is the more frequent fault."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    russian = "koi8-r" if b"koi8-r" in content[:200].lower() else "cp1251"
    for encoding in ("utf-16",) if wide else ("utf-8", russian):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _around(tree: "etree._ElementTree") -> list[Change]:
    """Drop instructions to style sheets that stand before the root."""
    dropped = []
    node = tree.getroot().getprevious()
    while node is not None:
        before = node.getprevious()
        if isinstance(node, etree._ProcessingInstruction) and node.target == "xml-stylesheet":  # noqa: SLF001 - lxml's name
            dropped.append(Change(rule="stylesheet", message="Убрана инструкция xml-stylesheet."))
            _detach(node)
        node = before
    return dropped


def _detach(node: Element) -> None:
    """Remove a sibling of the root: lxml has no other way than to move it into a thrown-away element."""
    etree.Element("gone").append(node)


def _within(root: Element) -> Iterator[Change]:
    counted: dict[Element, dict[Element, int]] = {}
    for element in root.iter(etree.Element):
        for rule in _RULES:
            message = rule(element)
            if message:
                where = Location(xpath=path_of(element, counted), line=line_of(element))
                yield Change(rule=rule.__name__.strip("_"), message=message, location=where)


def _schema_location(element: Element) -> str:
    found = [hint for hint in _HINTS if hint in element.attrib]
    for hint in found:
        del element.attrib[hint]
    return "Убрана ссылка на схему (xsi:schemaLocation): её не читает никто." if found else ""


def _blanks(element: Element) -> str:
    changed = []
    for name in _TRIMMED:
        value = element.get(name)
        if value is not None and value != value.strip(_BLANKS):
            element.set(name, value.strip(_BLANKS))
            changed.append(f"@{name}")
    return f"Убраны пробелы по краям {', '.join(changed)} у {name_of(str(element.tag))}." if changed else ""


def _snils(element: Element) -> str:
    value = element.get("extension", "")
    if element.tag != _ID or element.get("root") != SNILS_ROOT or value == snils_digits(value):
        return ""
    element.set("extension", snils_digits(value))
    return "СНИЛС записан одними цифрами."


def _phone(element: Element) -> str:
    value = element.get("value", "")
    match = _PHONE.fullmatch(value) if element.tag == _TELECOM else None
    digits = re.sub(r"\D", "", match[1]) if match else ""
    if len(digits) != 11 or digits[0] not in "78" or value == f"tel:+7{digits[1:]}":
        return ""
    element.set("value", f"tel:+7{digits[1:]}")
    return "Телефон записан в форме tel:+7XXXXXXXXXX."


_RULES: Final[tuple[Callable[[Element], str], ...]] = (_schema_location, _blanks, _snils, _phone)
