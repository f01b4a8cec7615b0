"""Dates: are they written as HL7 demands, do such days exist, and do they follow one another in the document's own offset?"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lxml.etree import _Element as Element

from broker.document import instant
from broker.document.canonical import CanonicalDocument
from broker.document.finding import Responsible, Source
from broker.validation.business.places import ENCOUNTER, EVENT, IDY, PATIENT, ROLE, H, value_of
from broker.validation.business.rule import Breach, Rule, Subject
from broker.validation.report import shown

SKEW: Final = timedelta(minutes=5)
"""How far a clinic's clock may run ahead of ours before a creation time counts as future."""
_POINTS: Final = (
    f"{H}effectiveTime",
    f"{H}low",
    f"{H}high",
    f"{H}time",
    f"{H}birthTime",
    f"{IDY}low",
    f"{IDY}high",
    f"{IDY}IssueDate",
)
_HL7: Final = re.compile(r"\d{4}(?:\d{2}){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})?")
_PEOPLE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{2,4}")
_LONGEST: Final = 40


def date_form(subject: Subject) -> Iterator[Breach]:
    """Demand HL7 points in time; ISO and Russian dates are what programs write instead."""
    for element, text in subject.once(_dates):
        if len(text) > _LONGEST or not _HL7.fullmatch(text):
            other = " Похоже на дату с дефисами или точками." if _PEOPLE.match(text) else ""
            yield Breach(element, f"Дата записана не в форме HL7.{other}", value=_shown(element, text))


def date_impossible(subject: Subject) -> Iterator[Breach]:
    """Demand that the day and the hour exist."""
    right: set[str] = set()
    for element, text in subject.once(_dates):
        if text in right or len(text) < 8 or len(text) > _LONGEST or not _HL7.fullmatch(text):
            continue
        right.add(text)
        if instant.moment(text) is None and not instant.lacks_offset(text):
            right.discard(text)
            yield Breach(element, "Такой даты или такого времени не бывает.", value=_shown(element, text))


def date_offset(subject: Subject) -> Iterator[Breach]:
    """Demand an offset with every time; the creation time is judged where it is read."""
    for element, text in subject.once(_dates):
        if element.getparent() is not subject.markup.root and instant.lacks_offset(text):
            yield Breach(element, "Время указано без часового пояса.", value=_shown(element, text))


def not_from_the_future(subject: Subject) -> Iterator[Breach]:
    """Demand that a document is not created after it is handed over."""
    created = subject.document.created_at
    if created is not None and created > subject.at + SKEW:
        yield Breach(
            subject.find(f"{H}effectiveTime"),
            "Дата создания документа позже времени его передачи.",
            value=subject.document.created_text[:24],
        )


def born_before_creation(subject: Subject) -> Iterator[Breach]:
    """Demand that a patient is born before the document is created."""
    born, created = instant.calendar_day(subject.document.patient.birth_date), subject.document.created_at
    if born is not None and created is not None and born > created.date():
        yield Breach(
            subject.find(f"{PATIENT}/{H}birthTime"),
            "Дата рождения пациента позже даты создания документа.",
        )


def issued_before_creation(subject: Subject) -> Iterator[Breach]:
    """Demand that an identity document is issued before the document is created, and after the birth."""
    element = subject.find(f"{ROLE}/{IDY}IdentityDoc/{IDY}IssueDate")
    issued, born = (
        instant.calendar_day(text)
        for text in (value_of(element, "value"), subject.document.patient.birth_date)
    )
    if _is_after(value_of(element, "value"), subject.document):
        yield Breach(element, "Документ, удостоверяющий личность, выдан позже, чем создан документ.")
    elif (
        issued
        and born
        and issued < born
        and not _is_after(subject.document.patient.birth_date, subject.document)
    ):
        yield Breach(element, "Документ, удостоверяющий личность, выдан раньше, чем родился пациент.")


def service_before_creation(subject: Subject) -> Iterator[Breach]:
    """Demand that a document is created after what it tells of."""
    paths = (
        f"{EVENT}/{H}effectiveTime",
        f"{EVENT}/{H}effectiveTime/{H}low",
        f"{EVENT}/{H}effectiveTime/{H}high",
        f"{ENCOUNTER}/{H}effectiveTime/{H}low",
    )
    for path in paths:
        element = subject.find(path)
        if _is_after(value_of(element, "value"), subject.document):
            yield Breach(
                element,
                "Помощь оказана позже, чем создан документ о ней.",
                value=value_of(element, "value")[:24],
            )


def service_period(subject: Subject) -> Iterator[Breach]:
    """Demand that a service and a case of care begin before they end."""
    for path in (EVENT, ENCOUNTER):
        low = subject.find(f"{path}/{H}effectiveTime/{H}low")
        high = subject.find(f"{path}/{H}effectiveTime/{H}high")
        begin, end = instant.moment(value_of(low, "value")), instant.moment(value_of(high, "value"))
        if begin is None or end is None:
            continue
        whole_days = not (
            instant.has_time(value_of(low, "value")) and instant.has_time(value_of(high, "value"))
        )
        if (begin.date() > end.date()) if whole_days else (begin > end):
            yield Breach(high, "Окончание помощи раньше её начала.", value=value_of(high, "value")[:24])


def _dates(subject: Subject) -> Iterator[tuple[Element, str]]:
    for element in subject.of(*_POINTS):
        text = element.get("value", "")
        if text:
            yield element, text


def _is_after(text: str, document: CanonicalDocument) -> bool:
    """Tell whether a point in time is later than the creation: to the minute where both say it, else by days of the document's offset."""
    created, found = document.created_at, instant.moment(text)
    if created is None or found is None:
        return False
    if instant.has_time(text) and instant.has_time(document.created_text):
        return found.replace(second=0) > created
    day = found.astimezone(created.tzinfo).date() if instant.has_time(text) else found.date()
    return day > created.date()


def _shown(element: Element, text: str) -> str | None:
    return shown(str(element.tag).rpartition("}")[2], "value", text)


RULES: Final = (
    Rule(
        name="business.date_form",
        title="Даты записаны в форме HL7: ГГГГММДД или ГГГГММДДЧЧММ±ЧЧММ",
        source=Source.OWN,
        why="Тип TS стандарта HL7 CDA; где у вида есть XSD, его проверяет и она",
        fix="Пишите дату как 20260615, дату со временем как 202606151030+0300, без дефисов, точек и двоеточий. Исправляется в выгрузке МИС.",
        check=date_form,
    ),
    Rule(
        name="business.date_impossible",
        title="Дата существует в календаре",
        source=Source.OWN,
        why="Наша проверка: шаблон XSD принимает и 30 февраля",
        fix="Исправьте дату в МИС: проверьте день, месяц и время.",
        who=Responsible.CLINIC,
        check=date_impossible,
    ),
    Rule(
        name="business.date_offset",
        title="У времени указан часовой пояс",
        source=Source.OWN,
        why="Руководства: если указано время, пояс обязателен; для видов без такого правила — наше расширение",
        fix="Допишите часовой пояс клиники, например 202606151030+0300.",
        check=date_offset,
    ),
    Rule(
        name="business.created_in_future",
        title="Документ создан не позже, чем передан",
        source=Source.SEEN,
        why="НСИ 1.2.643.5.1.13.13.99.2.305: «Дата создания документа больше даты регистрации»",
        fix="Проверьте часы и часовой пояс сервера МИС. В effectiveTime пишется время создания документа.",
        remd_code="WRONG_CREATION_DATE",
        check=not_from_the_future,
    ),
    Rule(
        name="business.birth_date",
        title="Пациент родился раньше, чем создан документ",
        source=Source.OWN,
        why="Наша проверка",
        fix="Исправьте дату рождения пациента в МИС.",
        who=Responsible.CLINIC,
        check=born_before_creation,
    ),
    Rule(
        name="business.issue_date",
        title="Документ личности выдан после рождения и до создания документа",
        source=Source.OWN,
        why="Наша проверка",
        fix="Сверьте дату выдачи с паспортом и исправьте её в карточке пациента.",
        who=Responsible.CLINIC,
        check=issued_before_creation,
    ),
    Rule(
        name="business.service_after_creation",
        title="Помощь оказана не позже, чем создан документ",
        source=Source.OWN,
        why="Наша проверка; дни считаются в часовом поясе самого документа",
        fix="Исправьте даты приёма в МИС. Если приём ещё не закончен, сформируйте документ после него.",
        who=Responsible.CLINIC,
        check=service_before_creation,
    ),
    Rule(
        name="business.service_period",
        title="Помощь начинается раньше, чем заканчивается",
        source=Source.OWN,
        why="Наша проверка",
        fix="Исправьте даты начала и окончания приёма в МИС.",
        who=Responsible.CLINIC,
        check=service_period,
    ),
)
"""Every rule of the theme."""
