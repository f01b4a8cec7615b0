"""The clock of terms over rows: each share told once however many workers look, the report says whose delay it truly was."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from builders import CLINIC, an_arrival
from field_stand import OTHER_CLINIC, Field, a_field
from rows import Acting, Shelf

from broker.adapter_kit import Awaiting, Held, Registered, Rejected, Unavailable
from broker.delivery.state import DeliveryState, Withdrawal
from broker.delivery.stops import Whose
from broker.delivery.term import Term
from broker.document.receipt import Receipt
from broker.partners.clinic import ClinicStatus
from broker.store.channels import Patience
from broker.store.terms import Only, TermQuery, TermRow, TermStore
from broker.telemetry.metrics import TERMS
from broker.work.terms import SHARES, TermWorker

HOUR = dt.timedelta(hours=1)
LONG = dt.timedelta(hours=10)


def a_term(start: dt.datetime, length: dt.timedelta = LONG, **changes: Any) -> Term:
    marks = tuple(start + length * share for share in (0.5, 0.8, 1.0))
    return msgspec.structs.replace(Term(start, marks, 1, provisional=False), **changes)


async def registering(
    shelf: Shelf, at: dt.datetime, term: Term, clinic: str = CLINIC, name: str = "there"
) -> DeliveryState:
    """Accept and route a document to who registers it, with a term."""
    ticket = await shelf.accept(an_arrival(received_at=at, clinic=clinic))
    examined = await shelf.examined(ticket.id, [name], at)
    (opening,) = examined.openings
    opening = msgspec.structs.replace(opening, term=term)
    await shelf.documents.commit([msgspec.structs.replace(examined, openings=(opening,))])
    (delivery,) = await shelf.of_document(ticket.id)
    return delivery


class Course:
    """A field whose clock stands at the present, and the report it comes to."""

    def __init__(self, field: Field, commands: Acting) -> None:
        self.field = field
        self.start = field.clock.instant = dt.datetime.now(dt.UTC).replace(microsecond=0)
        commands.clock = field.clock
        commands.it._clock = field.clock
        self.commands = commands.it
        self.store = TermStore(field.shelf.database)

    def after(self, hours: float) -> None:
        self.field.clock.instant = self.start + hours * HOUR

    async def document(self, *answers: Any, clinic: str = CLINIC) -> DeliveryState:
        at = self.field.clock.now()
        delivery = await registering(self.field.shelf, at, a_term(at), clinic)
        self.field.adapter.answers[delivery.local_uid] = list(answers)
        return delivery

    async def report(self, only: Only = Only.ALL) -> list[TermRow]:
        now = self.field.clock.now()
        query = TermQuery(since=self.start - HOUR, until=now + HOUR, only=only)
        return await self.store.page(query, now, None, 100)

    async def row(self, only: Only = Only.ALL) -> TermRow:
        (row,) = await self.report(only)
        return row


@pytest.fixture
async def course(shelf: Shelf, commands: Acting) -> AsyncIterator[Course]:
    async with a_field(shelf) as field:
        await field.clinic()
        yield Course(field, commands)


def registered(at: dt.datetime) -> Registered:
    return Registered(Receipt(provider="рэмд", emdr_id="306.77.26.11.000000001", registered_at=at))


def hours(row: TermRow) -> dict[str, float]:
    names = ("clinic", "our", "system", "held", "paused", "silent")
    found = {name: getattr(row, f"{name}_seconds") / 3600 for name in names}
    return {name: round(value, 2) for name, value in found.items() if value}


async def test_workers_that_look_at_once_tell_every_share_once(shelf: Shelf, commands: Acting):
    start = commands.clock.now()
    deliveries = [await registering(shelf, start, a_term(start)) for _ in range(40)]
    before = {share: TERMS.labels("there", share)._value.get() for share in SHARES}
    for hour in (5, 8, 10, 11):
        commands.clock.instant = start + hour * HOUR
        workers = [TermWorker(TermStore(shelf.database), commands.clock, 1.0) for _ in range(6)]
        for _ in range(3):
            await asyncio.gather(*(worker._tell() for worker in workers))
    rows = await shelf.database.fetch(
        "select delivery_id, body ->> 'share' as share from journal where event = 'delivery.term'"
    )
    told = Counter((row["delivery_id"], row["share"]) for row in rows)
    assert told == Counter((one.id, share) for one in deliveries for share in SHARES)
    counted = {share: TERMS.labels("there", share)._value.get() - before[share] for share in SHARES}
    assert counted == dict.fromkeys(SHARES, len(deliveries))


async def test_the_row_says_how_many_days_a_term_has_and_whether_it_is_provisional(course: Course):
    at = course.start
    await registering(course.field.shelf, at, a_term(at, days=3, provisional=True))
    row = await course.row()
    assert (row.term_days, row.provisional) == (3, True)
    await course.field.shelf.database.execute("update delivery set term_days = null, term_provisional = null")
    row = await course.row()
    assert (row.term_days, row.provisional) == (None, None)  # reckoned before anybody kept it


async def test_a_report_keeps_what_was_late_or_what_was_in_time(course: Course):
    kept = await course.document(registered(course.start + HOUR))
    late = await course.document(Unavailable("destination.http_503"), registered(course.start + 12 * HOUR))
    refused = await course.document(Rejected(()))
    await course.field.work()
    course.after(11)
    running = await course.document()
    await course.field.shelf.database.execute(
        "update task set due_at = due_at + interval '10 days' where subject = $1", running.id
    )
    course.after(12)
    await course.field.work()

    async def found(only: Only) -> set[object]:
        return {row.document_id for row in await course.report(only)}

    assert await found(Only.IN_TIME) == {kept.document_id}
    assert await found(Only.LATE) == {late.document_id}
    assert await found(Only.ALL) == {one.document_id for one in (kept, late, refused, running)}


async def test_what_waited_for_a_precondition_is_told_apart_from_our_own_delay(course: Course):
    held = Held("clinic.not_linked", "Клиника ещё не привязана.", "clinic")
    delivery = await course.document(held, registered(course.start + 9 * HOUR))
    course.after(1)
    await course.field.work()
    course.after(7)
    assert hours(await course.row()) == {"our": 1, "held": 6}  # it is held still
    assert await course.commands.release(destination="there", actor="оператор") == 1
    course.after(9)
    await course.field.work()
    course.after(20)
    row = await course.row()
    assert hours(row) == {"our": 1, "held": 6, "system": 2}
    assert row.held_for == ("clinic.not_linked",)
    assert (row.late_seconds, row.whose) == (0, None)
    assert "delivery.resumed" in await course.field.events(delivery)


async def test_a_pause_counts_for_who_waits_to_be_sent_and_names_who_paused(course: Course):
    await course.document(Awaiting("a"))
    course.after(1)
    await course.field.work()  # the system has the first; a pause is nothing to it
    await course.document(registered(course.start + 22 * HOUR))
    course.after(2)
    await course.commands.pause("there", actor="петрова", reason="регламентные работы")
    await course.commands.pause("there", actor="иванов", reason="ещё не готово")
    course.after(20)
    await course.commands.resume("there", actor="иванов")
    course.after(22)
    await course.field.work()
    sent, waited = await course.report()
    assert hours(sent) == {"our": 1, "system": 21}
    assert (sent.paused_by, sent.whose) == ((), Whose.SYSTEM)
    assert hours(waited) == {"our": 3, "paused": 18}
    assert (waited.paused_by, waited.whose) == (("петрова",), Whose.PLATFORM)
    assert [row.whose for row in await course.report(Only.LATE)] == [Whose.SYSTEM, Whose.PLATFORM]


async def test_a_pause_after_an_attempt_the_system_did_not_take_is_no_delay_of_the_system(course: Course):
    await course.document(Unavailable("destination.http_503"), registered(course.start + 20 * HOUR))
    await course.field.work()
    course.after(2)
    await course.commands.pause("there", actor="петрова", reason="")
    course.after(12)
    await course.commands.resume("there", actor="петрова")
    course.after(20)
    await course.field.work()
    row = await course.row()
    assert hours(row) == {"system": 10, "paused": 10}


async def test_the_silence_of_a_system_is_its_own_and_a_resume_without_a_pause_is_nothing(course: Course):
    await course.commands.resume("there", actor="петрова")
    channels = course.field.channels
    await course.document(Awaiting("a"))
    await course.document(Awaiting("b"), clinic=OTHER_CLINIC)
    await course.field.clinic(OTHER_CLINIC, params={"there": {"reply_to": "https://own.invalid/callback"}})
    course.after(1)
    await course.field.work()
    course.after(2)
    await course.document(registered(course.start + 15 * HOUR))
    await course.document(registered(course.start + 15 * HOUR), clinic=OTHER_CLINIC)
    fallen = await channels.judge("there", course.field.clock.now(), Patience(0.5 * HOUR, 1))
    assert {one.clinic_oid for one in fallen} == {"", OTHER_CLINIC}
    course.after(6)
    await channels.heard("there", OTHER_CLINIC, course.field.clock.now(), file=False)
    course.after(14)
    await channels.heard("there", "", course.field.clock.now(), file=False)
    course.after(15)
    await course.field.work()
    *_, mine, other = await course.report()
    assert hours(mine) == {"our": 1, "silent": 12}
    assert hours(other) == {"our": 9, "silent": 4}
    assert (mine.whose, other.whose) == (Whose.SYSTEM, Whose.PLATFORM)


async def test_the_time_until_an_operator_tried_a_refused_document_again_is_the_platforms(course: Course):
    delivery = await course.document(Rejected(()), registered(course.start + 12 * HOUR))
    await course.field.work()
    course.after(10)
    assert await course.commands.retry([delivery.id], actor="петрова", reason="ошибка их справочника") == 1
    course.after(12)
    await course.field.work()
    row = await course.row()
    assert hours(row) == {"our": 10, "system": 2}
    assert row.whose == Whose.PLATFORM


@pytest.mark.parametrize("act", ["withdrawn", "released"])
async def test_what_was_held_goes_on_in_whatever_way_with_one_note_of_it(course: Course, act: str):
    await course.field.clinic(status=ClinicStatus.SUSPENDED)
    delivery = await course.document()
    await course.field.work()
    course.after(3)
    if act == "withdrawn":
        assert await course.commands.cancel(delivery.document_id, actor="мис") is Withdrawal.DONE
    else:
        assert await course.commands.release(destination="there", actor="петрова") == 1
    assert (await course.field.events(delivery)).count("delivery.resumed") == 1
    row = await course.row()
    assert hours(row) == {"held": 3}
    assert row.held_for == ("clinic.suspended",)
