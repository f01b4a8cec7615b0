"""Organisations: is the clinic named by an OID of ФРМО, everywhere the same, with its own department and licence?"""

from collections.abc import Iterator
from typing import Final

from broker.document.cda import LICENCE_ROOT
from broker.document.finding import Responsible, Source
from broker.document.identity import is_clinic_oid
from broker.validation.business.places import (
    AUTHOR_ORGANIZATION,
    CUSTODIAN,
    IDY,
    PROVIDER,
    SIGNER_ORGANIZATION,
    H,
    text_of,
    value_of,
)
from broker.validation.business.rule import Breach, Rule, Subject

_THIRD_PARTY: Final = "1.2.643.5.1.13.3.25."
"""Root of organisations that have no node of their own in ФРМО (semd.md §2.2)."""
_OTHERS: Final = (CUSTODIAN, AUTHOR_ORGANIZATION, SIGNER_ORGANIZATION)
_LONGEST: Final = 80


def clinic_oid(subject: Subject) -> Iterator[Breach]:
    """Demand an OID of ФРМО."""
    oid = subject.document.organization.oid
    if oid and not is_clinic_oid(oid) and not oid.startswith(_THIRD_PARTY):
        yield Breach(
            subject.at_path(f"{PROVIDER}/{H}id"),
            "OID медицинской организации не похож на OID из ФРМО.",
            value=oid[:_LONGEST],
            expected="1.2.643.5.1.13.13.12.2.<регион>.<номер>",
        )


def one_clinic(subject: Subject) -> Iterator[Breach]:
    """Demand one organisation throughout; where the submission names the clinic, that is compared instead."""
    oid = subject.document.organization.oid
    for path in _OTHERS if oid and not subject.facts.clinic else ():
        element = subject.find(f"{path}/{H}id")
        other = value_of(element, "root")
        if other and other != oid:
            yield Breach(
                element,
                "Организация здесь не та, что в providerOrganization.",
                value=other[:_LONGEST],
                expected=oid[:_LONGEST],
            )


def own_department(subject: Subject) -> Iterator[Breach]:
    """Demand that a department's OID lies under the clinic's."""
    for path in (PROVIDER, *_OTHERS):
        for element in subject.all(f"{path}/{H}id"):
            oid, department = element.get("root", ""), element.get("extension", "")
            if oid == LICENCE_ROOT or not department or department.startswith(f"{oid}.0."):
                continue
            yield Breach(
                element,
                "OID подразделения не относится к этой организации.",
                value=department[:_LONGEST],
                expected=f"{oid[:_LONGEST]}.0.<номер>",
            )


def entrepreneur_licence(subject: Subject) -> Iterator[Breach]:
    """Demand the licence of an entrepreneur."""
    number = subject.find(f"{PROVIDER}/{IDY}Props/{IDY}Ogrnip")
    if text_of(number) and not subject.document.organization.licence:
        yield Breach(subject.at_path(PROVIDER), "У предпринимателя не указана лицензия.")


def organization_name(subject: Subject) -> Iterator[Breach]:
    """Demand the name of the clinic."""
    if subject.document.organization.oid and not subject.document.organization.name:
        yield Breach(
            subject.at_path(f"{PROVIDER}/{H}name"), "Не указано наименование медицинской организации."
        )


RULES: Final = (
    Rule(
        name="business.clinic_oid",
        title="OID организации имеет вид OID из ФРМО",
        source=Source.OWN,
        why="Справочник 1.2.643.5.1.13.13.11.1461: 1.2.643.5.1.13.13.12.2.* и 12.4.*; у сторонних организаций 1.2.643.5.1.13.3.25.*",
        fix="Запишите в providerOrganization/id/@root OID организации из ФРМО. Он задаётся в настройках МИС.",
        remd_code="ORG_NOT_FOUND_IN_FRMO",
        check=clinic_oid,
    ),
    Rule(
        name="business.one_clinic",
        title="Организация одна и та же во всём документе",
        source=Source.SEEN,
        why="Перекрёстные проверки РЭМД: МО и подразделение в providerOrganization, representedOrganization, representedCustodianOrganization",
        fix="Запишите здесь тот же OID, что в providerOrganization/id/@root. Проверьте карточку организации и карточку сотрудника в МИС.",
        remd_code="VALIDATION_ERROR",
        check=one_clinic,
    ),
    Rule(
        name="business.own_department",
        title="OID подразделения начинается с OID организации",
        source=Source.OWN,
        why="Справочник 1.2.643.5.1.13.13.99.2.114: <OID организации>.0.<номер>",
        fix="Запишите OID подразделения из ФРМО: <OID организации>.0.<номер>. Исправляется в карточке подразделения в МИС.",
        remd_code="NO_DEPARTMENT",
        check=own_department,
    ),
    Rule(
        name="business.entrepreneur_licence",
        title="У предпринимателя указана лицензия",
        source=Source.OWN,
        why="Руководства с редакции 4: лицензия обязательна для ИП; для остальных видов — наше расширение",
        fix='Добавьте в providerOrganization id с root="1.2.643.5.1.13.2.1.1.1504.101", номером лицензии в @extension и тем, кто её выдал, в @assigningAuthorityName.',
        check=entrepreneur_licence,
    ),
    Rule(
        name="business.organization_name",
        title="Указано наименование организации",
        source=Source.OWN,
        why="Руководства: name обязательно; для видов без такого правила — наше расширение",
        fix="Запишите в providerOrganization/name наименование организации или фамилию, имя и отчество предпринимателя.",
        who=Responsible.CLINIC,
        check=organization_name,
    ),
)
"""Every rule of the theme."""
