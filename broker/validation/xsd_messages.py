"""What libxml2 and xmlschema say about a document, turned into Russian with a cure; their own words quote values.

Each entry: a pattern over the message and a sentence. Only names of elements and attributes and what the schema
itself allows are taken over; values of the document never are.
"""

import re
from typing import Final, NamedTuple

from lxml.etree import _Element as Element

from broker.document.markup import PREFIXES, name_of
from broker.validation.cures import form_of
from broker.validation.xsd_trial import Misfit, Verdict

_MOST: Final = 8
_LONGEST: Final = 120
UNEXPECTED: Final = "xsd.unexpected_element"
MISSING: Final = "xsd.missing_element"
_TYPES: Final = {
    "positiveInteger": "целое число от 1",
    "nonNegativeInteger": "целое число от 0",
    "integer": "целое число",
    "NMTOKEN": "слово без пробелов",
    "ID": "имя без пробелов, которое в документе больше не встречается",
    "anyURI": "адрес",
    "base64Binary": "данные в base64",
    "st": "текст",
    "bin": "данные в base64",
    "probability": "число от 0 до 1",
    "set_cs": "коды через пробел",
    "int": "целое число",
    "real": "число без единиц измерения, например 5 или 36.6; единица пишется в @unit",
    "ts": "дата ГГГГММДД или дата со временем и поясом ГГГГММДДЧЧММ±ЧЧММ",
    "bl": "true или false",
    "uid": "OID без пробелов, например 1.2.643.5.1.13",
    "oid": "OID без пробелов, например 1.2.643.5.1.13",
    "uuid": "UUID",
    "cs": "код без пробелов",
    "url": "адрес с префиксом (tel:, mailto:, http:)",
    "date": "дата ГГГГ-ММ-ДД",
    "decimal": "число",
    "boolean": "true или false",
}


class Wording(NamedTuple):
    """A message in Russian, what was expected, how to mend it; ``attribute`` when the fault is in one."""

    code: str
    message: str
    expected: str | None
    fix: str
    attribute: str = ""


class _Case(NamedTuple):
    pattern: "re.Pattern[str]"
    code: str
    message: str
    fix: str


def _case(pattern: str, code: str, message: str, fix: str) -> _Case:
    return _Case(re.compile(pattern, re.DOTALL), f"xsd.{code}", message, fix)


_CASES: Final = (
    _case(
        r"This element is not expected\. Expected is (?:one of )?\( (?P<expected>.+?) \)",
        "unexpected_element",
        "Элемент {element} здесь не ожидается.",
        "Перед {element} пропущен обязательный элемент, нарушен порядок или сам {element} лишний: здесь допустимо {expected}.",
    ),
    _case(
        r"This element is not expected",
        "unexpected_element",
        "Элемент {element} здесь не ожидается.",
        "Уберите {element}: после предыдущего элемента здесь ничего не должно быть, либо он повторён лишний раз.",
    ),
    _case(
        r"Missing child element\(s\)\. Expected is (?:one of )?\( (?P<expected>.+?) \)",
        "missing_element",
        "В элементе {element} не хватает вложенного элемента: {expected}.",
        "Добавьте в {element}: {expected}.",
    ),
    _case(
        r"(?:The attribute '(?P<name>nullFlavor)' is|'nullFlavor' attribute) not allowed",
        "attribute_forbidden",
        "У элемента {element} стоит @nullFlavor («данных нет»), а здесь он не разрешён.",
        "Передайте сами данные вместо @nullFlavor.",
    ),
    _case(
        r"The attribute '(?P<name>[^']*)' is not allowed",
        "attribute_forbidden",
        "Атрибут {attribute} у элемента {element} не допускается.",
        "Уберите атрибут {attribute}.",
    ),
    _case(
        r"The attribute '(?P<name>[^']*)' is required but missing",
        "attribute_missing",
        "У элемента {element} нет обязательного атрибута {attribute}.",
        "Добавьте атрибут {attribute} и запишите в него значение.",
    ),
    _case(
        r"does not match the fixed value constraint '(?P<expected>[^']*)'",
        "fixed_value",
        "Значение в {place} не то, которое задано схемой.",
        "Запишите в {place}: {expected}.",
    ),
    _case(
        r"\[facet 'enumeration'\].*is not an element of the set \{(?P<expected>.*)\}",
        "not_in_list",
        "Значение в {place} не из разрешённого списка.",
        "Выберите одно из разрешённых значений: {expected}.",
    ),
    _case(
        r"\[facet 'pattern'\].*is not accepted by the (?P<regular>pattern) '(?P<expected>.*)'",
        "pattern",
        "Значение в {place} записано не в той форме.",
        "Запишите значение в форме, которую требует схема, без пробелов и лишних знаков.",
    ),
    _case(
        r"\[facet 'length'\].*allowed length of '(?P<expected>\d+)'",
        "wrong_length",
        "Значение в {place} не той длины.",
        "Запишите значение ровно из {expected} знаков.",
    ),
    _case(
        r"\[facet '(?:total|fraction)Digits'\].*allowed \('(?P<expected>\d+)'\)",
        "too_many_digits",
        "В числе в {place} слишком много цифр.",
        "Сократите или округлите число: цифр (у дробных — после запятой) не больше {expected}.",
    ),
    _case(
        r"\[facet 'minLength'\]",
        "too_short",
        "Значение в {place} пустое или слишком короткое.",
        "Заполните значение: пустым оно быть не может.",
    ),
    _case(
        r"\[facet 'maxLength'\].*allowed maximum length of '(?P<expected>\d+)'",
        "too_long",
        "Значение в {place} слишком длинное.",
        "Сократите значение до {expected} знаков.",
    ),
    _case(
        r"\[facet '(?:min|max)(?:In|Ex)clusive'\].*(?:allowed \('|(?:greater|less) than ')(?P<expected>[^']*)'",
        "out_of_range",
        "Значение в {place} вне допустимых пределов.",
        "Проверьте значение: граница {expected}.",
    ),
    _case(
        r"\[facet '|not facet-valid",
        "bad_value",
        "Значение в {place} не подходит схеме.",
        "Сверьте значение в {place} с руководством: там сказано, какие значения допустимы.",
    ),
    _case(
        r"'nillable'|'nilled'|attribute 'xsi:nil'",
        "nil_forbidden",
        "У элемента {element} стоит xsi:nil, который здесь не разрешён или спорит с содержимым.",
        "Уберите xsi:nil. Если данных нет, в СЭМД пишут nullFlavor там, где вид это разрешает.",
    ),
    _case(
        r"global attribute declaration",
        "attribute_forbidden",
        "Атрибут {attribute} у элемента {element} схеме неизвестен.",
        "Уберите атрибут {attribute} или исправьте его имя и пространство имён.",
    ),
    _case(
        r"global element declaration|(?:element declaration|type definition) is absent",
        "unknown_element",
        "Элемент {element} схеме неизвестен.",
        "Уберите {element} или исправьте его имя и пространство имён.",
    ),
    _case(
        r"Duplicate key-sequence|already defined|More than one match found for key-sequence",
        "not_unique",
        "Значение в {element} повторяется, а должно быть в документе одно.",
        "Найдите второй такой же {element} и дайте ему другое значение.",
    ),
    _case(
        r"No match found for key-sequence",
        "reference_broken",
        "{element} ссылается на то, чего в документе нет.",
        "Исправьте ссылку в {element} или добавьте то, на что она указывает.",
    ),
    _case(
        r"Not all fields of|The XPath '.*' of a field of",
        "key_incomplete",
        "В {element} не хватает значения, по которому его находят, или их несколько.",
        "Запишите в {element} одно такое значение: обычно это id или code.",
    ),
    _case(
        r"must not contain element nodes",
        "elements_forbidden",
        "Внутри элемента {element} не может быть вложенных элементов.",
        "Оставьте в {element} только заданный схемой текст.",
    ),
    _case(
        r"xsi:type attribute does not resolve to a type definition",
        "type_unknown",
        "В xsi:type элемента {element} указан тип, которого нет в схеме.",
        "Укажите тип данных HL7 (CD, ST, PQ, TS, INT, BL …) или уберите xsi:type.",
    ),
    _case(
        r"(?:blocked or not validly derived|specified by xsi:type)",
        "type_forbidden",
        "У элемента {element} указан xsi:type, который здесь не допускается.",
        "Уберите xsi:type: в новых редакциях он остаётся только у observation/value; в старых сверьте тип с руководством.",
    ),
    _case(
        r"The (?:type definition|element declaration) is abstract",
        "type_missing",
        "У элемента {element} не указан тип значения.",
        'Добавьте xsi:type с типом данных HL7, например xsi:type="CD".',
    ),
    _case(
        r"is not a valid (?:value of the (?:local )?(?:atomic|union|list) type(?: '(?P<type>[^']*)')?|'xs:NCName')",
        "bad_value",
        "Значение в {place} не того типа.",
        "Исправьте значение: ожидается {expected}.",
    ),
    _case(
        r"Character content",
        "text_forbidden",
        "Внутри элемента {element} стоит текст, которого там быть не может.",
        "Уберите текст из {element}: данные передаются атрибутами или вложенными элементами.",
    ),
    _case(
        r"Element content is not allowed",
        "elements_forbidden",
        "Внутри элемента {element} не может быть вложенных элементов.",
        "Оставьте в {element} только текст или атрибуты.",
    ),
    _case(
        r"No matching global declaration available for the validation root|is not an element of the schema|no document element",
        "root",
        "Корневой элемент {element} неизвестен схеме вида.",
        "Корневым должен быть ClinicalDocument из пространства имён urn:hl7-org:v3.",
    ),
    _case(
        r"Unexpected child with tag '(?P<child>[^']*)'.*Tag '?(?P<expected>[^']+?)'? expected",
        "unexpected_element",
        "В элементе {element} стоит вложенный элемент, который здесь не ожидается.",
        "Нарушен порядок или состав вложенных элементов: здесь допустимо {expected}.",
    ),
    _case(
        r"Unexpected child with tag",
        "unexpected_element",
        "В элементе {element} стоит вложенный элемент, который здесь не ожидается.",
        "Уберите лишний вложенный элемент или восстановите порядок по руководству.",
    ),
    _case(
        r"The content of element .* is not complete\. Tag '?(?P<expected>[^']+?)'? expected",
        "missing_element",
        "В элементе {element} не хватает вложенного элемента.",
        "Добавьте в {element}: {expected}.",
    ),
    _case(
        r"missing required attribute '(?P<name>[^']*)'",
        "attribute_missing",
        "У элемента {element} нет обязательного атрибута {attribute}.",
        "Добавьте атрибут {attribute} и запишите в него значение.",
    ),
    _case(
        r"'(?P<name>[^']*)' attribute not allowed",
        "attribute_forbidden",
        "Атрибут {attribute} у элемента {element} не допускается.",
        "Уберите атрибут {attribute}.",
    ),
)
_UNKNOWN: Final = _case(
    r"",
    "invalid",
    "Элемент {element} не соответствует схеме вида.",
    "Сверьте состав, порядок и значения элемента {element} с руководством по реализации.",
)
_SUBJECT: Final = re.compile(r"\AElement '(?P<element>[^']*)'(?:, attribute '(?P<attribute>[^']*)')?: ")


def worded(message: str, element: str) -> Wording:
    """Turn a message of a schema processor about an element (already written for people) into ours."""
    subject = _SUBJECT.match(message)
    for case in _CASES:
        match = case.pattern.search(message)
        if match is not None:
            return _wording(case, match.groupdict(), element, subject)
    return _wording(_UNKNOWN, {}, element, subject)


def misfitting(wording: Wording, verdict: Verdict, element: Element) -> tuple[Wording, Element]:
    """Say of an element that was not expected which it is, and where: something missing is missing in the parent."""
    misfit, missing = verdict
    name, parent = name_of(str(element.tag)), element.getparent()
    holder = "документе" if parent is None else name_of(str(parent.tag))
    expected = missing or wording.expected or ""
    match misfit:
        case Misfit.EXTRA:
            wording = wording._replace(expected=None)
            message, fix = f"Элемент {name} здесь лишний.", f"Уберите {name} из {holder}."
        case Misfit.REPEATED:
            message, fix = (
                f"Элемент {name} повторён лишний раз.",
                f"Оставьте в {holder} один {name}, лишний уберите.",
            )
        case Misfit.MISPLACED:
            message = f"Элемент {name} стоит не на своём месте."
            fix = f"Восстановите порядок элементов в {holder}: перед {name} должен стоять {expected}. Порядок задаёт шаблон выгрузки МИС."
        case Misfit.MISSING_BEFORE if parent is not None:
            found = wording._replace(
                code=MISSING,
                expected=expected,
                message=f"В элементе {holder} не хватает вложенного элемента: {expected}.",
                fix=f"Добавьте в {holder} перед {name}: {expected}.",
            )
            return found, parent
        case _:
            return wording, element
    return wording._replace(message=message, fix=fix), element


def _wording(
    case: _Case, parts: dict[str, str | None], element: str, subject: "re.Match[str] | None"
) -> Wording:
    raw_attribute = parts.get("name") or (subject["attribute"] if subject else None) or ""
    attribute = name_of(raw_attribute)
    expected = _expected(parts)
    words = {
        "element": element,
        "attribute": f"@{attribute}" if attribute else "",
        "place": f"{element}/@{attribute}" if attribute else element,
        "expected": expected or "значение по схеме вида",
    }
    return Wording(case.code, case.message.format(**words), expected, case.fix.format(**words), raw_attribute)


def _expected(parts: dict[str, str | None]) -> str | None:
    stated = parts.get("expected")
    if stated and parts.get("regular"):
        return form_of(stated) or None
    if stated:
        return _readable(stated)
    kind = (parts.get("type") or "").rpartition("}")[2].rpartition(":")[2]
    return _TYPES.get(kind, f"тип {kind} по схеме") if kind else None


def _readable(stated: str) -> str | None:
    """Write a list of Clark names with the usual prefixes, and cut what is too long to be read."""
    for namespace, prefix in PREFIXES.items():
        stated = stated.replace(f"{{{namespace}}}", prefix)
    if len(stated) > _LONGEST and ", " not in stated:
        return None
    items = stated.split(", ")
    return ", ".join(items[:_MOST]) + (" …" if len(items) > _MOST else "")
