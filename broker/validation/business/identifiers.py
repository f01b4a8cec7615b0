"""Numbers with check digits: СНИЛС, ОГРН, ОГРНИП, ИНН and ЕНП. Are they possible at all?"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from lxml.etree import _Element as Element

from broker.document.cda import SNILS_ROOT
from broker.document.finding import Responsible, Source
from broker.document.identity import is_enp, is_inn, is_ogrn, is_snils, snils_digits
from broker.validation.business.places import IDY, ROLE, H, text_of
from broker.validation.business.rule import Breach, Rule, Subject
from broker.validation.report import shown

_EMPLOYER: Final = "8085"
"""Field of 1.2.643.5.1.13.13.99.2.166: ИНН or ОГРН of the employer."""
_NOT_CHECKED: Final = "Наше расширение: XSD и Schematron видов контрольных чисел не проверяют"


def snils_form(subject: Subject) -> Iterator[Breach]:
    """Demand eleven digits, hyphens and blanks aside."""
    for element, text in subject.once(_snils):
        if not _is_eleven(text):
            yield Breach(element, "СНИЛС записан не одиннадцатью цифрами.", value=_hidden("id", text))


def snils_checksum(subject: Subject) -> Iterator[Breach]:
    """Demand the check number of ПФР."""
    for element, text in subject.once(_snils):
        if _is_eleven(text) and not is_snils(text):
            yield Breach(element, "Контрольное число СНИЛС не сходится.", value=_hidden("id", text))


def ogrn(subject: Subject) -> Iterator[Breach]:
    """Demand 13 digits with a right check digit; a frequent fault is an ИНН in their place."""
    return _registration(subject, "Ogrn", "ОГРН", 13)


def ogrnip(subject: Subject) -> Iterator[Breach]:
    """Demand 15 digits with a right check digit."""
    return _registration(subject, "Ogrnip", "ОГРНИП", 15)


def inn(subject: Subject) -> Iterator[Breach]:
    """Demand right ИНН, and an ИНН or ОГРН for the employer of a medical examination."""
    for element in subject.of(f"{IDY}INN"):
        yield from _unless(element, is_inn)
    for code in subject.of(f"{H}code"):
        parent = code.getparent() if code.get("code") == _EMPLOYER else None
        value = None if parent is None else subject.outline.first_below(parent, f"{H}value")
        if value is not None:
            yield from _unless(value, lambda text: is_inn(text) or is_ogrn(text))


def enp(subject: Subject) -> Iterator[Breach]:
    """Demand that a policy number of sixteen digits has the check digit of a ЕНП (rule recalled, not seen)."""
    for element in subject.all(f"{ROLE}/{IDY}InsurancePolicy/{IDY}Number"):
        text = text_of(element)
        if len(text) == 16 and not is_enp(text):
            yield Breach(
                element,
                "Контрольная цифра единого номера полиса (ЕНП) не сходится.",
                value=_hidden("identity:Number", text),
            )


def _snils(subject: Subject) -> Iterator[tuple[Element, str]]:
    for element in subject.of(f"{H}id"):
        text = element.get("extension", "")
        if element.get("root") == SNILS_ROOT and text:
            yield element, text


def _is_eleven(text: str) -> bool:
    return re.fullmatch(r"\d{11}", snils_digits(text)) is not None


def _registration(subject: Subject, tag: str, name: str, length: int) -> Iterator[Breach]:
    for element in subject.of(f"{IDY}{tag}"):
        text = text_of(element)
        if not text or (len(text) == length and is_ogrn(text)):
            continue
        mistaken = " Похоже, вместо него указан ИНН." if is_inn(text) else ""
        yield Breach(
            element,
            f"{name} организации неверен: не та длина или контрольная цифра.{mistaken}",
            value=_hidden(f"identity:{tag}", text),
        )


def _unless(element: Element, is_right: Callable[[str], bool]) -> Iterator[Breach]:
    text = text_of(element)
    if text and not is_right(text):
        yield Breach(
            element,
            "ИНН или ОГРН неверен: не та длина или контрольные цифры.",
            value=_hidden("identity:INN", text),
        )


def _hidden(element: str, text: str) -> str | None:
    return shown(element, "extension", text)


RULES: Final = (
    Rule(
        name="business.snils_form",
        title="СНИЛС состоит из одиннадцати цифр",
        source=Source.OWN,
        why=f"{_NOT_CHECKED}; форма СНИЛС — по правилам наборов видов (3+3+3+2 цифры)",
        fix="Запишите СНИЛС одиннадцатью цифрами. Если номер введён неполностью, возьмите его из документа человека и исправьте карточку в МИС.",
        who=Responsible.CLINIC,
        check=snils_form,
    ),
    Rule(
        name="business.snils_checksum",
        title="Контрольное число СНИЛС сходится",
        source=Source.OWN,
        why=f"{_NOT_CHECKED}; официальные примеры сами содержат неверные СНИЛС, поэтому проверка предупреждает",
        fix="В номере описка. Сверьте СНИЛС с документом человека и исправьте его в МИС.",
        who=Responsible.CLINIC,
        check=snils_checksum,
    ),
    Rule(
        name="business.ogrn",
        title="ОГРН — 13 цифр с верной контрольной",
        source=Source.OWN,
        why=f"{_NOT_CHECKED}; частая ошибка — ИНН на месте ОГРН",
        fix="Возьмите ОГРН (13 цифр) из выписки ЕГРЮЛ и исправьте карточку организации в МИС.",
        who=Responsible.CLINIC,
        check=ogrn,
    ),
    Rule(
        name="business.ogrnip",
        title="ОГРНИП — 15 цифр с верной контрольной",
        source=Source.OWN,
        why=_NOT_CHECKED,
        fix="Возьмите ОГРНИП (15 цифр) из выписки ЕГРИП и исправьте карточку организации в МИС.",
        who=Responsible.CLINIC,
        check=ogrnip,
    ),
    Rule(
        name="business.inn",
        title="ИНН — 10 или 12 цифр с верными контрольными; у работодателя можно ОГРН",
        source=Source.OWN,
        why=_NOT_CHECKED,
        fix="У организации ИНН из 10 цифр, у человека и предпринимателя из 12, ОГРН из 13. Сверьте номер с договором и исправьте его в МИС.",
        who=Responsible.CLINIC,
        check=inn,
    ),
    Rule(
        name="business.enp",
        title="Контрольная цифра номера полиса (ЕНП) сходится",
        source=Source.OWN,
        why="Наше расширение: правило контрольной цифры ЕНП известно нам не из первых рук",
        fix="Сверьте номер полиса с выпиской пациента и исправьте его в МИС.",
        who=Responsible.CLINIC,
        check=enp,
    ),
)
"""Every rule of the theme."""
