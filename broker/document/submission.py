"""A submission: what a partner's МИС hands over, field by field as the public contract names it."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

Word = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1F\x7F\uFFFE\uFFFF]*$(?!\n)")]
"""An identifier, a code, a number or a date: one line; longer than anything such a field ever held."""
Words = Annotated[str, Meta(max_length=4000, pattern=r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F\uFFFE\uFFFF]*$")]
"""What people write: it may hold tabs and line breaks."""
Fragment = Annotated[str, Meta(max_length=65536)]
"""A small XML fragment, by the schema of the document's kind."""
MOST: Final = 1000
"""Entries a list may have."""


class Mode(StrEnum):
    """Test and production never mix: the mode belongs to the credential and is stamped on everything."""

    TEST = "test"
    """Reaches only destinations marked test."""
    PRODUCTION = "production"
    """The real thing."""


class SubmissionType(StrEnum):
    """What is being submitted."""

    SEMD = "semd"
    """A structured electronic medical document, signed CDA XML."""
    OMS_REGISTRY = "oms-registry"
    """A registry of bills for ТФОМС: a ZIP of an H and an L file."""


class SignatureKind(StrEnum):
    """Whose signature it is."""

    PERSONAL = "personal"
    """A medical worker's."""
    ORGANIZATION = "organization"
    """The clinic's."""


class Wire(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of everything that arrives as JSON: camelCase names, unknown fields refused by name."""


class Content(Wire, frozen=True, kw_only=True):
    """The document's bytes: base64 (line breaks and PEM armour allowed) and their media type."""

    data: str
    media_type: Word = "application/xml"


class Signer(Wire, frozen=True, kw_only=True):
    """Who signed, as РЭМД wants to know it; absent parts are matched by the certificate's СНИЛС to the CDA."""

    snils: Word | None = None
    local_id: Word | None = None
    position: Words | None = None
    speciality: Words | None = None
    department: Words | None = None
    email: Word | None = None
    phone: Word | None = None


class Mchd(Wire, frozen=True, kw_only=True):
    """Machine-readable power of attorney behind an organisation's signature."""

    number: Word
    principal_inn: Word | None = None


class SignaturePart(Wire, frozen=True, kw_only=True):
    """One detached CMS container over the exact content bytes; ``role`` is a mnemonic of НСИ 99.2.368."""

    kind: SignatureKind
    data: str
    role: Word | None = None
    signer: Signer | None = None
    mchd: Mchd | None = None


class PatientRef(Wire, frozen=True, kw_only=True):
    """The patient's id in the МИС."""

    local_id: Word | None = None


class PersonCard(Wire, frozen=True, kw_only=True):
    """A person РЭМД is told of beside the patient: an addressee of the document, or the patient's representative."""

    surname: Word
    name: Word
    patronymic: Word | None = None
    snils: Word | None = None
    birth_date: Word | None = None


class Association(Wire, frozen=True, kw_only=True):
    """A link to a registered document: its emdrId and a type of НСИ 99.2.122."""

    target: Word
    type: Word


class LegalBasis(Wire, frozen=True, kw_only=True):
    """On what ground the clinic transfers the document: consent, law or contract."""

    type: Word
    ref: Words | None = None
    date: Word | None = None


class Metadata(Wire, frozen=True, kw_only=True):
    """What travels beside the document; every field must agree with the document where the document states it too."""

    local_uid: Word | None = None
    document_number: Word | None = None
    series: Word | None = None
    created_at: Word | None = None
    department: Words | None = None
    title: Words | None = None
    patient: PatientRef | None = None
    recipients: Annotated[list[Word], Meta(max_length=MOST)] = []
    addressees: Annotated[list[PersonCard], Meta(max_length=MOST)] = []
    representative: PersonCard | None = None
    pluggable_attributes: Fragment | None = None
    associations: Annotated[list[Association], Meta(max_length=MOST)] = []
    payment_source: Word | None = None
    legal_basis: LegalBasis | None = None
    tfoms: Word | None = None
    period: Word | None = None
    corrects_package: Word | None = None


class Submission(Wire, frozen=True, kw_only=True):
    """The whole message; ``message_id`` may also come as ``Idempotency-Key`` (HTTP) or ``message_id`` (AMQP).

    Wherever it comes from, the door checks its form (``partner.message_id_missing``).
    """

    clinic: Word
    content: Content
    message_id: str | None = None
    type: SubmissionType = SubmissionType.SEMD
    kind: Word | None = None
    signatures: list[SignaturePart] = []
    metadata: Metadata = Metadata()
