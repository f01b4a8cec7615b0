"""The bytes of a document as a tree, read safely: is this XML, in which encoding, and where in it is an element?

Hardened as semd.md §6.6 demands: no DTD, no entities, no network, and bounds on size, depth and the number of nodes
that are checked before a tree is built, so that a hostile document costs neither memory nor time.
"""

import codecs
import re
from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.markup_errors import CUT, READER_ERRORS, UNREADABLE
from broker.document.outline import Outline

MAX_CONTENT: Final = 20 * 1024 * 1024
"""Bytes of one document after base64."""
MAX_TAGS: Final = 250_000
"""Opening angle brackets: bounds the memory of the tree at about 130 MB; the official sample of kind 290 has 1 100."""
MAX_ATTRIBUTES: Final = 500_000
"""Equals signs, which bound the attributes; the official sample of kind 290 has 2 500."""
MAX_OF_ELEMENT: Final = 1000
"""Attributes of one element: the tree finds each by going through all of them, a hundred thousand take it a minute."""
MAX_DEPTH: Final = 256
"""Nested elements: the limit of libxml2, kept for large documents too."""
MAX_CHILDREN: Final = 10_000
"""Children of one element: rules of official packs that look at siblings take quadratic time in them."""
MAX_ATTRIBUTE: Final = 64 * 1024
"""Characters of one attribute: schema engines quote a value many times over, and match it with patterns in quadratic time."""
PLAIN_LIMIT: Final = 10_000_000
"""Below this size no text node can pass libxml2's own limit, so its full set of guards stays on."""

CDA: Final = "urn:hl7-org:v3"
IDENTITY: Final = "urn:hl7-ru:identity"
ADDRESS: Final = "urn:hl7-ru:address"
MED_SERVICE: Final = "urn:hl7-ru:medService"
FIAS: Final = "urn:hl7-ru:fias"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
LONGEST_NAME: Final = 80
PREFIXES: Final = {
    CDA: "",
    IDENTITY: "identity:",
    ADDRESS: "address:",
    MED_SERVICE: "medService:",
    FIAS: "fias:",
    XSI: "xsi:",
    "urn:hl7-ru:PII": "PII:",
}
"""How a name is written for people: prefixes of semd.md §2."""

_ALLOWED: Final = {"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r"}
_DECLARED: Final = re.compile(
    rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']"""
)
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_TOO_DEEP: Final = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_TOO_WIDE: Final = etree.XPath(f"boolean(//*[{MAX_CHILDREN + 1}])")
_TOO_RICH: Final = etree.XPath(f"boolean(//*[@*[{MAX_OF_ELEMENT + 1}]])")
_TOO_LONG: Final = etree.XPath(f"boolean(//@*[string-length() > {MAX_ATTRIBUTE}])")
_FOREIGN: Final = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP-архив"),
    (b"PD94", "base64, закодированный дважды"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"MII", "подпись в base64 вместо документа"),
    (b"0\x82", "подпись (CMS) вместо документа"),
)


class Markup:
    """A document read: the root element, the bytes it came from, its encoding and what to tell without blocking.

    Comments and processing instructions are not in the tree, so that no value can hide behind one.
    """

    __slots__ = ("_places", "content", "encoding", "outline", "root", "warnings")

    def __init__(
        self, root: Element, content: bytes, encoding: str, warnings: tuple[Finding, ...] = ()
    ) -> None:
        self.root = root
        self.outline = Outline(root)
        self.content = content
        self.encoding = encoding
        self.warnings = warnings
        self._places: dict[Element, dict[Element, int]] = {}

    def locate(self, element: Element) -> Location:
        """Return the place of an element: a positional XPath with the usual prefixes, and the line."""
        return Location(xpath=path_of(element, self._places), line=line_of(element))


def line_of(element: Element) -> int:
    """Return the line an element starts at, 0 when libxml2 does not know."""
    line: int | None = cast("int | None", element.sourceline)
    return line or 0


def name_of(tag: str) -> str:
    """Return an element's name as people write it, ``identity:Ogrn`` for a Clark name; a hostile length is cut."""
    namespace, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    return PREFIXES.get(namespace, "") + local[:LONGEST_NAME]


def path_of(element: Element, known: dict[Element, dict[Element, int]] | None = None) -> str:
    """Return the positional XPath of an element, ``/ClinicalDocument[1]/recordTarget[1]``.

    ``known`` keeps the children already counted, so that a thousand places in one wide element cost one count.
    """
    counted = {} if known is None else known
    steps = []
    node = element
    while (parent := node.getparent()) is not None:
        if parent not in counted:
            counted[parent] = _numbered(parent)
        steps.append(f"{name_of(str(node.tag))}[{counted[parent][node]}]")
        node = parent
    return "/" + "/".join([f"{name_of(str(node.tag))}[1]", *reversed(steps)])


def _numbered(parent: Element) -> dict[Element, int]:
    """Return the number of each child among those of its name, from 1."""
    totals: dict[str, int] = {}
    places: dict[Element, int] = {}
    for child in parent.iterchildren(etree.Element):
        tag = str(child.tag)
        totals[tag] = places[child] = totals.get(tag, 0) + 1
    return places


def parse(content: bytes) -> Markup | tuple[Finding, ...]:
    """Read the bytes of a document, or say what makes them unreadable and how to mend it."""
    early = _unacceptable(content)
    if early is not None:
        return (early,)
    encoding, plain, warnings = _decoded(content)
    if plain is None:
        return warnings
    hostile = _hostile(plain)
    if hostile is not None:
        return (hostile,)
    return _read(content, encoding, warnings)


def text_of(content: bytes) -> str:
    """Return the bytes of any document, a broken one too, as text to look at; what is no text in it becomes U+FFFD."""
    encoding = _bom_encoding(content) or _declared_encoding(content) or "utf-8"
    if encoding not in _ALLOWED or (encoding.startswith("utf-16") and _bom_encoding(content) is None):
        encoding = "utf-8"
    return content.decode(encoding, "replace").removeprefix("\ufeff")


def _unacceptable(content: bytes) -> Finding | None:
    if len(content) > MAX_CONTENT:
        return _fault(
            "xml.too_large",
            f"Документ больше {MAX_CONTENT // 1024 // 1024} МиБ.",
            "Уменьшите вложенные изображения или передайте их отдельным документом.",
        )
    start = content.lstrip(b"\xef\xbb\xbf\x00\xfe\xff \t\r\n")
    if not start:
        return _fault("xml.empty", "Документ пуст.", "Передайте XML документа; проверьте выгрузку из МИС.")
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            return _fault(
                "xml.not_xml",
                f"Передан не XML, а {what}.",
                "В поле content.data должен быть сам XML документа, закодированный в base64 один раз.",
            )
    return None


def _decoded(content: bytes) -> tuple[str, bytes | None, tuple[Finding, ...]]:
    """Return the encoding, the same text as UTF-8 for the guards, and findings (errors when there is no text)."""
    declared = _declared_encoding(content)
    encoding = _bom_encoding(content) or declared or "utf-8"
    if encoding not in _ALLOWED:
        return encoding, None, (_bad_encoding("Кодировка документа не поддерживается."),)
    if encoding.startswith("utf-16"):
        return _from_utf16(content, encoding)
    if encoding not in {"utf-8", "ascii"}:
        return _from_legacy(content, encoding)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return encoding, None, (_not_utf8(content, error.start, declared is None),)
    if declared is not None and declared not in {"utf-8", "ascii"}:
        return "utf-8", content, (_conflict(Severity.WARNING),)
    return "utf-8", content, ()


def _declared_encoding(content: bytes) -> str | None:
    match = _DECLARED.match(content.removeprefix(codecs.BOM_UTF8)[:512])
    if match is None:
        return None
    try:
        return codecs.lookup(match[1].decode("ascii")).name
    except LookupError:
        return "unknown"


def _bom_encoding(content: bytes) -> str | None:
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, b"\x00\x00\x00<", b"<\x00\x00\x00")):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(b"<\x00"):
        return "utf-16-le"
    return "utf-16-be" if content.startswith(b"\x00<") else None


def _from_utf16(content: bytes, encoding: str) -> tuple[str, bytes | None, tuple[Finding, ...]]:
    if _bom_encoding(content) is None:
        return encoding, None, (_conflict(Severity.ERROR),)
    try:
        return encoding, content.decode(encoding).encode("utf-8"), ()
    except UnicodeError:
        return encoding, None, (_bad_encoding("Байты документа не соответствуют кодировке UTF-16."),)


def _from_legacy(content: bytes, encoding: str) -> tuple[str, bytes | None, tuple[Finding, ...]]:
    if not content.isascii() and _is_utf8(content):
        return encoding, None, (_conflict(Severity.ERROR),)
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return encoding, None, (_bad_encoding("Байты документа не соответствуют объявленной кодировке."),)
    return encoding, content, ()


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _hostile(plain: bytes) -> Finding | None:
    if plain.count(b"<") > MAX_TAGS or plain.count(b"=") > MAX_ATTRIBUTES:
        return _too_many()
    position = len(codecs.BOM_UTF8) if plain.startswith(codecs.BOM_UTF8) else 0
    if _has_doctype(plain, position):
        return _doctype()
    return None


def _has_doctype(plain: bytes, position: int) -> bool:
    """Walk over the prolog: white space, declarations and comments up to the root element."""
    while True:
        space = _SPACE.match(plain, position)
        position = space.end() if space else position
        if plain.startswith(b"<?", position):
            end = plain.find(b"?>", position)
        elif plain.startswith(b"<!--", position):
            end = plain.find(b"-->", position + 4)
        else:
            return plain.startswith(b"<!DOCTYPE", position)
        if end < 0:
            return False
        position = end + 2


def _read(content: bytes, encoding: str, warnings: tuple[Finding, ...]) -> Markup | tuple[Finding, ...]:
    large = len(content) >= PLAIN_LIMIT
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=large,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        return (_unreadable(error, whole=encoding.startswith("utf-16") or content.rstrip().endswith(b">")),)
    if root.getroottree().docinfo.internalDTD is not None:
        return (_doctype(),)
    if large and _TOO_DEEP(root):
        return (_too_deep(0, None),)
    if len(content) > MAX_CHILDREN * 4 and _TOO_WIDE(root):
        return (_too_many(),)
    if content.count(b"=") > MAX_OF_ELEMENT and _TOO_RICH(root):
        return (_too_many(),)
    if _may_be_long(content, encoding) and _TOO_LONG(root):
        return (_too_long(),)
    return Markup(root, content, encoding, warnings)


def _may_be_long(content: bytes, encoding: str) -> bool:
    """Tell whether some attribute could be too long: a quote that none of its kind follows for so many bytes.

    Whatever is so long lies across one of the places looked at; most documents need no question to the tree.
    """
    if encoding.startswith("utf-16"):
        return True
    for place in range(MAX_ATTRIBUTE, len(content), MAX_ATTRIBUTE):
        for quote in (b'"', b"'"):
            opening = content.rfind(quote, place - MAX_ATTRIBUTE, place)
            if opening >= 0 and content.find(quote, opening + 1, opening + 1 + MAX_ATTRIBUTE) < 0:
                return True
    return False


def _unreadable(error: etree.XMLSyntaxError, *, whole: bool) -> Finding:
    """Word what the reader met; a document that does not end with a tag was cut, whatever the reader calls that."""
    line, column = error.lineno or 0, (error.offset or 0) + 1
    if "depth" in (error.msg or ""):
        return _too_deep(line, column)
    found = READER_ERRORS.get(getattr(error, "code", 0) or 0, UNREADABLE)
    code, message, fix = found if whole or found[0] != CUT[0] else CUT
    place = f" Строка {line}, позиция {column}." if line else ""
    return _fault(code, message + place, fix, line, column)


def _too_deep(line: int, column: int | None) -> Finding:
    return _fault(
        "xml.too_deep",
        f"Вложенность элементов больше {MAX_DEPTH}.",
        "Проверьте выгрузку: вероятно, элемент вкладывается сам в себя или теряются закрывающие теги.",
        line,
        column,
    )


def _too_many() -> Finding:
    return _fault(
        "xml.too_many_nodes",
        "В документе слишком много элементов или атрибутов.",
        "Медицинский документ таким не бывает: проверьте, что выгружен один документ и элементы в нём не повторяются.",
    )


def _too_long() -> Finding:
    return _fault(
        "xml.attribute_too_long",
        f"Значение атрибута длиннее {MAX_ATTRIBUTE} знаков.",
        "Проверьте выгрузку: в атрибут попало содержимое файла или несколько значений; файлы вкладываются текстом элемента.",
    )


def _doctype() -> Finding:
    return _fault(
        "xml.doctype_forbidden",
        "В документе есть объявление DOCTYPE: определения типа и сущности запрещены.",
        "Уберите строку <!DOCTYPE …> и все объявления ENTITY; символы записывайте как &#NNN;.",
    )


def _not_utf8(content: bytes, position: int, undeclared: bool) -> Finding:  # noqa: FBT001 - two texts of one fault
    line = content.count(b"\n", 0, position) + 1
    column = position - content.rfind(b"\n", 0, position)
    if undeclared:
        message = "Байты документа не в UTF-8, а кодировка не объявлена (похоже на windows-1251)."
        fix = 'Сохраните документ в UTF-8 или объявите кодировку: <?xml version="1.0" encoding="windows-1251"?>.'
    else:
        message = "Объявлена кодировка UTF-8, но байты документа ей не соответствуют."
        fix = "Сохраните документ в UTF-8 до подписания; проверьте кодировку строк, которые МИС берёт из базы данных."
    return _fault("xml.encoding", message, fix, line, column)


def _bad_encoding(message: str) -> Finding:
    return _fault("xml.encoding", message, "Сохраните документ в UTF-8 и подпишите заново.")


def _conflict(severity: Severity) -> Finding:
    return _fault(
        "xml.encoding_conflict",
        "Объявленная кодировка не та, в которой записаны байты документа.",
        'Укажите в первой строке ту кодировку, в которой сохранён файл, лучше всего encoding="UTF-8".',
        severity=severity,
    )


def _fault(
    code: str,
    message: str,
    fix: str,
    line: int = 0,
    column: int | None = None,
    *,
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding(
        layer=Layer.XML,
        severity=severity,
        code=code,
        message=message,
        fix=fix,
        location=Location(line=line, column=column) if line else None,
        responsible=Responsible.MIS,
        source=Source.SEEN,
        remd_code="INVALID_CONTENT",
    )
