"""Declaring exchanges and queues: an existing one is used as it is, nothing that may hold a document is ever deleted."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from broker.bus.supervision import LinkError, Wire
from broker.bus.topology import (
    DOCUMENTS,
    INTAKE,
    NEW_QUEUE_SETTLES,
    PARKED,
    PARKING,
    Exchange,
    Queue,
)

_log: Final = structlog.get_logger(__name__)


async def declare_partner_topology(wire: Wire) -> None:
    """Declare the exchanges and queues partners rely on.

    Partners get the exchange last, when its queue would survive a kill of the node: a confirm must not be a lie.
    """
    is_new = not await _exchange_exists(wire, DOCUMENTS)
    await _declare_exchange(wire, PARKING)
    await declare(wire, PARKED)
    await _bind(wire, PARKED)
    await declare(wire, INTAKE)
    if is_new:
        await asyncio.sleep(NEW_QUEUE_SETTLES)
    await _declare_exchange(wire, DOCUMENTS)
    await _bind(wire, INTAKE)


async def declare_all(wire: Wire, queues: Sequence[Queue]) -> None:
    """Declare several queues, in order."""
    for queue in queues:
        await declare(wire, queue)


async def declare(wire: Wire, queue: Queue) -> None:
    """Make sure the queue exists; one that exists with other arguments is used as it is.

    An expendable queue that does not answer is deleted and declared anew: RabbitMQ leaves a quorum queue without a
    leader when its node is killed right after the declaration.
    """
    try:
        await _declare_queue(wire, queue, passive=False)
    except LinkError as refused:
        match refused:
            case LinkError(__cause__=ChannelPreconditionFailed()):
                _log.error("bus.queue_differs", queue=queue.name)
                await _declare_queue(wire, queue, passive=True)
            case LinkError(why="timeout") if queue.expendable and await wire.answers():
                _log.error("bus.queue_stuck", queue=queue.name)
                await _delete(wire, queue)
                await _declare_queue(wire, queue, passive=False)
            case _:
                raise


async def _declare_queue(wire: Wire, queue: Queue, *, passive: bool) -> None:
    async with wire.channel() as (channel, _):
        driver: AbstractChannel = await channel.get_underlay_channel()
        call = driver.queue_declare(
            queue.name, durable=True, passive=passive, arguments=dict(queue.arguments)
        )
        await wire.ask(call)


async def _bind(wire: Wire, queue: Queue) -> None:
    async with wire.channel() as (channel, _):
        driver = await channel.get_underlay_channel()
        for binding in queue.bindings:
            await wire.ask(driver.queue_bind(queue.name, binding.exchange, binding.key))


async def _delete(wire: Wire, queue: Queue) -> None:
    assert queue.expendable
    async with wire.channel() as (channel, _):
        driver = await channel.get_underlay_channel()
        await wire.ask(driver.queue_delete(queue.name))


async def _exchange_exists(wire: Wire, exchange: Exchange) -> bool:
    try:
        async with wire.channel() as (channel, _):
            driver = await channel.get_underlay_channel()
            await wire.ask(driver.exchange_declare(exchange.name, passive=True))
    except LinkError as refused:
        if isinstance(refused.__cause__, ChannelNotFoundEntity):
            return False
        raise
    return True


async def _declare_exchange(wire: Wire, exchange: Exchange) -> None:
    try:
        async with wire.channel() as (channel, _):
            driver = await channel.get_underlay_channel()
            call = driver.exchange_declare(
                exchange.name,
                exchange_type=exchange.kind.value,
                durable=True,
                internal=exchange.internal,
                arguments=dict(exchange.arguments),
            )
            await wire.ask(call)
    except LinkError as refused:
        if not isinstance(refused.__cause__, ChannelPreconditionFailed):
            raise
        _log.error("bus.exchange_differs", exchange=exchange.name)
