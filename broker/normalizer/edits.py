"""Which values of a tree the safe rules would write otherwise, and how: proposals, nothing is changed here.

An element's values are looked at once, each by the few rules its name calls for; a rule sees what the one before it made.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.cda import SNILS_ROOT
from broker.document.markup import CDA, XSI, name_of
from broker.normalizer import forms
from broker.normalizer.rules import Rule

TEXT: Final = "#text"
"""The place of an element's own text among its values."""
TAIL: Final = "#tail"
"""The place of the text behind an element."""
SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
TELECOM: Final = f"{{{CDA}}}telecom"
TYPE: Final = f"{{{XSI}}}type"
HINTS: Final = frozenset({f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation"})
TIMES: Final = frozenset(
    {"effectiveTime", "time", "low", "high", "center", "birthTime", "deceasedTime", "IssueDate"}
)
"""Elements whose @value is a point in time, by local name."""
NARRATIVE: Final = frozenset(
    f"{{{CDA}}}{name}"
    for name in (
        *(
            "text",
            "content",
            "paragraph",
            "list",
            "item",
            "caption",
            "br",
            "sub",
            "sup",
            "linkHtml",
            "footnote",
        ),
        *(
            "table",
            "thead",
            "tbody",
            "tfoot",
            "tr",
            "td",
            "th",
            "col",
            "colgroup",
            "footnoteRef",
            "renderMultiMedia",
        ),
    )
)
"""The text people read: its blanks and quotes are typography."""
_ID: Final = f"{{{CDA}}}id"
_TRIMMED_TEXT: Final = frozenset(
    {
        *(
            "family",
            "given",
            "Patronymic",
            "name",
            "Series",
            "Number",
            "DocNumber",
            "IssueOrgCode",
            "IssueOrgName",
        ),
        *("Ogrn", "Ogrnip", "Okpo", "Okato", "INN", "streetAddressLine", "postalCode", "AOGUID", "HOUSEGUID"),
    }
)
_ORGANISATION: Final = frozenset({"name", "IssueOrgName"})
_FORMED: Final = (_ID, TELECOM, *(f"{{*}}{name}" for name in sorted({*TIMES, "value", *_TRIMMED_TEXT})))
"""Elements whose values the rules know more of than their characters."""

_IN_FORM: Final = re.compile(r"[0-9]+(?:[+-][0-9]{4})?|tel:\+[0-9]+")
"""Points in time and phone numbers as the rules write them."""

Reform: TypeAlias = Callable[[str], str]
Chain: TypeAlias = tuple[tuple[Rule, Reform], ...]

_NFC: Final[Chain] = ((Rule.NFC, forms.composed),)
_SPACES: Final[Chain] = ((Rule.SPACES, forms.breakable),)
_BLANKS: Final[Chain] = ((Rule.BLANKS, forms.trimmed), *_SPACES)
_QUOTES: Final[Chain] = ((Rule.QUOTES, forms.straight_quotes),)
_SNILS: Final[Chain] = ((Rule.SNILS, forms.snils),)
_PHONE: Final[Chain] = ((Rule.PHONE, forms.phone),)
_DATES: Final[Chain] = ((Rule.DATES, forms.point_in_time),)
_ATTRIBUTES: Final[dict[str, Chain]] = {
    **dict.fromkeys(
        ("root", "extension", "code", "codeSystem", "codeSystemVersion", "value", "nullFlavor", "use"),
        _BLANKS,
    ),
    "displayName": _SPACES + _QUOTES,
    "codeSystemName": _SPACES + _QUOTES,
}
_UNICODE: Final = frozenset({Rule.NFC, Rule.SPACES, Rule.QUOTES})
"""Rules with nothing to do in ASCII."""


class Edit(NamedTuple):
    """One value that a rule writes otherwise; ``place`` is an attribute's name, TEXT or TAIL; ``after`` None drops it."""

    rule: Rule
    element: Element
    place: str
    before: str
    after: str | None


def apply(edit: Edit) -> None:
    """Write the value as proposed."""
    if edit.place == TEXT:
        edit.element.text = edit.after
    elif edit.place == TAIL:
        edit.element.tail = edit.after
    elif edit.after is None:
        del edit.element.attrib[edit.place]
    else:
        edit.element.set(edit.place, edit.after)


def edits(root: Element, on: frozenset[Rule], *, smooth: bool = False) -> Iterator[Edit]:
    """Propose what the rules that are on would change; the caller may apply each as it comes.

    ``smooth`` vouches that the bytes are plain, no attribute has a blank at its ends and none names a schema: then only
    elements with values of a form of their own can hold anything to change, most of a document is not looked at.
    """
    chains = _chains(on)
    for element in root.iter(*_FORMED) if smooth else root.iter(etree.Element):
        if smooth and _is_in_form(element):
            continue
        tag = str(element.tag)
        for name, value in _formed_values(element) if smooth else _values(element):
            if name in HINTS:
                if Rule.SCHEMA_LOCATION in on:
                    yield Edit(Rule.SCHEMA_LOCATION, element, name, value, None)
                continue
            now = value
            for rule, reform in chains.of_attribute(element, tag, name, value):
                made = reform(now)
                if made != now:
                    yield Edit(rule, element, name, now, made)
                    now = made
        text, tail = element.text, element.tail
        if text and not text.isspace():
            yield from _chained(chains.of_text(element, tag, text), element, TEXT, text)
        if tail and not tail.isascii():
            yield from _chained(chains.of_tail, element, TAIL, tail)


def _values(element: Element) -> list[tuple[str, str]]:
    return cast("list[tuple[str, str]]", element.items())


def _formed_values(element: Element) -> list[tuple[str, str]]:
    """Return the attributes that may have a form of their own: everything else is right where the bytes are smooth."""
    return [(name, value) for name in _SPECIAL if (value := element.get(name))]


def _is_in_form(element: Element) -> bool:
    """Tell at a glance that an element of smooth bytes holds what every rule leaves alone, as nearly all do."""
    value, text = element.get("value"), element.text
    if value and not _IN_FORM.fullmatch(value):
        return False
    if element.tag == _ID and element.get("root") == SNILS_ROOT:
        return False
    return text is None or text.isspace() or text.strip(forms.BLANKS) == text


def _chained(chain: Chain, element: Element, place: str, value: str) -> Iterator[Edit]:
    for rule, reform in chain:
        made = reform(value)
        if made != value:
            yield Edit(rule, element, place, value, made)
            value = made


def is_time(element: Element, tag: str) -> bool:
    """Tell whether the element's @value is a point in time."""
    local = tag.rpartition("}")[2]
    if local == "value":
        return element.get(TYPE, "").rpartition(":")[2] in {"TS", "IVL_TS"}
    return local in TIMES


class _Chains:
    """The rules that are on, in order, for each kind of value; those for ASCII are shorter."""

    def __init__(self, on: frozenset[Rule]) -> None:
        self.on = on
        self._wide: dict[str, Chain] = {}
        self._plain: dict[str, Chain] = {}
        for name, own in {**_ATTRIBUTES, "#snils": _BLANKS + _SNILS, "#phone": _BLANKS + _PHONE,
                          "#time": _BLANKS + _DATES, "#trimmed": _BLANKS, "#titled": _BLANKS + _QUOTES,
                          "#any": _SPACES}.items():  # fmt: skip
            self._wide[name] = self._wanted(_NFC + own)
            self._plain[name] = tuple(step for step in self._wanted(own) if step[0] not in _UNICODE)
        self._any = self._wide["#any"]
        self.of_tail = self._wanted(_NFC)

    def _wanted(self, chain: Chain) -> Chain:
        return tuple(step for step in chain if step[0] in self.on)

    def of_attribute(self, element: Element, tag: str, name: str, value: str) -> Chain:
        """Return the chain of an attribute."""
        if name in _SPECIAL:
            name = _special(element, tag, name)
        return self._plain.get(name, ()) if value.isascii() else self._wide.get(name, self._any)

    def of_text(self, element: Element, tag: str, text: str) -> Chain:
        """Return the chain of an element's text; narrative is composed and otherwise left."""
        if tag in NARRATIVE:
            return () if text.isascii() else self.of_tail
        local = tag.rpartition("}")[2]
        name = "#any"
        if local in _TRIMMED_TEXT and not len(element):
            name = "#titled" if local in _ORGANISATION else "#trimmed"
        return self._plain[name] if text.isascii() else self._wide[name]


_SPECIAL: Final = ("value", "extension")
"""Attributes whose form depends on the element they stand at."""


def _special(element: Element, tag: str, name: str) -> str:
    if name == "extension":
        snils = tag == _ID and element.get("root", "").strip(forms.BLANKS) == SNILS_ROOT
        return "#snils" if snils else name
    if tag == TELECOM:
        return "#phone"
    return "#time" if is_time(element, tag) else name


@lru_cache(maxsize=64)
def _chains(on: frozenset[Rule]) -> _Chains:
    return _Chains(on)


_MESSAGES: Final = {
    Rule.SCHEMA_LOCATION: "Убрана ссылка на схему ({place}): её не читает никто.",
    Rule.NFC: "Составные буквы записаны одним знаком (Unicode NFC): {place}.",
    Rule.SPACES: "Неразрывные пробелы заменены обычными: {place}.",
    Rule.BLANKS: "Убраны пробелы по краям: {place}.",
    Rule.QUOTES: "Кавычки заменены прямыми: {place}.",
    Rule.SNILS: "СНИЛС записан одними цифрами.",
    Rule.PHONE: "Телефон записан в форме tel:+<код страны><номер>.",
    Rule.DATES: "Дата или время записаны в форме HL7: {place}.",
}


def in_words(edit: Edit) -> str:
    """Say in Russian what the rule did and to which value."""
    name = name_of(str(edit.element.tag))
    place = f"текст {name}" if edit.place == TEXT else f"текст после {name}"
    if edit.place not in {TEXT, TAIL}:
        place = f"@{name_of(edit.place)} у {name}"
    return _MESSAGES[edit.rule].format(place=place)
