"""Callbacks are kept once and settled once, one relay tells a partner at a time, id maps hold no personal data."""

import asyncio
import datetime as dt

import pytest
from builders import NOW, an_arrival
from rows import Shelf
from structlog.testing import capture_logs

from broker.adapter_kit import FileAway, PeerRequest, Take
from broker.archive import Codec
from broker.store.destinations import (
    DAMAGED,
    CallbackStore,
    DestinationStore,
    RelayStore,
    Settled,
    StoredFiles,
    StoredIds,
)
from broker.store.journal import Journal
from broker.store.tasks import CALLBACK

REQUEST = PeerRequest(
    endpoint="callback",
    method="POST",
    path="/peer/remd/callback",
    query={},
    headers={"content-type": "application/soap+xml", "authorization": "secret"},
    body=b"<verdict/>",
)
PARTNER = "vendor-alpha"


def taken(replay_key: str = "urn:uuid:1") -> Take:
    return Take(correlation="c1", reply=b"", replay_key=replay_key)


@pytest.fixture
def callbacks(shelf: Shelf, codec: Codec) -> CallbackStore:
    return CallbackStore(shelf.database, codec)


async def test_a_callback_is_committed_with_its_task_and_opens_as_it_came(
    shelf: Shelf, callbacks: CallbackStore
):
    ((_, queue),) = await callbacks.keep("remd", REQUEST, taken(), NOW)
    (task,) = await shelf.tasks.claim(CALLBACK, 10, NOW)
    loaded = await callbacks.load(task.subject)
    assert loaded is not None
    destination, callback = loaded
    assert (queue, destination, callback.body, callback.correlation) == (
        CALLBACK,
        "remd",
        b"<verdict/>",
        "c1",
    )
    assert dict(callback.headers) == {"content-type": "application/soap+xml"}, "credentials are not kept"


async def test_the_same_message_is_kept_once_however_often_and_at_once_it_comes(
    shelf: Shelf, callbacks: CallbackStore
):
    due = await asyncio.gather(*(callbacks.keep("remd", REQUEST, taken(), NOW) for _ in range(20)))
    assert sum(len(one) for one in due) == 1
    await callbacks.keep("remd", REQUEST, taken("urn:uuid:2"), NOW)
    await callbacks.keep("gis.77", REQUEST, taken(), NOW)
    await callbacks.keep("remd", REQUEST, taken(""), NOW)
    await callbacks.keep("remd", REQUEST, taken(""), NOW)
    assert await shelf.database.fetchval("select count(*) from callback") == 5


async def test_a_settled_callback_is_not_handled_again(shelf: Shelf, callbacks: CallbackStore):
    (delivery,) = await shelf.routed()
    await callbacks.keep("remd", REQUEST, taken(), NOW)
    (task,) = await shelf.tasks.claim(CALLBACK, 10, NOW)
    await callbacks.settle([Settled(task=task, delivery=delivery.id)], NOW)
    assert await callbacks.load(task.subject) is None
    assert await shelf.tasks_of(task.subject) == 0


async def test_a_callback_nobody_knows_waits_for_the_operator(shelf: Shelf, callbacks: CallbackStore):
    await callbacks.keep("remd", REQUEST, taken(), NOW)
    (task,) = await shelf.tasks.claim(CALLBACK, 10, NOW)
    await callbacks.settle([Settled(task=task, note="callback.unknown_correlation")], NOW)
    row = await shelf.database.fetchrow("select status, note from callback")
    assert tuple(row) == ("parked", "callback.unknown_correlation")
    parked = await shelf.database.fetch("select body from journal where event = 'callback.parked'")
    assert [row["body"]["note"] for row in parked] == ["callback.unknown_correlation"]


@pytest.fixture
async def relays(shelf: Shelf) -> RelayStore:
    await shelf.database.execute(
        "insert into partner (id, title, created_at) values ($1, 'П', $2)", PARTNER, NOW
    )
    return RelayStore(shelf.database, dt.timedelta(seconds=20))


async def test_one_relay_tells_a_partner_at_a_time(shelf: Shelf, relays: RelayStore):
    await shelf.accept()
    assert await relays.behind() == [PARTNER]
    leases = await asyncio.gather(*(relays.claim(PARTNER) for _ in range(10)))
    assert sum(lease is not None for lease in leases) == 1
    assert await relays.behind() == [], "somebody is telling it"


async def test_a_relay_goes_on_where_the_last_one_stood(shelf: Shelf, relays: RelayStore):
    for _ in range(3):
        await shelf.accept()
    journal = Journal(shelf.database)
    lease = await relays.claim(PARTNER)
    assert lease is not None
    items = await journal.feed(PARTNER, lease.cursor, 100)
    assert await relays.advance(lease, items[1].cursor)
    await relays.release(lease, "receipts.not_taken")
    again = await relays.claim(PARTNER)
    assert again is not None
    assert [item.id for item in await journal.feed(PARTNER, again.cursor, 100)] == [items[2].id]
    await relays.advance(again, items[2].cursor)
    await relays.release(again, "")
    assert await relays.behind() == []


async def test_who_lost_the_relay_does_not_move_it(shelf: Shelf, relays: RelayStore):
    await shelf.accept()
    sleeper = await RelayStore(shelf.database, dt.timedelta(seconds=-1)).claim(PARTNER)
    assert sleeper is not None
    holder = await relays.claim(PARTNER)
    assert holder is not None
    (item,) = await Journal(shelf.database).feed(PARTNER, "", 10)
    assert not await relays.advance(sleeper, item.cursor)
    await relays.release(sleeper, "")
    assert await relays.advance(holder, item.cursor)


async def test_an_id_map_answers_by_destination_and_clinic_and_keeps_no_key(shelf: Shelf):
    ids = StoredIds("gis.77", shelf.database, b"pepper")
    await ids.put("clinic-1", "99000000153", "patient-1")
    await ids.put("clinic-1", "99000000153", "patient-2")
    assert await ids.get("clinic-1", "99000000153") == "patient-2"
    assert await ids.get("clinic-2", "99000000153") is None
    assert await StoredIds("gis.78", shelf.database, b"pepper").get("clinic-1", "99000000153") is None
    assert await StoredIds("gis.77", shelf.database, b"other").get("clinic-1", "99000000153") is None
    rows = await shelf.database.fetch("select t::text as line from id_map t")
    assert len(rows) == 1
    assert "99000000153" not in rows[0]["line"]
    assert b"99000000153".hex() not in rows[0]["line"]


async def test_a_destination_gets_only_files_routed_to_it(shelf: Shelf):
    arrival = an_arrival(content=b"<bytes/>")
    await shelf.routed(arrival, destinations=("remd",))
    mine = StoredFiles("remd", shelf.deliveries, shelf.documents)
    other = StoredFiles("gis.77", shelf.deliveries, shelf.documents)
    found = await mine.by_local_uid(arrival.local_uid.upper())
    assert found is not None
    assert (found.content, found.digest) == (b"<bytes/>", arrival.digest.hex())
    assert await other.by_local_uid(arrival.local_uid) is None
    assert await mine.by_local_uid("нет") is None


async def test_a_file_that_is_not_what_entered_is_not_handed_out_and_the_log_says_so(shelf: Shelf):
    arrival = an_arrival(content=b"<bytes/>")
    await shelf.routed(arrival, destinations=("remd",))
    await shelf.database.execute("update document set digest = sha256('<other/>') where id = $1", arrival.id)
    with capture_logs() as logs:
        files = StoredFiles("remd", shelf.deliveries, shelf.documents)
        assert await files.by_local_uid(arrival.local_uid) == FileAway(document_id=arrival.id, reason=DAMAGED)
    (line,) = [line for line in logs if line["event"] == "content.digest_mismatch"]
    assert (line["log_level"], line["document"]) == ("error", str(arrival.id))


async def test_a_pause_says_who_and_why_and_is_journalled(shelf: Shelf):
    store = DestinationStore(shelf.database)
    await store.ensure(["remd"])
    await store.pause("remd", "оператор", "работы у них", NOW)
    state = (await store.states())["remd"]
    assert (state.paused, state.paused_by, state.paused_reason) == (True, "оператор", "работы у них")
    await store.resume("remd", "оператор", NOW)
    assert not (await store.states())["remd"].paused
    acted = await shelf.database.fetch("select body ->> 'act' as act from journal order by tx, id")
    assert [row["act"] for row in acted] == ["pause", "resume"]
