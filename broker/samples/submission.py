"""From a sample to the submission of the public contract: writes the document, has it signed, puts the fault in."""

import base64
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from broker.document.submission import (
    Content,
    Metadata,
    PatientRef,
    SignatureKind,
    SignaturePart,
    Signer,
    Submission,
    SubmissionType,
)
from broker.samples.documents import build, serialize
from broker.samples.fault import Fault
from broker.samples.people import Clinic, Doctor
from broker.samples.sample import Sample

Sign: TypeAlias = Callable[[bytes, Doctor | Clinic], bytes]
"""Given the bytes and who signs, returns the detached CMS container (DER)."""
_ROLES: Final = {"290": "AUTHOR"}
"""Role of the doctor's signature by kind (НСИ 99.2.368); the examinations are signed by the chairman."""


def make_submission(sample: Sample, sign: Sign, fault: Fault | None = None) -> Submission:
    """Return the signed submission of the sample, with the fault in it."""
    if fault is not None and fault.alter is not None:
        sample = fault.alter(sample)
    content = _content(sample, fault)
    signed = content + b"\n" if fault is not None and fault.signs_other_bytes else content
    submission = _assemble(sample, content, signed, sign)
    if fault is not None and fault.request is not None:
        submission = fault.request(submission)
    return submission


def encode(submission: Submission) -> bytes:
    """Return the submission as the JSON of the contract."""
    return msgspec.json.encode(submission)


def make_registry_submission(
    package: bytes, sign: Sign, *, clinic: Clinic, message_id: str, period: str
) -> Submission:
    """Return the submission of a registry for the fund of the clinic's region; ``period`` is ``YYYY-MM``."""
    return Submission(
        clinic=clinic.oid,
        content=Content(data=_text(package), media_type="application/zip"),
        message_id=message_id,
        type=SubmissionType.OMS_REGISTRY,
        signatures=[SignaturePart(kind=SignatureKind.ORGANIZATION, data=_text(sign(package, clinic)))],
        metadata=Metadata(tfoms=clinic.region, period=period),
    )


def _content(sample: Sample, fault: Fault | None) -> bytes:
    root = build(sample.kind, sample.draft)
    if fault is not None and fault.edit is not None:
        fault.edit(root)
    content = serialize(root)
    if fault is not None and fault.corrupt is not None:
        content = fault.corrupt(content)
    return content


def _assemble(sample: Sample, content: bytes, signed: bytes, sign: Sign) -> Submission:
    return Submission(
        clinic=sample.clinic.oid,
        content=Content(data=_text(content)),
        message_id=sample.message_id,
        kind=sample.kind,
        signatures=[
            _personal(sample, sign(signed, sample.doctors[0])),
            SignaturePart(kind=SignatureKind.ORGANIZATION, data=_text(sign(signed, sample.clinic))),
        ],
        metadata=Metadata(
            local_uid=sample.local_uid,
            document_number=sample.document_number,
            created_at=sample.created_at.isoformat(),
            department=sample.clinic.department,
            patient=PatientRef(local_id=sample.patient.local_id),
        ),
    )


def _personal(sample: Sample, container: bytes) -> SignaturePart:
    doctor = sample.doctors[0]
    return SignaturePart(
        kind=SignatureKind.PERSONAL,
        data=_text(container),
        role=_ROLES.get(sample.kind, "CHAIRMAN"),
        signer=Signer(
            snils=doctor.snils,
            local_id=doctor.local_id,
            position=doctor.post.code,
            department=sample.clinic.department,
        ),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
