"""Deliveries as rows: begun by who holds the claim, changed by decisions on fresh rows, never stuck, never doubled."""

import asyncio
import datetime as dt
import random
import uuid

import pytest
from builders import CLINIC, NOW, an_arrival
from rows import PATIENCE, Acting, Shelf

from broker.adapter_kit import (
    Awaiting,
    Delivered,
    InDoubtPolicy,
    Outcome,
    ReceiptMode,
    Registered,
    Rejected,
)
from broker.delivery.decide import after_outcome, superseded
from broker.delivery.preflight import Predecessor, Supersede, Wait, check_order
from broker.delivery.state import AlreadyThere, Change, DeliveryState, Policy
from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus
from broker.document.receipt import Receipt
from broker.routing.table import Rule, Table, TableRefusedError
from broker.store.deliveries import Application, Applied, Attempted, Correlated, Start
from broker.store.destinations import DestinationStore
from broker.store.journal import Journal
from broker.store.tasks import LEASE, Task
from broker.store.views import Views

DICE = random.Random(1)
DAY = dt.timedelta(days=1)
POLICY = Policy(
    receipt=ReceiptMode.CALLBACK,
    in_doubt=InDoubtPolicy.REPEAT,
    first_retry=dt.timedelta(seconds=2),
    longest_retry=dt.timedelta(hours=1),
    deadline=PATIENCE,
    warn_after=DAY,
    poll_every=dt.timedelta(minutes=5),
    predecessor=DAY,
    needs_link=False,
    params=(),
    timeout=30,
    parallel=8,
    rate=0,
)
YES = Registered(Receipt(provider="рэмд", emdr_id="1.77.26.01.000000001"))
WRONG = Finding(
    layer=Layer.REGISTRY,
    severity=Severity.ERROR,
    code="destination.refused",
    message="Нет",
    responsible=Responsible.MIS,
    source=Source.OFFICIAL,
)
NO = Rejected((WRONG,))


async def settle(
    shelf: Shelf,
    delivery: DeliveryState,
    outcome: Outcome,
    *,
    task: Task | None = None,
    message_id: uuid.UUID | None = None,
    at: dt.datetime = NOW,
) -> Applied:
    """Apply an outcome as a worker (with its claim) or as a callback (without)."""
    attempted = Attempted(message_id=message_id, outcome="x", duration_ms=1) if message_id else None
    applied, _ = await shelf.deliveries.apply(
        [
            Application(
                delivery_id=delivery.id,
                decide=lambda state: after_outcome(state, outcome, at, POLICY, DICE),
                at=at,
                task=task,
                attempted=attempted,
            )
        ]
    )
    return applied[0]


async def events(shelf: Shelf, document: uuid.UUID) -> list[str]:
    return [event["event"] for event in await Journal(shelf.database).of_document(document)]


async def test_a_registration_closes_delivery_task_and_document_and_is_told_in_order(shelf: Shelf):
    (delivery,) = await shelf.routed()
    task, message_id = await shelf.sending(delivery)
    await settle(shelf, delivery, YES, task=task, message_id=message_id)
    assert (await shelf.state(delivery)).status is DeliveryStatus.REGISTERED
    assert await shelf.tasks_of(delivery.id) == 0
    assert await shelf.status(delivery.document_id) == "completed"
    assert (await events(shelf, delivery.document_id))[-2:] == ["delivery.registered", "document.completed"]


async def test_an_attempt_is_committed_with_its_number_and_digest_before_anything_leaves(shelf: Shelf):
    (delivery,) = await shelf.routed()
    _, message_id = await shelf.sending(delivery)
    (attempt,) = await shelf.database.fetch("select * from attempt")
    digest = await shelf.database.fetchval("select digest from document")
    assert (attempt["id"], attempt["number"], attempt["digest"]) == (message_id, 1, digest)
    assert (attempt["correlation"], attempt["finished_at"]) == (str(message_id), None)
    state = await shelf.state(delivery)
    assert (state.status, state.attempt) == (DeliveryStatus.SENDING, 1)


async def test_who_slept_past_the_lease_cannot_begin(shelf: Shelf):
    """A worker stopped by SIGSTOP wakes up after another one has taken its task."""
    (delivery,) = await shelf.routed()
    sleeper = await shelf.claim(delivery, lease=dt.timedelta(seconds=-1))
    other = await shelf.claim(delivery)
    assert await shelf.begin(delivery, sleeper) is None
    assert await shelf.begin(delivery, other) is not None
    assert await shelf.begin(delivery, sleeper) is None
    assert await shelf.begin(delivery, other) is None, "an attempt is under way already"
    assert await shelf.database.fetchval("select count(*) from attempt") == 1


async def test_what_is_no_longer_queued_cannot_begin(shelf: Shelf):
    (delivery,) = await shelf.routed()
    task = await shelf.claim(delivery)
    await shelf.database.execute("update delivery set status = 'cancelled' where id = $1", delivery.id)
    assert await shelf.begin(delivery, task) is None


async def test_a_stale_failure_is_dropped_and_a_stale_success_is_kept(shelf: Shelf):
    (delivery,) = await shelf.routed()
    sleeper, message_id = await shelf.sending(delivery)
    await shelf.database.execute("update task set leased_until = null where subject = $1", delivery.id)
    await shelf.claim(delivery)
    assert (await settle(shelf, delivery, NO, task=sleeper)).change is None
    assert (await shelf.state(delivery)).status is DeliveryStatus.SENDING
    assert (await settle(shelf, delivery, YES, task=sleeper, message_id=message_id)).change is not None
    assert (await shelf.state(delivery)).status is DeliveryStatus.REGISTERED


async def test_a_callback_that_overtakes_our_own_answer_finds_its_delivery(shelf: Shelf):
    (delivery,) = await shelf.routed()
    task, message_id = await shelf.sending(delivery)
    found = await shelf.deliveries.by_correlation(str(message_id), "there")
    assert found == Correlated(delivery_id=delivery.id, message_id=message_id)
    assert await shelf.deliveries.by_correlation(str(message_id), "elsewhere") is None
    await settle(shelf, delivery, YES)
    late = await settle(shelf, delivery, Awaiting(str(message_id)), task=task, message_id=message_id)
    assert late.change is None
    assert (await shelf.state(delivery)).status is DeliveryStatus.REGISTERED
    assert await shelf.tasks_of(delivery.id) == 0


async def test_registered_absorbs_whatever_comes_later_and_journals_it(shelf: Shelf):
    (delivery,) = await shelf.routed()
    await shelf.sending(delivery)
    await settle(shelf, delivery, YES)
    told = len(await Journal(shelf.database).feed("vendor-alpha", "", 100))
    for outcome in (NO, YES, Registered(Receipt(provider="рэмд", emdr_id="другой"))):
        assert (await settle(shelf, delivery, outcome)).change is None
    receipt = await shelf.database.fetchval("select receipt from delivery")
    assert receipt["emdrId"] == "1.77.26.01.000000001"
    assert (await events(shelf, delivery.document_id)).count("callback.repeated") == 3
    assert len(await Journal(shelf.database).feed("vendor-alpha", "", 100)) == told


@pytest.mark.parametrize(
    "success", [YES, Delivered(Receipt(provider="гис"))], ids=["registered", "delivered"]
)
@pytest.mark.parametrize("before", ["rejected", "dead"])
async def test_a_late_success_reopens_what_was_closed_without_one(
    shelf: Shelf, before: str, success: Outcome
):
    (delivery,) = await shelf.routed()
    await shelf.sending(delivery)
    await settle(shelf, delivery, NO)
    await shelf.database.execute("update delivery set status = $2 where id = $1", delivery.id, before)
    assert await shelf.status(delivery.document_id) == "failed"
    await settle(shelf, delivery, success)
    assert await shelf.status(delivery.document_id) == "completed"
    card = await Views(shelf.database).document(delivery.document_id)
    assert card is not None
    assert card.deliveries[0].findings == [], "findings of the refusal must not stand beside a receipt"


async def test_a_document_waits_for_every_delivery_and_fails_if_a_required_one_failed(shelf: Shelf):
    first, second = await shelf.routed(destinations=("a", "b"))
    await shelf.sending(first)
    await settle(shelf, first, YES)
    assert await shelf.status(first.document_id) == "routed"
    await shelf.sending(second)
    await settle(shelf, second, NO)
    assert await shelf.status(first.document_id) == "failed"


async def test_two_outcomes_of_one_document_at_once_close_it_once(shelf: Shelf):
    deliveries = await shelf.routed(destinations=("a", "b", "c"))
    await asyncio.gather(*(settle(shelf, delivery, YES) for delivery in deliveries))
    assert await shelf.status(deliveries[0].document_id) == "completed"
    assert (await events(shelf, deliveries[0].document_id)).count("document.completed") == 1


async def test_while_held_the_deadline_stands_still_and_nothing_is_due(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    task = await shelf.claim(delivery)
    held = Change(status=DeliveryStatus.HELD, event=EventName.DELIVERY_HELD, reason="clinic.not_linked")
    await shelf.deliveries.apply(
        [Application(delivery_id=delivery.id, decide=lambda _: held, at=NOW, task=task)]
    )
    assert await shelf.tasks_of(delivery.id) == 0
    commands.clock.instant = NOW + 10 * DAY
    assert await commands.it.release(clinic=CLINIC, reason="clinic.not_linked", actor="оператор") == 1
    state = await shelf.state(delivery)
    assert (state.status, state.deadline_at) == (DeliveryStatus.QUEUED, delivery.deadline_at + 10 * DAY)
    assert (state.attempt, await shelf.tasks_of(delivery.id)) == (0, 1)


async def test_a_release_in_bulk_takes_what_fits_and_yields_to_new_documents(shelf: Shelf, commands: Acting):
    held = [(await shelf.routed())[0] for _ in range(15)]
    other = (await shelf.routed(an_arrival(clinic="1.2.643.5.1.13.13.12.2.78.9003", region="78")))[0]
    await shelf.database.execute("update delivery set status = 'held', reason = 'clinic.not_linked'")
    await shelf.database.execute("delete from task")
    assert await commands.it.release(destination="there", clinic=CLINIC, actor="оператор") == 15
    assert {(await shelf.state(one)).status for one in held} == {DeliveryStatus.QUEUED}
    assert (await shelf.state(other)).status is DeliveryStatus.HELD
    assert await shelf.database.fetchval("select array_agg(distinct priority) from task") == [2]
    acted = await shelf.database.fetch("select body from journal where event = 'operator.acted'")
    assert [row["body"]["deliveries"] for row in acted] == [15]


async def test_what_an_operator_retries_gets_its_whole_time_again(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    await shelf.sending(delivery)
    await settle(shelf, delivery, NO)
    commands.clock.instant = NOW + 20 * DAY
    assert await commands.it.retry([delivery.id], actor="оператор", reason="исправлено") == 1
    state = await shelf.state(delivery)
    assert (state.status, state.deadline_at) == (DeliveryStatus.QUEUED, NOW + 20 * DAY + PATIENCE)
    assert await shelf.status(delivery.document_id) == "routed"
    assert await commands.it.retry([delivery.id], actor="оператор", reason="ещё раз") == 0


async def test_a_withdrawal_and_a_start_at_once_never_both_succeed(shelf: Shelf, commands: Acting):
    """Were both to win, a document the partner holds for withdrawn would be registered."""
    for _ in range(25):
        (delivery,) = await shelf.routed()
        task = await shelf.claim(delivery)
        cancelled, begun = await asyncio.gather(
            commands.it.cancel(delivery.document_id, actor="vendor-alpha"), shelf.begin(delivery, task)
        )
        state = await shelf.state(delivery)
        assert (str(cancelled) == "done") != (begun is not None)
        assert state.status is (DeliveryStatus.SENDING if begun else DeliveryStatus.CANCELLED)


async def test_a_withdrawal_takes_all_deliveries_or_none(shelf: Shelf, commands: Acting):
    first, second = await shelf.routed(destinations=("a", "b"))
    await shelf.sending(second)
    assert str(await commands.it.cancel(first.document_id, actor="vendor-alpha")) == "already_sent"
    assert (await shelf.state(first)).status is DeliveryStatus.QUEUED


async def test_a_document_not_routed_yet_is_withdrawn_and_its_examination_comes_to_nothing(
    shelf: Shelf, commands: Acting
):
    ticket = await shelf.accept()
    examined = await shelf.examined(ticket.id, ("there",))
    assert str(await commands.it.cancel(ticket.id, actor="vendor-alpha")) == "done"
    assert await shelf.documents.commit([examined]) == []
    assert await shelf.status(ticket.id) == "failed"
    assert await shelf.of_document(ticket.id) == []
    assert (await events(shelf, ticket.id))[-1] == "document.failed"
    assert str(await commands.it.cancel(ticket.id, actor="vendor-alpha")) == "done", "asked twice, done once"
    assert (await events(shelf, ticket.id)).count("document.failed") == 1


async def test_a_withdrawal_asked_for_twice_is_done_once(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    assert str(await commands.it.cancel(delivery.document_id, actor="vendor-alpha")) == "done"
    assert str(await commands.it.cancel(delivery.document_id, actor="vendor-alpha")) == "done"
    assert (await events(shelf, delivery.document_id)).count("delivery.cancelled") == 1


# Order within a set, and the same document under other signatures.


def in_set(version: int, **changes: object):
    return an_arrival(set_key="1.2^набор", version=version, **changes)


async def ask(shelf: Shelf, delivery: DeliveryState, at: dt.datetime = NOW) -> object:
    """What the store answers when this delivery wants to start."""
    task = await shelf.claim(delivery, at)
    start = Start(delivery=delivery, task=task, message_id=uuid.uuid4(), digest=b"d" * 32)

    def order(state: DeliveryState, before: list[Predecessor]) -> object:
        return check_order(state, before, at, POLICY)

    answer = (await shelf.deliveries.begin([start], at, order, LEASE))[delivery.id]
    await shelf.tasks.release([task])
    return answer


async def test_a_version_waits_for_a_lower_one_under_way_and_goes_when_it_is_final(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    await shelf.sending(first)
    (second,) = await shelf.routed(in_set(2))
    assert isinstance(await ask(shelf, second), Wait)
    await settle(shelf, first, NO)
    assert await ask(shelf, second) == 1


async def test_a_version_waits_for_a_lower_one_that_is_not_routed_yet(shelf: Shelf):
    await shelf.accept(in_set(1))
    second = await shelf.accept(in_set(2))
    await shelf.documents.commit([await shelf.examined(second.id, ("there",))])
    (delivery,) = await shelf.of_document(second.id)
    assert isinstance(await ask(shelf, delivery), Wait)


async def test_an_unsent_lower_version_is_superseded(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    (second,) = await shelf.routed(in_set(2))
    await shelf.claim(first)
    assert await ask(shelf, second) == Supersede((str(first.id),))


async def test_a_held_version_that_may_have_arrived_is_waited_for_not_superseded(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    await shelf.sending(first)
    await shelf.database.execute("update delivery set status = 'held', reason = 'delivery.in_doubt'")
    (second,) = await shelf.routed(in_set(2))
    assert isinstance(await ask(shelf, second), Wait)
    applied, _ = await shelf.deliveries.apply([Application(delivery_id=first.id, decide=superseded, at=NOW)])
    assert applied[0].change is None


async def test_after_the_set_time_nobody_waits_for_a_predecessor(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    await shelf.sending(first)
    (second,) = await shelf.routed(in_set(2))
    assert await ask(shelf, second, NOW + DAY) == 1


async def test_sets_of_other_clinics_modes_and_destinations_do_not_wait(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    await shelf.sending(first)
    for changes, destination in (
        ({"clinic": "1.2.643.5.1.13.13.12.2.77.9002"}, "there"),
        ({"mode": "test"}, "there"),
        ({}, "elsewhere"),
    ):
        (second,) = await shelf.routed(in_set(2, **changes), destinations=(destination,))
        assert await ask(shelf, second) == 1


async def resubmitted(shelf: Shelf, arrival, signature: bytes = b"better") -> DeliveryState:
    again = an_arrival(local_uid=arrival.local_uid, signature=signature)
    (delivery,) = await shelf.routed(again)
    return delivery


async def test_a_resubmission_waits_while_the_first_is_under_way(shelf: Shelf):
    arrival = an_arrival()
    (first,) = await shelf.routed(arrival)
    await shelf.sending(first)
    second = await resubmitted(shelf, arrival)
    third = await resubmitted(shelf, arrival, b"best")
    assert isinstance(await ask(shelf, second), Wait)
    assert isinstance(await ask(shelf, third), Wait), "also the resubmission of a resubmission"
    await settle(shelf, first, NO)
    assert await ask(shelf, second) == 1
    assert isinstance(await ask(shelf, third), Wait)


async def test_a_resubmission_of_what_was_registered_meanwhile_is_not_sent_again(shelf: Shelf):
    arrival = an_arrival()
    (first,) = await shelf.routed(arrival)
    await shelf.sending(first)
    second = await resubmitted(shelf, arrival)
    await settle(shelf, first, YES)
    assert await ask(shelf, second) == AlreadyThere(status=DeliveryStatus.REGISTERED, receipt=YES.receipt)


async def test_former_attempts_of_the_same_document_are_known_to_its_resubmission(shelf: Shelf):
    arrival = an_arrival()
    (first,) = await shelf.routed(arrival)
    _, message_id = await shelf.sending(first)
    second = await resubmitted(shelf, arrival)
    third = await resubmitted(shelf, arrival, b"best")
    earlier = await shelf.deliveries.earlier_attempts([second.id, third.id])
    assert earlier == {second.id: (message_id,), third.id: (message_id,)}


async def test_two_of_one_set_that_start_at_once_never_go_beside_each_other(shelf: Shelf):
    (first,) = await shelf.routed(in_set(1))
    (second,) = await shelf.routed(in_set(2))
    tasks = await shelf.tasks.claim("route.there", 10, NOW)
    by_subject = {task.subject: task for task in tasks}

    async def begin(delivery: DeliveryState) -> object:
        start = Start(
            delivery=delivery, task=by_subject[delivery.id], message_id=uuid.uuid4(), digest=b"d" * 32
        )

        def order(state: DeliveryState, before: list[Predecessor]) -> object:
            return check_order(state, before, NOW, POLICY)

        return (await shelf.deliveries.begin([start], NOW, order, LEASE)).get(delivery.id)

    answers = await asyncio.gather(begin(first), begin(second))
    assert answers[0] == 1
    assert isinstance(answers[1], Wait | Supersede)


async def test_a_batch_of_starts_answers_each_by_its_own_predecessors(shelf: Shelf):
    plain = (await shelf.routed())[0]
    (first,) = await shelf.routed(in_set(1))
    (second,) = await shelf.routed(in_set(2))
    tasks = {t.subject: t for t in await shelf.tasks.claim("route.there", 10, NOW)}
    starts = [
        Start(delivery=d, task=tasks[d.id], message_id=uuid.uuid4(), digest=b"d" * 32)
        for d in (plain, first, second)
    ]

    def order(state: DeliveryState, before: list[Predecessor]) -> object:
        return check_order(state, before, NOW, POLICY)

    answers = await shelf.deliveries.begin(starts, NOW, order, LEASE)
    assert (answers[plain.id], answers[first.id]) == (1, 1)
    assert answers[second.id] == Supersede((str(first.id),)) or isinstance(answers[second.id], Wait)


# Whatever comes, a delivery is final, held, or has a task: nothing is forgotten.

OUTCOMES: list[Outcome] = [YES, NO, Delivered(Receipt(provider="гис")), Awaiting("c")]


@pytest.mark.parametrize("status", list(DeliveryStatus))
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("worker", [True, False], ids=["worker", "callback"])
async def test_no_live_delivery_is_ever_left_without_a_task(
    shelf: Shelf, status: DeliveryStatus, outcome: Outcome, worker: bool
):
    (delivery,) = await shelf.routed()
    task = await shelf.claim(delivery)
    await shelf.database.execute("update delivery set status = $2 where id = $1", delivery.id, status)
    await settle(shelf, delivery, outcome, task=task if worker else None)
    after = (await shelf.state(delivery)).status
    if after in {DeliveryStatus.QUEUED, DeliveryStatus.SENDING, DeliveryStatus.AWAITING_RESULT}:
        assert await shelf.tasks_of(delivery.id) == 1, f"{status} → {after}"


async def test_a_table_that_could_register_twice_is_not_put_into_force(shelf: Shelf):
    store = DestinationStore(shelf.database)
    twice = Table(
        (
            Rule(name="напрямую", destination="remd", registers=True),
            Rule(name="через ГИС", destination="gis.77", registers=True),
        )
    )
    with pytest.raises(TableRefusedError, match="дважды"):
        await store.activate_routing(twice, "оператор", NOW)
    assert await store.routing() == (0, Table())


async def test_routing_is_remembered_with_its_act_and_one_table_is_in_force(shelf: Shelf):
    store = DestinationStore(shelf.database)
    first = await store.activate_routing(Table((Rule(name="a", destination="x"),)), "оператор", NOW)
    second = await store.activate_routing(Table((Rule(name="b", destination="y"),)), "оператор", NOW)
    version, table = await store.routing()
    assert (version, table.rules[0].name) == (second, "b")
    assert second > first
