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

_SLOW_DELETE: Final = 20.0
"""Seconds: RabbitMQ waits five for a leader before it deletes without one."""


async def declare_partner_topology(wire: Wire) -> None:
    """Declare the exchanges and queues partners rely on; the exchange last, when its confirms would be no lie."""
    await _declare_exchange(wire, PARKING)
    await declare(wire, PARKED)
    await _bind(wire, PARKED)
    await declare(wire, INTAKE)
    await _declare_exchange(wire, DOCUMENTS)
    await _bind(wire, INTAKE)


async def declare_all(wire: Wire, queues: Sequence[Queue]) -> None:
    """Declare several queues, in order."""
    for queue in queues:
        await declare(wire, queue)


async def declare(wire: Wire, queue: Queue) -> None:
    """Make sure the queue exists; one that exists with other arguments is used as it is.

    A new queue that will hold more than hints is given the time after which it survives a kill of its node.
    """
    is_new = not queue.expendable and not await _exists(wire, queue)
    try:
        await _declare_queue(wire, queue, passive=False)
    except LinkError as refused:
        if not isinstance(refused.__cause__, ChannelPreconditionFailed):
            raise
        _log.error("bus.queue_differs", queue=queue.name)
    if is_new:
        await asyncio.sleep(NEW_QUEUE_SETTLES)


async def remake_if_stuck(wire: Wire, queue: Queue) -> None:
    """Deal with a queue that lets nobody consume although RabbitMQ answers otherwise.

    So it leaves a quorum queue whose node was killed right after the declaration. Hints are deleted with it and the
    next declaration makes it anew; any other queue is left to the operator.
    """
    if not await wire.answers():
        return
    _log.error("bus.queue_stuck", queue=queue.name)
    if queue.expendable:
        async with wire.channel() as (channel, _):
            driver = await channel.get_underlay_channel()
            await wire.ask(driver.queue_delete(queue.name), _SLOW_DELETE)


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


async def _exists(wire: Wire, queue: Queue) -> bool:
    try:
        await _declare_queue(wire, queue, passive=True)
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
