"""The partners' door on a real node: nothing is acknowledged before its commit, nothing vanishes, memory stays bounded."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika
import psutil
import pytest
from proxy import freezing_proxy
from rabbit_node import RabbitNode

from broker.bus.connection import Connection
from broker.bus.door import Bodies, RabbitDoor
from broker.bus.intake import Pauses
from broker.bus.port import IntakeMessage, Letter, NotNow, Sent
from broker.bus.supervision import Patience
from broker.bus.topology import DOCUMENTS, INTAKE, NEW_QUEUE_SETTLES, receipts_name

pytestmark = pytest.mark.rabbitmq

QUICK = Pauses(shortest=0.01, longest=0.05, hold=30)
KEY = "mis-17.1-2-643"


async def until(met: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - the condition lives in another connection, there is nothing to wait on
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_door(url: str, patience: Patience, **kwargs) -> AsyncIterator[RabbitDoor]:
    async with RabbitDoor(url, chance=random.random, patience=patience, pauses=QUICK, **kwargs) as door:
        async with asyncio.timeout(30):
            while not await door.declare_partner("mis-17"):  # noqa: ASYNC110 - only asking again tells
                await asyncio.sleep(0.05)
        yield door


@asynccontextmanager
async def a_partner(node: RabbitNode) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """Connect as a МИС would, as soon as the exchange is there."""
    async with (
        await aio_pika.connect(node.url, connection_class=Connection) as connection,
        connection.channel(on_return_raises=True) as channel,
    ):
        async with asyncio.timeout(30):
            while True:
                try:
                    async with connection.channel() as probe:
                        await probe.declare_exchange(DOCUMENTS.name, passive=True)
                    break
                except aio_pika.exceptions.ChannelClosed:
                    await asyncio.sleep(0.1)
        yield channel


async def publish(
    channel: aio_pika.abc.AbstractChannel, body: bytes, message_id: str = "m-1", **kwargs
) -> None:
    exchange = await channel.get_exchange(DOCUMENTS.name, ensure=False)
    await exchange.publish(
        aio_pika.Message(body, message_id=message_id, delivery_mode=2, **kwargs), KEY, timeout=30
    )


class Shelf:
    """A handler that keeps what it took."""

    def __init__(self) -> None:
        self.taken: list[IntakeMessage] = []

    async def __call__(self, message: IntakeMessage) -> None:
        self.taken.append(message)

    def bodies(self) -> set[bytes]:
        return {message.body for message in self.taken}


async def depth(node: RabbitNode, queue: str) -> int:
    async with (
        await aio_pika.connect(node.url, connection_class=Connection) as connection,
        connection.channel() as channel,
    ):
        found = await channel.declare_queue(queue, passive=True)
        return found.declaration_result.message_count or 0


async def test_a_message_arrives_with_what_rabbitmq_vouches_for(node: RabbitNode, patience: Patience):
    shelf = Shelf()
    async with a_door(node.url, patience) as door, door.take_intake(shelf, prefetch=10):
        async with a_partner(node) as channel:
            await publish(channel, b"{}", "m-7", content_type="application/json", correlation_id="c-1")
        await until(lambda: bool(shelf.taken))
    (message,) = shelf.taken
    assert (message.body, message.size, message.message_id) == (b"{}", 2, "m-7")
    assert (message.routing_key, message.login, message.content_type) == (KEY, "mis-17", "application/json")
    assert (message.correlation_id, message.delivery_count, message.oversized) == ("c-1", 0, False)


async def test_nothing_is_acknowledged_before_the_handler_returned(node: RabbitNode, patience: Patience):
    offered = asyncio.Event()

    async def never(message: IntakeMessage) -> None:
        offered.set()
        await asyncio.Event().wait()

    short = Patience(
        **{name: getattr(patience, name) for name in patience.__struct_fields__} | {"grace": 0.1}
    )
    async with a_door(node.url, short) as door, a_partner(node) as channel:
        async with door.take_intake(never, prefetch=10):
            await publish(channel, b"kept", "kept")
            await offered.wait()
        shelf = Shelf()
        async with door.take_intake(shelf, prefetch=10):
            await until(lambda: bool(shelf.taken))
    assert shelf.taken[0].redelivered
    assert shelf.taken[0].body == b"kept"


async def test_not_now_keeps_the_message_and_costs_no_redelivery(node: RabbitNode, patience: Patience):
    tries = 0
    taken: list[IntakeMessage] = []

    async def later(message: IntakeMessage) -> None:
        nonlocal tries
        tries += 1
        if tries < 30:
            raise NotNow
        taken.append(message)

    async with (
        a_door(node.url, patience) as door,
        a_partner(node) as channel,
        door.take_intake(later, prefetch=1),
    ):
        await publish(channel, b"patient")
        await until(lambda: bool(taken))
    assert taken[0].delivery_count == 0
    assert await depth(node, "intake.parked") == 0


async def test_a_message_that_always_fails_is_parked_and_the_others_pass(
    node: RabbitNode, patience: Patience
):
    shelf, parked = Shelf(), Shelf()
    poisoned = 0

    async def take(message: IntakeMessage) -> None:
        nonlocal poisoned
        if message.body == b"poison":
            poisoned += 1
            raise LookupError("a bug")
        await shelf(message)

    async with (
        a_door(node.url, patience) as door,
        a_partner(node) as channel,
        door.take_intake(take, prefetch=5),
        door.take_parked(parked),
    ):
        await publish(channel, b"poison", "bad")
        good = {b"good %d" % number for number in range(20)}
        for body in good:
            await publish(channel, body)
        await until(lambda: bool(parked.taken) and good <= shelf.bodies())
    (message,) = parked.taken
    assert (message.body, message.message_id, message.routing_key) == (b"poison", "bad", KEY)
    assert message.parked_why == "delivery_limit"
    assert poisoned == INTAKE.arguments["x-delivery-limit"] + 1


async def test_a_parked_message_stays_until_its_handler_recorded_it(node: RabbitNode, patience: Patience):
    shelf = Shelf()
    tries = 0

    async def records_at_the_third_try(message: IntakeMessage) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise LookupError("a bug")
        await shelf(message)

    async with a_door(node.url, patience) as door, a_partner(node) as channel:
        await publish(channel, b"expired", expiration=0.001)
        async with door.take_parked(records_at_the_third_try):
            await until(lambda: bool(shelf.taken))
    assert shelf.taken[0].parked_why == "expired"


async def test_every_confirmed_message_survives_kills_of_the_node(node: RabbitNode, patience: Patience):
    shelf = Shelf()
    confirmed: set[bytes] = set()
    stop = asyncio.Event()

    async def press() -> None:
        number = 0
        while not stop.is_set():
            try:
                async with asyncio.timeout(30), a_partner(node) as channel:
                    while not stop.is_set():
                        number += 1
                        body = b"document %d" % number
                        await publish(channel, body, str(number))
                        confirmed.add(body)
            except (
                OSError,
                TimeoutError,
                aio_pika.exceptions.AMQPError,
                RuntimeError,
                asyncio.CancelledError,
            ):
                await asyncio.sleep(0.2)

    async with a_door(node.url, patience) as door, door.take_intake(shelf, prefetch=20):
        await asyncio.sleep(NEW_QUEUE_SETTLES)
        pressing = asyncio.create_task(press())
        await until(lambda: len(confirmed) > 50)
        for _ in range(2):
            await node.restart()
            reached = len(confirmed)
            await until(lambda: len(confirmed) > reached + 50, 60)  # noqa: B023 - called within the round
        stop.set()
        await pressing
        await until(lambda: shelf.bodies() >= confirmed, 60)


async def test_a_frozen_connection_is_replaced_and_its_messages_come_again(
    node: RabbitNode, patience: Patience
):
    shelf = Shelf()
    async with (
        freezing_proxy(node.port) as proxy,
        a_door(node.url_through(proxy.port), patience) as door,
        door.take_intake(shelf, prefetch=10),
        a_partner(node) as channel,
    ):
        await publish(channel, b"before")
        await until(lambda: b"before" in shelf.bodies())
        proxy.freeze()
        await publish(channel, b"meanwhile")
        accepted = proxy.accepted
        await until(lambda: proxy.accepted > accepted)
        proxy.thaw()
        await until(lambda: b"meanwhile" in shelf.bodies())


async def test_bodies_held_at_once_stay_within_the_budget_and_none_is_lost(
    node: RabbitNode, patience: Patience
):
    kib = 1024
    bodies = Bodies(largest=256 * kib, held=1024 * kib)
    held = most = 0
    taken: list[str | None] = []

    async def slow(message: IntakeMessage) -> None:
        nonlocal held, most
        held += len(message.body)
        most = max(most, held)
        await asyncio.sleep(0.005)
        held -= len(message.body)
        taken.append(message.message_id)

    sizes = [16] * 150 + [200] * 60 + [16] * 20
    async with a_door(node.url, patience, bodies=bodies) as door, a_partner(node) as channel:
        for number, size in enumerate(sizes):
            await publish(channel, bytes(size * kib), str(number))
        async with door.take_intake(slow, prefetch=40):
            await until(lambda: len(set(taken)) == len(sizes))
        assert await depth(node, "intake.parked") == 0
    assert most <= bodies.held
    assert most > 4 * 200 * kib


async def test_a_body_over_the_limit_is_told_without_being_kept(node: RabbitNode, patience: Patience):
    shelf = Shelf()
    bodies = Bodies(largest=1000, held=10_000)
    async with (
        a_door(node.url, patience, bodies=bodies) as door,
        a_partner(node) as channel,
        door.take_intake(shelf, prefetch=5),
    ):
        await publish(channel, bytes(5000), "huge")
        await until(lambda: bool(shelf.taken))
    (message,) = shelf.taken
    assert (message.oversized, message.body, message.size, message.message_id) == (True, b"", 5000, "huge")


async def test_bodies_over_the_limit_never_add_up_in_memory(node: RabbitNode):
    """RabbitMQ takes 64 MiB where our door takes 12, so that the refusal is ours; they come in at full prefetch.

    With the patience of the product: a probe of the connection waits behind the bodies.
    """
    shelf, process = Shelf(), psutil.Process()
    huge = bytes(40 * 1024 * 1024)
    async with a_door(node.url, Patience()) as door, a_partner(node) as channel:
        for number in range(10):
            await publish(channel, huge, str(number))
        before = most = process.memory_info().rss
        async with door.take_intake(shelf, prefetch=100):
            async with asyncio.timeout(60):
                while len(shelf.taken) < 10:
                    most = max(most, process.memory_info().rss)
                    await asyncio.sleep(0.005)
    assert all(message.oversized and not message.body for message in shelf.taken)
    assert most - before < 3 * len(huge), f"{(most - before) // 2**20} MiB"


async def tell(door: RabbitDoor, login: str) -> Sent:
    ((_, sent),) = await door.send_receipts(login, [[Letter(body=b"{}", message_id="r", kind="k")]])
    return sent


async def test_a_receipt_is_confirmed_and_readable(node: RabbitNode, patience: Patience):
    async with a_door(node.url, patience) as door:
        letter = Letter(
            body=b'{"event":"document.accepted"}',
            message_id="r-1",
            correlation_id="m-1",
            kind="document.accepted",
        )
        assert await door.send_receipts("mis-17", [[letter]]) == [(1, Sent.CONFIRMED)]
    async with (
        await aio_pika.connect(node.url, connection_class=Connection) as connection,
        connection.channel() as channel,
    ):
        queue = await channel.get_queue(receipts_name("mis-17"))
        message = await queue.get(timeout=5)
        await message.ack()
    assert (message.type, message.message_id, message.correlation_id) == ("document.accepted", "r-1", "m-1")


async def test_a_receipt_for_a_queue_somebody_deleted_declares_it_anew(node: RabbitNode, patience: Patience):
    async with a_door(node.url, patience) as door:
        assert await door.declare_partner("mis-deleted")
        async with (
            await aio_pika.connect(node.url, connection_class=Connection) as connection,
            connection.channel() as channel,
        ):
            await channel.queue_delete(receipts_name("mis-deleted"))
        sent = await tell(door, "mis-deleted")
    assert sent is Sent.CONFIRMED
    assert await depth(node, receipts_name("mis-deleted")) == 1


async def a_short_queue(node: RabbitNode, login: str, length: int) -> None:
    """Make a partner's queue that refuses what is too much for it."""
    async with (
        await aio_pika.connect(node.url, connection_class=Connection) as connection,
        connection.channel() as channel,
    ):
        arguments = {"x-queue-type": "quorum", "x-max-length": length, "x-overflow": "reject-publish"}
        await channel.declare_queue(receipts_name(login), durable=True, arguments=arguments)


async def all_of(node: RabbitNode, login: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """Take everything out of a partner's queue."""
    taken = []
    async with (
        await aio_pika.connect(node.url, connection_class=Connection) as connection,
        connection.channel() as channel,
    ):
        queue = await channel.get_queue(receipts_name(login))
        while (message := await queue.get(timeout=5, fail=False)) is not None:
            await message.ack()
            taken.append(message)
    return taken


async def test_a_full_queue_of_receipts_says_so(node: RabbitNode, patience: Patience):
    await a_short_queue(node, "mis-full", 3)
    async with a_door(node.url, patience) as door:
        sent: list[Sent] = []
        while Sent.FULL not in sent and len(sent) < 50:
            sent.append(await tell(door, "mis-full"))
    assert sent[:3] == [Sent.CONFIRMED] * 3
    assert sent[-1] is Sent.FULL


async def test_behind_a_receipt_that_was_not_taken_nothing_is_sent(node: RabbitNode, patience: Patience):
    await a_short_queue(node, "mis-row", 3)
    letters = [Letter(body=b"%d" % number, message_id=str(number)) for number in range(50)]
    async with a_door(node.url, patience) as door:
        ((confirmed, sent),) = await door.send_receipts("mis-row", [letters])
    assert sent is Sent.FULL
    assert 3 <= confirmed < 50
    assert await depth(node, receipts_name("mis-row")) == confirmed


async def test_rows_side_by_side_each_stop_where_something_is_not_taken(node: RabbitNode, patience: Patience):
    await a_short_queue(node, "mis-rows", 8)
    rows = [
        [Letter(body=b"%d.%d" % (row, place), message_id=f"{row}.{place}") for place in range(row)]
        for row in range(14)
    ]
    async with a_door(node.url, patience) as door:
        answers = await door.send_receipts("mis-rows", rows)
    kept = [message.message_id for message in await all_of(node, "mis-rows")]
    assert answers[0] == (0, Sent.CONFIRMED), "an empty row is told"
    assert {sent for _, sent in answers[1:]} <= {Sent.CONFIRMED, Sent.FULL}
    assert answers[-1][1] is Sent.FULL
    for row, (confirmed, _) in enumerate(answers):
        assert [name for name in kept if name.startswith(f"{row}.")] == [
            f"{row}.{n}" for n in range(confirmed)
        ]


async def test_large_events_arrive_whole(node: RabbitNode, patience: Patience):
    bodies = [bytes([48 + number]) * 300_000 for number in range(3)]
    async with a_door(node.url, patience) as door:
        row = [Letter(body=body) for body in bodies]
        answers = await door.send_receipts("mis-large", [row, [], *([one] for one in row)])
    assert answers == [(3, Sent.CONFIRMED), (0, Sent.CONFIRMED), *[(1, Sent.CONFIRMED)] * 3]
    kept = [message.body for message in await all_of(node, "mis-large")]
    assert sorted(kept) == sorted(bodies * 2)
    assert [body for body in kept if body == bodies[0]] == kept[:2], "first letters go first"


async def test_no_confirm_in_time_is_unavailable(node: RabbitNode, patience: Patience):
    async with freezing_proxy(node.port) as proxy, a_door(node.url_through(proxy.port), patience) as door:
        proxy.freeze()
        async with asyncio.timeout(patience.confirm + 2):
            sent = await tell(door, "mis-17")
        assert sent is Sent.UNAVAILABLE
        proxy.thaw()
        async with asyncio.timeout(20):
            while sent is not Sent.CONFIRMED:
                sent = await tell(door, "mis-17")
                await asyncio.sleep(0.05)


async def test_a_memory_alarm_blocks_receipts_and_does_not_stop_the_intake(
    node: RabbitNode, patience: Patience
):
    shelf = Shelf()
    async with a_door(node.url, patience) as door, a_partner(node) as channel:
        waiting = {b"waiting %d" % number for number in range(20)}
        for body in waiting:
            await publish(channel, body)
        await node.ctl("set_vm_memory_high_watermark", "absolute", "1")
        try:
            await asyncio.sleep(1)
            sent = await tell(door, "mis-17")
            assert sent is Sent.UNAVAILABLE
            async with door.take_intake(shelf, prefetch=5):
                await until(
                    lambda: waiting <= shelf.bodies()
                )  # and maybe what an earlier test left unsettled
        finally:
            await node.ctl("set_vm_memory_high_watermark", "absolute", "1024MB")
        async with asyncio.timeout(20):
            while sent is not Sent.CONFIRMED:
                sent = await tell(door, "mis-17")
                await asyncio.sleep(0.05)
    assert await depth(node, INTAKE.name) == 0


async def test_without_a_node_receipts_are_unavailable_at_once(patience: Patience):
    async with RabbitDoor("amqp://a:b@127.0.0.1:1/", chance=random.random, patience=patience) as door:
        async with asyncio.timeout(1):
            assert not await door.declare_partner("mis-17")
            sent = await tell(door, "mis-17")
    assert sent is Sent.UNAVAILABLE


async def test_a_clean_close_of_the_door_leaves_no_task_behind(node: RabbitNode, patience: Patience):
    before = asyncio.all_tasks()
    shelf = Shelf()
    async with (
        a_door(node.url, patience) as door,
        door.take_intake(shelf, prefetch=10),
        door.take_parked(shelf),
    ):
        await tell(door, "mis-17")
    await until(lambda: asyncio.all_tasks() <= before, 5)
