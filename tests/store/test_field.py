"""What no single delivery can see: a channel that is silent, a link one system denies, answers nobody waited for."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator

import pytest
from builders import CLINIC, NOW
from field_stand import DAY, MINUTE, OTHER_CLINIC, Field, a_field
from rows import Acting, Shelf

from broker.adapter_kit import Awaiting, Held, PeerRequest, Rejected, Take, Unavailable
from broker.archive import Codec
from broker.control.onboarding import Onboarding
from broker.delivery.decide import NOT_LINKED, UNLINKED
from broker.delivery.state import DeliveryState
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus
from broker.ingress.hearing import Hearing
from broker.partners.clinic import RemdLink
from broker.store.channels import Hold, Patience
from broker.store.destinations import CallbackStore
from broker.store.partners import ClinicPatch
from broker.store.registrations import RegistrationStore
from broker.work.watch import Watch

HALF_AN_HOUR = Patience(dt.timedelta(minutes=30), 20)
UNDERSTOOD = Held(UNLINKED, "Клиника ещё не привязана", "clinic")


@pytest.fixture
async def field(shelf: Shelf) -> AsyncIterator[Field]:
    async with a_field(shelf) as field:
        await field.clinic()
        yield field


async def accepted(field: Field, count: int, clinic: str = CLINIC) -> list[DeliveryState]:
    """Let the system take documents and owe their verdicts."""
    made = [await field.routed(clinic) for _ in range(count)]
    for one in made:
        field.adapter.answers[one.local_uid] = [Awaiting(str(uuid.uuid4()))]
    while await field.work():
        pass
    return made


async def journalled(field: Field, event: str) -> int:
    return await field.shelf.database.fetchval("select count(*) from journal where event = $1", event)


async def judge(field: Field) -> int:
    return len(await field.channels.judge("there", field.clock.now(), HALF_AN_HOUR))


async def test_twenty_documents_and_half_an_hour_without_a_call_hold_the_destination(field: Field):
    first = (await accepted(field, 20))[0]
    field.pass_time(dt.timedelta(minutes=29))
    assert await judge(field) == 0, "not so long yet"
    field.pass_time(2 * MINUTE)
    assert await judge(field) == 1
    assert await judge(field) == 0, "told once"
    waiting = await field.routed()
    assert await field.work() == 0
    field.pass_time(2 * dt.timedelta(hours=1))
    assert await field.channels.heard("there", "", field.clock.now(), file=True)
    assert await field.work() == 1
    state = await field.shelf.state(waiting)
    assert state.attempt == 1, "the silence cost no attempt"
    assert state.deadline_at == waiting.deadline_at + dt.timedelta(hours=2), "nor any of its time"
    held = await field.shelf.state(first)
    assert held.deadline_at == first.deadline_at + dt.timedelta(hours=2)
    assert await journalled(field, "destination.inbound_silent") == 1
    assert await journalled(field, "destination.inbound_heard") == 1


async def test_nineteen_documents_or_a_call_meanwhile_are_no_silence(field: Field):
    await accepted(field, 19)
    field.pass_time(dt.timedelta(hours=5))
    assert await judge(field) == 0
    await accepted(field, 20)
    field.pass_time(20 * MINUTE)
    await field.channels.heard("there", "", field.clock.now(), file=False)
    field.pass_time(dt.timedelta(hours=5))
    assert await judge(field) == 0, "the system has called since it took them"


async def test_a_held_destination_is_tried_with_one_delivery_now_and_then(field: Field):
    """A system that lost what it took would otherwise never have a reason to call us again."""
    await accepted(field, 20)
    field.pass_time(31 * MINUTE)
    await judge(field)
    made = [await field.routed() for _ in range(3)]
    for one in made:
        field.adapter.answers[one.local_uid] = [Awaiting("c")]
    assert await field.work() == 0
    for _ in range(2):
        field.pass_time(31 * MINUTE)
        assert await field.work() == 1
        assert await field.work() == 0
    assert sorted([(await field.shelf.state(one)).attempt for one in made]) == [0, 1, 1]


async def test_an_operator_may_send_on_and_the_silence_is_measured_anew(field: Field, commands: Acting):
    await accepted(field, 20)
    field.pass_time(31 * MINUTE)
    await judge(field)
    commands.clock.instant = field.clock.now()
    assert await commands.it.hear("there", actor="оператор", reason="у них работы") == 1
    assert await field.channels.hold("there") is None
    assert await judge(field) == 0
    field.pass_time(MINUTE)
    await accepted(field, 20)
    field.pass_time(31 * MINUTE)
    assert await judge(field) == 1


async def test_a_clinic_with_its_own_endpoint_is_held_alone(field: Field):
    await field.clinic(OTHER_CLINIC, params={"there": {"reply_to": "https://clinic.example/emdr"}})
    await accepted(field, 20, OTHER_CLINIC)
    field.pass_time(31 * MINUTE)
    assert await judge(field) == 1
    assert await field.channels.hold("there") == Hold((OTHER_CLINIC,))
    held, goes = await field.routed(OTHER_CLINIC), await field.routed()
    await field.work()
    assert (await field.shelf.state(held)).attempt == 0
    assert (await field.shelf.state(goes)).attempt == 1


async def test_a_clinic_with_its_own_endpoint_goes_while_the_destination_is_silent(field: Field):
    await field.clinic(OTHER_CLINIC, params={"there": {"reply_to": "https://clinic.example/emdr"}})
    await accepted(field, 20)
    field.pass_time(31 * MINUTE)
    assert await judge(field) == 1
    goes, held = await field.routed(OTHER_CLINIC), await field.routed()
    await field.work()
    assert (await field.shelf.state(held)).attempt == 0
    assert (await field.shelf.state(goes)).attempt == 1


async def test_calls_are_noted_once_a_second_for_the_clinic_they_are_about(field: Field):
    await field.clinic(OTHER_CLINIC, params={"there": {"reply_to": "https://clinic.example/emdr"}})
    (own,) = await accepted(field, 1, OTHER_CLINIC)
    (common,) = await accepted(field, 1)
    seconds = [0.0]
    hearing = Hearing(field.channels, lambda: seconds[0])
    await hearing.heard("there", NOW, document=own.document_id)
    message = (await field.shelf.state(common)).message_id
    await hearing.heard("there", NOW, correlation=str(message))
    await hearing.heard("there", NOW + MINUTE, correlation=str(message))
    rows = await field.shelf.database.fetch("select * from channel order by clinic_oid")
    assert [(row["clinic_oid"], row["heard_at"], row["served_at"]) for row in rows] == [
        ("", NOW, None),
        (OTHER_CLINIC, NOW, NOW),
    ]
    seconds[0] = 2.0
    await hearing.heard("there", NOW + MINUTE, correlation=str(message))
    assert await field.shelf.database.fetchval("select max(heard_at) from channel") == NOW + MINUTE


async def test_what_failed_for_want_of_our_file_is_tried_when_a_file_was_taken_again(field: Field):
    delivery = await field.routed()
    quarter = dt.timedelta(minutes=15)
    wanting = Unavailable("remd.MIS_NOT_AVAILABLE", quarter, wants_file=True)
    field.adapter.answers[delivery.local_uid] = [wanting, Awaiting("c")]
    await field.work()
    field.pass_time(MINUTE)
    assert await field.channels.file_again("there", field.clock.now()) == 0, "no file was taken since"
    assert await field.work() == 0
    await field.channels.heard("there", "", field.clock.now(), file=True)
    assert await field.channels.file_again("there", field.clock.now()) == 1
    assert await field.work() == 1
    assert (await field.shelf.state(delivery)).status is DeliveryStatus.AWAITING_RESULT


async def test_what_failed_for_want_of_our_file_is_tried_after_its_pause_in_any_case(field: Field):
    delivery = await field.routed()
    wanting = Unavailable("remd.MIS_ERROR", dt.timedelta(minutes=15), wants_file=True)
    field.adapter.answers[delivery.local_uid] = [wanting, Awaiting("c")]
    await field.work()
    field.pass_time(dt.timedelta(minutes=14))
    assert await field.work() == 0
    field.pass_time(MINUTE)
    assert await field.work() == 1


async def test_a_clinic_one_system_denies_is_held_there_alone_and_released_when_the_link_is_confirmed(
    shelf: Shelf, codec: Codec, commands: Acting
):
    async with a_field(shelf, "remd") as remd, a_field(shelf, "remd-2") as second:
        for oid in (CLINIC, OTHER_CLINIC):
            await remd.clinic(oid)
        denied = await remd.routed()
        remd.adapter.answers[denied.local_uid] = [UNDERSTOOD]
        await remd.work()
        later, foreign = await remd.routed(), await remd.routed(OTHER_CLINIC)
        elsewhere = await second.routed()
        for field in (remd, second):
            await field.work()
        statuses = [(await shelf.state(one)).status for one in (denied, later, foreign, elsewhere)]
        assert statuses == [
            DeliveryStatus.HELD,
            DeliveryStatus.HELD,
            DeliveryStatus.DELIVERED,
            DeliveryStatus.DELIVERED,
        ]
        assert (await shelf.state(later)).reason == NOT_LINKED
        assert (await shelf.state(later)).attempt == 0
        (card,) = (await remd.partners.clinics([CLINIC])).values()
        assert (card.remd_link, card.unlinked) == (RemdLink.CONFIRMED, ("remd",))
        states = RegistrationStore(shelf.database, codec)
        onboarding = Onboarding(states, remd.partners, commands.it, commands.clock, b"p" * 32)
        done = await onboarding.change(CLINIC, ClinicPatch(remd_link=RemdLink.CONFIRMED), actor="оператор")
        assert done.deliveries == 2
        await remd.work()
        assert {(await shelf.state(one)).status for one in (denied, later)} == {DeliveryStatus.DELIVERED}


async def test_a_code_nobody_has_described_is_told_once_and_counted(field: Field, commands: Acting):
    finding = Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code="remd.NEVER_HEARD_OF",
        message="Что-то новое",
        responsible=Responsible.OPERATOR,
        source=Source.OFFICIAL,
    )
    for _ in range(3):
        delivery = await field.routed()
        field.adapter.answers[delivery.local_uid] = [Rejected((finding,), unknown=("NEVER_HEARD_OF",))]
    await field.work()
    assert await journalled(field, "destination.answer_unknown") == 1
    (row,) = await field.channels.unknown()
    assert (row["destination"], row["code"], row["times"]) == ("there", "NEVER_HEARD_OF", 3)
    assert await commands.it.settle_unknown("there", "NEVER_HEARD_OF", actor="оператор")
    assert not await commands.it.settle_unknown("there", "NEVER_HEARD_OF", actor="оператор")
    assert await field.channels.unknown() == []
    assert len(await field.channels.unknown(settled=True)) == 1


async def test_a_parked_answer_is_read_again_once_its_attempt_is_there(field: Field, codec: Codec):
    callbacks = CallbackStore(field.shelf.database, codec)
    correlation = str(uuid.uuid4())
    request = PeerRequest(endpoint="callback", method="POST", path="/", query={}, headers={}, body=b"<v/>")
    await callbacks.keep("there", request, Take(correlation=correlation, reply=b"", replay_key="1"), NOW)
    await field.shelf.database.execute("update callback set status = 'parked'")
    await field.shelf.database.execute("delete from task")
    assert await field.channels.reopen(NOW) == []
    delivery = await field.routed()
    field.adapter.answers[delivery.local_uid] = [Awaiting(correlation)]
    await field.work()
    ((_, queue),) = await field.channels.reopen(NOW)
    assert queue == "work.callback"
    assert await field.channels.reopen(NOW) == [], "once"
    assert await field.shelf.database.fetchval("select status from callback") == "new"
    assert await journalled(field, "callback.reopened") == 1


async def test_ages_are_counted_on_the_ladder_and_the_oldest_is_named(field: Field):
    oldest = None
    for age in (16 * DAY, 8 * DAY, 4 * DAY, 2 * DAY, DAY / 1.5, DAY / 3, DAY / 8, DAY / 48, MINUTE, MINUTE):
        field.clock.instant = NOW - age
        (made,) = await accepted(field, 1)
        await field.shelf.database.execute("update delivery set deadline_at = $1", NOW + DAY)
        oldest = oldest or made
    await field.routed()
    assert await field.channels.ages(NOW) == {"there": [2, 1, 1, 1, 1, 1, 1, 1, 1]}
    first = (await field.channels.oldest("there", 1))[0]
    assert oldest is not None
    assert (first["id"], first["clinic_oid"], first["document_id"]) == (oldest.id, CLINIC, oldest.document_id)


async def test_the_watch_judges_every_destination_and_shows_what_it_found(field: Field):
    await accepted(field, 20)
    field.pass_time(31 * MINUTE)
    watch = Watch(field.channels, {"there": field.policy}, field.clock, lambda _due: None, 1.0)
    await watch._look()
    (silent,) = await field.channels.silent()
    assert (silent.destination, silent.clinic_oid, silent.silent_count) == ("there", "", 20)


async def test_a_system_that_asks_for_fewer_calls_gets_none_for_a_while(field: Field):
    first, second = await field.routed(), await field.routed()
    limited = Unavailable("remd.RATE_LIMIT", MINUTE, slows=True)
    for one in (first, second):
        field.adapter.answers[one.local_uid] = [limited, Awaiting("c")]
    await field.work()
    await field.routed()
    assert await field.work() == 0, "another document waits as well"
