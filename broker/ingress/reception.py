"""The reception behind every door: check who and what, commit with others, give the ticket after the commit."""

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from broker.adapter_kit.clock import Clock
from broker.archive import StoredContent
from broker.control.access import Access, Caller, Speech
from broker.document.column import fitting, set_key
from broker.document.event import EventName
from broker.document.submission import Submission, SubmissionType
from broker.intake.read import Arrival, Sender, check_head, make_arrival
from broker.intake.refusal import Refusal
from broker.normalizer.header import Peek, peek
from broker.receipts.refused import refusal_event
from broker.store.batcher import Batcher
from broker.store.intake import IntakeStore, Ticket, Verdict
from broker.store.journal import Journal
from broker.store.repeats import Repeats
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.metrics import ACCEPT_SECONDS, ACCEPTED, REFUSED, REPEATED

_SPEECH = {
    Speech.FOREIGN: Refusal(
        "partner.clinic_not_linked",
        403,
        "Клиника не закреплена за вами (или неизвестна).",
        "Проверьте OID в поле clinic; если клиника ваша — подайте заявку на подключение (POST /registrations).",
    ),
    Speech.SUSPENDED: Refusal(
        "partner.clinic_suspended",
        403,
        "Клиника приостановлена: документы не принимаются.",
        "Свяжитесь с оператором; после возобновления отправьте документ заново с тем же messageId.",
    ),
    Speech.CLOSED: Refusal(
        "partner.clinic_closed", 403, "Клиника закрыта: документы не принимаются.", "Свяжитесь с оператором."
    ),
}
MOST_OF_A_KEY: Final = 200
MOST_OF_AN_OID: Final = 64
"""Signs kept of what a refused sender gave for a message id and a clinic."""


class Reception:
    """Takes submissions from all doors of this process."""

    def __init__(
        self,
        access: Access,
        store: IntakeStore,
        repeats: Repeats,
        journal: Journal,
        clock: Clock,
        announce: Callable[[Sequence[tuple[int, str]]], None],
    ) -> None:
        self._access = access
        self._store = store
        self._repeats = repeats
        self._journal = journal
        self._clock = clock
        self._announce = announce
        self._batcher: Batcher[Arrival, Verdict] = Batcher(
            self._write, limit=64, writers=2, keys=_keys, weigh=lambda arrival: arrival.size
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Run the shared commits while the context lasts."""
        return self._batcher.running()

    async def _write(self, arrivals: Sequence[Arrival]) -> Sequence[Verdict]:
        passed(KillPoint.INTAKE_RECEIVED)
        verdicts, due = await self._store.commit(arrivals)
        passed(KillPoint.INTAKE_COMMITTED)
        self._announce(due)
        return verdicts

    async def take(
        self,
        caller: Caller,
        submission: Submission,
        stored: StoredContent,
        *,
        key: str,
        door: str,
        objection: Refusal | None = None,
    ) -> Verdict:
        """Commit a submission and return its ticket, or why it was refused; raises when the store is away.

        ``objection`` is the door's own, said only to who may speak for the clinic. What was accepted while they might
        stays accepted: its repeat gets the first ticket.
        """
        started = time.perf_counter()
        barred = None
        refusal = check_head(submission, key)
        if refusal is None:
            barred = _SPEECH.get(await self._access.speech(caller.partner_id, submission.clinic))
            refusal = None if barred else objection
        if refusal is not None:
            await self.refuse(caller, refusal, door=door, clinic=submission.clinic, key=key)
            return refusal
        arrival = self._arrival(Sender(caller.partner_id, caller.mode, door), submission, stored, key)
        if barred is None:
            verdict = await self._batcher.submit(arrival)
        else:
            verdict = await self._repeats.ticket(arrival) or barred
        ACCEPT_SECONDS.labels(door).observe(time.perf_counter() - started)
        match verdict:
            case Ticket(repeated=True):
                REPEATED.labels(door).inc()
            case Ticket():
                ACCEPTED.labels(door).inc()
            case Refusal():
                await self.refuse(
                    caller, verdict, door=door, clinic=submission.clinic, key=key, digest=arrival.digest
                )
        return verdict

    def _arrival(self, sender: Sender, submission: Submission, stored: StoredContent, key: str) -> Arrival:
        seen = peek(stored.content) if submission.type is SubmissionType.SEMD else Peek()
        return make_arrival(
            submission,
            stored,
            sender,
            id=uuid7(),
            key=key,
            now=self._clock.now(),
            local_uid=_uuid_or_none(seen.document_id.extension),
            set_key=set_key(seen.set_id.root, seen.set_id.extension),
            version=seen.version or 1,
        )

    async def refuse(
        self,
        caller: Caller | None,
        refusal: Refusal,
        *,
        door: str,
        clinic: str = "",
        key: str = "",
        digest: bytes = b"",
        login: str = "",
    ) -> None:
        """Leave a searchable journal row of a refusal: sender, digest, code; nothing of the content.

        A sender over AMQP has nobody to answer: it reads the refusal as an event. ``login`` is a login of ours that
        somebody tried in vain.
        """
        REFUSED.labels(door, refusal.code).inc()
        now = self._clock.now()
        key, clinic = fitting(key, MOST_OF_A_KEY), fitting(clinic, MOST_OF_AN_OID)
        body: dict[str, Any] = {
            "code": refusal.code,
            "door": door,
            "messageId": key,
            "digest": digest.hex(),
        } | ({"login": login} if login else {})
        if caller is not None and door == "amqp":
            body |= refusal_event(
                refusal.code,
                refusal.detail,
                refusal.fix,
                message_id=key,
                clinic=clinic,
                mode=caller.mode,
                at=now,
            )
        await self._journal.note(
            EventName.SUBMISSION_REFUSED,
            now,
            body=body,
            partner_id=caller.partner_id if caller else "",
            clinic=clinic,
            feed=caller is not None and door == "amqp",
        )

    async def accept_again(self, caller: Caller, ticket: Ticket, key: str) -> None:
        """Tell a sender who has nobody to answer that its document is ours already, unless it was told under this id."""
        await self._journal.accept_again(
            ticket.id,
            self._clock.now(),
            partner_id=caller.partner_id,
            message_id=key,
            mode=caller.mode,
        )

    async def park(self, caller: Caller, key: str, why: str) -> None:
        """Record an AMQP message that was set aside."""
        body = {"messageId": fitting(key, MOST_OF_A_KEY), "why": fitting(why, MOST_OF_A_KEY)}
        await self._journal.note(
            EventName.SUBMISSION_PARKED, self._clock.now(), body=body, partner_id=caller.partner_id
        )


def _keys(arrival: Arrival) -> Sequence[Hashable]:
    return (
        ("message", arrival.partner_id, arrival.mode, arrival.message_id),
        ("local_uid", arrival.clinic, arrival.mode, arrival.local_uid),
    )


def _uuid_or_none(text: str) -> str:
    try:
        return str(UUID(text)) if len(text) in {32, 36} else ""
    except ValueError:
        return ""
