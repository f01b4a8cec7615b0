"""The AMQP door on a real RabbitMQ: documents in, receipts out in order, and nobody where it has no business."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiohttp
import msgspec
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError
from builders import a_sample, a_signature, a_submission, as_json, text_of

from broker.bus.connection import Connection
from broker.samples.submission import make_submission

pytestmark = pytest.mark.rabbitmq

MIB = 1024 * 1024
ENDS = {"document.completed", "document.failed", "document.rejected", "document.unroutable"}


@asynccontextmanager
async def channel_of(a_stand, number: int = 0) -> AsyncIterator[AbstractChannel]:
    """A channel of a partner, with its own login and secret."""
    if a_stand.endpoints.amqp is None:
        pytest.skip("НЕ ПРОВЕРЕНО: стенд работает без RabbitMQ")
    port = int(a_stand.endpoints.amqp.rstrip("/").rpartition(":")[2])
    partner = a_stand.endpoints.partners[number]
    connection = await aio_pika.connect(
        host="127.0.0.1", port=port, login=partner.id, password=partner.secret, connection_class=Connection
    )
    async with connection:
        yield await connection.channel(on_return_raises=True)


async def publish(
    channel: AbstractChannel, key: str, body: bytes, *, message_id: str | None = None, **properties: Any
) -> None:
    """Publish as a МИС does; without ``message_id`` the client library makes one up."""
    exchange = await channel.get_exchange("documents", ensure=False)
    message = aio_pika.Message(
        body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, message_id=message_id, **properties
    )
    await exchange.publish(message, key, timeout=20)


def key_of(a_stand, clinic: str, number: int = 0) -> str:
    return f"{a_stand.endpoints.partners[number].id}.{clinic.replace('.', '-')}"


class Mailbox:
    """What a partner was told, by the correlation it gave."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.correlations: list[str | None] = []
        self._changed = asyncio.Event()

    async def take(self, message: AbstractIncomingMessage) -> None:
        async with message.process():
            event = msgspec.json.decode(message.body)
            self.events.setdefault(event["messageId"], []).append(event)
            self.correlations.append(message.correlation_id)
            self._changed.set()

    async def until_end(self, message_id: str) -> list[dict[str, Any]]:
        return await self.until(message_id, ENDS)

    async def until(self, message_id: str, wanted: set[str]) -> list[dict[str, Any]]:
        async with asyncio.timeout(40):
            while not any(event["event"] in wanted for event in self.events.get(message_id, [])):
                self._changed.clear()
                await self._changed.wait()
        return self.events[message_id]


@pytest.fixture(scope="module")
async def mailbox(a_stand) -> AsyncIterator[Mailbox]:
    """The first partner reads its receipts while the module runs."""
    box = Mailbox()
    async with channel_of(a_stand) as channel:
        queue = await channel.get_queue(f"receipts.{a_stand.endpoints.partners[0].id}", ensure=False)
        async with asyncio.timeout(30):
            while not await consumes(queue, box):
                await asyncio.sleep(0.2)
                await channel.reopen()
        yield box


async def consumes(queue: AbstractQueue, box: Mailbox) -> bool:
    """Begin to read; False while the queue is not there: it is made soon after the partner, before any event."""
    try:
        await queue.consume(box.take)
    except AMQPError:
        return False
    return True


async def test_a_document_handed_in_over_amqp_is_registered_and_every_step_is_told_in_order(
    a_stand, mailbox: Mailbox, world, stand_signers
):
    submission = a_submission(world, stand_signers)
    async with channel_of(a_stand) as channel:
        body = msgspec.json.encode(submission)
        await publish(channel, key_of(a_stand, submission.clinic), body, message_id=submission.message_id)
    events = await mailbox.until_end(submission.message_id)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    names = [event["event"] for event in events]
    assert names[:3] == ["document.accepted", "document.validated", "document.routed"]
    assert names[-1] == "document.completed"
    registered = [event for event in events if event["event"] == "delivery.registered"]
    assert any(event["receipt"].get("emdrId") for event in registered)
    card = (await a_stand.partners[0].get(f"/documents/{events[0]['documentId']}")).body
    assert card["status"] == "completed"


async def test_the_correlation_is_the_message_id_of_the_submission(a_stand, mailbox, world, stand_signers):
    submission = as_json(a_submission(world, stand_signers))
    message_id = submission.pop("messageId")
    async with channel_of(a_stand) as channel:
        await publish(
            channel,
            key_of(a_stand, submission["clinic"]),
            msgspec.json.encode(submission),
            message_id=message_id,
        )
    await mailbox.until_end(message_id)
    assert message_id in mailbox.correlations


async def test_the_same_message_over_both_doors_is_one_document(a_stand, mailbox, world, stand_signers):
    submission = a_submission(world, stand_signers)
    ticket = await a_stand.partners[0].submit(submission)
    async with channel_of(a_stand) as channel:
        for _ in range(3):
            body, key = msgspec.json.encode(submission), key_of(a_stand, submission.clinic)
            await publish(channel, key, body, message_id=submission.message_id)
    events = await mailbox.until_end(submission.message_id)
    assert {event["documentId"] for event in events} == {ticket.body["id"]}
    assert [event["event"] for event in events].count("document.accepted") == 1


async def test_a_document_handed_in_again_under_another_id_is_answered_under_that_id(
    a_stand, mailbox, world, stand_signers
):
    submission = a_submission(world, stand_signers)
    ticket = await a_stand.partners[0].submit(submission)
    events = await mailbox.until_end(submission.message_id)
    again = as_json(submission) | {"messageId": str(uuid.uuid4())}
    async with channel_of(a_stand) as channel:
        body, key = msgspec.json.encode(again), key_of(a_stand, submission.clinic)
        await publish(channel, key, body, message_id=again["messageId"])
    (answer,) = await mailbox.until(again["messageId"], {"document.accepted", *ENDS})
    assert (answer["documentId"], answer["status"]) == (ticket.body["id"], "completed")
    assert again["messageId"] in mailbox.correlations
    told = (await a_stand.partners[0].get(f"/documents/{ticket.body['id']}/events")).body["events"]
    assert [event["sequence"] for event in told] == list(range(1, len(events) + 1))


REFUSED: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any] | bytes]]] = {
    "an unknown field": ("partner.submission_invalid", lambda good: good | {"x": 1}),
    "no JSON": ("partner.json_malformed", lambda good: b"\xff\xfe"),
    "a foreign clinic": (
        "partner.clinic_not_linked",
        lambda good: good | {"clinic": "1.2.643.5.1.13.13.12.4.16.9004"},
    ),
    "an empty document": ("partner.content_empty", lambda good: good | {"content": {"data": ""}}),
    "a document of 21 MiB": (
        "partner.body_too_large",
        lambda good: good | {"content": {"data": text_of(b"x" * (21 * MIB))}},
    ),
    "base64 cut off": ("partner.content_base64", lambda good: good | {"content": {"data": "QUJ"}}),
    "another id in the body": (
        "partner.message_id_differs",
        lambda good: good | {"messageId": "another"},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_comes_as_an_event_in_words(
    a_stand, mailbox: Mailbox, world, stand_signers, name: str
):
    code, bend = REFUSED[name]
    good = as_json(a_submission(world, stand_signers))
    bent = bend(good)
    body = bent if isinstance(bent, bytes) else msgspec.json.encode(bent)
    message_id = str(uuid.uuid4()) if name == "another id in the body" else good["messageId"]
    async with channel_of(a_stand) as channel:
        await publish(channel, key_of(a_stand, good["clinic"]), body, message_id=message_id)
    (event,) = await mailbox.until_end(message_id)
    assert (event["event"], event["documentId"], event["status"]) == ("document.rejected", None, "rejected")
    (finding,) = event["findings"]
    assert finding["code"] == code
    assert finding["fix"]


async def send(a_stand, submission: dict[str, Any]) -> None:
    async with channel_of(a_stand) as channel:
        body, key = msgspec.json.encode(submission), key_of(a_stand, submission["clinic"])
        await publish(channel, key, body, message_id=submission["messageId"])


async def test_a_message_id_and_a_local_uid_with_other_content_are_refused_in_words(
    a_stand, mailbox: Mailbox, world, stand_signers
):
    sample = a_sample(world)
    await send(a_stand, as_json(make_submission(sample, a_signature(stand_signers))))
    first = list(await mailbox.until_end(sample.message_id))
    reused = as_json(a_submission(world, stand_signers))
    reused["metadata"] |= {"localUid": sample.local_uid}
    await send(a_stand, reused)
    (event,) = await mailbox.until_end(reused["messageId"])
    assert event["findings"][0]["code"] == "partner.local_uid_reused"
    assert event["findings"][0]["fix"]
    replayed = as_json(a_submission(world, stand_signers, message_id=sample.message_id))
    await send(a_stand, replayed)
    told = await mailbox.until(sample.message_id, {"document.rejected"})
    assert told[:-1] == first
    assert (told[-1]["documentId"], told[-1]["findings"][0]["code"]) == (None, "partner.message_id_reused")
    assert told[-1]["findings"][0]["fix"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("99999", "kind.unknown"), ("194", "kind.closed_on_date"), ("103", "kind.template_mismatch")],
)
async def test_a_kind_that_is_unknown_closed_or_another_is_a_finding_of_the_document(
    a_stand, mailbox: Mailbox, world, stand_signers, kind: str, code: str
):
    bent = as_json(a_submission(world, stand_signers)) | {"kind": kind}
    await send(a_stand, bent)
    accepted, rejected = await mailbox.until_end(bent["messageId"])
    assert (accepted["event"], rejected["event"]) == ("document.accepted", "document.rejected")
    assert rejected["documentId"] == accepted["documentId"]
    assert code in {finding["code"] for finding in rejected["findings"]}


async def test_a_suspended_clinic_is_refused_and_what_it_had_handed_in_before_is_not(
    a_stand, mailbox: Mailbox, world, stand_signers
):
    before = as_json(a_submission(world, stand_signers, clinic=1))
    await send(a_stand, before)
    told = list(await mailbox.until_end(before["messageId"]))
    await direct(a_stand, before["clinic"], "suspend")
    try:
        await until_the_doors_know(a_stand, before["clinic"])
        late = as_json(a_submission(world, stand_signers, clinic=1))
        await send(a_stand, before)
        await send(a_stand, late)
        (event,) = await mailbox.until_end(late["messageId"])
    finally:
        await direct(a_stand, before["clinic"], "resume")
    assert event["findings"][0]["code"] == "partner.clinic_suspended"
    assert event["findings"][0]["fix"]
    assert mailbox.events[before["messageId"]] == told, (
        "handed in again, it is neither refused nor told twice"
    )


async def direct(a_stand, clinic: str, act: str) -> None:
    """Suspend or resume a clinic, as the operator does."""
    operator = a_stand.endpoints.operator
    key = aiohttp.encode_basic_auth(operator.login, operator.password)
    path = f"/clinics/{clinic}/{act}"
    answer = await a_stand.partners[0].post(path, json={"reason": "тест"}, headers={"Authorization": key})
    assert answer.status == 200, answer.body


async def until_the_doors_know(a_stand, clinic: str) -> None:
    """Wait until a suspended clinic is refused: who may speak is remembered for seconds."""
    bad = {"clinic": clinic, "kind": "306", "content": {"data": text_of(b"<a/>")}}

    async def refuses() -> bool:
        answer = await a_stand.partners[0].submit(bad | {"messageId": str(uuid.uuid4())})
        return answer.status == 403

    async with asyncio.timeout(30):
        while not await refuses():  # noqa: ASYNC110  only asking again tells
            await asyncio.sleep(0.3)


async def test_a_routing_key_of_another_clinic_comes_back_as_an_event(
    a_stand, mailbox: Mailbox, world, stand_signers
):
    good = a_submission(world, stand_signers)
    async with channel_of(a_stand) as channel:
        key = key_of(a_stand, world.clinics[1].oid)
        await publish(channel, key, msgspec.json.encode(good), message_id=good.message_id)
    (event,) = await mailbox.until_end(good.message_id)
    assert event["findings"][0]["code"] == "partner.routing_key_clinic"


async def refused(a_stand, act: Callable[[AbstractChannel], Awaitable[object]], number: int = 0) -> bool:
    async with channel_of(a_stand, number) as channel:
        try:
            await act(channel)
        except AMQPError as error:
            return "ACCESS_REFUSED" in str(error)
        return False


async def test_a_partner_can_neither_publish_under_anothers_key_nor_read_anothers_receipts(a_stand, mailbox):
    """Acceptance 6: RabbitMQ itself refuses, asking our backend."""
    alpha, beta = (partner.id for partner in a_stand.endpoints.partners)
    assert await refused(a_stand, lambda channel: publish(channel, f"{beta}.1-2-643", b"{}"))
    assert await refused(a_stand, lambda channel: publish(channel, f"{alpha}-test.1-2-643", b"{}"))
    assert await refused(a_stand, lambda channel: publish(channel, "#", b"{}"))
    told = await mailbox.until_end("")
    assert [event["findings"][0]["code"] for event in told][-1] == "partner.routing_key_foreign"

    def reading(queue: str) -> Callable[[AbstractChannel], Awaitable[object]]:
        async def act(channel: AbstractChannel) -> None:
            await (await channel.get_queue(queue, ensure=False)).get(timeout=5, fail=False)

        return act

    for queue in (f"receipts.{alpha}", "intake", "intake.parked", "route.remd"):
        assert await refused(a_stand, reading(queue), number=1), queue
    assert await refused(a_stand, lambda channel: channel.declare_queue("mine", durable=True))


async def test_a_wrong_secret_stays_outside(a_stand, mailbox):
    port = int(a_stand.endpoints.amqp.rstrip("/").rpartition(":")[2])
    with pytest.raises(aio_pika.exceptions.AMQPConnectionError):
        await aio_pika.connect(
            host="127.0.0.1",
            port=port,
            login=a_stand.endpoints.partners[0].id,
            password="inaya_x",
            connection_class=Connection,
        )


async def test_the_description_of_the_door_names_its_address(a_stand):
    page = (await a_stand.partners[0].call("GET", "/asyncapi.json")).body
    server = page["servers"]["rabbitmq"]
    assert f"{server['protocol']}://{server['host']}/" == a_stand.endpoints.amqp
