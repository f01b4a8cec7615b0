"""The header of a sample document: who, where, when, for whom, in the order of semd.md §2.1."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.samples import vocabulary
from broker.samples.cda import (
    LICENCE_ROOT,
    MINISTRY_ROOT,
    SNILS_ROOT,
    Node,
    address_of,
    clinic_contacts,
    coded,
    day,
    doctor_parts,
    element,
    instance,
    local_root,
    moment,
    name_of,
    phone,
)
from broker.samples.people import Clinic, Doctor, Patient
from broker.samples.vocabulary import Term

_DURATION: Final = timedelta(minutes=20)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one kind's header from another's."""

    kind: str
    template: str
    code: Term
    translation: Term | None
    title: str
    event: Term
    signer: bool
    """A legalAuthenticator stands in the header; kind 290 forbids it."""
    commission: bool
    """documentationOf names its performers with their roles."""
    performer_snils: bool
    """Performers carry a second id, their СНИЛС (kind 103)."""
    encounter: bool
    """componentOf names the case of care."""
    department_name: bool
    """identity:Dept names the department whose OID stands in the provider's id (kind 290)."""
    policy_series: bool
    """The patient's policy says that it has no series (kind 103)."""
    payment: Term
    """Source of payment, НСИ 11.1039 in the version the kind's schema fixes."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What one document is made of; ``created_at`` carries its offset, ``local_uid`` becomes id/@extension."""

    clinic: Clinic
    patient: Patient
    doctors: tuple[Doctor, ...]
    local_uid: str
    document_number: str
    set_id: str
    version: int
    created_at: datetime
    padding: int = 0


def header(shape: Shape, draft: Draft) -> list[Node]:
    """Return the header's elements in their fixed order."""
    parts = [
        *_identification(shape, draft),
        _record_target(shape, draft),
        _author(draft),
        _custodian(draft.clinic),
        _ministry(),
        _legal_authenticator(draft) if shape.signer else None,
        _payment(shape, draft),
        _documentation(shape, draft),
        _encounter(draft) if shape.encounter else None,
    ]
    return [part for part in parts if part is not None]


def _identification(shape: Shape, draft: Draft) -> list[Node]:
    translation = [coded("translation", shape.translation)] if shape.translation else []
    return [
        element("realmCode", code="RU"),
        element("typeId", root="2.16.840.1.113883.1.3", extension="POCD_MT000040"),
        element("templateId", root=shape.template),
        instance(local_root(draft.clinic, "51"), draft.local_uid),
        coded("code", shape.code, *translation),
        element("title", text=shape.title),
        element("effectiveTime", value=moment(draft.created_at)),
        coded("confidentialityCode", vocabulary.NORMAL),
        element("languageCode", code="ru-RU"),
        element("setId", root=local_root(draft.clinic, "50"), extension=draft.set_id),
        element("versionNumber", value=str(draft.version)),
    ]


def _record_target(shape: Shape, draft: Draft) -> Node:
    patient, clinic = draft.patient, draft.clinic
    return element(
        "recordTarget",
        element(
            "patientRole",
            instance(local_root(clinic, "10"), patient.local_id),
            instance(SNILS_ROOT, patient.snils),
            _identity_card(patient),
            element(
                "identity:InsurancePolicy",
                coded("identity:InsurancePolicyType", vocabulary.UNIFORM_POLICY),
                element("identity:Series", nullFlavor="NA") if shape.policy_series else None,
                element("identity:Number", text=patient.policy),
            ),
            address_of(patient.address, vocabulary.HOME_ADDRESS),
            phone(patient.phone, "MC"),
            element(
                "patient",
                name_of(patient.name),
                coded("administrativeGenderCode", vocabulary.GENDER[patient.gender]),
                element("birthTime", value=day(patient.born)),
            ),
            _provider(shape, clinic),
        ),
    )


def _identity_card(patient: Patient) -> Node:
    card = patient.passport
    return element(
        "identity:IdentityDoc",
        coded("identity:IdentityCardType", vocabulary.PASSPORT),
        element("identity:Series", text=card.series),
        element("identity:Number", text=card.number),
        element("identity:IssueOrgName", text=card.issuer),
        element("identity:IssueOrgCode", text=card.issuer_code),
        element("identity:IssueDate", value=day(card.issued)),
    )


def _provider(shape: Shape, clinic: Clinic) -> Node:
    licence = instance(LICENCE_ROOT, clinic.licence)
    licence.set("assigningAuthorityName", clinic.licence_issuer)
    return element(
        "providerOrganization",
        instance(clinic.oid, clinic.department),
        licence,
        element("identity:Props", element("identity:Ogrn", text=clinic.ogrn)),
        element("identity:Dept", text="Отделение профилактики") if shape.department_name else None,
        element("name", text=clinic.name),
        *clinic_contacts(clinic),
    )


def _author(draft: Draft) -> Node:
    clinic = draft.clinic
    employer = element(
        "representedOrganization", *_organization(clinic), phone(clinic.phone), classCode="ORG"
    )
    return element(
        "author",
        element("time", nullFlavor="NI"),
        element("assignedAuthor", *doctor_parts(clinic, draft.doctors[0]), employer),
    )


def _organization(clinic: Clinic) -> list[Node]:
    return [element("id", root=clinic.oid), element("name", text=clinic.name)]


def _custodian(clinic: Clinic) -> Node:
    keeper = element(
        "representedCustodianOrganization",
        *_organization(clinic),
        *clinic_contacts(clinic),
        classCode="ORG",
    )
    return element("custodian", element("assignedCustodian", keeper))


def _ministry() -> Node:
    addressee = element(
        "receivedOrganization",
        element("id", root=MINISTRY_ROOT),
        element("name", text="Министерство здравоохранения Российской Федерации"),
    )
    return element("informationRecipient", element("intendedRecipient", addressee))


def _legal_authenticator(draft: Draft) -> Node:
    return element(
        "legalAuthenticator",
        element("time", nullFlavor="NI"),
        element("signatureCode", nullFlavor="NI"),
        element("assignedEntity", *doctor_parts(draft.clinic, draft.doctors[0])),
    )


def _payment(shape: Shape, draft: Draft) -> Node:
    opened = draft.created_at.date().replace(month=1, day=1)
    contract = element(
        "identity:DocInfo",
        coded("identity:IdentityDocType", vocabulary.PAID_CONTRACT),
        element("identity:InsurancePolicyType", nullFlavor="NA"),
        element("identity:Series", nullFlavor="NA"),
        element("identity:Number", text=f"Д-{draft.document_number}"),
        element("identity:INN", text=draft.clinic.inn),
        element(
            "identity:effectiveTime",
            element("identity:low", value=day(opened)),
            element("identity:high", value=day(opened.replace(month=12, day=31))),
        ),
    )
    payer = element("associatedEntity", coded("code", shape.payment), contract, classCode="GUAR")
    return element("participant", payer, typeCode="IND")


def _documentation(shape: Shape, draft: Draft) -> Node:
    performers = _commission(shape, draft) if shape.commission else []
    event = element(
        "serviceEvent",
        coded("code", shape.event),
        element(
            "effectiveTime",
            element("low", value=moment(draft.created_at - _DURATION)),
            element("high", value=moment(draft.created_at)),
        ),
        coded("medService:serviceForm", vocabulary.PLANNED),
        coded("medService:serviceType", vocabulary.PRIMARY_CARE),
        coded("medService:serviceCond", vocabulary.OUTPATIENT),
        *performers,
    )
    return element("documentationOf", event)


def _commission(shape: Shape, draft: Draft) -> list[Node]:
    return [
        element(
            "performer",
            coded("functionCode", vocabulary.COMMISSIONER if place else vocabulary.CHAIRMAN),
            element("assignedEntity", *doctor_parts(draft.clinic, doctor, snils=shape.performer_snils)),
            typeCode="SPRF" if place else "PPRF",
        )
        for place, doctor in enumerate(draft.doctors)
    ]


def _encounter(draft: Draft) -> Node:
    return element(
        "componentOf",
        element(
            "encompassingEncounter",
            instance(local_root(draft.clinic, "15"), f"{draft.patient.local_id}-{draft.created_at.year}"),
            coded("code", vocabulary.OUTPATIENT_CARD),
            element("medService:DocNumber", text=f"{draft.patient.local_id}/{draft.created_at.year}"),
            element(
                "effectiveTime",
                element("low", value=moment(draft.created_at - _DURATION)),
                element("high", value=moment(draft.created_at)),
            ),
        ),
    )
