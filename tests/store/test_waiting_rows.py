"""Rows that wait: what is written on them, and what stands before their whole destination."""

import datetime as dt

import pytest
from builders import NOW, a_clinic, an_arrival
from field_stand import OTHER_CLINIC
from rows import Shelf

from broker.delivery.breaker import Breaker
from broker.delivery.state import DeliveryState
from broker.store.channels import ChannelStore
from broker.store.destinations import DestinationStore
from broker.store.partners import PartnerStore
from broker.store.views import Views

DAY = dt.timedelta(days=1)


async def test_what_is_put_off_says_why_and_until_when_and_only_to_who_holds_the_claim(shelf: Shelf):
    (delivery,) = await shelf.routed()
    sleeper = await shelf.claim(delivery, lease=dt.timedelta(seconds=-1))
    task = await shelf.claim(delivery)
    soon = NOW + dt.timedelta(seconds=2)
    await shelf.deliveries.put_off(sleeper, NOW + DAY, "поздно")
    await shelf.deliveries.put_off(task, soon, "delivery.waits_for_predecessor")
    row = await shelf.database.fetchrow("select reason, next_attempt_at from delivery")
    assert tuple(row) == ("delivery.waits_for_predecessor", soon)
    row = await shelf.database.fetchrow("select why, due_at, leased_until from task")
    assert tuple(row) == ("delivery.waits_for_predecessor", soon, None)
    await shelf.sending(delivery, soon)
    assert (await shelf.state(delivery)).reason == "", "what is being sent waits for nothing"


@pytest.mark.parametrize("status", ["queued", "awaiting_result", "held", "registered"])
@pytest.mark.parametrize("own", [False, True], ids=["of-the-destination", "of-the-clinic"])
async def test_a_silent_channel_is_laid_over_what_a_waiting_row_of_its_clinics_says(
    shelf: Shelf, status: str, own: bool
):
    """The clinic with an endpoint of its own waits for its own channel, everybody else for the destination's."""
    (mine,) = await shelf.routed()
    (other,) = await shelf.routed(an_arrival(clinic=OTHER_CLINIC))
    params = {"there": {"reply_to": "https://own.invalid/callback"}}
    await PartnerStore(shelf.database).put_clinic(a_clinic(OTHER_CLINIC, params=params), {}, NOW)
    await shelf.database.execute("update delivery set status = $1, reason = 'own'", status)
    channels, store = ChannelStore(shelf.database), DestinationStore(shelf.database)
    await store.ensure(["there"])

    async def shown(delivery: DeliveryState) -> tuple[str, dt.datetime | None]:
        card = await Views(shelf.database).document(delivery.document_id)
        assert card is not None
        (one,) = card.deliveries
        listed = {row["id"]: row["reason"] for row in await Views(shelf.database).waiting("there", 9)}
        assert listed.get(delivery.id, one.reason) == one.reason
        return one.reason, one.next_attempt_at

    await shelf.database.execute(
        "insert into channel (destination, clinic_oid, silent_since, silent_count) values ('there', $1, $2, 20)",
        OTHER_CLINIC if own else "",
        NOW,
    )
    silent, talking = (other, mine) if own else (mine, other)
    over = {"queued": ("destination.inbound_silent", None), "awaiting_result": ("own", None)}
    assert await shown(silent) == over.get(status, ("own", NOW))
    assert await shown(talking) == ("own", NOW)
    await store.pause("there", "оператор", "работы", NOW)
    assert (await shown(silent))[0] == ("destination.paused" if status == "queued" else "own")
    await store.resume("there", "оператор", NOW)
    await channels.heard("there", OTHER_CLINIC if own else "", NOW, file=False)
    assert await shown(silent) == ("own", NOW)


@pytest.mark.parametrize("status", ["queued", "awaiting_result", "held", "registered"])
async def test_a_pause_and_an_open_breaker_are_laid_over_what_a_waiting_row_says(shelf: Shelf, status: str):
    (delivery,) = await shelf.routed()
    await shelf.database.execute("update delivery set status = $1, reason = 'own'", status)
    store, opens = DestinationStore(shelf.database), NOW + dt.timedelta(seconds=30)
    await store.ensure(["there"])

    async def shown() -> tuple[str, dt.datetime | None]:
        card = await Views(shelf.database).document(delivery.document_id)
        assert card is not None
        listed = [
            (o["reason"], o["next_attempt_at"]) for o in await Views(shelf.database).waiting("there", 9)
        ]
        (one,) = [(d.reason, d.next_attempt_at) for d in card.deliveries]
        assert listed == ([] if status == "registered" else [one])
        return one

    assert await shown() == ("own", NOW)
    await store.show_breaker("there", Breaker(5, opens), "destination.connect_failed", NOW)
    over = {"queued": ("destination.connect_failed", opens), "awaiting_result": ("own", opens)}
    assert await shown() == over.get(status, ("own", NOW))
    await shelf.database.execute("update delivery set next_attempt_at = $1", opens + DAY)
    assert await shown() == ("own", opens + DAY), "it is not the breaker it waits for"
    await store.pause("there", "оператор", "работы", NOW)
    over = {"queued": ("destination.paused", None), "awaiting_result": ("own", None)}
    assert await shown() == over.get(status, ("own", opens + DAY))
