"""Who pays: do the source of payment, the ground document and the policy agree (semd.md §2.8)?"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml.etree import _Element as Element

from broker.document import instant
from broker.document.finding import Responsible, Source
from broker.validation.business.places import IDY, ROLE, H, is_null, value_of
from broker.validation.business.rule import Breach, Rule, Subject

_SOURCES: Final = "1.2.643.5.1.13.13.11.1039"
"""Источники оплаты медицинской помощи."""
_OMS: Final = "1"
_GROUNDS: Final = {"1": "1", "3": "2", "4": "3", "5": "3", "6": "3"}
"""Source of payment → type of ground (99.2.724): ОМС policy, ДМС policy, contract. That 4–6 mean a contract is our reading."""
_BUDGET: Final = frozenset({"8", "9", "10", "11", "12"})
_GROUND_NAMES: Final = {"1": "полис ОМС", "2": "полис ДМС", "3": "договор"}
_WHY: Final = "Правила участника IND из руководства вида 290; для остальных видов — наше расширение"


class Payer(NamedTuple):
    """A payer's participant: the entity, its source of payment (11.1039) and its ground document."""

    entity: Element
    source: str
    ground: Element | None


def ground_missing(subject: Subject) -> Iterator[Breach]:
    """Demand a ground document for payment by ОМС, ДМС and paid sources."""
    for payer in subject.once(_payers):
        if payer.source in _GROUNDS and (payer.ground is None or is_null(payer.ground)):
            yield Breach(
                payer.entity if payer.ground is None else payer.ground,
                "Источник оплаты требует документа-основания (identity:DocInfo), а его нет.",
            )


def ground_needless(subject: Subject) -> Iterator[Breach]:
    """Demand that budget sources have no ground document, and say so."""
    for payer in subject.once(_payers):
        if payer.source in _BUDGET and payer.ground is not None and not is_null(payer.ground):
            yield Breach(payer.ground, "Оплата из бюджета, а документ-основание (identity:DocInfo) заполнен.")


def ground_type(subject: Subject) -> Iterator[Breach]:
    """Demand that the ground is of the type the source of payment speaks of."""
    for payer in subject.once(_payers):
        kind = None if payer.ground is None else payer.ground.find(f"{IDY}IdentityDocType")
        code, wanted = value_of(kind, "code"), _GROUNDS.get(payer.source)
        if code and wanted and code in _GROUND_NAMES and code != wanted:
            yield Breach(
                kind,
                "Тип документа-основания не подходит к источнику оплаты.",
                value=code,
                expected=f"{wanted} ({_GROUND_NAMES[wanted]})",
            )


def policy_type(subject: Subject) -> Iterator[Breach]:
    """Demand the type of an ОМС policy with ОМС, and nullFlavor NA otherwise."""
    for payer in subject.once(_payers):
        kind = None if payer.ground is None else payer.ground.find(f"{IDY}InsurancePolicyType")
        if kind is None or payer.source not in _GROUNDS:
            continue
        if payer.source == _OMS and not value_of(kind, "code"):
            yield Breach(
                kind,
                "Оплата по ОМС, а вид полиса в документе-основании не указан.",
                "Запишите в identity:InsurancePolicyType вид полиса по справочнику 1.2.643.5.1.13.13.11.1035.",
            )
        elif payer.source != _OMS and value_of(kind, "code"):
            yield Breach(kind, "Оплата не по ОМС, а в документе-основании указан вид полиса ОМС.")


def ground_period(subject: Subject) -> Iterator[Breach]:
    """Demand that the ground document begins before it ends."""
    for low, high in subject.once(_periods):
        begin, end = (
            instant.calendar_day(value_of(low, "value")),
            instant.calendar_day(value_of(high, "value")),
        )
        if begin and end and begin > end:
            yield Breach(high, "Документ-основание оплаты заканчивается раньше, чем начинается.")


def ground_expired(subject: Subject) -> Iterator[Breach]:
    """Demand that the ground document is in force when the document is created."""
    created = subject.document.created_at
    for low, high in subject.once(_periods):
        begin, end = (
            instant.calendar_day(value_of(low, "value")),
            instant.calendar_day(value_of(high, "value")),
        )
        if created is None or (begin and end and begin > end):
            continue
        if end and end < created.date():
            yield Breach(high, "Документ-основание оплаты закончился до создания документа.")
        elif begin and begin > created.date():
            yield Breach(low, "Документ-основание оплаты начинается после создания документа.")


def policy_absent(subject: Subject) -> Iterator[Breach]:
    """Demand the patient's policy when ОМС pays."""
    if (
        any(payer.source == _OMS for payer in subject.once(_payers))
        and subject.document.patient.policy is None
    ):
        yield Breach(
            subject.at_path(f"{ROLE}/{IDY}InsurancePolicy"), "Платит ОМС, а полиса пациента в документе нет."
        )


def _payers(subject: Subject) -> Iterator[Payer]:
    below = subject.outline.first_below
    for participant in subject.all(f"{H}participant"):
        entity = below(participant, f"{H}associatedEntity") if participant.get("typeCode") == "IND" else None
        code = None if entity is None else below(entity, f"{H}code")
        if entity is not None and value_of(code, "codeSystem") == _SOURCES:
            yield Payer(entity, value_of(code, "code"), below(entity, f"{IDY}DocInfo"))


def _periods(subject: Subject) -> Iterator[tuple[Element | None, Element | None]]:
    for payer in subject.once(_payers):
        period = None if payer.ground is None else payer.ground.find(f"{IDY}effectiveTime")
        if period is not None:
            yield period.find(f"{IDY}low"), period.find(f"{IDY}high")


RULES: Final = (
    Rule(
        name="business.ground_missing",
        title="Для ОМС, ДМС и платных услуг передан документ-основание",
        source=Source.OWN,
        why=_WHY,
        fix="Передайте identity:DocInfo: тип документа, номер, ИНН и срок действия полиса или договора. Проверьте, что договор привязан к приёму в МИС.",
        check=ground_missing,
    ),
    Rule(
        name="business.ground_needless",
        title="При оплате из бюджета документ-основание не заполняется",
        source=Source.OWN,
        why=_WHY,
        fix='Передайте <identity:DocInfo nullFlavor="NA"/> или исправьте источник оплаты в МИС.',
        check=ground_needless,
    ),
    Rule(
        name="business.ground_type",
        title="Тип документа-основания подходит к источнику оплаты",
        source=Source.OWN,
        why=f"{_WHY}; справочник 1.2.643.5.1.13.13.99.2.724",
        fix="Исправьте источник оплаты или документ-основание: для ОМС нужен полис ОМС (1), для ДМС полис ДМС (2), для платных услуг договор (3).",
        who=Responsible.CLINIC,
        check=ground_type,
    ),
    Rule(
        name="business.policy_type",
        title="Вид полиса указан только при оплате по ОМС",
        source=Source.OWN,
        why=_WHY,
        fix='Передайте <identity:InsurancePolicyType nullFlavor="NA"/> или исправьте источник оплаты в МИС.',
        check=policy_type,
    ),
    Rule(
        name="business.ground_period",
        title="Срок документа-основания начинается раньше, чем заканчивается",
        source=Source.OWN,
        why="Наша проверка",
        fix="Исправьте даты начала и конца договора или полиса в МИС.",
        who=Responsible.CLINIC,
        check=ground_period,
    ),
    Rule(
        name="business.ground_expired",
        title="Документ-основание действует в день создания документа",
        source=Source.OWN,
        why="Наша проверка",
        fix="Выберите в МИС договор или полис, который действовал в день приёма, либо исправьте его срок.",
        who=Responsible.CLINIC,
        check=ground_expired,
    ),
    Rule(
        name="business.policy_absent",
        title="При оплате по ОМС передан полис пациента",
        source=Source.OWN,
        why="Наша проверка: XSD и Schematron пропускают полис с nullFlavor",
        fix="Внесите полис пациента в карточку МИС: он передаётся в identity:InsurancePolicy.",
        who=Responsible.CLINIC,
        check=policy_absent,
    ),
)
"""Every rule of the theme."""
