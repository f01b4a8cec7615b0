"""Verified messages of state systems are remembered: no id serves two messages, and no file request comes twice."""

from datetime import timedelta

import msgspec
from rows import StillClock

from broker.adapter_kit import Refuse, Replay
from broker.archive import Codec
from broker.store.database import Database
from broker.store.destinations import CallbackStore

NOW = StillClock().now()
WINDOW = timedelta(minutes=15)
FILE = Replay(
    message_id="3f0b5a7e-0000-4000-8000-000000000001",
    until=NOW + WINDOW,
    digest=b"1" * 32,
    repeatable=False,
    refusal=Refuse(code="destination.envelope_replay", reply=b""),
)
RESULT = msgspec.structs.replace(FILE, repeatable=True)
OTHER_BYTES = msgspec.structs.replace(RESULT, digest=b"2" * 32)


async def test_a_file_request_may_come_once(database: Database, codec: Codec):
    store = CallbackStore(database, codec)
    assert not await store.is_replay("remd", FILE, NOW)
    assert await store.is_replay("remd", FILE, NOW)
    assert not await store.is_replay("gis.77", FILE, NOW)


async def test_a_result_may_be_told_again_and_another_under_its_id_may_not(database: Database, codec: Codec):
    store = CallbackStore(database, codec)
    assert not await store.is_replay("remd", RESULT, NOW)
    assert not await store.is_replay("remd", RESULT, NOW)
    assert await store.is_replay("remd", OTHER_BYTES, NOW)
    assert not await store.is_replay("remd", RESULT, NOW)


async def test_what_has_run_out_is_forgotten(database: Database, codec: Codec):
    store = CallbackStore(database, codec)
    for number in range(30):
        await store.is_replay("remd", msgspec.structs.replace(FILE, message_id=str(number)), NOW)
    late = msgspec.structs.replace(FILE, message_id="late", until=NOW + 3 * WINDOW)
    assert not await store.is_replay("remd", late, NOW + 2 * WINDOW)
    assert await database.fetchval("select count(*) from peer_message") == 1
