"""The canonical document: what every destination must know, taken from the CDA and the submission.

Field by field as in semd.md appendix A; nothing here is invented: an absent value stays None.
"""

from datetime import datetime

import msgspec

from broker.document.submission import Association, LegalBasis, Mchd, PersonCard, SignatureKind


class InstanceId(msgspec.Struct, frozen=True):
    """HL7 II: root OID and extension."""

    root: str = ""
    extension: str = ""


class Code(msgspec.Struct, frozen=True):
    """HL7 CD: a code of a dictionary in a version."""

    code: str = ""
    system: str = ""
    version: str = ""
    name: str = ""


class PersonName(msgspec.Struct, frozen=True):
    """Фамилия, имя, отчество as written in the document."""

    family: str = ""
    given: str = ""
    patronymic: str = ""


class Policy(msgspec.Struct, frozen=True):
    """Insurance policy: type by 1.2.643.5.1.13.13.11.1035."""

    type: str = ""
    series: str = ""
    number: str = ""


class IdentityDocument(msgspec.Struct, frozen=True):
    """Identity card: type by 1.2.643.5.1.13.13.99.2.48, date as YYYYMMDD."""

    type: str = ""
    series: str = ""
    number: str = ""
    issued: str = ""
    issuer: str = ""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """The patient: gender 1 male / 2 female / 3 unknown (11.1040), birth date YYYYMMDD, region by ФНС code (99.2.206)."""

    local_id: str = ""
    snils: str = ""
    name: PersonName = PersonName()
    gender: str = ""
    birth_date: str = ""
    region: str = ""
    policy: Policy | None = None
    identity_document: IdentityDocument | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A medical worker in the document: post by 11.1002, role by 99.2.368 where the document states one."""

    local_id: str = ""
    snils: str = ""
    name: PersonName = PersonName()
    position: Code = Code()
    role: str = ""


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """The clinic as the document names it."""

    oid: str = ""
    department: str = ""
    name: str = ""
    ogrn: str = ""
    licence: str = ""


class SignatureRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A detached signature with the person it belongs to; ``data`` is the DER of the CMS container."""

    kind: SignatureKind
    data: bytes
    role: str = ""
    signer: Person = Person()
    speciality: str = ""
    department: str = ""
    email: str = ""
    phone: str = ""
    mchd: Mchd | None = None


class CanonicalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document in our own terms; times carry the document's own offset."""

    local_uid: str
    kind: str
    clinic: str
    template: str = ""
    code: Code = Code()
    semd_number: str = ""
    document_id: InstanceId = InstanceId()
    set_id: InstanceId = InstanceId()
    version: int = 1
    title: str = ""
    created_at: datetime | None = None
    created_text: str = ""
    confidentiality: str = ""
    document_number: str = ""
    series: str = ""
    patient: Patient = Patient()
    organization: Organization = Organization()
    custodian_oid: str = ""
    author: Person = Person()
    author_organization: str = ""
    legal_authenticator: Person | None = None
    performers: list[Person] = []
    payment_source: str = ""
    payer: str = ""
    event_code: str = ""
    recipients: list[str] = []
    associations: list[Association] = []
    addressees: list[PersonCard] = []
    representative: PersonCard | None = None
    pluggable_attributes: str = ""
    legal_basis: LegalBasis | None = None
