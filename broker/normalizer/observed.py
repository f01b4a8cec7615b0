"""What the safe rules see and leave as it is, because a right value would have to be invented: told with its cure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.cda import SNILS_ROOT
from broker.document.finding import Finding, Layer, Responsible
from broker.document.markup import CDA, name_of
from broker.normalizer import forms
from broker.normalizer.changes import Diff, noticed
from broker.normalizer.edits import NARRATIVE, SIGNATURE, TELECOM, is_time
from broker.normalizer.masking import shown

_FILLED: Final = ("root", "extension", "code", "codeSystem", "codeSystemVersion", "displayName", "value")
_NAMES: Final = frozenset({"family", "given", "Patronymic"})
_DAYS: Final = frozenset({"birthTime", "IssueDate"})
"""Elements that say a day (semd.md §2.3): programs often add midnight to it."""
_ID: Final = f"{{{CDA}}}id"
_SCHEMES: Final = ("tel:", "mailto:", "fax:", "http:", "https:")


class Words(NamedTuple):
    """What is said of one kind of sight, and who acts."""

    message: str
    fix: str
    layer: Layer = Layer.BUSINESS
    responsible: Responsible = Responsible.MIS
    expected: str | None = None


_WORDS: Final = {
    "normalise.empty_element": Words(
        "Элемент {name} пуст.",
        "Передайте значение; если его нет — nullFlavor там, где вид документа это разрешает, либо уберите элемент. "
        "Платформа значений не придумывает.",
        Layer.XML,
    ),
    "normalise.empty_attribute": Words(
        "Атрибут {place} у {name} пуст.",
        "Передайте значение; если его нет, передайте элемент с nullFlavor там, где вид документа это разрешает.",
        Layer.XML,
    ),
    "normalise.zone_missing": Words(
        "Время в {name} указано без часового пояса.",
        "Выгружайте время с поясом клиники: платформа пояса не знает и не придумывает.",
        expected="ГГГГММДДЧЧММ[СС]±ЧЧММ, например 202603020930+0300",
    ),
    "normalise.day_wanted": Words(
        "В {name} указано время, а нужна только дата.",
        "Выгружайте дату без времени: что в этом времени настоящее, а что приписано программой, платформа не знает.",
        expected="ГГГГММДД",
    ),
    "normalise.date_unreadable": Words(
        "Дата или время в {name} записаны в неизвестной форме или не существуют.",
        "Выгружайте даты по ISO 8601 или сразу в форме HL7.",
        expected="ГГГГММДД[ЧЧММ[СС]±ЧЧММ]",
    ),
    "normalise.phone_unreadable": Words(
        "Контакт в {name} не удалось привести к форме: нет кода страны, есть слова, или номеров несколько.",
        "Передайте один номер с кодом страны; добавочный — отдельно от него.",
        responsible=Responsible.CLINIC,
        expected="tel:+7XXXXXXXXXX или mailto:имя@домен",
    ),
    "normalise.snils_unreadable": Words(
        "СНИЛС записан не одиннадцатью цифрами.",
        "Сверьте СНИЛС с документом человека и исправьте его в МИС.",
        responsible=Responsible.CLINIC,
        expected="11 цифр",
    ),
    "normalise.name_case": Words(
        "{name} записано одними прописными или одними строчными буквами.",
        "Запишите имя так, как в ГИП и в сертификате: регистр букв платформа не меняет.",
        responsible=Responsible.CLINIC,
    ),
}


def observe(root: Element, diff: Diff) -> None:
    """Report every place of the tree that needs somebody's hand."""
    for element in root.iter(etree.Element):
        tag = str(element.tag)
        for code, place, value in _sights(element, tag):
            if diff.wants(code):
                diff.report(_finding(code, element, tag, place, value, diff))


def _sights(element: Element, tag: str) -> Iterator[tuple[str, str, str]]:
    """Yield (code, attribute or nothing for text, value)."""
    text = element.text
    if (text is None or not text.strip(forms.BLANKS)) and not len(element):
        if not len(element.attrib) and tag not in NARRATIVE:
            yield "normalise.empty_element", "", ""
    elif text is not None and tag.rpartition("}")[2] in _NAMES and _one_case(text):
        yield "normalise.name_case", "", text
    for name in _FILLED:
        value = element.get(name)
        if value is None:
            continue
        if not value.strip(forms.BLANKS):
            yield "normalise.empty_attribute", name, value
        elif name == "value":
            yield from _told(_of_value(element, tag, value), name, value)
        elif name == "extension" and tag == _ID and element.get("root") == SNILS_ROOT:
            yield from _told(
                "" if _is_eleven(forms.snils(value)) else "normalise.snils_unreadable", name, value
            )


def _told(code: str, name: str, value: str) -> Iterator[tuple[str, str, str]]:
    if code:
        yield code, name, value


def _of_value(element: Element, tag: str, value: str) -> str:
    if tag == TELECOM:
        return "" if forms.phone(value).startswith(_SCHEMES) else "normalise.phone_unreadable"
    if not is_time(element, tag) or element.get("unit") is not None:
        return ""
    made = forms.point_in_time(value)
    timed = forms.lacks_zone(value) or (forms.is_stated(made) and len(made) > len("YYYYMMDD"))
    if timed and tag.rpartition("}")[2] in _DAYS:
        return "normalise.day_wanted"
    if forms.lacks_zone(value):
        return "normalise.zone_missing"
    return "" if forms.is_stated(made) else "normalise.date_unreadable"


def _is_eleven(text: str) -> bool:
    return len(text) == 11 and text.isascii() and text.isdigit()


def _one_case(text: str) -> bool:
    """Tell whether a name is written in capitals or in small letters only; initials are not."""
    if len(text) > 200 or not (text.isupper() or text.islower()):
        return False
    return sum(letter.isalpha() for letter in text) >= 3


def _finding(code: str, element: Element, tag: str, place: str, value: str, diff: Diff) -> Finding:
    words = _WORDS[code]
    return noticed(
        code,
        words.message.format(name=name_of(tag), place=f"@{place}"),
        words.fix,
        diff.locate(element),
        layer=words.layer,
        responsible=words.responsible,
        value=shown(tag.rpartition("}")[2], place, value) if value.strip(forms.BLANKS) else None,
        expected=words.expected,
    )


def is_signed(root: Element) -> bool:
    """Tell whether the document holds an XML signature, which covers its own bytes."""
    return next(root.iter(SIGNATURE), None) is not None
