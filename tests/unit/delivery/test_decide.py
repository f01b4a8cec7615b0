"""What an outcome makes of a delivery: every outcome, in every live status, under every policy."""

import datetime as dt
import random
import uuid
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
from broker.delivery.decide import (
    ASKED,
    LOOKUP,
    NOT_LINKED,
    RETRIED,
    UNLINKED,
    after_outcome,
    after_verdict,
    backoff,
    is_absorbed,
    without_verdict,
)
from broker.delivery.state import DeliveryState, Policy
from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus, may_move
from broker.document.receipt import Receipt

D = DeliveryStatus
NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
REFUSED = Finding(
    layer=Layer.REGISTRY,
    severity=Severity.ERROR,
    code="destination.refused",
    message="Нет",
    responsible=Responsible.MIS,
    source=Source.OFFICIAL,
)
OUTCOMES: tuple[Outcome, ...] = (
    Registered(Receipt(provider="рэмд", emdr_id="1")),
    Delivered(Receipt(provider="гис")),
    Awaiting("c1", state={"unid": "7"}, stage="flk"),
    Rejected((REFUSED,)),
    Rejected(()),
    Held("clinic.params_missing", "Не заполнено", "clinic"),
    Held(NOT_LINKED, "Не привязана", "clinic"),
    Held("destination.parameter_missing", "Не задано", "destination"),
    Unavailable("destination.unavailable", dt.timedelta(minutes=7)),
    Unavailable("destination.unavailable"),
    InDoubt("destination.answer_timeout"),
    Held(UNLINKED, "Не привязана", "clinic"),
)
WORKING = (D.QUEUED, D.SENDING, D.AWAITING_RESULT)
"""Statuses in which a worker concludes something: a look-up, an attempt, a poll."""
POLICIES = tuple(product(ReceiptMode, InDoubtPolicy))


def a_policy(
    receipt: ReceiptMode = ReceiptMode.CALLBACK, in_doubt: InDoubtPolicy = InDoubtPolicy.REPEAT
) -> Policy:
    return Policy(
        receipt=receipt,
        in_doubt=in_doubt,
        first_retry=dt.timedelta(seconds=2),
        longest_retry=dt.timedelta(hours=1),
        deadline=15 * DAY,
        warn_after=DAY,
        poll_every=5 * MINUTE,
        predecessor=DAY,
        needs_link=False,
        params=(),
        timeout=30,
        parallel=8,
        rate=0,
    )


def a_delivery(status: DeliveryStatus = D.SENDING, **changes: Any) -> DeliveryState:
    fields: dict[str, Any] = {
        "id": uuid.uuid4(),
        "document_id": uuid.uuid4(),
        "destination": "remd",
        "clinic": "c1",
        "mode": "production",
        "required": True,
        "status": status,
        "attempt": 1,
        "local_uid": "u1",
        "set_key": "",
        "version": 1,
        "created_at": NOW - MINUTE,
        "status_at": NOW - MINUTE,
        "sent_at": NOW - MINUTE,
        "deadline_at": NOW + 15 * DAY,
    }
    return DeliveryState(**(fields | changes))


@pytest.mark.parametrize("status", WORKING)
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize(("receipt", "in_doubt"), POLICIES)
def test_every_outcome_is_a_legal_move_that_is_either_final_held_or_due_again(
    status: DeliveryStatus, outcome: Outcome, receipt: ReceiptMode, in_doubt: InDoubtPolicy
):
    delivery = a_delivery(status)
    change = after_outcome(delivery, outcome, NOW, a_policy(receipt, in_doubt), random.Random(1))
    assert change.status is status or may_move(status, change.status)
    assert not is_absorbed(delivery, change)
    if change.status in {D.QUEUED, D.AWAITING_RESULT}:
        assert change.due_at is not None
        assert NOW < change.due_at <= delivery.deadline_at
    else:
        assert change.due_at is None


@pytest.mark.parametrize(
    ("outcome", "status", "event", "failure"),
    [
        (OUTCOMES[0], D.REGISTERED, EventName.DELIVERY_REGISTERED, False),
        (OUTCOMES[1], D.DELIVERED, EventName.DELIVERY_DELIVERED, False),
        (OUTCOMES[2], D.AWAITING_RESULT, EventName.DELIVERY_AWAITING, False),
        (OUTCOMES[3], D.REJECTED, EventName.DELIVERY_REJECTED, False),
        (OUTCOMES[5], D.HELD, EventName.DELIVERY_HELD, False),
        (OUTCOMES[8], D.QUEUED, None, True),
        (OUTCOMES[10], D.QUEUED, None, True),
    ],
)
def test_what_an_answer_means_to_delivery_partner_and_breaker(
    outcome: Outcome, status: DeliveryStatus, event: EventName | None, failure: bool
):
    change = after_outcome(a_delivery(), outcome, NOW, a_policy(), random.Random(1))
    assert (change.status, change.event, change.failure) == (status, event, failure)


def test_a_refusal_names_its_first_finding_and_one_without_findings_still_has_a_reason():
    for outcome, reason in ((OUTCOMES[3], "destination.refused"), (OUTCOMES[4], "destination.rejected")):
        assert after_outcome(a_delivery(), outcome, NOW, a_policy(), random.Random(1)).reason == reason


def test_only_the_destinations_word_on_a_missing_link_marks_the_clinic_and_only_a_destination_wide_hold_pauses():
    made = {
        outcome.reason: after_outcome(a_delivery(), outcome, NOW, a_policy(), random.Random(1))
        for outcome in OUTCOMES
        if isinstance(outcome, Held)
    }
    assert [reason for reason, change in made.items() if change.unlink_clinic] == [UNLINKED]
    assert [reason for reason, change in made.items() if change.pause_destination] == [
        "destination.parameter_missing"
    ]


@pytest.mark.parametrize(
    ("in_doubt", "status"),
    [(InDoubtPolicy.REPEAT, D.QUEUED), (InDoubtPolicy.LOOKUP, D.QUEUED), (InDoubtPolicy.OPERATOR, D.HELD)],
)
def test_an_attempt_in_doubt_follows_the_passport(in_doubt: InDoubtPolicy, status: DeliveryStatus):
    policy = a_policy(in_doubt=in_doubt)
    change = after_outcome(a_delivery(state={"a": "1"}), InDoubt("x"), NOW, policy, random.Random(1))
    assert change.status is status
    if in_doubt is InDoubtPolicy.LOOKUP:
        assert change.state == {"a": "1", LOOKUP: "1"}
    if in_doubt is InDoubtPolicy.OPERATOR:
        assert (change.reason, change.event) == ("delivery.in_doubt", EventName.DELIVERY_HELD)


@pytest.mark.parametrize("in_doubt", list(InDoubtPolicy))
def test_a_poll_without_an_answer_is_simply_asked_again(in_doubt: InDoubtPolicy):
    """Nothing was sent, so nothing is in doubt."""
    policy = a_policy(in_doubt=in_doubt)
    change = after_outcome(a_delivery(D.AWAITING_RESULT), InDoubt("x"), NOW, policy, random.Random(1))
    assert (change.status, change.state) == (D.AWAITING_RESULT, None)


@pytest.mark.parametrize("status", [D.SENDING, D.QUEUED, D.AWAITING_RESULT])
@pytest.mark.parametrize("outcome", [Unavailable("x"), InDoubt("x")])
def test_at_the_deadline_trying_again_ends(status: DeliveryStatus, outcome: Outcome):
    delivery = a_delivery(status, deadline_at=NOW)
    change = after_outcome(delivery, outcome, NOW, a_policy(), random.Random(1))
    assert (change.status, change.event) == (D.DEAD, EventName.DELIVERY_DEAD)
    assert change.findings[0].code == "delivery.deadline"
    assert change.findings[0].fix


def test_a_verdict_that_is_there_at_the_deadline_counts_and_one_that_is_not_ends_the_waiting():
    delivery = a_delivery(D.AWAITING_RESULT, deadline_at=NOW)
    policy = a_policy(ReceiptMode.POLL)
    assert after_outcome(delivery, OUTCOMES[0], NOW, policy, random.Random(1)).status is D.REGISTERED
    ended = after_outcome(delivery, Awaiting("c"), NOW, policy, random.Random(1))
    assert (ended.status, ended.findings[0].value) == (D.DEAD, "destination.no_response")


def test_a_poll_keeps_its_pace_and_a_callback_is_awaited_in_silence():
    waiting = a_delivery(D.AWAITING_RESULT)
    polled = after_outcome(waiting, Awaiting("c"), NOW, a_policy(ReceiptMode.POLL), random.Random(1))
    assert polled.due_at == NOW + 5 * MINUTE
    called = after_outcome(waiting, Awaiting("c"), NOW, a_policy(ReceiptMode.CALLBACK), random.Random(1))
    assert called.due_at == NOW + DAY
    asked = Awaiting("c", look_again_at=NOW + 3 * MINUTE)
    assert after_outcome(waiting, asked, NOW, a_policy(), random.Random(1)).due_at == NOW + 3 * MINUTE


def test_waiting_is_told_once_and_again_when_its_stage_changes():
    policy = a_policy(ReceiptMode.POLL)
    first = after_outcome(a_delivery(), Awaiting("c", stage="flk"), NOW, policy, random.Random(1))
    assert first.event is EventName.DELIVERY_AWAITING
    waiting = a_delivery(D.AWAITING_RESULT, stage="flk")
    assert after_outcome(waiting, Awaiting("c", stage="flk"), NOW, policy, random.Random(1)).event is None
    moved = after_outcome(waiting, Awaiting("c", stage="mek"), NOW, policy, random.Random(1))
    assert moved.event is EventName.DELIVERY_AWAITING


@pytest.mark.parametrize("outcome", [Awaiting("c"), Unavailable("x"), InDoubt("x")])
def test_a_polled_verdict_that_is_missing_for_long_is_warned_of_and_again_after_as_long(outcome: Outcome):
    policy = a_policy(ReceiptMode.POLL)

    def told(**since: dt.datetime) -> EventName | None:
        return after_outcome(
            a_delivery(D.AWAITING_RESULT, **since), outcome, NOW, policy, random.Random(1)
        ).event

    assert told(sent_at=NOW - DAY + MINUTE) is None
    assert told(sent_at=NOW - DAY) is EventName.DELIVERY_WARNED
    assert told(sent_at=NOW - 3 * DAY, warned_at=NOW - MINUTE) is None
    assert told(sent_at=NOW - 3 * DAY, warned_at=NOW - DAY) is EventName.DELIVERY_WARNED


def test_a_missing_callback_is_warned_of_daily_and_given_up_at_the_deadline():
    delivery = a_delivery(D.AWAITING_RESULT, stage="c")
    change = without_verdict(delivery, NOW, a_policy())
    assert (change.event, change.due_at, change.stage) == (EventName.DELIVERY_WARNED, NOW + DAY, "c")
    assert change.reason == "destination.no_response_yet"
    assert without_verdict(delivery, delivery.deadline_at, a_policy()).status is D.DEAD
    nearly = without_verdict(delivery, delivery.deadline_at - MINUTE, a_policy())
    assert nearly.due_at == delivery.deadline_at


@pytest.mark.parametrize("before", list(D))
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_what_a_callback_may_not_do_is_absorbed(before: DeliveryStatus, outcome: Outcome):
    delivery = a_delivery(before)
    change = after_outcome(delivery, outcome, NOW, a_policy(), random.Random(1))
    assert is_absorbed(delivery, change) == (
        change.status is not before and not may_move(before, change.status)
    )
    if before is D.REGISTERED:
        assert is_absorbed(delivery, change) or change.status is D.REGISTERED


AGAIN = [Unavailable("remd.MIS_NOT_AVAILABLE"), InDoubt("destination.receipt_without_number")]


@pytest.mark.parametrize("outcome", AGAIN, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("before", [D.SENDING, D.AWAITING_RESULT])
def test_a_verdict_that_asks_to_try_again_has_the_document_sent_anew(
    before: DeliveryStatus, outcome: Outcome
):
    message = uuid.uuid4()
    delivery = a_delivery(before, message_id=message)
    change = after_verdict(delivery, message, outcome, NOW, a_policy(), random.Random(1))
    assert change is not None
    assert change.status is D.QUEUED
    assert change.due_at is not None
    assert change.due_at < NOW + 10 * MINUTE


@pytest.mark.parametrize("outcome", AGAIN, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("before", sorted(set(D) - {D.SENDING, D.AWAITING_RESULT}))
def test_a_verdict_that_asks_to_try_again_wakes_nothing_that_waits_for_no_answer(
    before: DeliveryStatus, outcome: Outcome
):
    message = uuid.uuid4()
    delivery = a_delivery(before, message_id=message)
    assert after_verdict(delivery, message, outcome, NOW, a_policy(), random.Random(1)) is None


@pytest.mark.parametrize("outcome", AGAIN, ids=lambda outcome: type(outcome).__name__)
def test_a_verdict_about_an_earlier_attempt_does_not_disturb_the_one_under_way(outcome: Outcome):
    delivery = a_delivery(D.AWAITING_RESULT, message_id=uuid.uuid4(), attempt=2)
    assert after_verdict(delivery, uuid.uuid4(), outcome, NOW, a_policy(), random.Random(1)) is None


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("before", [D.QUEUED, D.HELD, D.SENDING, D.AWAITING_RESULT])
def test_of_a_former_attempt_a_live_delivery_hears_only_success(before: DeliveryStatus, outcome: Outcome):
    delivery = a_delivery(before, message_id=uuid.uuid4(), attempt=2)
    change = after_verdict(delivery, uuid.uuid4(), outcome, NOW, a_policy(), random.Random(1))
    assert (change is not None) == isinstance(outcome, Registered | Delivered)


@given(
    attempt=st.integers(0, 10_000),
    seed=st.integers(),
    at_least=st.none() | st.timedeltas(dt.timedelta(), DAY),
)
def test_backoff_doubles_with_jitter_between_half_and_whole_and_obeys_what_the_system_asks(
    attempt: int, seed: int, at_least: dt.timedelta | None
):
    policy = a_policy()
    pause = backoff(attempt, policy, random.Random(seed), at_least)
    whole = min(policy.first_retry * 2 ** min(max(attempt - 1, 0), 20), policy.longest_retry)
    assert pause >= whole * 0.5
    assert pause >= (at_least or dt.timedelta())
    assert pause <= max(whole, at_least or dt.timedelta())


@pytest.mark.parametrize("outcome", [Rejected((REFUSED,)), Held(UNLINKED, "Не привязана", "clinic")])
def test_a_refusal_of_an_earlier_attempt_does_not_end_the_one_under_way(outcome: Outcome):
    newest, earlier = uuid.uuid4(), uuid.uuid4()
    for status in WORKING:
        delivery = replace(a_delivery(), status=status, message_id=newest)
        assert after_verdict(delivery, earlier, outcome, NOW, a_policy(), random.Random(1)) is None
        assert after_verdict(delivery, newest, outcome, NOW, a_policy(), random.Random(1)) is not None


def test_a_refusal_an_operator_tried_again_after_is_not_said_twice():
    message_id = uuid.uuid4()
    delivery = replace(a_delivery(), status=D.QUEUED, message_id=message_id, state={RETRIED: str(message_id)})
    assert after_verdict(delivery, message_id, OUTCOMES[3], NOW, a_policy(), random.Random(1)) is None
    assert after_verdict(delivery, message_id, OUTCOMES[0], NOW, a_policy(), random.Random(1)) is not None


@pytest.mark.parametrize("receipt", list(ReceiptMode))
def test_what_was_taken_and_is_polled_for_remembers_that_when_it_is_held_or_given_up(receipt: ReceiptMode):
    polled = replace(a_delivery(), status=D.AWAITING_RESULT, state={"unid": "7"})
    kept = {"unid": "7", ASKED: "1"} if receipt is ReceiptMode.POLL else None
    late = polled.deadline_at + MINUTE
    for outcome, at in ((OUTCOMES[5], NOW), (OUTCOMES[2], late), (OUTCOMES[9], late)):
        change = after_outcome(polled, outcome, at, a_policy(receipt), random.Random(1))
        assert change.status in {D.HELD, D.DEAD}
        assert change.state == kept
