"""Onboarding as a decision: is the form right, is the clinic free, may the application move, may the clinic become active?

Rules of the fields and the life cycle: domain sheet of the law, §8. Everything here is pure.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

from broker.document.identity import is_clinic_oid, is_inn, is_ogrn, is_oid, region_of
from broker.partners.form import ContactRole, Form
from broker.partners.papers import (
    agreement_rules,
    certificates_rules,
    instruction_rules,
    licence_rules,
    mis_rules,
    oms_rules,
)
from broker.partners.problem import Known, Problem, Severity, notice, required, wrong

_KPP: Final = re.compile(r"\d{4}[0-9A-Z]{2}\d{3}")
_REGION: Final = re.compile(r"(?!00)\d{2}")
_GAR: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KIND: Final = re.compile(r"\d{1,4}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[\d\s()-]{10,20}")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}(/\d{1,3})?")

ROLES: Final = {
    ContactRole.DIRECTOR: "руководитель",
    ContactRole.TECHNICAL: "технический специалист",
    ContactRole.SECURITY: "ответственный за информационную безопасность",
    ContactRole.PERSONAL_DATA: "ответственный за персональные данные",
}


class RegistrationStatus(StrEnum):
    """Where an application stands."""

    SUBMITTED = "submitted"
    """Waits for the operator."""
    RETURNED = "returned"
    """Sent back with a comment; the applicant mends it and submits again."""
    APPROVED = "approved"
    """The clinic is active."""
    REJECTED = "rejected"
    """Refused for good; a new application may be made."""


MOVES: Final = {
    RegistrationStatus.SUBMITTED: frozenset(RegistrationStatus),
    RegistrationStatus.RETURNED: frozenset({RegistrationStatus.SUBMITTED, RegistrationStatus.REJECTED}),
    RegistrationStatus.APPROVED: frozenset[RegistrationStatus](),
    RegistrationStatus.REJECTED: frozenset[RegistrationStatus](),
}
"""Allowed moves; staying where it is, is no move."""


def check(form: Form, known: Known) -> list[Problem]:
    """Return every problem of a form at once, those that stop the application first."""
    found = [problem for rule in RULES for problem in rule(form, known)]
    return sorted(found, key=lambda problem: list(Severity).index(problem.stops))


def of_severity(problems: list[Problem], *severities: Severity) -> list[Problem]:
    """Return the problems that stop one of these."""
    return [problem for problem in problems if problem.stops in severities]


def _oid(form: Form, _known: Known) -> Iterator[Problem]:
    if not form.oid:
        yield from required("/oid", form.oid, "OID медицинской организации по ФРМО")
    elif not is_clinic_oid(form.oid):
        yield wrong(
            "/oid",
            "oid_form",
            "OID не похож на OID медицинской организации ФРМО.",
            "Ожидается 1.2.643.5.1.13.13.12.2.<регион>.<номер> или …12.4.<регион>.<номер>, "
            "без ведущих нулей и пробелов; возьмите его из карточки организации в ФРМО.",
        )


def _names(form: Form, _known: Known) -> Iterator[Problem]:
    yield from required("/name/full", form.name.full, "полное наименование по ЕГРЮЛ (ЕГРИП)")
    yield from required("/name/short", form.name.short, "краткое наименование")
    yield from required("/name/form", form.name.form, "организационно-правовая форма")


def _numbers(form: Form, _known: Known) -> Iterator[Problem]:
    if not is_ogrn(form.ogrn):
        yield wrong(
            "/ogrn",
            "ogrn",
            "ОГРН (13 цифр) или ОГРНИП (15 цифр) не указан или не сходится контрольная цифра.",
            "Сверьте номер с выпиской из ЕГРЮЛ или ЕГРИП.",
        )
    if not is_inn(form.inn):
        yield wrong(
            "/inn",
            "inn",
            "ИНН (10 цифр, у ИП 12) не указан или не сходится контрольная цифра.",
            "Сверьте номер со свидетельством о постановке на учёт.",
        )
    elif is_ogrn(form.ogrn) and (len(form.inn) == 12) is not form.is_entrepreneur:
        yield wrong(
            "/inn",
            "inn_of_other_form",
            "ИНН и ОГРН принадлежат разным формам: у организации ИНН из 10 цифр, у ИП — из 12.",
            "Укажите ИНН и ОГРН (ОГРНИП) одного лица.",
        )
    if form.kpp and not _KPP.fullmatch(form.kpp):
        yield wrong("/kpp", "kpp", "КПП не похож на КПП: нужно 9 знаков.", "Сверьте КПП с выпиской.")
    elif form.kpp and form.is_entrepreneur:
        yield wrong("/kpp", "kpp_of_entrepreneur", "У ИП КПП не бывает.", "Уберите КПП.")
    elif not form.kpp and not form.is_entrepreneur:
        yield wrong(
            "/kpp",
            "kpp_missing",
            "Не указан КПП: по нему различаются филиалы.",
            "Укажите КПП организации или филиала; он не нужен только ИП.",
        )


def _addresses(form: Form, _known: Known) -> Iterator[Problem]:
    for name, address, what in (
        ("legalAddress", form.legal_address, "юридический адрес"),
        ("actualAddress", form.actual_address, "фактический адрес"),
    ):
        yield from required(f"/{name}/text", address.text, what)
        if address.gar and not _GAR.fullmatch(address.gar):
            yield wrong(
                f"/{name}/gar",
                "gar",
                "Код ГАР (ФИАС) — это GUID.",
                "Возьмите GUID адреса из ГАР или уберите поле.",
            )


def _units(form: Form, _known: Known) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, unit in enumerate(form.units):
        at = f"/units/{number}"
        yield from required(f"{at}/name", unit.name, "название подразделения")
        yield from required(f"{at}/address", unit.address, "адрес подразделения")
        if not is_oid(unit.oid) or not unit.oid.startswith(f"{form.oid}.0."):
            yield wrong(
                f"{at}/oid",
                "unit_oid",
                "OID подразделения не начинается с OID организации и «.0.».",
                "Ожидается <OID организации>.0.<номер>; возьмите его из ФРМО.",
            )
        elif unit.oid in seen:
            yield wrong(f"{at}/oid", "unit_repeated", "Подразделение указано дважды.", "Оставьте одно.")
        seen.add(unit.oid)


def _regions(form: Form, _known: Known) -> Iterator[Problem]:
    if not form.regions:
        yield wrong(
            "/regions",
            "regions",
            "Не указан ни один регион деятельности.",
            "Перечислите коды субъектов РФ из двух цифр, например 77.",
        )
    for number, region in enumerate(form.regions):
        if not _REGION.fullmatch(region):
            yield wrong(
                f"/regions/{number}", "region", "Код субъекта РФ — две цифры.", "Например: 77, 78, 16."
            )
    if form.regions and form.region not in form.regions:
        yield wrong(
            "/mainRegion",
            "main_region",
            "Основной регион не указан или не входит в список регионов.",
            "Назовите один из регионов списка: от него зависит региональная ГИС.",
        )
    elif form.region and is_clinic_oid(form.oid) and region_of(form.oid) != form.region:
        yield notice(
            "/mainRegion",
            "main_region_differs",
            f"Основной регион {form.region} отличается от региона в OID ({region_of(form.oid)}).",
            "Если это не филиал, проверьте OID и регион.",
        )


def _kinds(form: Form, _known: Known) -> Iterator[Problem]:
    if not form.kinds:
        yield wrong(
            "/kinds",
            "kinds",
            "Не указан ни один вид документов.",
            "Перечислите виды (коды справочника 1.2.643.5.1.13.13.11.1520), дату начала и путь.",
        )
    seen: set[str] = set()
    for number, kind in enumerate(form.kinds):
        if not _KIND.fullmatch(kind.kind):
            yield wrong(
                f"/kinds/{number}/kind",
                "kind",
                "Вид документа — числовой код справочника 1.2.643.5.1.13.13.11.1520.",
                "Например: 306.",
            )
        elif kind.kind in seen:
            yield wrong(f"/kinds/{number}/kind", "kind_repeated", "Вид указан дважды.", "Оставьте один.")
        seen.add(kind.kind)
        if kind.since is None:
            yield wrong(f"/kinds/{number}/since", "kind_since", "Нет даты начала для вида.", "Укажите дату.")


def _contacts(form: Form, _known: Known) -> Iterator[Problem]:
    roles = {contact.role for contact in form.contacts}
    for role in ContactRole:
        if role not in roles:
            yield wrong(
                "/contacts",
                "contact_missing",
                f"Не назван ответственный: {ROLES[role]}.",
                f"Добавьте контакт с role «{role}».",
            )
    for number, contact in enumerate(form.contacts):
        at = f"/contacts/{number}"
        yield from required(f"{at}/name", contact.name, "имя ответственного")
        if not contact.phone and not contact.email:
            yield wrong(at, "contact_way", "Нет ни телефона, ни почты.", "Укажите хотя бы одно.")
        if contact.phone and not _PHONE.fullmatch(contact.phone):
            yield wrong(f"{at}/phone", "phone", "Это не номер телефона.", "Например: +7 495 000-00-00.")
        if contact.email and not _EMAIL.fullmatch(contact.email):
            yield wrong(f"{at}/email", "email", "Это не адрес почты.", "Исправьте адрес.")


def _reaching(form: Form, _known: Known) -> Iterator[Problem]:
    for number, channel in enumerate(form.channels):
        yield from required(f"/channels/{number}/node", channel.node, "номер узла защищённой сети")
    if form.wishes.webhook and not form.wishes.webhook.startswith("https://"):
        yield wrong(
            "/wishes/webhook", "webhook", "Адрес webhook — только https://.", "Укажите адрес с https."
        )
    for number, address in enumerate(form.wishes.addresses):
        if not _ADDRESS.fullmatch(address):
            yield wrong(
                f"/wishes/addresses/{number}",
                "address",
                "Это не IP-адрес и не сеть.",
                "Например: 192.0.2.0/24.",
            )
    if form.wishes.documents_per_day < 0:
        yield wrong("/wishes/documentsPerDay", "quota", "Меньше нуля не бывает.", "Укажите оценку сверху.")


def _duplicates(form: Form, known: Known) -> Iterator[Problem]:
    for registration in known.registrations:
        same = registration.oid == form.oid
        if same and not registration.ours:
            yield wrong(
                "/oid",
                "open_already",
                "По этому OID уже рассматривается заявка другого заявителя.",
                "Дождитесь решения по ней или свяжитесь с оператором.",
            )
        elif not same and (registration.ogrn, registration.kpp) == (form.ogrn, form.kpp):
            yield wrong(
                "/ogrn",
                "ogrn_open_already",
                "По этим ОГРН и КПП уже рассматривается заявка с другим OID.",
                "Проверьте OID; для филиала укажите его собственный КПП.",
            )
    for clinic in known.clinics:
        if clinic.oid != form.oid:
            if (clinic.ogrn, clinic.kpp) == (form.ogrn, form.kpp):
                yield wrong(
                    "/ogrn",
                    "ogrn_connected",
                    "Организация с этими ОГРН и КПП уже подключена под другим OID.",
                    "Проверьте OID; для филиала укажите его собственный КПП.",
                )
        elif clinic.ogrn and clinic.ogrn != form.ogrn:
            yield wrong(
                "/oid",
                "oid_of_another",
                "Под этим OID подключена организация с другим ОГРН.",
                "Проверьте OID и ОГРН; если организация сменила ОГРН, свяжитесь с оператором.",
            )
        elif clinic.ours:
            yield wrong(
                "/oid",
                "connected_already",
                "Эта клиника уже подключена через вас.",
                "Изменения в карточке клиники вносит оператор.",
            )
        else:
            yield notice(
                "/oid",
                "connected_by_another",
                "Клиника уже подключена через другую МИС.",
                "Оператор уточнит у клиники, остаётся ли прежняя связь.",
            )


RULES: Final[tuple[Callable[[Form, Known], Iterator[Problem]], ...]] = (
    _oid,
    _names,
    _numbers,
    _addresses,
    _units,
    _regions,
    licence_rules,
    mis_rules,
    oms_rules,
    certificates_rules,
    _kinds,
    agreement_rules,
    instruction_rules,
    _contacts,
    _reaching,
    _duplicates,
)
"""Every rule, in the order of the form."""
