"""The business layer: check digits, phones, dates and what the kind demands of the patient; rules no schema states.

Each rule is a named function. Rules of dictionary 1520 and of РЭМД's own check list block; check digits and the form
of phones are our extension to all kinds (official samples themselves hold СНИЛС with wrong check digits) and warn.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
from lxml.etree import _Element as Element

from broker.document.canonical import CanonicalDocument
from broker.document.cda import SNILS_ROOT
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.identity import is_enp, is_inn, is_ogrn, is_snils, snils_digits
from broker.document.instant import calendar_day
from broker.document.kind import KindCard, PatientInfo
from broker.document.markup import CDA, IDENTITY, Markup
from broker.validation.report import LayerRun, shown

MAX_PER_RULE: Final = 20
"""Findings one rule may make of one document."""
SKEW: Final = timedelta(minutes=5)
"""How far a clinic's clock may run ahead of ours before a creation time counts as future."""
_H: Final = f"{{{CDA}}}"
_I: Final = f"{{{IDENTITY}}}"
_PHONE: Final = re.compile(r"tel:\+?[-0-9().]+")
_MAIL: Final = re.compile(r"mailto:.+@.+\..+")
_NAME: Final = re.compile(r"[А-Яа-яЁёA-Za-z][А-Яа-яЁёA-Za-z'’ʼ.\- ()]*")
_EMPLOYER_NUMBER: Final = "8085"
"""Field of 99.2.166: ИНН or ОГРН of the employer."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule may look at; ``card`` is None for an unknown kind."""

    markup: Markup
    document: CanonicalDocument
    card: KindCard | None
    at: datetime


Rule = Callable[[Subject], Iterator[Finding]]


def check(subject: Subject) -> tuple[tuple[Finding, ...], LayerRun]:
    """Apply every rule."""
    found = tuple(finding for rule in RULES for finding in islice(rule(subject), MAX_PER_RULE))
    return found, LayerRun(ran=True, rules=len(RULES), evaluated=len(RULES))


def snils_check_digits(subject: Subject) -> Iterator[Finding]:
    """Demand that every СНИЛС has eleven digits and a right check number."""
    for element in subject.markup.root.iter(f"{_H}id"):
        text = element.get("extension", "")
        if element.get("root") == SNILS_ROOT and text and not is_snils(text):
            eleven = re.fullmatch(r"\d{11}", snils_digits(text)) is not None
            yield _warning(
                "business.snils_checksum" if eleven else "business.snils_form",
                "Контрольное число СНИЛС не сходится."
                if eleven
                else "СНИЛС записан не одиннадцатью цифрами.",
                "Сверьте СНИЛС с документом человека и исправьте его в МИС.",
                _place(subject, element),
                value=shown("id", "extension", text),
                responsible=Responsible.CLINIC,
            )


def ogrn_check_digits(subject: Subject) -> Iterator[Finding]:
    """Demand that ОГРН and ОГРНИП have their length and check digit; a frequent fault is an ИНН in their place."""
    for element in subject.markup.root.iter(f"{_I}Ogrn", f"{_I}Ogrnip"):
        text = (element.text or "").strip()
        length = 13 if element.tag == f"{_I}Ogrn" else 15
        if not text or (len(text) == length and is_ogrn(text)):
            continue
        name = "ОГРН" if length == 13 else "ОГРНИП"
        mistaken = " Похоже, вместо него указан ИНН." if is_inn(text) else ""
        yield _warning(
            "business.ogrn",
            f"{name} организации неверен: не та длина или контрольная цифра.{mistaken}",
            f"Запишите {name} из {length} цифр по выписке из ЕГРЮЛ или ЕГРИП.",
            _place(subject, element),
            value=shown("identity:Ogrn", "", text),
            responsible=Responsible.CLINIC,
        )


def inn_check_digits(subject: Subject) -> Iterator[Finding]:
    """Demand that an ИНН has ten or twelve digits and right check digits."""
    for element in subject.markup.root.iter(f"{_I}INN"):
        text = (element.text or "").strip()
        if text and not is_inn(text):
            yield _bad_inn(subject, element)


def employer_check_digits(subject: Subject) -> Iterator[Finding]:
    """Demand that the employer of a medical examination is named by a right ИНН or ОГРН."""
    for code in subject.markup.root.iter(f"{_H}code"):
        if code.get("code") != _EMPLOYER_NUMBER:
            continue
        parent = code.getparent()
        value = None if parent is None else parent.find(f"{_H}value")
        text = "" if value is None else (value.text or "").strip()
        if value is not None and text and not is_inn(text) and not is_ogrn(text):
            yield _bad_inn(subject, value)


def policy_check_digit(subject: Subject) -> Iterator[Finding]:
    """Demand that a policy number of sixteen digits is a ЕНП and has its check digit (rule recalled, not seen)."""
    for element in subject.markup.root.iterfind(
        f"{_H}recordTarget/{_H}patientRole/{_I}InsurancePolicy/{_I}Number"
    ):
        text = (element.text or "").strip()
        if len(text) == 16 and not is_enp(text):
            yield _warning(
                "business.enp",
                "Контрольная цифра единого номера полиса (ЕНП) не сходится.",
                "Сверьте номер полиса с выпиской пациента и исправьте его в МИС.",
                _place(subject, element),
                value=shown("identity:Number", "", text),
                responsible=Responsible.CLINIC,
            )


def contact_form(subject: Subject) -> Iterator[Finding]:
    """Demand that phones and addresses of mail have the form of the guides; many official Schematrons do not check it."""
    for element in subject.markup.root.iter(f"{_H}telecom"):
        text = element.get("value", "")
        if text.startswith(("fax:", "http:", "https:")) or _PHONE.fullmatch(text) or _MAIL.fullmatch(text):
            continue
        if text:
            yield _warning(
                "business.contact_form",
                "Контакт записан не в той форме.",
                "Телефон: tel:+79991234567, без пробелов и слов; почта: mailto:имя@домен.",
                _place(subject, element),
                value=shown("telecom", "value", text),
                expected="tel:+7XXXXXXXXXX или mailto:имя@домен",
            )


def separate_roots(subject: Subject) -> Iterator[Finding]:
    """Demand that the document's id and its set lie under different roots (guides: ``.51`` and ``.50``)."""
    document = subject.document
    if document.document_id.root and document.document_id.root == document.set_id.root:
        yield _finding(
            "business.set_id_root",
            "id и setId документа имеют один и тот же корень (@root).",
            "Корень id заканчивается на .51, корень setId на .50: это разные множества идентификаторов.",
            _place(subject, subject.markup.root.find(f"{_H}setId")),
            value=document.set_id.root[:120],
            source=Source.SEEN,
            remd_code="VALIDATION_ERROR",
        )


def not_from_the_future(subject: Subject) -> Iterator[Finding]:
    """Demand that a document is not created after it is handed over (WRONG_CREATION_DATE)."""
    created = subject.document.created_at
    if created is not None and created > subject.at + SKEW:
        yield _finding(
            "business.created_in_future",
            "Дата создания документа позже времени его передачи.",
            "Проверьте часы и часовой пояс сервера МИС: effectiveTime должно быть временем создания.",
            _place(subject, subject.markup.root.find(f"{_H}effectiveTime")),
            value=subject.document.created_text[:24],
            source=Source.SEEN,
            remd_code="WRONG_CREATION_DATE",
        )


def born_before_creation(subject: Subject) -> Iterator[Finding]:
    """Demand that a patient is born before the document is created."""
    born, created = calendar_day(subject.document.patient.birth_date), subject.document.created_at
    if born is not None and created is not None and born > created.date():
        yield _warning(
            "business.birth_date",
            "Дата рождения пациента позже даты создания документа.",
            "Исправьте дату рождения пациента в МИС.",
            _place(
                subject,
                subject.markup.root.find(f"{_H}recordTarget/{_H}patientRole/{_H}patient/{_H}birthTime"),
            ),
            responsible=Responsible.CLINIC,
        )


def names_hold_letters(subject: Subject) -> Iterator[Finding]:
    """Demand that names hold letters and the marks names have; РЭМД answers «Недопустимые символы в имени» (its set is not public)."""
    name = subject.document.patient.name
    if any(part and _NAME.fullmatch(part) is None for part in (name.family, name.given, name.patronymic)):
        yield _warning(
            "business.name_characters",
            "В имени пациента есть цифры или знаки, которых в именах не бывает.",
            "Уберите из фамилии, имени и отчества цифры, кавычки и служебные пометки.",
            _place(
                subject, subject.markup.root.find(f"{_H}recordTarget/{_H}patientRole/{_H}patient/{_H}name")
            ),
            responsible=Responsible.CLINIC,
        )


def patient_as_demanded(subject: Subject) -> Iterator[Finding]:
    """Demand that the kind's demand on the patient is met (1520.PATIENT_INFO)."""
    demand = PatientInfo.OPTIONAL if subject.card is None else subject.card.patient_info
    role = subject.markup.root.find(f"{_H}recordTarget/{_H}patientRole")
    if demand is PatientInfo.SNILS and not subject.document.patient.snils:
        yield _finding(
            "business.snils_required",
            "Для этого вида документа СНИЛС пациента обязателен.",
            'Запишите СНИЛС пациента: recordTarget/patientRole/id с root="1.2.643.100.3" и 11 цифрами.',
            _place(subject, role),
            source=Source.OFFICIAL,
            remd_code="NO_SNILS",
            responsible=Responsible.CLINIC,
        )
    if demand is not PatientInfo.OPTIONAL and not subject.document.patient.name.family:
        yield _finding(
            "business.patient_required",
            "Для этого вида документа сведения о пациенте обязательны, а фамилии пациента нет.",
            "Запишите пациента в recordTarget/patientRole/patient: фамилию, имя, пол и дату рождения.",
            _place(subject, role),
            source=Source.OFFICIAL,
            remd_code="PATIENT_OCCURRENCE_MISMATCH",
            responsible=Responsible.CLINIC,
        )


RULES: Final[tuple[Rule, ...]] = (
    snils_check_digits,
    ogrn_check_digits,
    inn_check_digits,
    employer_check_digits,
    policy_check_digit,
    contact_form,
    separate_roots,
    not_from_the_future,
    born_before_creation,
    names_hold_letters,
    patient_as_demanded,
)
"""Every rule of the layer."""


def _bad_inn(subject: Subject, element: Element) -> Finding:
    return _warning(
        "business.inn",
        "ИНН или ОГРН неверен: не та длина или контрольные цифры.",
        "ИНН организации 10 цифр, человека или предпринимателя 12, ОГРН 13: сверьте с договором.",
        _place(subject, element),
        value=shown("identity:INN", "", (element.text or "").strip()),
        responsible=Responsible.CLINIC,
    )


def _place(subject: Subject, element: Element | None) -> Location | None:
    return None if element is None else subject.markup.locate(element)


def _warning(
    code: str,
    message: str,
    fix: str,
    location: Location | None,
    *,
    value: str | None = None,
    expected: str | None = None,
    responsible: Responsible = Responsible.MIS,
) -> Finding:
    return Finding(
        layer=Layer.BUSINESS,
        severity=Severity.WARNING,
        code=code,
        message=message,
        fix=fix,
        location=location,
        value=value,
        expected=expected,
        responsible=responsible,
        source=Source.OWN,
    )


def _finding(
    code: str,
    message: str,
    fix: str,
    location: Location | None,
    *,
    source: Source,
    remd_code: str,
    value: str | None = None,
    responsible: Responsible = Responsible.MIS,
) -> Finding:
    return Finding(
        layer=Layer.BUSINESS,
        severity=Severity.ERROR,
        code=code,
        message=message,
        fix=fix,
        location=location,
        value=value,
        responsible=responsible,
        source=source,
        remd_code=remd_code,
    )
