"""A submission: what a partner's МИС hands over, field by field as the public contract names it."""

from enum import StrEnum

import msgspec


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
    media_type: str = "application/xml"


class Signer(Wire, frozen=True, kw_only=True):
    """Who signed, as РЭМД wants to know it; absent parts are matched by the certificate's СНИЛС to the CDA."""

    snils: str | None = None
    local_id: str | None = None
    position: str | None = None
    speciality: str | None = None
    department: str | None = None


class Mchd(Wire, frozen=True, kw_only=True):
    """Machine-readable power of attorney behind an organisation's signature."""

    number: str
    principal_inn: str | None = None


class SignaturePart(Wire, frozen=True, kw_only=True):
    """One detached CMS container over the exact content bytes; ``role`` is a mnemonic of НСИ 99.2.368."""

    kind: SignatureKind
    data: str
    role: str | None = None
    signer: Signer | None = None
    mchd: Mchd | None = None


class PatientRef(Wire, frozen=True, kw_only=True):
    """The patient's id in the МИС."""

    local_id: str | None = None


class Association(Wire, frozen=True, kw_only=True):
    """A link to a registered document: its emdrId and a type of НСИ 99.2.122."""

    target: str
    type: str


class LegalBasis(Wire, frozen=True, kw_only=True):
    """On what ground the clinic transfers the document: consent, law or contract."""

    type: str
    ref: str | None = None
    date: str | None = None


class Metadata(Wire, frozen=True, kw_only=True):
    """What travels beside the document; every field must agree with the document where the document states it too."""

    local_uid: str | None = None
    document_number: str | None = None
    series: str | None = None
    created_at: str | None = None
    department: str | None = None
    title: str | None = None
    patient: PatientRef | None = None
    recipients: list[str] = []
    associations: list[Association] = []
    payment_source: str | None = None
    legal_basis: LegalBasis | None = None
    tfoms: str | None = None
    period: str | None = None
    corrects_package: str | None = None


class Submission(Wire, frozen=True, kw_only=True):
    """The whole message; ``message_id`` may also come as ``Idempotency-Key`` (HTTP) or ``message_id`` (AMQP)."""

    clinic: str
    content: Content
    message_id: str | None = None
    type: SubmissionType = SubmissionType.SEMD
    kind: str | None = None
    signatures: list[SignaturePart] = []
    metadata: Metadata = Metadata()
