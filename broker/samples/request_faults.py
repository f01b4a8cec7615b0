"""Faults around the document: the kind stated, the metadata beside it, the signatures under it (semd.md §1.3, §5.4)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from broker.document.finding import Layer
from broker.document.submission import Metadata, PatientRef, SignatureKind, SignaturePart, Submission
from broker.samples.fault import Fault, caught
from broker.samples.sample import Sample

_METADATA: Final = caught(Layer.METADATA, "VALIDATION_ERROR")
_KIND: Final = caught(Layer.KIND, "NO_DOCUMENT_KIND_ON_DATE")
_OTHER_UID: Final = str(UUID(int=1, version=4))
_OPENED: Final = {"306": (2025, 11, 10), "103": (2021, 11, 4), "290": (2026, 1, 10)}
"""First day of each kind, НСИ 1.2.643.5.1.13.13.11.1520 v12.85."""
Change = Callable[[Submission], Submission]


def _stated_kind(kind: str) -> Change:
    return lambda submission: replace(submission, kind=kind)


def _metadata(change: Callable[[Metadata], Metadata]) -> Change:
    return lambda submission: replace(submission, metadata=change(submission.metadata))


def _other_document_kind(submission: Submission) -> Submission:
    return replace(submission, kind="306" if submission.kind == "290" else "290")


def _day_before(metadata: Metadata) -> Metadata:
    assert metadata.created_at is not None
    moment = datetime.fromisoformat(metadata.created_at) - timedelta(days=1)
    return replace(metadata, created_at=moment.isoformat())


def _before_opening(sample: Sample) -> Sample:
    year, month, day = _OPENED[sample.kind]
    opened = sample.created_at.replace(year=year, month=month, day=day)
    return replace(sample, created_at=opened - timedelta(days=1))


def _signatures(change: Callable[[SignaturePart], SignaturePart | None]) -> Change:
    def request(submission: Submission) -> Submission:
        kept = [part for part in map(change, submission.signatures) if part is not None]
        return replace(submission, signatures=kept)

    return request


def _without(kind: SignatureKind) -> Change:
    return _signatures(lambda part: None if part.kind is kind else part)


KIND_FAULTS: Final = (
    Fault(
        id="kind-closed",
        description="Вид 194 закрыт 30.06.2024: на дату создания документа такого вида нет",
        expected=_KIND,
        kinds=("306",),
        alter=lambda sample: replace(sample, kind="194"),
    ),
    Fault(
        id="kind-not-open-yet",
        description="Документ создан накануне дня, с которого вид принимается",
        expected=_KIND,
        alter=_before_opening,
    ),
    Fault(
        id="kind-wrong",
        description="Заявлен не тот вид документа: шаблон и код документа говорят о другом",
        expected=caught(Layer.KIND, "VALIDATION_ERROR"),
        request=_other_document_kind,
    ),
    Fault(
        id="kind-unknown",
        description="Заявлен вид документа, которого нет в справочнике 1520",
        expected=_KIND,
        request=_stated_kind("9999"),
    ),
)
METADATA_FAULTS: Final = (
    Fault(
        id="metadata-local-uid",
        description="localUid заявки не равен id/@extension документа",
        expected=_METADATA,
        request=_metadata(lambda metadata: replace(metadata, local_uid=_OTHER_UID)),
    ),
    Fault(
        id="metadata-created-at",
        description="Дата создания в заявке на день раньше, чем в документе",
        expected=caught(Layer.METADATA, "WRONG_CREATION_DATE", "VALIDATION_ERROR"),
        request=_metadata(_day_before),
    ),
    Fault(
        id="metadata-patient",
        description="Идентификатор пациента в заявке не равен идентификатору в документе",
        expected=_METADATA,
        request=_metadata(lambda metadata: replace(metadata, patient=PatientRef(local_id="999999"))),
    ),
    Fault(
        id="metadata-department",
        description="Отделение в заявке не равно отделению в документе",
        expected=_METADATA,
        request=_metadata(lambda metadata: replace(metadata, department=f"{metadata.department}9")),
    ),
    Fault(
        id="metadata-clinic",
        description="В документе другая медицинская организация, чем в заявке",
        expected=_METADATA,
        alter=lambda sample: replace(
            sample, written_clinic=replace(sample.clinic, oid=f"{sample.clinic.oid}9")
        ),
    ),
)
SIGNATURE_FAULTS: Final = (
    Fault(
        id="signature-not-base64",
        description="Подпись сотрудника испорчена: это не base64",
        expected=caught(Layer.SIGNATURE, "SIGNATURE_DECODING_ERROR", "WRONG_SIGNATURE_FORMAT"),
        request=_signatures(
            lambda part: replace(part, data="@" + part.data) if part.kind is SignatureKind.PERSONAL else part
        ),
    ),
    Fault(
        id="signature-other-bytes",
        description="Подписаны другие байты: после подписания документ изменили",
        expected=caught(Layer.SIGNATURE, "SIGNATURE_VERIFICATION_ERROR", "DIGEST_MISMATCH"),
        signs_other_bytes=True,
    ),
    Fault(
        id="signature-without-organization",
        description="Нет подписи организации",
        expected=caught(Layer.SIGNATURE, "ORG_SIGNATURE_OCCURRENCE_MISMATCH"),
        request=_without(SignatureKind.ORGANIZATION),
    ),
    Fault(
        id="signature-without-doctor",
        description="Нет подписи сотрудника",
        expected=caught(Layer.SIGNATURE, "NO_SIGNATURE", "ROLE_OCCURRENCE_MISMATCH"),
        request=_without(SignatureKind.PERSONAL),
    ),
)
FAULTS: Final = (*KIND_FAULTS, *METADATA_FAULTS, *SIGNATURE_FAULTS)
