"""What an operator may have tried again, and what must never be sent beside itself."""

import datetime as dt

from builders import NOW
from msgspec.structs import replace
from rows import Acting, Shelf
from test_deliveries import DICE, POLICY, settle

from broker.adapter_kit import Awaiting, Held, InDoubt, InDoubtPolicy, ReceiptMode, Rejected
from broker.delivery.decide import after_outcome
from broker.delivery.preflight import Go, Predecessor, Wait, check_order
from broker.delivery.state import DeliveryState
from broker.document.lifecycle import DeliveryStatus
from broker.store.deliveries import Application
from broker.store.destinations import DestinationStore

LATER = NOW + dt.timedelta(days=3)
POLLED = replace(POLICY, receipt=ReceiptMode.POLL, in_doubt=InDoubtPolicy.OPERATOR)


async def concluded(shelf: Shelf, delivery: DeliveryState, outcome: object, task: object) -> None:
    await shelf.deliveries.apply(
        [
            Application(
                delivery_id=delivery.id,
                decide=lambda state: after_outcome(state, outcome, NOW, POLLED, DICE),
                at=NOW,
                task=task,
            )
        ]
    )


async def test_what_a_poll_held_is_asked_about_again_and_not_sent_again(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    task, _ = await shelf.sending(delivery)
    await concluded(shelf, delivery, Awaiting("unid-1", state={"unid": "1"}, look_again_at=NOW), task)
    await concluded(shelf, delivery, Held("tfoms.mcod_missing", "Нет"), await shelf.claim(delivery))
    assert (await shelf.state(delivery)).status is DeliveryStatus.HELD
    assert await commands.it.release(destination=delivery.destination, actor="operator:x") == 1
    state = await shelf.state(delivery)
    assert (state.status, state.state["unid"]) == (DeliveryStatus.AWAITING_RESULT, "1")
    assert await shelf.tasks_of(delivery.id) == 1


async def test_a_release_of_everything_leaves_what_is_in_doubt(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    task, _ = await shelf.sending(delivery)
    await concluded(shelf, delivery, InDoubt("destination.answer_timeout"), task)
    assert await commands.it.release(destination=delivery.destination, actor="operator:x") == 0
    assert (await shelf.state(delivery)).status is DeliveryStatus.HELD
    released = await commands.it.release(
        destination=delivery.destination, reason="delivery.in_doubt", actor="operator:x"
    )
    assert released == 1


async def test_a_retry_says_when_the_document_went_on(shelf: Shelf, commands: Acting):
    (delivery,) = await shelf.routed()
    task, message_id = await shelf.sending(delivery)
    await settle(shelf, delivery, Rejected(()), task=task, message_id=message_id)
    assert await shelf.status(delivery.document_id) == "failed"
    await commands.it.retry([delivery.id], actor="operator:x", reason="исправлено")
    row = await shelf.database.fetchrow(
        "select status, status_at from document where id = $1", delivery.document_id
    )
    assert row["status"] == "routed"
    assert row["status_at"] >= NOW


async def test_the_same_document_is_never_sent_beside_itself_however_long_it_takes(shelf: Shelf):
    (delivery,) = await shelf.routed()
    twin = Predecessor(id="1", status=DeliveryStatus.SENDING, attempt=1, same=True)
    assert isinstance(check_order(delivery, [twin], LATER, POLICY), Wait)
    assert isinstance(check_order(delivery, [replace(twin, same=False)], LATER, POLICY), Go)


async def test_of_two_copies_that_were_both_sent_only_the_younger_waits(shelf: Shelf):
    (older,) = await shelf.routed()
    (younger,) = await shelf.routed()
    older, younger = (replace(one, attempt=1) for one in (older, younger))

    def beside(one: DeliveryState, other: DeliveryState) -> object:
        twin = Predecessor(id=str(other.id), status=DeliveryStatus.QUEUED, attempt=1, same=True)
        return check_order(one, [twin], LATER, POLICY)

    assert isinstance(beside(older, younger), Go)
    assert isinstance(beside(younger, older), Wait)


async def test_an_adapter_does_not_overrule_who_paused(shelf: Shelf):
    destinations = DestinationStore(shelf.database)
    await destinations.pause("there", "operator:x", "работы", NOW)
    await destinations.pause("there", "adapter", "нет сертификата", LATER)
    state = (await destinations.states())["there"]
    assert (state.paused_by, state.paused_reason, state.paused_at) == ("operator:x", "работы", NOW)
