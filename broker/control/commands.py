"""What a person (or a partner for its own documents) can have done: each act is journalled with who and why."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from broker.adapter_kit.clock import Clock
from broker.archive import StoredContent
from broker.delivery.decide import ASKED, RETRIED
from broker.delivery.registry import is_emdr_id, marked, unmarked
from broker.delivery.state import Change, DeliveryState, Withdrawal
from broker.document.event import EventName
from broker.document.lifecycle import DeliveryStatus, DocumentStatus
from broker.document.submission import SubmissionType
from broker.intake.refusal import Refusal
from broker.store.channels import ChannelStore
from broker.store.deliveries import Application, DeliveryStore
from broker.store.destinations import DestinationStore
from broker.store.examination import ExaminationStore
from broker.store.files import FileStore
from broker.store.journal import Journal
from broker.store.room import Share
from broker.store.tasks import OVERRIDE
from broker.store.views import Views

RETRYABLE = frozenset(
    {DeliveryStatus.REJECTED, DeliveryStatus.DEAD, DeliveryStatus.HELD, DeliveryStatus.CANCELLED}
)
MASS = 10
"""More than so many deliveries at once yield to new documents."""


class Commands:
    """The acts; authorisation is the caller's door."""

    def __init__(
        self,
        deliveries: DeliveryStore,
        documents: ExaminationStore,
        destinations: DestinationStore,
        journal: Journal,
        views: Views,
        clock: Clock,
        announce: Callable[[Sequence[tuple[int, str]]], None],
        channels: ChannelStore,
        files: FileStore,
    ) -> None:
        self._deliveries = deliveries
        self._documents = documents
        self._destinations = destinations
        self._journal = journal
        self._views = views
        self._clock = clock
        self._announce = announce
        self._channels = channels
        self._files = files

    @contextlib.asynccontextmanager
    async def content(self, document_id: UUID) -> AsyncIterator[StoredContent | None]:
        """Hand out what was handed over, None when its bytes were let go; counted while the context lasts; raise ``NoRoom``."""
        with Share(self._documents.room) as share:
            loaded = await self._documents.load_one(document_id, share)
            assert loaded is not None, "content outlives its document's row"
            if await self._files.fate(document_id) is None:
                yield loaded.stored
                return
            returned = await self._files.returned(document_id, self._clock.now())
            yield None if returned is None else msgspec.structs.replace(loaded.stored, content=returned)

    async def cancel(self, document_id: UUID, *, actor: str, reason: str = "") -> Withdrawal:
        """Withdraw a document unless something of it was sent."""
        now = self._clock.now()
        done = await self._deliveries.withdraw(document_id, now, actor)
        if reason and done is Withdrawal.DONE:
            body = {"act": "cancel", "reason": reason}
            await self._journal.note(
                EventName.OPERATOR_ACTED, now, body=body, actor=actor, document_id=document_id
            )
        return done

    async def retry(
        self, deliveries: Sequence[UUID], *, actor: str, reason: str, document: UUID | None = None
    ) -> int:
        """Queue deliveries again that were rejected, given up, held or cancelled and have bytes to send; return how many."""
        now = self._clock.now()
        empty = await self._files.without_bytes(deliveries)
        count = await self._apply(
            [one for one in deliveries if one not in empty], lambda d: _requeued(d, now), actor
        )
        body = {"act": "retry", "reason": reason, "deliveries": count}
        await self._journal.note(EventName.OPERATOR_ACTED, now, body=body, actor=actor, document_id=document)
        return count

    async def override(self, document_id: UUID, *, actor: str, reason: str) -> Refusal | None:
        """Send a document our checks refused in spite of its findings; None: it goes, else why it cannot."""
        if not reason.strip():
            return Refusal(
                "operator.reason_missing",
                422,
                "Без причины вопреки замечаниям не отправить.",
                "Напишите причину.",
            )
        with Share(self._documents.room) as share:
            loaded = await self._documents.load_one(document_id, share)
        if loaded is None or loaded.status is not DocumentStatus.REJECTED:
            return Refusal(
                "operator.not_rejected",
                409,
                "Вопреки замечаниям отправляется только отклонённый проверкой документ.",
                "Обновите страницу: состояние документа могло измениться.",
            )
        gone = await self._files.fate(document_id) is not None
        if loaded.type == SubmissionType.SEMD and loaded.canonical is None and not gone:
            return Refusal(
                "operator.unreadable",
                422,
                "Документ не удалось прочитать: отправлять нечего.",
                "Клиника должна исправить документ и отправить его новой версией.",
            )
        return await self._again(document_id, OVERRIDE, DocumentStatus.REJECTED, actor, reason)

    async def examine_again(self, document_id: UUID, *, actor: str, reason: str) -> Refusal | None:
        """Check and route a document again that found no recipient or was set aside; None: it goes."""
        document = await self._views.document(document_id)
        stuck = {DocumentStatus.UNROUTABLE, DocumentStatus.FAILED}
        if document is None or document.status not in stuck or document.deliveries:
            return Refusal(
                "operator.not_stuck",
                409,
                "Заново проверяется только документ без доставок: без получателя или отложенный.",
                "Обновите страницу: состояние документа могло измениться.",
            )
        return await self._again(document_id, "", DocumentStatus(document.status), actor, reason)

    async def _again(
        self, document_id: UUID, why: str, status: DocumentStatus, actor: str, reason: str
    ) -> Refusal | None:
        if await self._files.fate(document_id) is not None:
            return Refusal(
                "operator.file_gone",
                409,
                "Файла этого документа у нас больше нет: отправлять нечего.",
                "Клиника отправит документ новой версией.",
            )
        body = {"act": "override" if why else "examine", "reason": reason}
        due = await self._documents.ask_again(
            document_id, why, status, body=body, actor=actor, now=self._clock.now()
        )
        self._announce(due)
        return None

    async def release(self, *, destination: str = "", clinic: str = "", reason: str = "", actor: str) -> int:
        """Release held deliveries in bulk once what was missing is there; return how many."""
        held = await self._deliveries.held(destination, clinic, reason)
        now = self._clock.now()
        count = await self._apply(held, lambda d: _requeued(d, now), actor)
        if count:
            body = {"act": "release", "destination": destination, "reason": reason, "deliveries": count}
            await self._journal.note(EventName.OPERATOR_ACTED, now, body=body, actor=actor, clinic=clinic)
        return count

    async def mark_registered(
        self, delivery: UUID, *, number: str, actor: str, reason: str
    ) -> Refusal | None:
        """Take an operator's word that a refused document was registered before; None: done, else why it cannot be."""
        if not reason.strip():
            return Refusal(
                "operator.reason_missing",
                422,
                "Без причины отметку не поставить.",
                "Напишите, откуда это известно.",
            )
        if not is_emdr_id(number):
            return Refusal(
                "operator.number_invalid",
                422,
                "Это не номер РЭМД.",
                "Номер записан в отказе РЭМД или в его интерфейсе: 119.77.26.05.030830566.",
            )
        now = self._clock.now()
        return await self._mark(
            delivery,
            lambda d: marked(d, number, now),
            actor,
            {"act": "mark_registered", "number": number, "reason": reason},
        )

    async def unmark_registered(self, delivery: UUID, *, actor: str, reason: str) -> Refusal | None:
        """Take such a mark back: the delivery is tried anew; None: done, else why it cannot be."""
        if not reason.strip():
            return Refusal(
                "operator.reason_missing", 422, "Без причины отметку не снять.", "Напишите причину."
            )
        now = self._clock.now()
        return await self._mark(
            delivery, lambda d: unmarked(d, now), actor, {"act": "unmark_registered", "reason": reason}
        )

    async def _mark(
        self,
        delivery: UUID,
        decide: Callable[[DeliveryState], Change | None],
        actor: str,
        body: dict[str, str],
    ) -> Refusal | None:
        found = (await self._deliveries.states([delivery])).get(delivery)
        if found is None or not await self._apply([delivery], decide, actor):
            return Refusal(
                "operator.not_markable",
                409,
                "Эту доставку отметить нельзя.",
                "Отметка ставится на отклонённой или снятой по сроку доставке и снимается только с отмеченной.",
            )
        await self._journal.note(
            EventName.OPERATOR_ACTED,
            self._clock.now(),
            body=body,
            actor=actor,
            document_id=found.document_id,
            delivery_id=delivery,
        )
        return None

    async def hear(self, destination: str, *, actor: str, reason: str) -> int:
        """Send on though a destination does not call us; return how many of its channels were silent."""
        return await self._channels.release(destination, self._clock.now(), actor=actor, reason=reason)

    async def settle_unknown(self, destination: str, code: str, *, actor: str) -> bool:
        """Note that an operator has seen to a code nobody had described; False when there is none open."""
        now = self._clock.now()
        if not await self._channels.settle_unknown(destination, code, now, actor):
            return False
        body = {"act": "settle_unknown", "destination": destination, "code": code}
        await self._journal.note(EventName.OPERATOR_ACTED, now, body=body, actor=actor)
        return True

    async def pause(self, destination: str, *, actor: str, reason: str) -> None:
        """Stop sending to a destination."""
        await self._destinations.pause(destination, actor, reason, self._clock.now())

    async def resume(self, destination: str, *, actor: str) -> None:
        """Send to a destination again."""
        await self._destinations.resume(destination, actor, self._clock.now())

    async def _apply(
        self, ids: Sequence[UUID], decide: Callable[[DeliveryState], Change | None], actor: str
    ) -> int:
        changed = 0
        priority = 2 if len(ids) > MASS else 0
        for start in range(0, len(ids), 200):
            applications = [
                Application(
                    delivery_id=i, decide=decide, at=self._clock.now(), actor=actor, priority=priority
                )
                for i in ids[start : start + 200]
            ]
            applied, due = await self._deliveries.apply(applications)
            self._announce(due)
            changed += sum(one.change is not None for one in applied)
        return changed


def _requeued(delivery: DeliveryState, now: datetime) -> Change | None:
    """Queue again, or ask again about what was taken; the time a held delivery stood still is given back to its deadline."""
    if delivery.status not in RETRYABLE:
        return None
    if delivery.status is DeliveryStatus.HELD:
        deadline = delivery.deadline_at + (now - delivery.status_at)
    else:
        deadline = now + (delivery.deadline_at - delivery.created_at)
    if ASKED in delivery.state:
        return Change(status=DeliveryStatus.AWAITING_RESULT, due_at=now, deadline_at=deadline)
    state = {**delivery.state, RETRIED: str(delivery.message_id)} if delivery.message_id else None
    return Change(status=DeliveryStatus.QUEUED, due_at=now, deadline_at=deadline, state=state)
