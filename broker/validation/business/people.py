"""People: what does the kind demand of the patient, and do names look like names?"""

import re
from collections.abc import Iterator
from typing import Final

from lxml.etree import _Element as Element

from broker.document.finding import Responsible, Source
from broker.document.kind import PatientInfo
from broker.validation.business.places import IDY, PATIENT, ROLE, H, is_null, staff, text_of
from broker.validation.business.rule import Breach, Rule, Subject

_NAME: Final = re.compile(r"[А-Яа-яЁёA-Za-z][А-Яа-яЁёA-Za-z'’ʼ.\- ()]*")
_SHORTEST_SHOUT: Final = 3
_PARTS: Final = (f"{H}family", f"{H}given", f"{IDY}Patronymic")


def snils_required(subject: Subject) -> Iterator[Breach]:
    """Demand the patient's СНИЛС where the kind does (1520.PATIENT_INFO)."""
    if _demand(subject) is PatientInfo.SNILS and not subject.document.patient.snils:
        yield Breach(subject.at_path(ROLE), "Для этого вида документа СНИЛС пациента обязателен.")


def patient_required(subject: Subject) -> Iterator[Breach]:
    """Demand the patient where the kind does (1520.PATIENT_INFO)."""
    if _demand(subject) is not PatientInfo.OPTIONAL and not subject.document.patient.name.family:
        yield Breach(
            subject.at_path(ROLE),
            "Для этого вида документа сведения о пациенте обязательны, а фамилии пациента нет.",
        )


def given_required(subject: Subject) -> Iterator[Breach]:
    """Demand the patient's given name, unless the document says that it is unknown."""
    name = subject.document.patient.name
    given = subject.find(f"{PATIENT}/{H}name/{H}given")
    if _demand(subject) is not PatientInfo.OPTIONAL and name.family and not name.given and not is_null(given):
        yield Breach(subject.at_path(f"{PATIENT}/{H}name/{H}given"), "У пациента не указано имя.")


def identified(subject: Subject) -> Iterator[Breach]:
    """Demand a СНИЛС or an identity document: without both nobody can be found in ГИП."""
    patient = subject.document.patient
    if patient.name.family and not patient.snils and patient.identity_document is None:
        yield Breach(
            subject.at_path(f"{ROLE}/{IDY}IdentityDoc"), "У пациента нет ни СНИЛС, ни документа личности."
        )


def patient_name_characters(subject: Subject) -> Iterator[Breach]:
    """Demand that names hold letters and the marks names have; the set of РЭМД is not public."""
    for part, text in subject.once(_patient_names):
        if _NAME.fullmatch(text) is None:
            yield Breach(part, "В имени пациента есть цифры или знаки, которых в именах не бывает.")


def staff_name_characters(subject: Subject) -> Iterator[Breach]:
    """Demand the same of those who sign."""
    for part, text in subject.once(_staff_names):
        if _NAME.fullmatch(text) is None:
            yield Breach(part, "В имени сотрудника есть цифры или знаки, которых в именах не бывает.")


def name_case(subject: Subject) -> Iterator[Breach]:
    """Demand that names are not written in capitals: ГИП and certificates hold «Иванов»."""
    for part, text in [*subject.once(_patient_names), *subject.once(_staff_names)]:
        if len(text) >= _SHORTEST_SHOUT and text.isupper():
            yield Breach(part, "Фамилия, имя или отчество записаны одними заглавными буквами.")


def _demand(subject: Subject) -> PatientInfo:
    return PatientInfo.OPTIONAL if subject.card is None else subject.card.patient_info


def _patient_names(subject: Subject) -> Iterator[tuple[Element, str]]:
    return _name_parts(subject.find(f"{PATIENT}/{H}name"))


def _staff_names(subject: Subject) -> Iterator[tuple[Element, str]]:
    for person in subject.once(staff):
        yield from _name_parts(subject.outline.first_below(person, f"{H}assignedPerson/{H}name"))


def _name_parts(name: Element | None) -> Iterator[tuple[Element, str]]:
    """Yield the parts of a name that are written, with what they say."""
    found = () if name is None else name.iterchildren(*_PARTS)
    return ((part, text) for part in found if (text := text_of(part)))


RULES: Final = (
    Rule(
        name="business.snils_required",
        title="СНИЛС пациента указан, если его требует вид документа",
        source=Source.OFFICIAL,
        why="Справочник 1.2.643.5.1.13.13.11.1520, PATIENT_INFO",
        fix='Внесите СНИЛС пациента в карточку МИС: recordTarget/patientRole/id с root="1.2.643.100.3" и 11 цифрами.',
        who=Responsible.CLINIC,
        remd_code="NO_SNILS",
        check=snils_required,
    ),
    Rule(
        name="business.patient_required",
        title="Пациент указан, если его требует вид документа",
        source=Source.OFFICIAL,
        why="Справочник 1.2.643.5.1.13.13.11.1520, PATIENT_INFO",
        fix="Запишите пациента в recordTarget/patientRole/patient: фамилию, имя, пол и дату рождения.",
        who=Responsible.CLINIC,
        remd_code="PATIENT_OCCURRENCE_MISMATCH",
        check=patient_required,
    ),
    Rule(
        name="business.given_required",
        title="Имя пациента указано",
        source=Source.OFFICIAL,
        why="НСИ 1.2.643.5.1.13.13.99.2.305: «Имя пациента в составе сведений о пациенте обязательно»",
        fix="Заполните имя в карточке пациента: оно передаётся в patient/name/given.",
        who=Responsible.CLINIC,
        remd_code="PATIENT_NAME_NOT_FOUND",
        check=given_required,
    ),
    Rule(
        name="business.patient_identified",
        title="У пациента указан СНИЛС или документ личности",
        source=Source.OWN,
        why="Наша проверка: XSD и Schematron пропускают документ личности с nullFlavor",
        fix="Внесите в карточку пациента СНИЛС или паспорт. По имени и дате рождения государственная система может его не найти.",
        who=Responsible.CLINIC,
        check=identified,
    ),
    Rule(
        name="business.name_characters",
        title="В имени пациента только буквы и знаки имён",
        source=Source.OWN,
        why="РЭМД отвечает «Недопустимые символы в имени»; его набор знаков не опубликован",
        fix="Уберите из фамилии, имени и отчества цифры, кавычки и служебные пометки.",
        who=Responsible.CLINIC,
        check=patient_name_characters,
    ),
    Rule(
        name="business.staff_name_characters",
        title="В имени сотрудника только буквы и знаки имён",
        source=Source.OWN,
        why="РЭМД отвечает «Недопустимые символы в имени»; его набор знаков не опубликован",
        fix="Уберите из имени сотрудника цифры, кавычки и пометки: исправьте карточку сотрудника в МИС.",
        who=Responsible.CLINIC,
        check=staff_name_characters,
    ),
    Rule(
        name="business.name_case",
        title="Имена записаны не одними заглавными буквами",
        source=Source.OWN,
        why="Имя должно совпасть с ГИП и с сертификатом, а там «Иванов»",
        fix="Пишите имя с одной заглавной буквы. Обычно так заполнена карточка в МИС: исправьте её или настройте выгрузку.",
        check=name_case,
    ),
)
"""Every rule of the theme."""
