"""Many small messages written to a confirming channel in one piece, byte for byte as the driver writes each.

The driver spends some forty microseconds around every message: a lock, a timeout, two callbacks, a write of its own. Here
tags are counted and frames queued under its lock once for all of them. Confirms, refusals and returns still come through
the driver, and so does a lost channel: it ends every future made here.
"""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import pamqp.frame
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from broker.bus.port import Letter

PERSISTENT: Final = 2
"""Delivery mode of a message that survives a restart of RabbitMQ (AMQP 0-9-1, basic.delivery-mode)."""
Confirm: TypeAlias = asyncio.Future[Any]
"""Done when RabbitMQ has confirmed; fails with ``DeliveryError`` (refused), ``PublishError`` (no such queue) or a lost channel."""


class MessageProperties(Basic.Properties):
    """The few properties our messages have, written at once: the driver's own way asks of each of fourteen what it is.

    AMQP 0-9-1 §4.2.6.1: flags from the first property on, then short strings with their length in front. Without slots
    of its own: properties are as many as their class has slots, and with none the driver sends its own in their stead.
    """

    def marshal(self) -> bytes:
        """Return flags and values as they travel."""
        flags, values = _ALWAYS_SET, [_ALWAYS]
        for flag, text in (
            (0x0400, self.correlation_id),
            (0x0080, self.message_id),
            (0x0020, self.message_type),
        ):
            if text:
                flags |= flag
                encoded = text.encode()
                values += (bytes((len(encoded),)), encoded)
        return flags.to_bytes(2, "big") + b"".join(values)


_JSON: Final = "application/json"
_ALWAYS_SET: Final = 0x9000
"""Flags of content-type and delivery-mode."""
_ALWAYS: Final = bytes((len(_JSON),)) + _JSON.encode() + bytes((PERSISTENT,))


async def post(channel: Channel, queue: str, letters: Sequence[Letter]) -> list[Confirm]:
    """Write letters to a queue by its name, mandatory and persistent; return the confirm of each once all are done."""
    names = [letter.message_id or uuid.uuid4().hex for letter in letters]  # what is returned is known by it
    pairs = zip(letters, names, strict=True)
    frames = b"".join(part for letter, name in pairs for part in _frames(channel, queue, letter, name))
    async with channel.lock:
        tags, confirms = await _write(channel, frames, names)
    try:
        await asyncio.wait(confirms)
    finally:
        _forget(channel, names, tags)
    return confirms


async def _write(channel: Channel, frames: bytes, names: Sequence[str]) -> tuple[range, list[Confirm]]:
    confirms: list[Confirm] = [channel.create_future() for _ in names]
    tags = range(channel.delivery_tag + 1, channel.delivery_tag + 1 + len(names))
    channel.delivery_tag = tags.stop - 1
    channel.confirmations.update(zip(tags, confirms, strict=True))
    channel.message_id_delivery_tag.update(zip(names, tags, strict=True))
    try:
        await channel.write_queue.put(ChannelFrame(payload=frames, should_close=False, drain_future=None))
    except BaseException:  # RabbitMQ has seen none of them: their tags are the next ones' again
        channel.delivery_tag = tags.start - 1
        for tag, confirm in zip(tags, confirms, strict=True):
            channel.confirmations.pop(tag, None)
            confirm.cancel()
        _forget(channel, names, tags)
        raise
    return tags, confirms


def _forget(channel: Channel, names: Sequence[str], tags: Sequence[int]) -> None:
    for name, tag in zip(names, tags, strict=True):
        if channel.message_id_delivery_tag.get(name) == tag:
            del channel.message_id_delivery_tag[name]


def _frames(channel: Channel, queue: str, letter: Letter, name: str) -> Iterator[bytes]:
    properties = MessageProperties(
        content_type=_JSON,
        delivery_mode=PERSISTENT,
        message_id=name,
        correlation_id=letter.correlation_id,
        message_type=letter.kind,
    )
    yield _method(channel.number, queue)
    header = ContentHeader(properties=properties, body_size=len(letter.body))
    yield pamqp.frame.marshal(header, channel.number)
    for at in range(0, len(letter.body), channel.max_content_size):
        part = ContentBody(letter.body[at : at + channel.max_content_size])
        yield pamqp.frame.marshal(part, channel.number)


@lru_cache(maxsize=1024)
def _method(channel: int, queue: str) -> bytes:
    return pamqp.frame.marshal(Basic.Publish(exchange="", routing_key=queue, mandatory=True), channel)
