"""An attempt has a whole lease, and what its destination said is believed however late it comes."""

import datetime as dt

import pytest
from builders import NOW
from msgspec.structs import replace
from rows import Shelf
from test_deliveries import DICE, POLICY, settle

from broker.adapter_kit import Awaiting, InDoubt, InDoubtPolicy, Unavailable
from broker.delivery.decide import after_outcome
from broker.delivery.state import Change, DeliveryState
from broker.document.lifecycle import DeliveryStatus
from broker.store.deliveries import Application


async def test_an_attempt_begins_with_a_whole_lease_however_long_its_delivery_waited_after_the_claim(
    shelf: Shelf,
):
    (delivery,) = await shelf.routed()
    task = await shelf.claim(delivery, lease=dt.timedelta(seconds=5))
    assert await shelf.begin(delivery, task) is not None
    left = await shelf.database.fetchval(
        "select leased_until - clock_timestamp() from task where id = $1", task.id
    )
    assert left > dt.timedelta(seconds=50)


@pytest.mark.parametrize("policy", list(InDoubtPolicy))
async def test_the_answer_to_an_attempt_taken_for_lost_is_believed_late_as_it_comes(
    shelf: Shelf, policy: InDoubtPolicy
):
    """Otherwise what the destination has taken would be sent again, or held for a person who cannot know."""
    (delivery,) = await shelf.routed()
    slow, message_id = await shelf.sending(delivery)
    await shelf.database.execute("update task set leased_until = clock_timestamp() - interval '1 s'")
    other = await shelf.claim(delivery)
    doubting = replace(POLICY, in_doubt=policy)

    def lost(state: DeliveryState) -> Change:
        return after_outcome(state, InDoubt("delivery.interrupted"), NOW, doubting, DICE)

    await shelf.deliveries.apply([Application(delivery_id=delivery.id, decide=lost, at=NOW, task=other)])
    await settle(shelf, delivery, Awaiting("unid-1"), task=slow, message_id=message_id)
    state = await shelf.state(delivery)
    assert (state.status, state.message_id) == (DeliveryStatus.AWAITING_RESULT, message_id)
    assert await shelf.tasks_of(delivery.id) == 1


async def test_the_answer_to_an_attempt_that_was_followed_by_another_changes_nothing(shelf: Shelf):
    (delivery,) = await shelf.routed()
    slow, message_id = await shelf.sending(delivery)
    await shelf.database.execute("update task set leased_until = clock_timestamp() - interval '1 s'")
    other = await shelf.claim(delivery)
    await settle(shelf, delivery, InDoubt("delivery.interrupted"), task=other)
    later = NOW + dt.timedelta(hours=1)
    again, following = await shelf.sending(delivery, later)
    await settle(
        shelf, delivery, Unavailable("destination.unavailable"), task=slow, message_id=message_id, at=later
    )
    state = await shelf.state(delivery)
    assert (state.status, state.message_id) == (DeliveryStatus.SENDING, following)
    assert again.claim > other.claim or again.id != other.id
