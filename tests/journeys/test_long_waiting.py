"""Waiting for days, in a second: polled, warned about, closed as the passport says, across restarts (acceptance 4)."""

import asyncio
from typing import Any

import pytest
from builders import a_submission
from in_process import House
from partner import Partner, until
from scripted import DEADLINE, POLL_EVERY, WARN_AFTER, Scripted

from broker.adapter_kit import Awaiting, InDoubt, Registered, Unavailable
from broker.adapter_kit.port import NotFound
from broker.dev.world import Signers, World
from broker.document.receipt import Receipt
from broker.document.submission import Submission

DAY = 86400.0
Sent = tuple[Submission, str]


async def delivery_of(partner: Partner, document: str) -> dict[str, Any]:
    return (await partner.get(f"/documents/{document}")).body["deliveries"][0]


@pytest.fixture
async def waiting(house: House, there: Scripted, alpha: Partner, world: World, signers: Signers) -> Sent:
    """A document the outside system took without a verdict."""
    submission = a_submission(world, signers)
    there.answers[submission.metadata.local_uid] = [Awaiting("scripted")]
    ticket = await alpha.submit(submission)
    assert ticket.status == 202, ticket.body
    await until(alpha, ticket.body["id"], status="awaiting_result")
    return submission, ticket.body["id"]


async def warnings(house: House, document: str) -> int:
    return await house.database.fetchval(
        "select count(*) from journal where document_id::text = $1 and event = 'delivery.warned'", document
    )


async def warned(house: House, document: str, times: int) -> None:
    """Wait until people were warned so many times."""
    async with asyncio.timeout(10):
        while await warnings(house, document) < times:  # noqa: ASYNC110 - the workers are asked, they set no event
            await asyncio.sleep(0.02)


async def pass_days(house: House, document: str, days: int) -> None:
    """Let days pass one by one; each is noticed and warned of."""
    before = await warnings(house, document)
    for day in range(1, days + 1):
        house.pass_time(DAY)
        await warned(house, document, before + day)


async def test_ten_days_of_waiting_across_a_restart_are_polled_warned_about_and_closed(
    house: House, there: Scripted, alpha: Partner, waiting: Sent
):
    submission, document = waiting
    uid = submission.metadata.local_uid
    await pass_days(house, document, 5)
    await house.stop("work")
    house.pass_time(DAY)
    await house.start("work")
    await warned(house, document, 6)
    await pass_days(house, document, 4)
    delivery = await delivery_of(alpha, document)
    assert delivery["status"] == "awaiting_result"
    assert delivery["reason"] == "destination.no_response_yet", "people see why it waits"
    assert delivery["nextAttemptAt"], "and when it is asked again"
    assert delivery["attempt"] == 1, "asking is no attempt"
    assert await warnings(house, document) == 10, "one warning a day"
    assert there.polls[uid] >= 10
    house.pass_time(DEADLINE - 10 * DAY)
    card = await alpha.outcome(document)
    assert card["status"] == "failed"
    (delivery,) = card["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("dead", "delivery.deadline")
    assert delivery["findings"][0]["fix"]
    assert [event["event"] for event in await alpha.events(document)][-2:] == [
        "delivery.dead",
        "document.failed",
    ]
    assert len([parcel for parcel in there.taken if parcel.local_uid == uid]) == 1, "sent once"


async def test_a_verdict_that_comes_on_the_tenth_day_is_taken(
    house: House, there: Scripted, alpha: Partner, waiting: Sent
):
    submission, document = waiting
    uid = submission.metadata.local_uid
    await pass_days(house, document, 9)
    there.polled[uid] = [Registered(Receipt(provider="scripted", emdr_id="1.77.26.03.000000010"))]
    house.pass_time(DAY)
    card = await alpha.outcome(document)
    assert card["status"] == "completed"
    assert card["deliveries"][0]["receipt"]["emdrId"] == "1.77.26.03.000000010"


async def test_a_verdict_is_asked_for_once_more_even_when_the_deadline_passed_while_we_were_down(
    house: House, there: Scripted, alpha: Partner, waiting: Sent
):
    submission, document = waiting
    await house.stop("work")
    there.polled[submission.metadata.local_uid] = [Registered(Receipt(provider="scripted", emdr_id="2"))]
    house.pass_time(DEADLINE + DAY)
    await house.start("work")
    assert (await alpha.outcome(document))["status"] == "completed"


async def test_a_system_that_is_away_while_we_poll_costs_no_attempt_and_is_warned_of(
    house: House, there: Scripted, alpha: Partner, waiting: Sent
):
    submission, document = waiting
    uid = submission.metadata.local_uid
    there.polled[uid] = [Unavailable("destination.unavailable")] * 3
    house.pass_time(WARN_AFTER)
    await until(alpha, document, reason="destination.unavailable")
    assert await warnings(house, document) == 1
    for _ in range(3):
        house.pass_time(POLL_EVERY)
        await asyncio.sleep(0.1)
    there.polled[uid] = [Registered(Receipt(provider="scripted", emdr_id="3"))]
    house.pass_time(3600)
    assert (await alpha.outcome(document))["deliveries"][0]["attempt"] == 1


async def test_an_attempt_in_doubt_is_looked_up_before_anything_is_sent_again(
    house: House, there: Scripted, alpha: Partner, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    uid = submission.metadata.local_uid
    there.answers[uid] = [InDoubt("destination.answer_timeout")]
    there.looked_up[uid] = [Registered(Receipt(provider="scripted", emdr_id="4"))]
    ticket = await alpha.submit(submission)
    await until(alpha, ticket.body["id"], reason="destination.answer_timeout")
    house.pass_time(60)
    card = await alpha.outcome(ticket.body["id"])
    assert (card["status"], card["deliveries"][0]["attempt"]) == ("completed", 1)


async def test_what_was_looked_up_and_is_still_being_judged_there_is_waited_for(
    house: House, there: Scripted, alpha: Partner, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    uid = submission.metadata.local_uid
    there.answers[uid] = [InDoubt("destination.answer_timeout")]
    there.looked_up[uid] = [Awaiting("scripted", stage="judged")]
    there.polled[uid] = [Registered(Receipt(provider="scripted", emdr_id="5"))]
    ticket = await alpha.submit(submission)
    await until(alpha, ticket.body["id"], reason="destination.answer_timeout")
    house.pass_time(60)
    await until(alpha, ticket.body["id"], status="awaiting_result")
    house.pass_time(POLL_EVERY)
    assert (await alpha.outcome(ticket.body["id"]))["status"] == "completed"


async def test_what_did_not_arrive_is_sent_again_under_a_new_message_id(
    house: House, there: Scripted, alpha: Partner, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    uid = submission.metadata.local_uid
    there.answers[uid] = [InDoubt("destination.answer_timeout")]
    there.looked_up[uid] = [NotFound()]
    ticket = await alpha.submit(submission)
    await until(alpha, ticket.body["id"], reason="destination.answer_timeout")
    house.pass_time(60)
    card = await alpha.outcome(ticket.body["id"])
    assert (card["status"], card["deliveries"][0]["attempt"]) == ("completed", 2)
    first, second = [parcel for parcel in there.taken if parcel.local_uid == uid]
    assert first.message_id != second.message_id
    assert second.earlier_message_ids == (first.message_id,)


async def test_an_outage_of_twelve_days_kills_no_document(
    house: House, there: Scripted, alpha: Partner, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    uid = submission.metadata.local_uid
    there.answers[uid] = [Unavailable("destination.unavailable") for _ in range(500)]
    ticket = await alpha.submit(submission)
    await until(alpha, ticket.body["id"], reason="destination.unavailable")
    for _ in range(12):
        house.pass_time(DAY)
        await asyncio.sleep(0.03)
    assert (await delivery_of(alpha, ticket.body["id"]))["status"] in {"queued", "sending"}
    there.answers[uid] = []
    house.pass_time(3600)
    await asyncio.sleep(0)
    assert (await alpha.outcome(ticket.body["id"]))["status"] == "completed"
