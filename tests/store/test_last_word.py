"""What the registry is asked: before a document is given up, and when its localUid is taken. What an operator may say then."""

import datetime as dt
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from builders import NOW
from field_stand import DAY, DEADLINE, Field, a_field
from rows import Acting, Shelf

from broker.adapter_kit import Awaiting, Delivered, Held, NotFound, Registered, Rejected, Unavailable
from broker.delivery.decide import LOOKUP, TAKEN
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus
from broker.document.receipt import Receipt

NUMBER = "119.77.26.05.030830566"
THERE = Registered(Receipt(provider="рэмд", emdr_id=NUMBER, registered_at=NOW))
REFUSED = Finding(
    layer=Layer.REGISTRY,
    severity=Severity.ERROR,
    code=TAKEN,
    message="Занят",
    responsible=Responsible.MIS,
    source=Source.OFFICIAL,
)
NOT_OURS = Rejected((REFUSED,), stage="отказ при приёме", at_entry=True, taken_as=NUMBER)
SILENCE = (Unavailable("destination.http_503"), Held("destination.settings_invalid", "нет", "destination"))


@pytest.fixture
async def field(shelf: Shelf) -> AsyncIterator[Field]:
    async with a_field(shelf) as field:
        await field.clinic()
        yield field


@pytest.fixture
async def persistent(shelf: Shelf) -> AsyncIterator[Field]:
    """A destination that is sent to once more when a verdict was lost."""
    async with a_field(shelf, resends=True) as field:
        await field.clinic()
        yield field


async def awaiting(field: Field):
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [Awaiting("c-1")]
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.AWAITING_RESULT
    return delivery


async def test_a_verdict_that_was_lost_is_looked_up_and_the_document_sent_again_before_the_deadline(
    persistent: Field,
):
    delivery = await awaiting(persistent)
    persistent.adapter.looked_up[delivery.local_uid] = [NotFound()]
    persistent.adapter.answers[delivery.local_uid] = [THERE]
    persistent.pass_time(dt.timedelta(days=10))
    await persistent.work()
    assert (
        await persistent.shelf.state(delivery)
    ).attempt == 1  # no verdict was ever seen to take longer than 10.1 days
    persistent.pass_time(dt.timedelta(days=1, hours=1))
    await persistent.work()
    await persistent.work()
    state = await persistent.shelf.state(delivery)
    assert (state.status, state.attempt) == (DeliveryStatus.REGISTERED, 2)
    numbers = await persistent.shelf.database.fetch(
        "select id, digest from attempt where delivery_id = $1 order by number", delivery.id
    )
    assert len({row["id"] for row in numbers}) == 2  # a new message id ...
    assert len({row["digest"] for row in numbers}) == 1  # ... over the same bytes


async def test_a_verdict_that_was_lost_is_found_in_the_registry(persistent: Field):
    delivery = await awaiting(persistent)
    persistent.adapter.looked_up[delivery.local_uid] = [THERE]
    persistent.pass_time(dt.timedelta(days=11, hours=1))
    await persistent.work()
    state = await persistent.shelf.state(delivery)
    assert (state.status, state.attempt) == (DeliveryStatus.REGISTERED, 1)


async def test_what_the_registry_has_at_the_deadline_is_registered(field: Field):
    delivery = await awaiting(field)
    field.adapter.looked_up[delivery.local_uid] = [THERE]
    field.pass_time(DEADLINE)
    await field.work()
    state = await field.shelf.state(delivery)
    assert state.status is DeliveryStatus.REGISTERED
    receipt = await field.shelf.database.fetchval("select receipt from delivery where id = $1", delivery.id)
    assert receipt["emdrId"] == NUMBER


async def test_what_the_registry_has_not_at_the_deadline_is_given_up_and_says_that_it_was_asked(field: Field):
    delivery = await awaiting(field)
    field.adapter.looked_up[delivery.local_uid] = [NotFound()]
    field.pass_time(DEADLINE)
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.DEAD
    (finding,) = await field.findings(delivery)
    assert finding["code"] == "delivery.deadline"
    assert "В реестре системы документа нет" in finding["message"]


@pytest.mark.parametrize("silence", SILENCE, ids=lambda one: type(one).__name__)
async def test_while_the_registry_does_not_answer_nothing_is_given_up(field: Field, silence):
    delivery = await awaiting(field)
    field.adapter.looked_up[delivery.local_uid] = [silence] * 3 + [THERE]
    field.pass_time(DEADLINE)
    for _ in range(3):
        await field.work()
        state = await field.shelf.state(delivery)
        assert (state.status, state.reason) == (
            DeliveryStatus.AWAITING_RESULT,
            "delivery.registry_unanswered",
        )
        assert await field.work() == 0, "it is not asked again at once"
        field.pass_time(dt.timedelta(hours=1))
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.REGISTERED


async def test_the_answer_that_comes_while_the_registry_is_asked_is_believed(field: Field):
    delivery = await awaiting(field)
    field.adapter.looked_up[delivery.local_uid] = [Unavailable("destination.http_503")]
    field.pass_time(DEADLINE)
    await field.work()
    field.adapter.looked_up[delivery.local_uid] = [Delivered(Receipt(provider="там"))]
    field.pass_time(dt.timedelta(hours=1))
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.DELIVERED


async def test_what_was_refused_a_connection_to_the_end_is_asked_about_too(field: Field):
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [Unavailable("destination.connect_failed")] * 30
    await field.work()
    field.pass_time(DEADLINE)
    field.adapter.looked_up[delivery.local_uid] = [THERE]
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.REGISTERED


async def test_what_was_never_sent_is_given_up_without_a_question(field: Field):
    delivery = await field.routed()
    field.adapter.looked_up[delivery.local_uid] = [THERE]
    field.pass_time(DEADLINE + DAY)
    await field.work()
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.DEAD
    assert field.adapter.looked_up[delivery.local_uid] == [THERE]


async def test_every_attempt_has_a_message_id_of_its_own_and_the_same_local_uid(field: Field):
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [Unavailable("destination.http_503")] * 3 + [Awaiting("c")]
    for _ in range(4):
        await field.work()
        field.pass_time(dt.timedelta(hours=1))
    parcels = field.adapter.taken
    assert len({parcel.message_id for parcel in parcels}) == len(parcels) == 4
    assert {parcel.local_uid for parcel in parcels} == {delivery.local_uid}
    assert len({parcel.digest for parcel in parcels}) == 1


async def refused(field: Field, found):
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [NOT_OURS]
    field.adapter.looked_up[delivery.local_uid] = [Unavailable("destination.http_503"), found]
    await field.work()
    state = await field.shelf.state(delivery)
    assert (state.status, state.reason) == (DeliveryStatus.QUEUED, TAKEN)
    await field.work()
    assert LOOKUP in (await field.shelf.state(delivery)).state, "the registry was silent: it is asked again"
    field.pass_time(dt.timedelta(hours=1))
    await field.work()
    return delivery


@pytest.mark.parametrize(("found", "told"), [(THERE, "в реестре зарегистрирован"), (NotFound(), "не найден")])
async def test_a_taken_local_uid_is_looked_up_and_refused_with_what_the_registry_knows(
    field: Field, found, told: str
):
    delivery = await refused(field, found)
    state = await field.shelf.state(delivery)
    assert (state.status, state.reason, state.stage) == (
        DeliveryStatus.REJECTED,
        TAKEN,
        "отказ при приёме",
    )
    assert state.attempt == 1, "looking up costs no attempt"
    (finding,) = await field.findings(delivery)
    assert NUMBER in finding["message"]
    assert told in finding["message"]
    events = await field.events(delivery)
    assert events.count("delivery.refused_at_entry") == 1
    assert events[-1] == "delivery.rejected"


async def test_a_number_given_to_other_bytes_is_not_this_documents(field: Field):
    delivery = await field.routed()
    _, first = await field.shelf.sending(delivery)
    assert await field.shelf.deliveries.earlier_attempts([delivery.id]) == {delivery.id: (first,)}
    await field.shelf.database.execute("update attempt set digest = $1", b"x" * 32)
    assert await field.shelf.deliveries.earlier_attempts([delivery.id]) == {}


async def test_an_operator_marks_it_as_registered_before_and_may_take_that_back(
    field: Field, commands: Acting
):
    delivery = await refused(field, THERE)
    mark = commands.it.mark_registered
    assert (
        await mark(delivery.id, number="119", actor="о", reason="видно")
    ).code == "operator.number_invalid"
    assert (await mark(delivery.id, number=NUMBER, actor="о", reason=" ")).code == "operator.reason_missing"
    assert await mark(delivery.id, number=NUMBER, actor="оператор", reason="сдан прежней МИС") is None
    state = await field.shelf.state(delivery)
    assert (state.status, state.stage) == (DeliveryStatus.REGISTERED, "зарегистрирован ранее")
    assert await field.shelf.status(delivery.document_id) == "completed"
    assert (await mark(delivery.id, number=NUMBER, actor="о", reason="ещё")).code == "operator.not_markable"
    assert (await field.events(delivery))[-3:] == [
        "delivery.registered",
        "delivery.marked",
        "operator.acted",
    ]
    unmark = commands.it.unmark_registered
    assert await unmark(delivery.id, actor="оператор", reason="ошибся номером") is None
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.QUEUED
    assert await field.shelf.status(delivery.document_id) == "routed"
    assert await field.shelf.tasks_of(delivery.id) == 1


async def test_a_registration_the_system_itself_confirmed_cannot_be_taken_back(
    field: Field, commands: Acting
):
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [THERE]
    await field.work()
    refusal = await commands.it.unmark_registered(delivery.id, actor="о", reason="так надо")
    assert refusal is not None
    assert refusal.code == "operator.not_markable"
    assert (await commands.it.unmark_registered(UUID(int=1), actor="о", reason="р")).status == 409
