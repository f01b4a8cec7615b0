"""From the test of an assertion to plain words: what is wrong at this element, and what to write instead?

Rule sets say what must be; a person wants to know what is not, and what to do. Nearly all of the seven thousand
assertions at hand have one of a dozen shapes (a filled attribute, a value of a list, a count of children, a form), so
that shape, with the element that failed, makes the sentence. A test of another shape has none: its own text must do.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.markup import ADDRESS, CDA, FIAS, IDENTITY, MED_SERVICE, XSI, name_of
from broker.validation.report import shown

_NAMES: Final = {
    "h": CDA,
    "identity": IDENTITY,
    "address": ADDRESS,
    "medService": MED_SERVICE,
    "fias": FIAS,
    "xsi": XSI,
}
_PATH: Final = r"[A-Za-z][\w:]*(?:/[A-Za-z][\w:]*)*"
_VALUES: Final = r"(?:'[^']*'|[\[(]\s*'[^']*'(?:\s*,\s*'[^']*')*\s*[\])])"
_BARE: Final = re.compile(r"'[^']*'|(?<![\w:@$.-])(?!(?:and|or|not)\b)([A-Za-z]\w*)(?![\w:(-])")
_MOST: Final = 6
SECTION: Final = "секция"
RECORD: Final = "запись с кодом"
RECORD_OF_STAFF: Final = "исполнитель с ролью"
_WHAT: Final = {
    "code": "код по справочнику",
    "codeSystem": "OID справочника",
    "codeSystemVersion": "версия справочника, по которой взят код",
    "codeSystemName": "название справочника",
    "displayName": "название кода точно как в справочнике",
    "root": "OID",
    "extension": "сам идентификатор",
    "unit": "единица измерения",
    "use": "назначение, например WP рабочий или MC мобильный",
    "xsi:type": "тип данных HL7",
    "nullFlavor": "причина, по которой данных нет",
}
"""What is written in an attribute."""
_FORMS: Final = (
    (r"\.50$", "OID, который заканчивается на .50"),
    (r"\.51$", "OID, который заканчивается на .51"),
    (r"\.52$", "OID, который заканчивается на .52"),
    (r"\.10$", "OID, который заканчивается на .10"),
    (r"\.15$", "OID, который заканчивается на .15"),
    (r"\.70$", "OID, который заканчивается на .70"),
    ("tel:", "телефон как tel:+79991234567, без пробелов"),
    ("mailto:", "почта как mailto:имя@домен"),
    ("fax:", "факс как fax:84951234567"),
    ("[0-9]{3}-?[0-9]{3}-?[0-9]{3}", "СНИЛС из 11 цифр"),
    (r"[0-9]{13}", "13 цифр"),
    (r"[0-9]{15}", "15 цифр"),
    (r"[0-9]{6}", "шесть цифр"),
    ("[+-]", "дата ГГГГММДД или дата со временем и поясом ГГГГММДДЧЧММ±ЧЧММ"),
    ("[12][0-9]{3}[01]", "дата ГГГГММДД"),
    ("[1-2]{1}[0-9]{3}", "дата ГГГГММДД или дата со временем и поясом ГГГГММДДЧЧММ±ЧЧММ"),
    ("{8}-", "UUID из 36 знаков"),
    ("([0-2])([.]", "OID без пробелов"),
    ("[0-2](", "OID без пробелов"),
    ("[1-9][0-9]*$", "целое число от 1"),
)
"""A piece of a regular expression of the guides, and what it stands for; the first that fits wins."""


class Cure(NamedTuple):
    """What is wrong and what to do, in Russian; ``technical`` faults are never a registrar's.

    ``place`` is the child the fault is in, where the assertion stands at its parent; a ``whole`` cure needs no
    advice of the element beside it, a ``vague`` one gives way to it.
    """

    said: str
    fix: str
    expected: str | None = None
    value: str | None = None
    technical: bool = False
    place: Element | None = None
    whole: bool = False
    vague: bool = False


def cure_of(test: str, element: Element, *, report: bool = False) -> Cure | None:
    """Say in plain words why an assertion of this test failed at an element; None for a test of an unknown shape."""
    text = re.sub(r"\s+", " ", test).strip()
    if report:
        match = re.fullmatch(r"@([\w:]+)", text)
        return _forbidden(element, match[1]) if match else None
    for form, answer in _SHAPES:
        found = form.fullmatch(text)
        if found is not None:
            return answer(element, found)
    return None


def is_known_shape(test: str, *, report: bool = False) -> bool:
    """Tell whether a test has a shape that makes a sentence."""
    text = re.sub(r"\s+", " ", test).strip()
    if report:
        return re.fullmatch(r"@[\w:]+", text) is not None
    return any(form.fullmatch(text) for form, _ in _SHAPES)


def counted(path: str, element: Element) -> int | None:
    """Return how many nodes a path of an assertion finds below an element, None when it cannot be said."""
    try:
        return int(cast("float", _counter(path)(element)))
    except etree.XPathError:
        return None


@lru_cache(maxsize=2048)
def _counter(path: str) -> etree.XPath:
    known = _BARE.sub(lambda found: f"h:{found[1]}" if found[1] else found[0], path)
    return etree.XPath(f"count({known})", namespaces=_NAMES)


def _target(element: Element, path: str) -> tuple[str, Element | None]:
    """Return the name and the first element of a path below, or those of the element itself."""
    if not path:
        return name_of(str(element.tag)), element
    found: Element | None = element
    for step in path.split("/"):
        prefix, _, local = step.rpartition(":")
        found = None if found is None else found.find(f"{{{_NAMES[prefix or 'h']}}}{local}")
    return path, found


def _unfilled(element: Element, found: "re.Match[str]") -> Cure:
    path, attribute = (found["path"] or "").rstrip("/"), found["name"]
    name, target = _target(element, path)
    if target is None:
        return Cure(
            f"Нет элемента {name} с атрибутом @{attribute}.", f"Добавьте {name}. {_fill(name, attribute)}"
        )
    state = "пуст" if attribute in target.attrib else "не передан"
    null = " Атрибут nullFlavor при этом уберите." if target.get("nullFlavor") is not None else ""
    return Cure(
        f"У {name} {state} атрибут @{attribute}.",
        f"{_fill(name, attribute)}{null}",
        vague=attribute not in _WHAT and not null,
        technical=attribute in {"codeSystem", "codeSystemVersion", "codeSystemName", "displayName", "root"},
        place=target,
    )


def _fill(name: str, attribute: str) -> str:
    what = _WHAT.get(attribute)
    return f"Заполните {name}/@{attribute}: {what}." if what else f"Заполните {name}/@{attribute}."


def _forbidden(element: Element, attribute: str) -> Cure:
    name = name_of(str(element.tag))
    if attribute == "nullFlavor":
        return Cure(
            f"У {name} стоит nullFlavor («данных нет»), а здесь он не разрешён.",
            "Передайте сами данные вместо nullFlavor.",
            value=shown(name, attribute, element.get(attribute, "")),
        )
    return Cure(f"У {name} лишний атрибут @{attribute}.", f"Уберите у {name} атрибут @{attribute}.")


def _valued(element: Element, found: "re.Match[str]") -> Cure:
    path, attribute = (found["path"] or "").rstrip("/"), found["name"]
    name, target = _target(element, path)
    values = re.findall(r"'([^']*)'", found["values"])
    wanted = " или ".join(values[:_MOST])
    first, rest = values[0], ", ".join(values[1:_MOST])
    advised = f"{first} (принимаются и прежние: {rest})" if rest and attribute == "codeSystem" else wanted
    qualified = f"{{{XSI}}}type" if attribute == "xsi:type" else attribute
    if target is None:
        return Cure(
            f"Нет элемента {name}.", f'Добавьте {name} с атрибутом {attribute}="{wanted}".', expected=wanted
        )
    actual = target.get(qualified)
    said = (
        f"У {name} не передан атрибут @{attribute}."
        if actual is None
        else f"В {name}/@{attribute} записано не то значение."
    )
    return Cure(
        said,
        f"Запишите в {name}/@{attribute}: {advised}.",
        expected=wanted,
        value=None if actual is None else shown(name, attribute, actual),
        technical=attribute != "code",
        place=target,
    )


def _both(element: Element, found: "re.Match[str]") -> Cure:
    pairs = re.findall(r"@([\w:]+) ?= ?'([^']*)'", found[0])
    name, wanted = name_of(str(element.tag)), " и ".join(f'{key}="{value}"' for key, value in pairs)
    return Cure(f"У {name} не те атрибуты.", f"Запишите у {name}: {wanted}.", expected=wanted, technical=True)


def _worded(element: Element, found: "re.Match[str]") -> Cure:
    path = found["path"] or found["spaced"] or ""
    name, target = _target(element, "" if path == "." else path)
    if target is None:
        return Cure(f"Нет элемента {name}.", f"Добавьте {name} с текстом.")
    return Cure(f"Элемент {name} пуст.", f"Впишите текст в {name}.", place=target, vague=True)


def _without(element: Element, found: "re.Match[str]") -> Cure:
    name, target = _target(element, found["path"])
    return Cure(f"Элемент {name} здесь лишний.", f"Уберите {name}.", place=target, whole=True)


def _fixed_text(element: Element, found: "re.Match[str]") -> Cure:
    name, target = _target(element, "" if found["path"] == "." else found["path"])
    return Cure(
        f"В {name} записан не тот текст.",
        f"Запишите в {name}: {found['text']}.",
        expected=found["text"],
        place=target,
    )


def _formed(element: Element, found: "re.Match[str]") -> Cure:
    expressions = re.findall(r"matches\((@[\w:]+|\.), ?'([^']*)'", found[0])
    where, name = expressions[0][0], name_of(str(element.tag))
    attribute = where[1:] if where != "." else ""
    place = f"{name}/@{attribute}" if attribute else name
    forms = [form_of(expression) for _, expression in expressions]
    known = max(forms, key=len)
    actual = element.get(attribute) if attribute else (element.text or "")
    if actual is None:
        return Cure(
            f"У {name} не передан атрибут @{attribute}.",
            f"Запишите в {place}: {known}." if known else _fill(name, attribute),
        )
    return Cure(
        f"Элемент {place} пуст." if not actual.strip() else f"Значение в {place} записано не в той форме.",
        f"Запишите в {place} {known}."
        if known
        else f"Запишите значение в {place} так, как сказано в правиле.",
        expected=known or None,
        value=shown(name, attribute, actual),
        vague=True,
    )


def form_of(expression: str) -> str:
    """Say in words what a regular expression of the guides stands for, empty when nobody knows."""
    return next((form for piece, form in _FORMS if piece in expression), "")


def _counted(element: Element, found: "re.Match[str]") -> Cure | None:
    path = found["path"]
    least, most = _bounds(found)
    thing, actual = _thing(path), counted(path, element)
    name = name_of(str(element.tag))
    whole = thing.startswith((SECTION, RECORD, RECORD_OF_STAFF))
    if actual is not None and actual < least:
        many = "" if least == 1 else f" (передано {actual}, нужно {least})"
        return Cure(
            f"В {name} не хватает: {thing}{many}.",
            f"Добавьте в {name}: {thing}.",
            expected=thing,
            whole=whole,
        )
    if most == 0:
        return Cure(f"В {name} лишнее: {thing}.", f"Уберите из {name}: {thing}.", whole=True)
    if most is not None and actual is not None and actual > most:
        return Cure(
            f"В {name} повторяется: {thing}. Передано {actual}, допускается не больше {most}.",
            f"Оставьте в {name} не больше {most}: {thing}.",
            whole=whole,
        )
    return None


def _bounds(found: "re.Match[str]") -> tuple[int, int | None]:
    """Return the least and the most of a count; None is no bound."""
    if found["exact"]:
        return int(found["exact"]), int(found["exact"])
    if found["list"]:
        numbers = [int(number) for number in re.findall(r"\d+", found["list"])]
        return min(numbers), max(numbers)
    return int(found["least"] or 0), int(found["most"]) if found["most"] else None


def _thing(path: str) -> str:
    """Name what is counted as people do: a section or a field by its code, an id by the end of its root."""
    for pattern, name in (
        (r"section\[?/?code/@code ?= ?'([^']+)'", f"{SECTION} {{}}"),
        (r"observation/code/@code ?= ?'([^']+)'", f"{RECORD} {{}}"),
        (r"functionCode/@code ?= ?'([^']+)'", f"{RECORD_OF_STAFF} {{}}"),
        (r"\bid\[substring.*'(\.\d+)'", "id с корнем, который заканчивается на {}"),
        (r"\bid\[@root ?= ?'([^']+)'", "id с root={}"),
        (r"informationRecipient\[.*'([^']+)'", "informationRecipient с OID {}"),
        (r"\bid\[(2)\]", "второй id"),
        (r"@typeCode ?= ?'([^']+)'", f"{path.partition('[')[0]} с typeCode={{}}"),
    ):
        match = re.search(pattern, path)
        if match is not None:
            return name.format(match[1])
    return path.partition("[")[0]


_AT: Final = rf"(?P<path>{_PATH}/)?@(?P<name>[\w:]+)"
_MATCH: Final = r"matches\((?:@[\w:]+|\.), ?'[^']*'\)"
Answer = Callable[[Element, "re.Match[str]"], Cure | None]


def _shapes() -> Iterator[tuple[str, Answer]]:
    """Yield the shapes of tests; the first that fits the whole test answers."""
    yield rf"{_AT} ?!= ?''", _unfilled
    yield rf"(?:count\({_AT}\) ?= ?1|{_AT.replace('<path>', '<p2>').replace('<name>', '<n2>')})", _first_named
    yield r"(?:not\(@(?P<name>[\w:]+)\)|count\(@(?P<n2>[\w:]+)\) ?= ?0)", _first_forbidden
    yield rf"not\((?P<path>{_PATH})\)", _without
    yield rf"{_AT} ?= ?(?P<values>{_VALUES})", _valued
    yield r"@[\w:]+ ?= ?'[^']*'(?: and @[\w:]+ ?= ?'[^']*')+", _both
    yield rf"(?:normalize-space\((?P<spaced>{_PATH}|\.)\)|(?P<path>{_PATH}|\.)) ?!= ?''", _worded
    yield rf"(?P<path>{_PATH}|\.) ?= ?'(?P<text>[^']+)'", _fixed_text
    yield (
        rf"(?:not\(starts-with\(@[\w:]+, ?'[^']*'\)\) or |not\(@[\w:]+ ?!= ?''\) or |not\(@[\w:]+\) or )?{_MATCH}(?: or {_MATCH})*",
        _formed,
    )
    yield (
        (
            r"count\((?P<path>[^@()\[\]][^()]*?(?:\[.*\])*)\) ?(?:= ?(?P<exact>\d+)|= ?(?P<list>\[[\d, ]+\])|"
            r">= ?(?P<least>\d+)(?: and count\(.*\) ?<= ?(?P<most>\d+))?)"
        ),
        _counted,
    )
    yield (
        r"count\((?P<path>[^@()\[\]][^()]*?(?:\[.*\])*)\) ?<= ?(?P<most>\d+)(?P<least>(?!))?(?P<exact>(?!))?(?P<list>(?!))?",
        _counted,
    )
    yield (
        (
            r"(?:not\(@(?P<name>[\w:]+)\) or @(?P=name) ?!= ?''|count\(@(?P<n2>[\w:]+) ?!= ?''\) ?= ?\[0, ?1\]|"
            r"if \(@(?P<n3>[\w:]+)\) then @(?P=n3) ?!= ?'' else ?\(not\(@(?P=n3)\)\))"
        ),
        _first_optional,
    )


def _first_named(element: Element, found: "re.Match[str]") -> Cure:
    whole = _UNFILLED.fullmatch(f"{found['path'] or found['p2'] or ''}@{found['name'] or found['n2']}!=''")
    assert whole is not None
    return _unfilled(element, whole)


def _first_forbidden(element: Element, found: "re.Match[str]") -> Cure:
    return _forbidden(element, found["name"] or found["n2"])


def _first_optional(element: Element, found: "re.Match[str]") -> Cure:
    name = name_of(str(element.tag))
    attribute = found["name"] or found["n2"] or found["n3"]
    return Cure(
        f"У {name} пуст атрибут @{attribute}.",
        f"{_fill(name, attribute)} Если писать нечего, уберите атрибут.",
    )


_UNFILLED: Final = re.compile(rf"{_AT} ?!= ?''")
_SHAPES: Final = tuple((re.compile(form), answer) for form, answer in _shapes())
