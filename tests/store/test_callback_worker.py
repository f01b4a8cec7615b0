"""Stored verdicts find their attempts: what each means depends on what was sent before it, not on what runs now."""

import datetime as dt
import random
import uuid
from collections.abc import Sequence

import aiohttp
import pytest
from builders import NOW, an_arrival
from rows import Acting, Shelf, StillClock
from scripted import Scripted
from test_deliveries import POLICY, resubmitted

from broker.adapter_kit import (
    CallbackVerdict,
    Context,
    Destination,
    PeerReply,
    PeerRequest,
    Refuse,
    Registered,
    Rejected,
    StoredCallback,
    Take,
)
from broker.adapter_kit.harness import MemoryFiles, MemoryIds
from broker.archive import Codec
from broker.delivery.state import Change
from broker.document.lifecycle import DeliveryStatus
from broker.document.receipt import Receipt
from broker.store.batcher import Batcher
from broker.store.deliveries import Application, Applied
from broker.store.destinations import CallbackStore
from broker.store.journal import Journal
from broker.work.callbacks import CallbackWorker, Endpoint

MINUTE = dt.timedelta(minutes=1)
TAKEN = Rejected(())
REQUEST = PeerRequest(endpoint="callback", method="POST", path="/", query={}, headers={}, body=b"<verdict/>")


class Calling(Scripted):
    """Says of every attempt that the document is registered already."""

    async def receive(self, request: PeerRequest, context: Context) -> PeerReply:
        return Refuse(code="x", reply=b"")

    async def interpret(self, callback: StoredCallback, context: Context) -> Sequence[CallbackVerdict]:
        return [CallbackVerdict(callback.correlation, Registered(Receipt(provider="там")), TAKEN)]


class Told:
    """Hands verdicts to a worker as the peer door would."""

    def __init__(self, shelf: Shelf, codec: Codec, http: aiohttp.ClientSession) -> None:
        self.callbacks = CallbackStore(shelf.database, codec)
        destination = Destination(id="there", adapter="scripted", mode="any")
        context = Context(
            clock=StillClock(), http=http, destination=destination, files=MemoryFiles(), ids=MemoryIds()
        )

        async def write(applications: Sequence[Application]) -> list[Applied]:
            return (await shelf.deliveries.apply(applications))[0]

        self.outcomes: Batcher[Application, Applied] = Batcher(write, limit=1)
        self.worker = CallbackWorker(
            {"there": Endpoint(Calling(), context, POLICY)},
            shelf.tasks,
            self.callbacks,
            shelf.deliveries,
            Journal(shelf.database),
            self.outcomes,
            random.Random(1),
            MINUTE,
        )

    async def of(self, message_id: uuid.UUID) -> None:
        take = Take(correlation=str(message_id), reply=b"", replay_key=str(uuid.uuid4()))
        await self.callbacks.keep("there", REQUEST, take, NOW)
        await self.worker._work()


@pytest.fixture
async def told(shelf: Shelf, codec: Codec):
    async with aiohttp.ClientSession() as http:
        told = Told(shelf, codec, http)
        async with told.outcomes.running():
            yield told


async def test_a_late_word_on_the_first_attempt_makes_no_success_of_a_strangers_registration(
    shelf: Shelf, told: Told
):
    (delivery,) = await shelf.routed()
    _, first = await shelf.sending(delivery)
    again = Change(status=DeliveryStatus.QUEUED, due_at=NOW)
    await shelf.deliveries.apply([Application(delivery_id=delivery.id, decide=lambda _: again, at=NOW)])
    await shelf.sending(delivery, NOW + MINUTE)
    await told.of(first)
    assert (await shelf.state(delivery)).status is DeliveryStatus.SENDING, "the attempt under way goes on"


async def test_what_was_refused_at_first_is_no_success_of_ours_after_a_retry(
    shelf: Shelf, commands: Acting, told: Told
):
    (delivery,) = await shelf.routed()
    _, first = await shelf.sending(delivery)
    await told.of(first)
    assert (await shelf.state(delivery)).status is DeliveryStatus.REJECTED
    await commands.it.retry([delivery.id], actor="оператор", reason="ещё раз")
    _, second = await shelf.sending(delivery, NOW + MINUTE)
    await told.of(second)
    assert (await shelf.state(delivery)).status is DeliveryStatus.REJECTED


async def test_what_may_have_been_accepted_before_is_our_success(shelf: Shelf, told: Told):
    (delivery,) = await shelf.routed()
    await shelf.sending(delivery)
    again = Change(status=DeliveryStatus.QUEUED, due_at=NOW)
    await shelf.deliveries.apply([Application(delivery_id=delivery.id, decide=lambda _: again, at=NOW)])
    _, second = await shelf.sending(delivery, NOW + MINUTE)
    await told.of(second)
    assert (await shelf.state(delivery)).status is DeliveryStatus.REGISTERED


async def test_whether_a_verdict_is_on_a_repetition_is_asked_of_its_attempt_not_of_the_delivery(shelf: Shelf):
    """«Registered before» is our own success only where an attempt before this one may have caused it."""
    arrival = an_arrival()
    (first,) = await shelf.routed(arrival)
    messages = []
    for minute in range(2):
        at = NOW + dt.timedelta(minutes=minute)
        _, message_id = await shelf.sending(first, at)
        messages.append(message_id)
        again = Change(status=DeliveryStatus.QUEUED, due_at=at)
        await shelf.deliveries.apply([Application(delivery_id=first.id, decide=lambda _, c=again: c, at=at)])

    async def repeated(message_id: uuid.UUID) -> bool:
        found = await shelf.deliveries.by_correlation(str(message_id), "there")
        assert found is not None
        return found.repeated

    assert [await repeated(one) for one in messages] == [False, True]
    second = await resubmitted(shelf, arrival)
    _, message_id = await shelf.sending(second, NOW + dt.timedelta(hours=1))
    assert await repeated(message_id), "also after attempts under other signatures"
    await shelf.database.execute(
        "update attempt set outcome = 'Unavailable' where delivery_id = $1", first.id
    )
    assert not await repeated(message_id), "nothing of them was accepted"
    assert await shelf.deliveries.earlier_attempts([second.id]) == {second.id: (message_id,)}
