"""A file alone, without a sender: how is it examined, and what is its report? For a terminal and for the pages of checks."""

from datetime import datetime
from uuid import UUID

from broker.archive import SealedPart, StoredContent
from broker.document.finding import Layer
from broker.document.submission import Metadata, Mode, SubmissionType
from broker.pipeline import Examination, ExaminationInput
from broker.validation.report import Report, skipped


def lone_file(
    content: bytes,
    signatures: tuple[SealedPart, ...],
    kind: str,
    at: datetime,
    mode: Mode = Mode.PRODUCTION,
) -> ExaminationInput:
    """Return what to examine: a СЭМД, or a registry when it is a ZIP; ``kind`` empty takes it from the document."""
    registry = content.startswith(b"PK\x03\x04")
    media_type = "application/zip" if registry else "application/xml"
    return ExaminationInput(
        document_id=UUID(int=0),
        type=SubmissionType.OMS_REGISTRY if registry else SubmissionType.SEMD,
        kind=kind,
        clinic="",
        region="",
        mcod="",
        local_uid="",
        at=at,
        stored=StoredContent(content, media_type, signatures, Metadata()),
        mode=mode,
    )


def lone_report(made: Examination, *, unsigned: str = "") -> Report:
    """Return the report; ``unsigned`` says why there are no signatures, whose absence is then no fault."""
    findings, layers = made.findings, dict(made.layers)
    if unsigned:
        findings = tuple(finding for finding in findings if finding.layer is not Layer.SIGNATURE)
        layers[Layer.SIGNATURE] = skipped(unsigned)
    return Report(findings=findings, layers=layers, rule_set=made.rule_set)
