"""What an outcome makes of a delivery: the one place where the adapter's answer meets the state machine."""

import random
from datetime import datetime, timedelta
from typing import assert_never

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
from broker.delivery.state import Change, DeliveryState, Policy
from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus, may_move

LOOKUP = "lookup"
"""Key in a delivery's state: the next attempt must first ask whether the document arrived."""
NOT_LINKED = "clinic.not_linked"


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
        case Registered(receipt, findings):
            return Change(
                status=DeliveryStatus.REGISTERED,
                event=EventName.DELIVERY_REGISTERED,
                receipt=receipt,
                findings=findings,
                stage=receipt.stage or "",
                failure=False,
            )
        case Delivered(receipt):
            return Change(
                status=DeliveryStatus.DELIVERED,
                event=EventName.DELIVERY_DELIVERED,
                receipt=receipt,
                failure=False,
            )
        case Awaiting():
            return _awaiting(delivery, outcome, now, policy)
        case Rejected(findings):
            return Change(
                status=DeliveryStatus.REJECTED,
                event=EventName.DELIVERY_REJECTED,
                findings=findings,
                reason=findings[0].code if findings else "destination.rejected",
                failure=False,
            )
        case Held(reason, text, scope):
            return Change(
                status=DeliveryStatus.HELD,
                event=EventName.DELIVERY_HELD,
                reason=reason,
                text=text,
                pause_destination=scope == "destination",
                unlink_clinic=reason == NOT_LINKED,
                failure=False,
            )
        case Unavailable(reason, retry_after, text):
            return _again(delivery, reason, text, backoff(delivery.attempt, policy, dice, retry_after), now)
        case InDoubt(reason):
            return _in_doubt(delivery, reason, now, policy, dice)
        case _:
            assert_never(outcome)


def _awaiting(delivery: DeliveryState, outcome: Awaiting, now: datetime, policy: Policy) -> Change:
    if policy.receipt is ReceiptMode.POLL or outcome.look_again_at is not None:
        look = outcome.look_again_at or now + policy.poll_every
    else:
        look = now + policy.warn_after
    first = delivery.status is not DeliveryStatus.AWAITING_RESULT
    return Change(
        status=DeliveryStatus.AWAITING_RESULT,
        event=EventName.DELIVERY_AWAITING if first or outcome.stage != delivery.stage else None,
        correlation=outcome.correlation,
        state=outcome.state,
        stage=outcome.stage,
        due_at=min(look, delivery.deadline_at),
        failure=False,
    )


def _again(delivery: DeliveryState, reason: str, text: str, pause: timedelta, now: datetime) -> Change:
    if now >= delivery.deadline_at:
        return dead(reason)
    status = delivery.status if delivery.status is DeliveryStatus.AWAITING_RESULT else DeliveryStatus.QUEUED
    return Change(
        status=status,
        reason=reason,
        text=text,
        stage=delivery.stage,
        due_at=min(now + pause, delivery.deadline_at),
        failure=True,
    )


def _in_doubt(
    delivery: DeliveryState, reason: str, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    if delivery.status is DeliveryStatus.AWAITING_RESULT:  # a poll went unanswered: nothing was sent
        return _again(delivery, reason, "", backoff(delivery.attempt, policy, dice), now)
    match policy.in_doubt:
        case InDoubtPolicy.REPEAT:
            return _again(delivery, reason, "", backoff(delivery.attempt, policy, dice), now)
        case InDoubtPolicy.LOOKUP:
            change = _again(delivery, reason, "", backoff(delivery.attempt, policy, dice), now)
            return msgspec.structs.replace(change, state={**delivery.state, LOOKUP: "1"})
        case InDoubtPolicy.OPERATOR:
            return Change(
                status=DeliveryStatus.HELD,
                event=EventName.DELIVERY_HELD,
                reason="delivery.in_doubt",
                text="Запрос ушёл, ответа нет: неизвестно, принят ли документ. Проверьте в системе и решите.",
                failure=True,
            )
        case _:
            assert_never(policy.in_doubt)


def dead(reason: str) -> Change:
    """Give a delivery up at its deadline, saying what stood in the way last."""
    finding = Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code="delivery.deadline",
        message="Срок доставки истёк: система не дала окончательного ответа.",
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
        return dead("destination.no_response")
    return Change(
        status=DeliveryStatus.AWAITING_RESULT,
        reason="destination.no_response_yet",
        stage=delivery.stage,
        event=EventName.DELIVERY_WARNED,
        due_at=min(now + policy.warn_after, delivery.deadline_at),
    )


def is_absorbed(delivery: DeliveryState, change: Change) -> bool:
    """Tell whether the delivery's status refuses the change (it is registered, or the verdict repeats itself)."""
    return change.status is not delivery.status and not may_move(delivery.status, change.status)
