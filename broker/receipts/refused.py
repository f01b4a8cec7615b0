"""How is a refusal told to a sender who has nobody to answer (AMQP)? As the event every partner knows."""

from datetime import datetime
from typing import Any

from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DocumentStatus
from broker.document.submission import Mode


def refusal_event(
    code: str, detail: str, fix: str, *, message_id: str, clinic: str, mode: Mode, at: datetime
) -> dict[str, Any]:
    """Word a refusal at a door as ``document.rejected``; there is no document, so ``documentId`` is null."""
    finding = Finding(
        layer=Layer.METADATA,
        severity=Severity.ERROR,
        code=code,
        message=detail,
        fix=fix or None,
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
    )
    return {
        "event": EventName.DOCUMENT_REJECTED.value,
        "sequence": 1,
        "documentId": None,
        "messageId": message_id,
        "localUid": "",
        "clinic": clinic,
        "mode": mode.value,
        "status": DocumentStatus.REJECTED.value,
        "findings": [finding],
        "occurredAt": at,
    }
