"""How is a sender over AMQP told that we have its document already, under another message id? As accepted, once more."""

from datetime import datetime
from typing import Any
from uuid import UUID

from broker.document.event import Draft, EventName, event_body
from broker.document.submission import Mode

UNNUMBERED = 0
"""``sequence`` of an event outside the document's own numbers: nothing is ever below it, and no gap arises."""


def accepted_again(
    document_id: UUID,
    *,
    status: str,
    message_id: str,
    local_uid: str,
    clinic: str,
    mode: Mode,
    at: datetime,
) -> dict[str, Any]:
    """Word the first ticket as ``document.accepted`` for the id it was asked under; ``status`` is as it is now."""
    draft = Draft(event=EventName.DOCUMENT_ACCEPTED, at=at, status=status)
    return event_body(
        draft,
        sequence=UNNUMBERED,
        document_id=document_id,
        message_id=message_id,
        local_uid=local_uid,
        clinic=clinic,
        mode=mode,
    )
