"""The bus over a real RabbitMQ node, and what happens to it when the node, the network or a consumer fails."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aiormq.channel import Channel
from proxy import freezing_proxy
from rabbit_node import RabbitNode

from broker.bus.connection import Connection
from broker.bus.port import Due
from broker.bus.rabbitmq import RabbitBus
from broker.bus.supervision import Patience
from broker.bus.topology import NEW_QUEUE_SETTLES, hint_queue

pytestmark = pytest.mark.rabbitmq


async def until(met: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - the condition lives in another connection, there is nothing to wait on
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_bus(url: str, patience: Patience, **kwargs) -> AsyncIterator[RabbitBus]:
    async with RabbitBus(url, chance=random.random, patience=patience, **kwargs) as bus:
        await until(lambda: bus._publisher.is_ready)
        yield bus


class Ear:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    async def __call__(self, due: Due) -> None:
        self.heard += due.tasks


async def announced_again_until(bus: RabbitBus, due: Due, met: Callable[[], bool]) -> None:
    """Announce as the sweeper does: again and again until somebody does it."""
    async with asyncio.timeout(60):
        while not met():
            await bus.announce([due])
            await asyncio.sleep(0.05)


async def test_hints_reach_a_subscriber(node: RabbitNode, queue: str, patience: Patience):
    ear = Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await bus.announce([Due(queue, (1, 2, 3)), Due(queue, (3, 4))])
        await until(lambda: set(ear.heard) == {1, 2, 3, 4})
    assert sorted(ear.heard) == [1, 2, 3, 4]


async def test_subscribers_compete(node: RabbitNode, queue: str, patience: Patience):
    one, two = Ear(), Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], one), bus.subscribe([queue], two):
        await asyncio.sleep(0.3)
        for task in range(200):
            await bus.announce([Due(queue, (task,))])
            await asyncio.sleep(0)
        await until(lambda: len(one.heard) + len(two.heard) == 200)
    assert sorted(one.heard + two.heard) == list(range(200))


async def test_a_hint_whose_handler_raises_is_not_delivered_again(
    node: RabbitNode, queue: str, patience: Patience
):
    seen: list[int] = []

    async def fails(due: Due) -> None:
        seen.extend(due.tasks)
        raise LookupError("a bug")

    async with a_bus(node.url, patience) as bus:
        async with bus.subscribe([queue], fails):
            await bus.announce([Due(queue, (1,))])
            await until(lambda: bool(seen))
        assert (await bus.depths())[queue] == 0
    assert seen == [1]


async def test_announcing_without_a_node_costs_nothing(patience: Patience, queue: str):
    async with RabbitBus("amqp://a:b@127.0.0.1:1/", chance=random.random, patience=patience) as bus:
        async with asyncio.timeout(1):
            for task in range(1000):
                await bus.announce([Due(queue, (task,))])


async def test_a_killed_node_is_found_again_and_the_consumers_with_it(
    node: RabbitNode, queue: str, patience: Patience
):
    ear = Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
        await asyncio.sleep(NEW_QUEUE_SETTLES)
        await node.restart()
        await announced_again_until(bus, Due(queue, (2,)), lambda: 2 in ear.heard)


async def test_a_node_killed_right_after_the_first_declaration_does_not_stop_the_bus(
    node: RabbitNode, queue: str, patience: Patience
):
    """RabbitMQ leaves such a queue without a leader for ever; hints are expendable, so it is made anew."""
    ear = Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
        await node.restart()
        await announced_again_until(bus, Due(queue, (2,)), lambda: 2 in ear.heard)


async def test_a_frozen_connection_is_noticed_and_replaced(node: RabbitNode, queue: str, patience: Patience):
    ear = Ear()
    async with (
        freezing_proxy(node.port) as proxy,
        a_bus(node.url_through(proxy.port), patience) as bus,
        bus.subscribe([queue], ear),
    ):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
        before = proxy.accepted
        proxy.freeze()
        await until(lambda: proxy.accepted >= before + 2)
        proxy.thaw()
        await announced_again_until(bus, Due(queue, (2,)), lambda: 2 in ear.heard)


async def test_a_deleted_queue_is_declared_and_consumed_anew(
    node: RabbitNode, queue: str, patience: Patience
):
    ear = Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
        async with (
            await aio_pika.connect(node.url, connection_class=Connection) as other,
            other.channel() as channel,
        ):
            await channel.queue_delete(hint_queue(queue).name)
        await announced_again_until(bus, Due(queue, (2,)), lambda: 2 in ear.heard)


async def test_a_consumer_that_vanished_without_a_word_is_missed_and_replaced(
    node: RabbitNode, queue: str, patience: Patience, monkeypatch: pytest.MonkeyPatch
):
    """The driver's own cancel, sent behind the bus's back: RabbitMQ has no consumer, nobody told the bus."""
    channels: list[Channel] = []
    consume = Channel.basic_consume

    async def remembered(self: Channel, *args, **kwargs):
        started = await consume(self, *args, **kwargs)
        channels.append(self)
        return started

    monkeypatch.setattr(Channel, "basic_consume", remembered)
    ear = Ear()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
        (tag,) = channels[0].consumers
        await channels[0].basic_cancel(tag)
        await announced_again_until(bus, Due(queue, (2,)), lambda: 2 in ear.heard)
    assert len(channels) == 2


async def test_a_clean_close_leaves_no_task_behind(node: RabbitNode, queue: str, patience: Patience):
    ear = Ear()
    before = asyncio.all_tasks()
    async with a_bus(node.url, patience) as bus, bus.subscribe([queue], ear):
        await announced_again_until(bus, Due(queue, (1,)), lambda: 1 in ear.heard)
    await until(lambda: asyncio.all_tasks() <= before, 5)
