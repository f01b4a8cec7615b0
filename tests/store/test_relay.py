"""Telling partners over AMQP: in order, each event after the confirm of the one before; a full queue delays nobody else."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import pytest
from builders import NOW
from rows import Shelf

from broker.bus.port import Letter, Sent
from broker.store.destinations import RelayStore
from broker.store.journal import Journal
from broker.work.relay import RelayWorker


class Queues:
    """A door whose queues take so many letters in all: by login, without limit where none is named."""

    def __init__(self, **room: int) -> None:
        self.room = {login.replace("_", "-"): count for login, count in room.items()}
        self.taken: dict[str, list[Letter]] = defaultdict(list)
        self.asked: dict[str, int] = defaultdict(int)

    async def declare_partner(self, login: str) -> bool:
        return True

    async def send_receipts(self, login: str, rows: Sequence[Sequence[Letter]]) -> list[tuple[int, Sent]]:
        return [self._take(login, row) for row in rows]

    def _take(self, login: str, letters: Sequence[Letter]) -> tuple[int, Sent]:
        self.asked[login] += len(letters)
        room = self.room.get(login, 10_000) - len(self.taken[login])
        self.taken[login] += letters[:room]
        return (len(letters), Sent.CONFIRMED) if room >= len(letters) else (room, Sent.FULL)


@pytest.fixture
async def relays(shelf: Shelf) -> RelayStore:
    for partner in ("vendor-alpha", "vendor-beta"):
        await shelf.database.execute(
            "insert into partner (id, title, created_at) values ($1, 'П', $2)", partner, NOW
        )
    return RelayStore(shelf.database, dt.timedelta(seconds=20))


def heard(letters: Sequence[Letter]) -> list[tuple[str, int]]:
    events = [msgspec.json.decode(letter.body) for letter in letters]
    return [(event["documentId"], event["sequence"]) for event in events]


async def test_the_events_of_a_document_arrive_in_order(shelf: Shelf, relays: RelayStore):
    (delivery,) = await shelf.routed()
    door = Queues()
    await RelayWorker(door, relays, Journal(shelf.database))._work()
    told = heard(door.taken["vendor-alpha"])
    assert told == [(str(delivery.document_id), number) for number in (1, 2)]
    assert {letter.correlation_id for letter in door.taken["vendor-alpha"]} != {None}
    assert await relays.behind() == []


async def test_what_a_full_queue_did_not_take_is_told_again_and_nothing_behind_it_before(
    shelf: Shelf, relays: RelayStore
):
    await shelf.routed()
    door = Queues(vendor_alpha=1)
    worker = RelayWorker(door, relays, Journal(shelf.database))
    assert await worker._work() == 1
    assert await relays.behind() == ["vendor-alpha"]
    door.room.clear()
    worker._full.clear()
    assert await worker._work() == 1
    assert [number for _, number in heard(door.taken["vendor-alpha"])] == [1, 2]


async def test_a_full_queue_is_asked_with_one_event_and_less_and_less_often(shelf: Shelf, relays: RelayStore):
    for _ in range(20):
        await shelf.accept()
    door = Queues(vendor_alpha=0)
    worker = RelayWorker(door, relays, Journal(shelf.database))
    await worker._work()
    first = worker._full["vendor-alpha"]
    asked = door.asked["vendor-alpha"]
    await worker._work()
    assert door.asked["vendor-alpha"] == asked, "it is left alone for a while"
    worker._full["vendor-alpha"] = first._replace(until=0)
    await worker._work()
    assert door.asked["vendor-alpha"] == asked + 1
    assert worker._full["vendor-alpha"].pause == 2 * first.pause
    door.room.clear()
    worker._full["vendor-alpha"] = first._replace(until=0)
    await worker._work()
    await worker._work()
    assert len(door.taken["vendor-alpha"]) == 20


async def test_the_relay_goes_on_at_once_only_where_more_waits(
    shelf: Shelf, relays: RelayStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("broker.work.relay.BATCH", 2)
    await shelf.routed()
    await shelf.accept()
    door = Queues()
    worker = RelayWorker(door, relays, Journal(shelf.database))
    assert await worker._turn() == 1
    assert len(door.taken["vendor-alpha"]) == 2
    assert await worker._turn() == 0
    assert len(door.taken["vendor-alpha"]) == 3
