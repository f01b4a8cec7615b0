"""The two identity gates: what it means when a message id or a localUid was seen before (contract.md, POST /documents)."""

from uuid import UUID

import msgspec

from broker.document.lifecycle import DocumentStatus
from broker.intake.refusal import Refusal


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate remembers of the first submission under this key."""

    document_id: UUID
    fingerprint: bytes
    content_fingerprint: bytes
    status: DocumentStatus
    registered: bool = False


class Fresh(msgspec.Struct, frozen=True):
    """Never seen: keep it. ``replaces`` is the document it resubmits with new signatures."""

    replaces: UUID | None = None


class Repeat(msgspec.Struct, frozen=True):
    """Seen with the same bytes: answer with the first ticket."""

    document_id: UUID


Judgement = Fresh | Repeat | Refusal


def judge(
    fingerprint: bytes, content_fingerprint: bytes, by_message: Seen | None, by_local_uid: Seen | None
) -> Judgement:
    """Decide from what both gates remember (None: nothing)."""
    if by_message is not None:
        if by_message.fingerprint == fingerprint:
            return Repeat(by_message.document_id)
        return Refusal(
            "partner.message_id_reused",
            409,
            "Этот messageId (Idempotency-Key) уже использован для другого содержимого.",
            "Присвойте новому содержимому новый messageId; повторяйте прежний только с теми же байтами.",
        )
    if by_local_uid is None:
        return Fresh()
    if by_local_uid.fingerprint == fingerprint:
        return Repeat(by_local_uid.document_id)
    if by_local_uid.content_fingerprint != content_fingerprint:
        return Refusal(
            "partner.local_uid_reused",
            409,
            "Под этим localUid уже принят документ с другим содержимым.",
            "Исправленный документ — это новая версия: новый id/@extension (localUid), тот же setId, versionNumber + 1.",
        )
    if by_local_uid.registered:
        return Refusal(
            "partner.local_uid_reused",
            409,
            "Документ с этим localUid уже зарегистрирован; новые подписи к нему не принимаются.",
            "Если документ изменился, отправьте новую версию с новым localUid.",
        )
    return Fresh(replaces=by_local_uid.document_id)
