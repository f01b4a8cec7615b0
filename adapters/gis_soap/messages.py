"""What goes to the ГИС: a patient and a document as the contract's typed values, and what they lack to be sent."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from adapters.gis_soap.settings import Settings
from broker.adapter_kit import Parcel
from broker.adapter_kit.zeep_client import Contract
from broker.document.canonical import CanonicalDocument, Patient, Person, SignatureRecord
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.identity import snils_digits
from broker.document.submission import SignatureKind

_ROOT: Final = "http://schemas.datacontract.org/2004/07/"
PATIENTS: Final = f"{{{_ROOT}EMKService.Data.Dto}}"
PEOPLE: Final = f"{{{_ROOT}N3.EMK.Dto}}"
DOCUMENTS: Final = f"{{{_ROOT}N3.EMK.Dto.MedRec.MedDoc}}"
FAULTS: Final = f"{{{_ROOT}N3.EMK.Dto.Common}}"
TEMPURI: Final = "{http://tempuri.org/}"

SNILS_TYPE: Final = 223
"""IdDocumentType of СНИЛС (dictionary 1.2.643.2.69.1.1.1.6), with ProviderName «ПФР»."""
PASSPORT_TYPE: Final = 14
"""IdDocumentType of the Russian passport."""
OTHER_DOCUMENT_TYPE: Final = 18
"""IdDocumentType of any other identity document."""
_PASSPORT_NSI: Final = "1"
"""Russian passport in НСИ 1.2.643.5.1.13.13.99.2.48."""
_UNSIGNED_SHORT: Final = 65535


def shortcomings(parcel: Parcel, settings: Settings) -> list[Finding]:
    """List everything the document lacks for this ГИС, all at once; empty when it can be sent."""
    document = parcel.document
    if document is None:
        return [_finding("metadata_missing", "Метаданные документа не прочитаны.", Responsible.OPERATOR)]
    return [
        *_of_document(parcel, document),
        *_of_patient(document.patient),
        *_of_signatures(parcel, settings),
    ]


def _of_document(parcel: Parcel, document: CanonicalDocument) -> list[Finding]:
    found = []
    if not _is_uuid(parcel.local_uid):
        found.append(
            _finding(
                "id_not_uuid", "Идентификатор документа (localUid) должен быть UUID: ГИС не примет другой."
            )
        )
    if document.created_at is None:
        found.append(_finding("created_missing", "Не указана дата создания документа (effectiveTime)."))
    if not document.author.name.family:
        found.append(_finding("author_missing", "Не указан автор документа (фамилия)."))
    return found


def _of_patient(patient: Patient) -> list[Finding]:
    lacks = (
        (patient.local_id, "patient_id_missing", "Не указан идентификатор пациента в МИС (patientRole/id)."),
        (patient.name.family, "patient_family_missing", "Не указана фамилия пациента."),
        (patient.name.given, "patient_given_missing", "Не указано имя пациента."),
        (patient.gender, "patient_gender_missing", "Не указан пол пациента."),
        (birth_date(patient), "patient_birth_missing", "Не указана или неверна дата рождения пациента."),
    )
    return [_finding(code, text) for present, code, text in lacks if not present]


def _of_signatures(parcel: Parcel, settings: Settings) -> list[Finding]:
    kinds = {signature.kind for signature in parcel.signatures}
    if not settings.signatures_required or kinds == set(SignatureKind):
        return []
    return [
        _finding(
            "signature_missing",
            "ГИС принимает документ только с подписью организации и хотя бы одной подписью медицинского работника.",
            Responsible.CLINIC,
        )
    ]


def patient_message(contract: Contract, operation: str, patient: Patient, settings: Settings) -> Any:
    """Build AddPatient or UpdatePatient: only what identifies the patient, no address, no phone, no policy."""
    value = contract.value(
        f"{PATIENTS}PatientDto",
        BirthDate=birth_date(patient),
        Documents={"DocumentDto": _identity(patient)} if _identity(patient) else None,
        FamilyName=patient.name.family,
        GivenName=patient.name.given,
        IdPatientMIS=patient.local_id,
        MiddleName=patient.name.patronymic or None,
        Sex=patient.gender,
    )
    return contract.envelope(operation, guid=settings.guid, idLPU=settings.id_lpu, patient=value)


def _identity(patient: Patient) -> list[dict[str, object]]:
    if patient.snils:
        return [{"DocN": snils_digits(patient.snils), "IdDocumentType": SNILS_TYPE, "ProviderName": "ПФР"}]
    card = patient.identity_document
    if card is None or not card.number:
        return []
    kind = PASSPORT_TYPE if card.type == _PASSPORT_NSI else OTHER_DOCUMENT_TYPE
    digits = re.sub(r"[\s-]", "", card.number)
    return [
        {
            "DocN": digits,
            "DocS": card.series or None,
            "IdDocumentType": kind,
            "ProviderName": card.issuer or None,
        }
    ]


def document_message(contract: Contract, parcel: Parcel, settings: Settings) -> Any:
    """Build AddMedRecord without a case: the signed bytes, both kinds of signatures, author and type."""
    document = parcel.document
    assert document is not None
    assert document.created_at is not None
    record = contract.value(
        DOCUMENTS + settings.records.get(parcel.kind, "MedDocument"),
        Attachments={"MedDocumentDto.DocumentAttachment": [_attachment(contract, parcel, settings)]},
        Author=_staff(contract, document.author, "", settings),
        CreationDate=document.created_at.replace(microsecond=0),
        Header=document.title or document.code.name or None,
        IdDocumentMis=parcel.local_uid.lower(),
        IdMedDocumentType=settings.kinds[parcel.kind],
    )
    return contract.envelope(
        "AddMedRecord",
        guid=settings.guid,
        idLpu=settings.id_lpu,
        idPatientMis=document.patient.local_id,
        medRecord=record,
        confidentiality=settings.confidentiality,
    )


def _attachment(contract: Contract, parcel: Parcel, settings: Settings) -> dict[str, object]:
    of_clinic = [s.data for s in parcel.signatures if s.kind is SignatureKind.ORGANIZATION]
    personal = [s for s in parcel.signatures if s.kind is SignatureKind.PERSONAL]
    signs = [_personal_sign(contract, signature, settings) for signature in personal]
    return {
        "Data": parcel.content,
        "OrganizationSign": of_clinic[0] if of_clinic else None,
        "PersonalSigns": {"MedDocumentDto.PersonalSign": signs} if signs else None,
        "MimeType": settings.mime_type,
    }


def _personal_sign(contract: Contract, signature: SignatureRecord, settings: Settings) -> dict[str, object]:
    return {
        "Sign": signature.data,
        "Doctor": _staff(contract, signature.signer, signature.speciality, settings),
    }


def _staff(contract: Contract, person: Person, speciality: str, settings: Settings) -> Any:
    snils = snils_digits(person.snils)
    documents = [{"DocN": snils, "IdDocumentType": SNILS_TYPE, "ProviderName": "ПФР"}] if snils else []
    return contract.value(
        f"{PEOPLE}MedicalStaff",
        Person=contract.value(
            f"{PEOPLE}PersonWithIdentity",
            HumanName={
                "GivenName": person.name.given or None,
                "MiddleName": person.name.patronymic or None,
                "FamilyName": person.name.family or None,
            },
            IdPersonMis=person.local_id or snils or None,
            Documents={"IdentityDocument": documents} if documents else None,
        ),
        IdLpu=settings.id_lpu,
        IdSpeciality=_short(speciality),
        IdPosition=_short(person.position.code),
    )


def birth_date(patient: Patient) -> datetime | None:
    """Return midnight of the birth date (CDA: YYYYMMDD or YYYYMMDDhhmm), None when it is no date."""
    try:
        return datetime.strptime(patient.birth_date[:8], "%Y%m%d").replace(tzinfo=UTC).replace(tzinfo=None)
    except ValueError:
        return None


def _short(code: str) -> int | None:
    return int(code) if code.isascii() and code.isdigit() and int(code) <= _UNSIGNED_SHORT else None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _finding(code: str, text: str, responsible: Responsible = Responsible.MIS) -> Finding:
    return Finding(
        layer=Layer.METADATA,
        severity=Severity.ERROR,
        code=f"gis.{code}",
        message=text,
        responsible=responsible,
        source=Source.SEEN,
    )
