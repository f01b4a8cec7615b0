"""What an outcome makes of a delivery: the one place where the adapter's answer meets the state machine."""

import random
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec

from broker.adapter_kit import (
    Awaiting,
    Delivered,
    Held,
    InDoubt,
    InDoubtPolicy,
    Outcome,
    ReceiptMode,
    Registered,
    Rejected,
    Unavailable,
)
from broker.delivery.state import AlreadyThere, Change, DeliveryState, Policy
from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus, is_live, may_move

LOOKUP = "lookup"
"""Key in a delivery's state: the next attempt must first ask whether the document arrived."""
ASKED = "asked"
"""Key in a delivery's state: it was taken and only asked about when it was held or given up; never send it again."""
RETRIED = "retried"
"""Key in a delivery's state: the message id of the attempt whose refusal an operator did not take for the last word."""
WHO_TOOK = "taken"
"""Value of ``LOOKUP``: the registry is asked who registered the localUid; whatever it says, the document is refused."""
NUMBER = "number"
"""Key in a delivery's state: the number of a registration that is not ours, "?" when it was not named."""
REFUSED_STAGE = "refused_stage"
"""Key in a delivery's state: at which stage the destination refused it."""
FILE_WANTED = "file"
"""Key in a delivery's state: the destination could not take our file; its next try may come as soon as it can."""
TAKEN = "destination.local_uid_taken"
"""The destination has the localUid from somebody else."""
NOT_LINKED = "clinic.not_linked"
UNLINKED = "destination.clinic_not_linked"
"""The destination says that the clinic is not linked, whatever we believed."""
IN_DOUBT = "delivery.in_doubt"
"""The request left and was not answered, and only a person can find out what became of it."""
NO_RESPONSE = "destination.no_response"
"""The deadline passed and the verdict never came."""
NOT_YET = "destination.no_response_yet"
"""The verdict is missing for longer than people should leave unnoticed."""


def backoff(
    attempt: int, policy: Policy, dice: random.Random, at_least: timedelta | None = None
) -> timedelta:
    """Return the pause before the next attempt: doubling, jittered by half, never under what the system asked for."""
    pause = min(policy.first_retry * float(2 ** min(max(attempt - 1, 0), 30)), policy.longest_retry)
    return max(pause * dice.uniform(0.5, 1.0), at_least or timedelta())


def after_outcome(
    delivery: DeliveryState, outcome: Outcome, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    """Decide; a delivery already registered absorbs everything (the caller journals it)."""
    match outcome:
        case Registered():
            return registered(outcome)
        case Delivered(receipt):
            return Change(
                status=DeliveryStatus.DELIVERED,
                event=EventName.DELIVERY_DELIVERED,
                receipt=receipt,
                failure=False,
            )
        case Awaiting():
            return _awaiting(delivery, outcome, now, policy)
        case Rejected():
            if outcome.taken_as and policy.asks_registry:
                return _taken(delivery, outcome, now)
            return rejected(outcome)
        case Held(reason, text, scope):
            return Change(
                status=DeliveryStatus.HELD,
                event=EventName.DELIVERY_HELD,
                reason=reason,
                text=text,
                state=_asked(delivery, policy),
                pause_destination=scope == "destination",
                unlink_clinic=reason == UNLINKED,
                failure=False,
            )
        case Unavailable():
            return _unavailable(delivery, outcome, now, policy, dice)
        case InDoubt(reason):
            return _in_doubt(delivery, reason, now, policy, dice)
        case _:
            assert_never(outcome)


def registered(outcome: Registered) -> Change:
    """Close a delivery with the receipt of its registration."""
    return Change(
        status=DeliveryStatus.REGISTERED,
        event=EventName.DELIVERY_REGISTERED,
        receipt=outcome.receipt,
        findings=outcome.findings,
        stage=outcome.receipt.stage or "",
        failure=False,
        unknown=outcome.unknown,
    )


def rejected(outcome: Rejected) -> Change:
    """Close a delivery the destination refused; a refusal at its entry is journalled apart."""
    return Change(
        status=DeliveryStatus.REJECTED,
        event=EventName.DELIVERY_REJECTED,
        findings=outcome.findings,
        stage=outcome.stage,
        reason=outcome.findings[0].code if outcome.findings else "destination.rejected",
        failure=False,
        unknown=outcome.unknown,
        also=(EventName.DELIVERY_REFUSED_AT_ENTRY,) if outcome.at_entry else (),
    )


def _taken(delivery: DeliveryState, outcome: Rejected, now: datetime) -> Change:
    """Ask the registry who has the localUid before the document is refused for it."""
    state = {
        key: value for key, value in delivery.state.items() if key not in {LOOKUP, NUMBER, REFUSED_STAGE}
    }
    return Change(
        status=DeliveryStatus.QUEUED,
        reason=TAKEN,
        stage=outcome.stage,
        findings=outcome.findings,
        state={**state, LOOKUP: WHO_TOOK, NUMBER: outcome.taken_as, REFUSED_STAGE: outcome.stage},
        due_at=now,
        failure=False,
        also=(EventName.DELIVERY_REFUSED_AT_ENTRY,) if outcome.at_entry else (),
    )


def _unavailable(
    delivery: DeliveryState, outcome: Unavailable, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    pause = backoff(delivery.attempt, policy, dice, outcome.retry_after)
    change = _again(delivery, outcome.reason, outcome.text, pause, now, policy)
    slow = outcome.slows or outcome.reason == "destination.http_429"
    state = (
        {**delivery.state, FILE_WANTED: "1"} if outcome.wants_file and change.state is None else change.state
    )
    return msgspec.structs.replace(change, slow_down=slow, state=state)


def after_verdict(
    delivery: DeliveryState,
    message_id: UUID,
    outcome: Outcome,
    now: datetime,
    policy: Policy,
    dice: random.Random,
) -> Change | None:
    """Decide about a verdict told by callback of the attempt with this message id; None leaves all as it is.

    A verdict that asks to try again ends the attempt under way: nothing else will be told of it, so the document is sent
    anew. Of a delivery that waits for no answer it says nothing any more. Of an earlier attempt, or one an operator has
    tried again after, a live delivery hears only success.
    """
    if is_live(delivery.status) and not isinstance(outcome, Registered | Delivered):
        settled = delivery.state.get(RETRIED) == str(message_id)
        if settled or delivery.message_id not in {None, message_id}:
            return None
    match outcome:
        case Unavailable() | InDoubt():
            under_way = delivery.status in {DeliveryStatus.SENDING, DeliveryStatus.AWAITING_RESULT}
            if not under_way:
                return None
            delivery = msgspec.structs.replace(delivery, status=DeliveryStatus.SENDING)
        case _:
            pass
    return after_outcome(delivery, outcome, now, policy, dice)


def _awaiting(delivery: DeliveryState, outcome: Awaiting, now: datetime, policy: Policy) -> Change:
    if policy.receipt is ReceiptMode.POLL or outcome.look_again_at is not None:
        look = outcome.look_again_at or now + policy.poll_every
    else:
        look = now + policy.warn_after
    first = delivery.status is not DeliveryStatus.AWAITING_RESULT
    if not first and now >= delivery.deadline_at:
        return msgspec.structs.replace(dead(NO_RESPONSE), state=_asked(delivery, policy))
    told = EventName.DELIVERY_AWAITING if first or outcome.stage != delivery.stage else None
    late = _is_late(delivery, now, policy)
    return Change(
        status=DeliveryStatus.AWAITING_RESULT,
        reason=NOT_YET if late else "",
        event=told or (EventName.DELIVERY_WARNED if late else None),
        correlation=outcome.correlation,
        state=outcome.state,
        stage=outcome.stage,
        due_at=min(look, delivery.deadline_at),
        failure=False,
    )


def _is_late(delivery: DeliveryState, now: datetime, policy: Policy) -> bool:
    """Tell whether the verdict is missing for so long that people must be warned (again)."""
    since = delivery.warned_at or delivery.sent_at
    return (
        delivery.status is DeliveryStatus.AWAITING_RESULT
        and since is not None
        and now - since >= policy.warn_after
    )


def _again(
    delivery: DeliveryState, reason: str, text: str, pause: timedelta, now: datetime, policy: Policy
) -> Change:
    if now >= delivery.deadline_at and not may_ask(delivery, policy):
        return msgspec.structs.replace(dead(reason), state=_asked(delivery, policy))
    status = delivery.status if delivery.status is DeliveryStatus.AWAITING_RESULT else DeliveryStatus.QUEUED
    return Change(
        status=status,
        event=EventName.DELIVERY_WARNED if _is_late(delivery, now, policy) else None,
        reason=reason,
        text=text,
        stage=delivery.stage,
        due_at=max(min(now + pause, delivery.deadline_at), now),
        failure=True,
    )


def may_ask(delivery: DeliveryState, policy: Policy) -> bool:
    """Tell whether the registry is asked before this delivery is given up: something of it was sent."""
    return policy.asks_registry and delivery.attempt > 0


def _asked(delivery: DeliveryState, policy: Policy) -> dict[str, str] | None:
    """Remember of a delivery that is only asked about that it was taken; None: nothing to remember."""
    polled = policy.receipt is ReceiptMode.POLL and delivery.status is DeliveryStatus.AWAITING_RESULT
    return {**delivery.state, ASKED: "1"} if polled else None


def _in_doubt(
    delivery: DeliveryState, reason: str, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    again = _again(delivery, reason, "", backoff(delivery.attempt, policy, dice), now, policy)
    if delivery.status is DeliveryStatus.AWAITING_RESULT:  # a poll went unanswered: nothing was sent
        return again
    match policy.in_doubt:
        case InDoubtPolicy.REPEAT:
            return again
        case InDoubtPolicy.LOOKUP:
            return msgspec.structs.replace(again, state={**delivery.state, LOOKUP: "1"})
        case InDoubtPolicy.OPERATOR:
            return Change(
                status=DeliveryStatus.HELD,
                event=EventName.DELIVERY_HELD,
                reason=IN_DOUBT,
                text="Запрос ушёл, ответа нет: неизвестно, принят ли документ. Проверьте в системе и решите.",
                failure=True,
            )
        case _:
            assert_never(policy.in_doubt)


def dead(reason: str, *, asked: bool = False) -> Change:
    """Give a delivery up at its deadline, saying what stood in the way last; ``asked``: the registry has not got it."""
    registry = " В реестре системы документа нет: её об этом спросили." if asked else ""
    finding = Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code="delivery.deadline",
        message=f"Срок доставки истёк: система не дала окончательного ответа.{registry}",
        fix="Оператор выяснит причину у владельца системы и повторит доставку; документ у нас сохранён.",
        expected=None,
        value=reason or None,
        responsible=Responsible.OPERATOR,
        source=Source.OWN,
    )
    return Change(
        status=DeliveryStatus.DEAD,
        event=EventName.DELIVERY_DEAD,
        reason="delivery.deadline",
        findings=(finding,),
    )


def without_verdict(delivery: DeliveryState, now: datetime, policy: Policy) -> Change:
    """Decide what to do when a callback is still missing: warn once per ``warn_after``, give up at the deadline."""
    if now >= delivery.deadline_at:
        return dead(NO_RESPONSE)
    return Change(
        status=DeliveryStatus.AWAITING_RESULT,
        reason=NOT_YET,
        stage=delivery.stage,
        event=EventName.DELIVERY_WARNED,
        due_at=min(now + policy.warn_after, delivery.deadline_at),
    )


def withdrawn(delivery: DeliveryState) -> Change | None:
    """Withdraw a delivery at its partner's wish; None when something of it was sent, or it is final."""
    if delivery.attempt or delivery.status not in {DeliveryStatus.QUEUED, DeliveryStatus.HELD}:
        return None
    return Change(
        status=DeliveryStatus.CANCELLED, event=EventName.DELIVERY_CANCELLED, reason="delivery.cancelled"
    )


def superseded(delivery: DeliveryState) -> Change | None:
    """Withdraw a delivery for a newer version; None when it was tried meanwhile."""
    if delivery.attempt or delivery.status not in {DeliveryStatus.QUEUED, DeliveryStatus.HELD}:
        return None
    return Change(
        status=DeliveryStatus.CANCELLED, event=EventName.DELIVERY_CANCELLED, reason="delivery.superseded"
    )


def already_there(_delivery: DeliveryState, there: AlreadyThere) -> Change:
    """Close a delivery whose document the destination has from an earlier submission, with the receipt it gave."""
    told = (
        EventName.DELIVERY_REGISTERED
        if there.status is DeliveryStatus.REGISTERED
        else EventName.DELIVERY_DELIVERED
    )
    return Change(status=there.status, event=told, receipt=there.receipt, stage=there.receipt.stage or "")


def is_absorbed(delivery: DeliveryState, change: Change) -> bool:
    """Tell whether the delivery's status refuses the change (it is registered, or the verdict repeats itself)."""
    return change.status is not delivery.status and not may_move(delivery.status, change.status)
