"""Deliveries as rows: opened by routing, begun before the first byte leaves, changed only by decisions."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.delivery.decide import IN_DOUBT, is_absorbed, withdrawn
from broker.delivery.preflight import Go, Order, Predecessor, Supersede, Wait
from broker.delivery.state import AlreadyThere, Change, DeliveryState, Withdrawal
from broker.document.event import DeliveryView, Draft, EventName
from broker.document.lifecycle import DeliveryStatus, DocumentStatus, document_outcome, is_live, is_success
from broker.document.receipt import Receipt
from broker.store.channels import QUERIES as CHANNELS
from broker.store.channels import keep_unknown
from broker.store.database import Database, as_json
from broker.store.journal import Move, lock_documents, write_moves
from broker.store.sql import queries
from broker.store.tasks import NewTask, Task, finish_tasks, insert_tasks, route_queue
from broker.telemetry.metrics import UNKNOWN

QUERIES: Final = queries("deliveries")
WITHDRAWN: Final = "partner.withdrawn"
"""Reason of the event that closes a document its partner withdrew before it was routed."""
_WITHDRAWABLE: Final = frozenset(
    {DocumentStatus.ACCEPTED, DocumentStatus.VALIDATED, DocumentStatus.UNROUTABLE}
)
_OUTCOME: Final = {
    DocumentStatus.COMPLETED: EventName.DOCUMENT_COMPLETED,
    DocumentStatus.FAILED: EventName.DOCUMENT_FAILED,
}


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery about to be sent under a message id; ``digest`` is that of the bytes that will leave."""

    delivery: DeliveryState
    task: Task
    message_id: UUID
    digest: bytes


class Attempted(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt went, for its row; a verdict told by callback has no duration."""

    message_id: UUID
    outcome: str
    duration_ms: int | None = None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A decision to be taken on the fresh row; ``task`` is the claim it rests on (None: a callback or an operator).

    ``decide`` returns None to leave the delivery as it is.
    """

    delivery_id: UUID
    decide: Callable[[DeliveryState], Change | None]
    at: datetime
    task: Task | None = None
    attempted: Attempted | None = None
    actor: str = ""
    priority: int = 1


class Correlated(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt a correlation names: its delivery, the message id it went out under, whether one before it may count."""

    delivery_id: UUID
    message_id: UUID
    repeated: bool = False


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: the state before, the change, and what is due now."""

    before: DeliveryState
    change: Change | None


def read_state(row: Any) -> DeliveryState:
    """Turn a row into what decisions see."""
    fields = dict(row)
    fields["status"] = DeliveryStatus(fields["status"])
    return DeliveryState(**fields)


class DeliveryStore:
    """Reads and changes deliveries."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def states(self, ids: Sequence[UUID]) -> dict[UUID, DeliveryState]:
        """Return deliveries by id."""
        return {row["id"]: read_state(row) for row in await self._db.fetch(QUERIES["states"], list(ids))}

    async def earlier_attempts(self, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
        """Return the message ids of former attempts that may have been accepted, by delivery."""
        found: dict[UUID, list[UUID]] = defaultdict(list)
        for row in await self._db.fetch(QUERIES["earlier_attempts"], list(ids)):
            found[row["delivery_id"]].append(row["id"])
        return {key: tuple(value) for key, value in found.items()}

    async def by_correlation(self, correlation: str, destination: str) -> Correlated | None:
        """Return the attempt that carries a correlation, with its delivery."""
        row = await self._db.fetchrow(QUERIES["by_correlation"], correlation, destination)
        return None if row is None else Correlated(**dict(row))

    async def begin(
        self,
        starts: Sequence[Start],
        at: datetime,
        order: Callable[[DeliveryState, list[Predecessor]], Order],
        lease: timedelta,
    ) -> dict[UUID, int | Wait | Supersede | AlreadyThere]:
        """Commit attempts before anything leaves, keeping the tasks claimed for another lease.

        Returns by delivery the attempt's number, or why it must wait; nothing for one that somebody else has.
        """
        answers: dict[UUID, int | Wait | Supersede | AlreadyThere] = {}
        async with self._db.transaction() as connection:
            before = await self._predecessors(connection, [s.delivery for s in starts])
            ready = []
            for start in starts:
                verdict = order(start.delivery, before.get(start.delivery.id, []))
                if isinstance(verdict, Go):
                    ready.append(start)
                else:
                    answers[start.delivery.id] = verdict
            rows = await connection.fetch(
                QUERIES["begin"],
                [s.delivery.id for s in ready],
                [s.message_id for s in ready],
                [s.task.claim for s in ready],
                [at] * len(ready),
                [s.task.id for s in ready],
                lease,
            )
            numbers = {row["id"]: row["attempt"] for row in rows}
            begun = [s for s in ready if s.delivery.id in numbers]
            await connection.execute(
                QUERIES["insert_attempts"],
                [s.message_id for s in begun],
                [s.delivery.id for s in begun],
                [numbers[s.delivery.id] for s in begun],
                [s.task.claim for s in begun],
                [at] * len(begun),
                [s.digest for s in begun],
            )
        return answers | numbers

    async def put_off(self, task: Task, until: datetime, why: str) -> None:
        """Give a queued delivery's task back for later; its row says why it waits and when it is tried next."""
        await self._db.execute(QUERIES["put_off"], task.subject, task.id, task.claim, until, why)

    async def _predecessors(
        self, connection: Any, deliveries: Sequence[DeliveryState]
    ) -> dict[UUID, list[Predecessor]]:
        sets = {f"{d.destination}|{d.clinic}|{d.set_key or d.local_uid}" for d in deliveries}
        await connection.execute(QUERIES["lock_sets"], sorted(sets))
        found: dict[UUID, list[Predecessor]] = defaultdict(list)
        for row in await connection.fetch(QUERIES["predecessors"], [d.id for d in deliveries]):
            status = DeliveryStatus(row["status"]) if row["status"] else None
            receipt = msgspec.convert(row["receipt"], Receipt) if row["receipt"] else None
            found[row["successor"]].append(
                Predecessor(
                    id=row["id"], status=status, attempt=row["attempt"], same=row["same"], receipt=receipt
                )
            )
        return found

    async def apply(self, applications: Sequence[Application]) -> tuple[list[Applied], list[tuple[int, str]]]:
        """Take decisions on fresh rows in one transaction; return what was written and the tasks to announce."""
        ids = [a.delivery_id for a in applications]
        async with self._db.transaction() as connection:
            rows = await connection.fetch(QUERIES["documents_of"], ids)
            await lock_documents(connection, [row["document_id"] for row in rows])
            rows = await connection.fetch(QUERIES["states_for_change"], ids)
            states = {row["id"]: read_state(row) for row in rows}
            ours = await finish_tasks(connection, [a.task for a in applications if a.task])
            writer = _Writer(states)
            for application in applications:
                writer.take(application, ours)
            due = await writer.write(connection)
        return writer.applied, due

    async def withdraw(self, document_id: UUID, at: datetime, actor: str) -> Withdrawal:
        """Withdraw a document nothing of which was sent, all of it or nothing; one not routed yet is closed as it is."""
        async with self._db.transaction() as connection:
            await lock_documents(connection, [document_id])
            rows = await connection.fetch(QUERIES["states_of_document"], document_id)
            states = {row["id"]: read_state(row) for row in rows}
            if not states:
                return await _withdraw_unrouted(connection, document_id, at, actor)
            if all(state.status is DeliveryStatus.CANCELLED for state in states.values()):
                return Withdrawal.DONE
            unsent = {one: state for one, state in states.items() if not _never_sent(state)}
            if any(withdrawn(state) is None for state in unsent.values()):
                return Withdrawal.ALREADY_SENT
            writer = _Writer(states)
            for one in unsent:
                writer.take(Application(delivery_id=one, decide=withdrawn, at=at, actor=actor), set())
            await writer.write(connection)
            return Withdrawal.DONE

    async def held(self, destination: str, clinic: str, reason: str, limit: int = 10_000) -> list[UUID]:
        """Return held deliveries a release would concern."""
        rows = await self._db.fetch(QUERIES["held"], destination, clinic, reason, limit)
        return [row["id"] for row in rows]

    async def file_owner(self, query: str, key: str, destination: str) -> UUID | None:
        """Return the document a destination asks for; ``query`` is file_by_local_uid or file_by_receipt."""
        found: UUID | None = await self._db.fetchval(QUERIES[query], key, destination)
        return found


def _never_sent(state: DeliveryState) -> bool:
    """Tell whether a delivery is over without anything of it having been sent."""
    return not state.attempt and state.status in {DeliveryStatus.CANCELLED, DeliveryStatus.DEAD}


async def _withdraw_unrouted(connection: Any, document_id: UUID, at: datetime, actor: str) -> Withdrawal:
    row = await connection.fetchrow(QUERIES["how_unrouted"], document_id, WITHDRAWN)
    if row is None or row["withdrawn"]:
        return Withdrawal.DONE
    if row["status"] not in _WITHDRAWABLE:
        return Withdrawal.NOTHING_TO_CANCEL
    await connection.execute(TASKS["drop_subjects"], [document_id])
    told = Draft(
        event=EventName.DOCUMENT_FAILED,
        at=at,
        status=DocumentStatus.FAILED,
        detail={"reason": WITHDRAWN},
        actor=actor,
    )
    await write_moves(
        connection, [Move(document_id=document_id, status=DocumentStatus.FAILED, drafts=(told,))]
    )
    return Withdrawal.DONE


def _is_missed(application: Application, before: DeliveryState) -> bool:
    """Tell whether this is the answer to the very attempt somebody else took for lost: it is believed, late as it comes."""
    attempted = application.attempted
    if attempted is None or attempted.message_id != before.message_id:
        return False
    waiting = before.status in {DeliveryStatus.SENDING, DeliveryStatus.QUEUED}
    return waiting or before.reason == IN_DOUBT


class _Writer:
    """Collects the decisions of one transaction and writes them with few statements."""

    def __init__(self, states: dict[UUID, DeliveryState]) -> None:
        self._states = states
        self.applied: list[Applied] = []
        self._changes: list[tuple[Application, DeliveryState, Change]] = []
        self._attempts: list[tuple[Application, Change | None]] = []
        self._drafts: dict[UUID, list[Draft]] = defaultdict(list)

    def take(self, application: Application, ours: set[int]) -> None:
        """Decide about one delivery."""
        before = self._states.get(application.delivery_id)
        if before is None:
            return
        change = application.decide(before)
        stale = application.task is not None and application.task.id not in ours
        if stale and _is_missed(application, before):
            application, stale = msgspec.structs.replace(application, task=None), False
        success = change is not None and change.status in {
            DeliveryStatus.REGISTERED,
            DeliveryStatus.DELIVERED,
        }
        if application.attempted:
            self._attempts.append((application, change))
        if change is None or (stale and not success):
            self.applied.append(Applied(before=before, change=None))
            return
        absorbed = is_absorbed(before, change) and not change.undoes
        if absorbed or (success and before.status is change.status):
            self._drafts[before.document_id].append(_absorbed(before, change, application))
            self.applied.append(Applied(before=before, change=None))
            return
        self._changes.append((application, before, change))
        self._states[before.id] = msgspec.structs.replace(
            before, status=change.status, reason=change.reason, stage=change.stage, status_at=application.at
        )
        if _goes_on(before, change):
            self._drafts[before.document_id].append(_resumed(before, change, application))
        if change.event is not None:
            self._drafts[before.document_id].append(_told(before, change, application))
        for event in change.also:
            noted = msgspec.structs.replace(change, event=event)
            draft = msgspec.structs.replace(_told(before, noted, application), feed=False)
            self._drafts[before.document_id].append(draft)
        self.applied.append(Applied(before=before, change=change))

    async def write(self, connection: Any) -> list[tuple[int, str]]:
        """Write deliveries, attempts, tasks, documents and events."""
        await self._write_attempts(connection)
        if self._changes:
            await self._write_changes(connection)
        due = await self._write_tasks(connection)
        await self._write_beside(connection)
        await self._write_documents(connection)
        return due

    async def _write_beside(self, connection: Any) -> None:
        """Write what changes tell of clinics and of codes nobody has described."""
        unlinked = [before for _, before, change in self._changes if change.unlink_clinic]
        if unlinked:
            clinics, destinations = [one.clinic for one in unlinked], [one.destination for one in unlinked]
            at = self._changes[0][0].at
            await connection.execute(CHANNELS["unlink_clinic"], clinics, destinations, at)
        strange = {
            (before.destination, code): (before.document_id, a.at)
            for a, before, change in self._changes
            for code in change.unknown
        }
        for (destination, code), (document, at) in sorted(
            strange.items()
        ):  # one order, so that nobody deadlocks
            UNKNOWN.labels(destination).inc()
            await keep_unknown(connection, destination, code, at, document)

    async def _write_attempts(self, connection: Any) -> None:
        rows = [
            (
                a.attempted.message_id,
                a.at,
                a.attempted.outcome,
                change.reason if change else "",
                a.attempted.duration_ms,
                change.correlation if change else "",
            )
            for a, change in self._attempts
            if a.attempted
        ]
        if rows:
            await connection.execute(QUERIES["end_attempts"], *map(list, zip(*rows, strict=True)))

    async def _write_changes(self, connection: Any) -> None:
        warned = EventName.DELIVERY_WARNED
        rows = [
            (
                before.id,
                change.status.value,
                change.reason,
                change.stage,
                a.at,
                change.due_at,
                None if change.state is None else as_json(change.state),
                None if change.receipt is None else as_json(change.receipt),
                as_json(change.findings) if change.findings else None,
                change.deadline_at,
                a.at if change.event is warned else None,
            )
            for a, before, change in self._changes
        ]
        await connection.execute(QUERIES["apply"], *map(list, zip(*rows, strict=True)))

    async def _write_tasks(self, connection: Any) -> list[tuple[int, str]]:
        finals = [before.id for a, before, change in self._changes if a.task is None]
        if finals:
            await connection.execute(TASKS["drop_subjects"], finals)
        new = [
            NewTask(
                queue=route_queue(before.destination),
                subject=before.id,
                due_at=change.due_at,
                lane=before.clinic,
                priority=a.priority,
                why=change.reason or change.stage,
            )
            for a, before, change in self._changes
            if change.due_at is not None
        ]
        return await insert_tasks(connection, new)

    async def _write_documents(self, connection: Any) -> None:
        touched = list({before.document_id for _, before, _ in self._changes} | set(self._drafts))
        if not touched:
            return
        siblings: dict[UUID, list[tuple[bool, DeliveryStatus]]] = defaultdict(list)
        for row in await connection.fetch(QUERIES["siblings"], touched):
            siblings[row["document_id"]].append((row["required"], DeliveryStatus(row["status"])))
        moved = {before.document_id: a.at for a, before, _ in self._changes}
        moves = []
        for document in touched:
            drafts = self._drafts[document]
            outcome = document_outcome(siblings[document]) if document in moved else None
            if outcome in _OUTCOME and any(d.feed for d in drafts):
                drafts = [*drafts, Draft(event=_OUTCOME[outcome], at=moved[document], status=outcome)]
            status = outcome or DocumentStatus.ROUTED
            drafts = [msgspec.structs.replace(d, status=status.value) for d in drafts]
            moves.append(
                Move(document_id=document, status=outcome, drafts=tuple(drafts), at=moved.get(document))
            )
        await write_moves(connection, moves)


TASKS: Final = queries("tasks")


def view(delivery: DeliveryState, change: Change) -> DeliveryView:
    """Show a delivery after a change as partners see it."""
    return DeliveryView(
        id=delivery.id,
        destination=delivery.destination,
        required=delivery.required,
        status=change.status.value,
        reason=change.text or change.reason,
        attempt=delivery.attempt,
        next_attempt_at=change.due_at,
        stage=change.stage or None,
    )


def _told(before: DeliveryState, change: Change, application: Application) -> Draft:
    assert change.event is not None
    return Draft(
        event=change.event,
        at=application.at,
        status="",
        delivery=view(before, change),
        receipt=change.receipt,
        findings=change.findings,
        feed=change.event is not EventName.DELIVERY_WARNED,
        actor=application.actor,
    )


def _goes_on(before: DeliveryState, change: Change) -> bool:
    """Tell whether what stood goes on: a held delivery in whatever way, a closed one when it is tried again."""
    if before.status is DeliveryStatus.HELD:
        return change.status is not DeliveryStatus.HELD
    return not is_live(before.status) and not is_success(before.status) and is_live(change.status)


def _resumed(before: DeliveryState, change: Change, application: Application) -> Draft:
    """Note since when a delivery stood and why, for the report of terms."""
    stood = {"stoodSince": before.status_at, "stoodAs": before.status.value, "stoodFor": before.reason}
    return Draft(
        event=EventName.DELIVERY_RESUMED,
        at=application.at,
        status="",
        delivery=view(before, change),
        feed=False,
        actor=application.actor,
        detail=stood,
    )


def _absorbed(before: DeliveryState, change: Change, application: Application) -> Draft:
    return Draft(
        event=EventName.CALLBACK_REPEATED,
        at=application.at,
        status="",
        delivery=view(before, change),
        receipt=change.receipt,
        findings=change.findings,
        feed=False,
        actor=application.actor,
    )
