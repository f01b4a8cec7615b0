"""Addresses: do they have what the guides demand of them? The largest class of refusals in a live gateway."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lxml.etree import _Element as Element

from broker.document.cda import is_uuid
from broker.document.finding import Responsible, Source
from broker.validation.business.places import ROLE, A, F, H, is_null, text_of, value_of
from broker.validation.business.rule import Breach, Rule, Subject
from broker.validation.report import shown

_POSTAL: Final = re.compile(r"[0-9]{6}")
_MOST: Final = 2
_GUIDES: Final = "Так требуют руководства видов, которые мы видели; для остальных видов — наше расширение"


def address_count(subject: Subject) -> Iterator[Breach]:
    """Demand one or two addresses of a patient."""
    found = _patient_addresses(subject)
    if len(found) > _MOST:
        yield Breach(found[_MOST], "У пациента больше двух адресов.")


def address_type(subject: Subject) -> Iterator[Breach]:
    """Demand that an address of a patient says which it is: registration, temporary, actual, work."""
    for address in _patient_addresses(subject):
        kind = subject.outline.first_below(address, f"{A}Type")
        if not is_null(address) and not is_null(kind) and not value_of(kind, "code"):
            yield Breach(address if kind is None else kind, "У адреса пациента не указан тип (address:Type).")


def address_street(subject: Subject) -> Iterator[Breach]:
    """Demand a text of every address."""
    for address in subject.once(_addresses):
        lines = subject.outline.below(address, f"{H}streetAddressLine")
        if any(text_of(line) for line in lines) or any(is_null(line) for line in lines):
            continue
        yield Breach(lines[0] if lines else address, "Адрес пуст: в streetAddressLine нет текста.")


def address_state(subject: Subject) -> Iterator[Breach]:
    """Demand the region of every address."""
    for address in subject.once(_addresses):
        state = subject.outline.first_below(address, f"{A}stateCode")
        if not is_null(state) and not value_of(state, "code"):
            yield Breach(
                address if state is None else state, "У адреса не указан регион (address:stateCode)."
            )


def postal_code(subject: Subject) -> Iterator[Breach]:
    """Demand six digits of a postal code."""
    for address in subject.once(_addresses):
        for code in subject.outline.below(address, f"{H}postalCode"):
            text = text_of(code)
            if not is_null(code) and not _POSTAL.fullmatch(text):
                yield Breach(
                    code,
                    "Почтовый индекс состоит не из шести цифр."
                    if text
                    else "Почтовый индекс передан пустым.",
                    value=shown("postalCode", "", text),
                )


def fias_form(subject: Subject) -> Iterator[Breach]:
    """Demand that identifiers of ФИАС are UUIDs: a number of a house is none."""
    for element in subject.of(f"{F}AOGUID", f"{F}HOUSEGUID"):
        text = text_of(element)
        if text and not is_uuid(text):
            yield Breach(
                element,
                "Вместо идентификатора ФИАС записано что-то другое.",
                value=shown("fias", "", text),
                expected="UUID из 36 знаков",
            )


def _addresses(subject: Subject) -> Iterator[Element]:
    return (one for one in subject.of(f"{H}addr") if not is_null(one))


def _patient_addresses(subject: Subject) -> Sequence[Element]:
    return subject.all(f"{ROLE}/{H}addr")


RULES: Final = (
    Rule(
        name="business.address_count",
        title="У пациента не больше двух адресов",
        source=Source.OWN,
        why=_GUIDES,
        fix="Оставьте один или два адреса пациента: адрес регистрации и, если он другой, фактический.",
        check=address_count,
    ),
    Rule(
        name="business.address_type",
        title="У адреса пациента указан тип",
        source=Source.OWN,
        why=f"{_GUIDES}; справочник 1.2.643.5.1.13.13.11.1504",
        fix="Добавьте address:Type с кодом по справочнику 1.2.643.5.1.13.13.11.1504: 1 адрес регистрации, 2 временный, 3 фактический, 4 адрес работы.",
        check=address_type,
    ),
    Rule(
        name="business.address_street",
        title="В адресе есть текст",
        source=Source.OWN,
        why=_GUIDES,
        fix="Заполните адрес в карточке МИС. Он передаётся одной строкой в streetAddressLine.",
        who=Responsible.CLINIC,
        check=address_street,
    ),
    Rule(
        name="business.address_state",
        title="В адресе указан регион",
        source=Source.OWN,
        why=f"{_GUIDES}; справочник 1.2.643.5.1.13.13.99.2.206",
        fix="Добавьте address:stateCode с кодом субъекта РФ по справочнику 1.2.643.5.1.13.13.99.2.206, например 77.",
        check=address_state,
    ),
    Rule(
        name="business.postal_code",
        title="Почтовый индекс состоит из шести цифр",
        source=Source.OWN,
        why="Частый отказ — пустой индекс; шесть цифр — наше расширение",
        fix='Впишите шесть цифр индекса. Если индекс неизвестен, передайте <postalCode nullFlavor="NI"/>.',
        who=Responsible.CLINIC,
        check=postal_code,
    ),
    Rule(
        name="business.fias_form",
        title="Идентификаторы ФИАС имеют вид UUID",
        source=Source.OWN,
        why="РЭМД ищет их в ФИАС; вид UUID проверяем мы",
        fix='Передайте UUID из ФИАС (36 знаков). Если его нет, передайте элемент с nullFlavor="NI". Номер дома сюда не пишется.',
        remd_code="AOGUID_NOT_FOUND",
        check=fias_form,
    ),
)
"""Every rule of the theme."""
