import asyncio
import gc

import pytest
from yarl import URL

from broker.bus.connection import Connection
from broker.bus.supervision import Calls, LinkError, Patience, Wire


async def test_a_connection_that_never_opened_is_collected_in_any_thread_without_a_word():
    ring: list[object] = [Connection(URL("amqp://127.0.0.1:1/"))]
    ring.append(ring)
    del ring
    await asyncio.to_thread(
        gc.collect
    )  # a coroutine lost there is an unraisable error, which fails this test


async def test_a_channel_asked_of_a_connection_that_is_gone_is_a_lost_connection_and_no_bug():
    wire = Wire(Connection(URL("amqp://127.0.0.1:1/")), Patience())
    with pytest.raises(LinkError, match="lost"):
        async with wire.channel():
            pass


async def test_a_call_cancelled_before_it_began_leaves_nothing_behind():
    calls = Calls()

    async def never() -> None:
        raise AssertionError("began")

    asking = asyncio.create_task(calls.ask(never(), 5))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await calls.bury(1)
    gc.collect()
