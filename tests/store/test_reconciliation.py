"""What we call registered is what the registry has: planned once a night, made politely, written once, told to people."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from builders import CLINIC, NOW
from field_stand import DAY, OTHER_CLINIC, Field, a_field
from rows import Shelf

from broker.adapter_kit import Awaiting, Registered, RegistryEntry, Rejected
from broker.document.receipt import Receipt
from broker.partners.clinic import ClinicStatus, RemdLink
from broker.receipts.reconcile import DifferenceKind, Ours, compare
from broker.store.overview import OverviewStore
from broker.store.reconciliation import RECONCILE, Made, ReconciliationStore
from broker.work.reconcile import AGAIN, TRIES, ReconcileWorker, Reconciling

K = DifferenceKind
HOUR = dt.timedelta(hours=1)
WINDOW = (NOW - 3 * DAY, NOW)
NUMBER = "119.77.26.05.03083056{}"


@pytest.fixture
async def field(shelf: Shelf) -> AsyncIterator[Field]:
    async with a_field(shelf) as field:
        await field.clinic()
        yield field


def store(field: Field) -> ReconciliationStore:
    return ReconciliationStore(field.shelf.database)


def a_worker(field: Field, *, hour: int | None = 0) -> ReconcileWorker:
    return ReconcileWorker(
        {"there": (field.adapter, field.context)},
        store(field),
        field.shelf.tasks,
        field.partners,
        field.clock,
        lambda _due: None,
        Reconciling(hour=hour, days=3, pause=0.0),
    )


async def registered(field: Field, number: str, *, listed: str | None = None) -> str:
    """Register a document here, and list it in the registry under a number (None: not at all)."""
    delivery = await field.routed()
    receipt = Receipt(provider="рэмд", emdr_id=number, registered_at=field.clock.now() - HOUR)
    field.adapter.answers[delivery.local_uid] = [Registered(receipt)]
    await field.work()
    if listed is not None:
        field.adapter.listed.setdefault(CLINIC, []).append(
            RegistryEntry(local_uid=delivery.local_uid.upper(), number=listed, registered_at=NOW - HOUR)
        )
    return delivery.local_uid


def an_entry(uid: str, number: str = "1", at: dt.datetime = NOW - HOUR) -> RegistryEntry:
    return RegistryEntry(local_uid=uid, number=number, registered_at=at)


async def found(field: Field) -> set[tuple[str, str]]:
    rows = await field.shelf.database.fetch("select kind, local_uid from reconciliation_difference")
    return {(row["kind"], row["local_uid"]) for row in rows}


async def test_every_kind_of_difference_is_found_and_what_agrees_is_none(field: Field):
    await registered(field, NUMBER.format(1), listed=NUMBER.format(1))
    missing = await registered(field, NUMBER.format(2))
    differing = await registered(field, NUMBER.format(3), listed=NUMBER.format(4))
    refused, owed = await field.routed(), await field.routed()
    field.adapter.answers[refused.local_uid] = [Rejected(())]
    field.adapter.answers[owed.local_uid] = [Awaiting("c")]
    await field.work()
    stranger = str(uuid.uuid4())
    field.adapter.listed[CLINIC] += [
        an_entry(refused.local_uid),
        an_entry(owed.local_uid),
        an_entry(stranger),
        an_entry(str(uuid.uuid4()), at=NOW - 3 * DAY - HOUR),
    ]
    await a_worker(field)._work()
    assert await found(field) == {
        (K.MISSING_THERE, missing),
        (K.NUMBER_DIFFERS, differing),
        (K.NOT_RECORDED, refused.local_uid),
        (K.UNKNOWN_HERE, stranger),
    }
    (line,) = await store(field).latest(NOW)
    assert (line["status"], line["ours"], line["differences"]) == ("done", 3, 4)
    overview = await OverviewStore(field.shelf.database).overview(NOW, {}, {})
    assert (overview.attention.differences, overview.attention.differing_clinics) == (4, 1)
    events = await field.shelf.database.fetch(
        "select body, clinic_oid from journal where event = 'destination.reconciled'"
    )
    assert [(one["clinic_oid"], one["body"]["differences"]) for one in events] == [(CLINIC, 4)]


async def test_a_round_is_planned_once_a_day_for_every_linked_clinic(field: Field):
    await field.clinic(OTHER_CLINIC, remd_link=RemdLink.REQUESTED)
    await field.clinic("1.2.643.5.1.13.13.12.2.77.9003", status=ClinicStatus.SUSPENDED)
    early = a_worker(field, hour=23)
    assert await early._work() == 0
    for _ in range(2):
        await a_worker(field)._work()
    assert await field.shelf.database.fetchval("select count(*) from reconciliation") == 1
    field.pass_time(DAY)
    await a_worker(field)._work()
    assert await field.shelf.database.fetchval("select count(*) from reconciliation") == 2
    assert await a_worker(field, hour=None)._work() == 0


async def test_an_operator_may_have_one_clinic_compared_now_as_often_as_wanted(field: Field):
    for _ in range(2):
        assert len(await store(field).plan("there", *WINDOW, by="оператор", clinic=CLINIC)) == 1
    assert await store(field).plan("there", *WINDOW, by="оператор", clinic=OTHER_CLINIC) == []
    worker = a_worker(field, hour=None)
    assert [await worker._work() for _ in range(3)] == [1, 1, 0]


async def test_a_registry_that_does_not_answer_is_asked_again_and_in_the_end_reported(field: Field):
    field.adapter.silent = True
    worker = a_worker(field)
    for _ in range(TRIES - 1):
        assert await worker._work() == 1
        assert await worker._work() == 0, "not at once"
        field.pass_time(AGAIN)
    await worker._work()
    (line,) = await store(field).latest(field.clock.now())
    assert (line["status"], line["note"]) == ("failed", "destination.http_503")
    overview = await OverviewStore(field.shelf.database).overview(field.clock.now(), {}, {})
    assert (overview.attention.uncompared, overview.attention.differences) == (1, 0)


async def test_a_window_with_too_long_an_answer_is_read_in_halves(field: Field):
    field.adapter.most = 10
    field.adapter.listed[CLINIC] = [
        an_entry(str(uuid.uuid4()), at=NOW - dt.timedelta(minutes=97 * n)) for n in range(40)
    ]
    await a_worker(field)._work()
    (line,) = await store(field).latest(NOW)
    assert (line["theirs"], line["status"]) == (40, "done")
    ends = sorted(field.adapter.windows)
    assert all(before[1] == after[0] for before, after in pairwise(ends)), (
        "no hour is missed, none read twice"
    )


async def test_a_comparison_whose_process_died_is_made_again_and_written_once(field: Field):
    missing = await registered(field, NUMBER.format(1))
    await store(field).plan("there", *WINDOW, by="night", nightly=True)
    (dead,) = await field.shelf.tasks.claim(RECONCILE, 1, NOW)
    worker = a_worker(field)
    assert await worker._work() == 0, "its lease is not over"
    await field.shelf.database.execute("update task set leased_until = clock_timestamp() - interval '1 s'")
    assert await worker._work() == 1
    planned = await store(field).load(dead.subject)
    assert planned is not None
    assert not await store(field).finish(planned, Made(ours=9), dead, NOW), (
        "who came back too late writes nothing"
    )
    assert await found(field) == {(K.MISSING_THERE, missing)}


def test_what_a_person_marked_was_registered_some_other_time():
    marked = Ours(
        document_id=uuid.uuid4(),
        local_uid="a",
        number="1",
        registered_at=NOW - HOUR,
        stage="зарегистрирован ранее",
    )
    assert compare([marked], [], {}, WINDOW) == []
    (differs,) = compare([marked], [an_entry("A", "2")], {}, WINDOW)
    assert differs.kind is K.NUMBER_DIFFERS


def test_a_registry_that_names_no_numbers_still_proves_that_it_has_them():
    ours = Ours(document_id=uuid.uuid4(), local_uid="a", number="1", registered_at=NOW - HOUR)
    assert compare([ours], [an_entry("a", "")], {}, WINDOW) == []
