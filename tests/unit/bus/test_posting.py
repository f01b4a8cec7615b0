"""Letters are written in one piece as the driver writes them one by one, and leave nothing behind in its books."""

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from broker.bus.port import Letter
from broker.bus.posting import PERSISTENT, post

LETTERS = [
    Letter(body=b'{"n":1}', message_id="a-1", correlation_id="приём-17", kind="document.accepted"),
    Letter(body=b"", message_id="a-2"),
    Letter(body=b"x" * 250, message_id="a-3", kind="document.validated"),
]


class Books(SimpleNamespace):
    """The part of a driver's channel that is used, and what was written to it."""

    def __init__(self, room: int = 0) -> None:
        super().__init__(
            number=7,
            delivery_tag=40,
            max_content_size=100,
            confirmations=OrderedDict(),
            message_id_delivery_tag={},
            write_queue=asyncio.Queue(room),
            held=asyncio.Lock(),
        )

    @property
    @asynccontextmanager
    async def lock(self):
        async with self.held:
            yield

    def create_future(self) -> asyncio.Future:
        return asyncio.get_running_loop().create_future()


def by_the_driver(letter: Letter) -> bytes:
    properties = Basic.Properties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=letter.message_id,
        correlation_id=letter.correlation_id,
        message_type=letter.kind,
    )
    parts = [ContentBody(letter.body[at : at + 100]) for at in range(0, len(letter.body), 100)]
    publish = Basic.Publish(exchange="", routing_key="receipts.mis", mandatory=True)
    header = ContentHeader(properties=properties, body_size=len(letter.body))
    return ChannelFrame.marshall(channel_number=7, frames=[publish, header, *parts]).payload


async def test_letters_travel_in_one_piece_as_the_driver_writes_each():
    books = Books()
    posting = asyncio.create_task(post(books, "receipts.mis", LETTERS))
    written = await books.write_queue.get()
    assert written.payload == b"".join(map(by_the_driver, LETTERS))
    assert list(books.confirmations) == [41, 42, 43]
    assert books.message_id_delivery_tag == {"a-1": 41, "a-2": 42, "a-3": 43}
    for tag in (42, 41, 43):
        assert not posting.done()
        books.confirmations.pop(tag).set_result(tag)
        await asyncio.sleep(0)
    assert [confirm.result() for confirm in await posting] == [41, 42, 43]
    assert books.message_id_delivery_tag == {}


async def test_letters_without_a_name_get_one_each():
    books = Books()
    posting = asyncio.create_task(post(books, "hints", [Letter(body=b"{}")] * 3))
    await books.write_queue.get()
    assert sorted(books.message_id_delivery_tag.values()) == [41, 42, 43]
    for confirm in books.confirmations.values():
        confirm.set_result(None)
    await posting
    assert books.message_id_delivery_tag == {}


async def test_what_was_never_written_counts_for_nothing():
    books = Books(room=1)
    books.write_queue.put_nowait(None)
    posting = asyncio.create_task(post(books, "receipts.mis", LETTERS))
    await asyncio.sleep(0.01)
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    assert (books.delivery_tag, books.confirmations, books.message_id_delivery_tag) == (40, {}, {})


async def test_a_letter_that_cannot_travel_touches_no_books():
    books = Books()
    with pytest.raises(ValueError, match="range"):
        await post(books, "receipts.mis", [LETTERS[0], Letter(body=b"{}", correlation_id="x" * 256)])
    assert (books.delivery_tag, books.confirmations) == (40, {})
    assert books.write_queue.empty()
