"""A process holds a bounded sum of bodies, in whatever order they come and go."""

import asyncio
import uuid

import pytest
from builders import an_arrival
from rows import Shelf

from broker.adapter_kit import FileAway
from broker.store.destinations import ANSWER_COPIES, StoredFiles
from broker.store.room import COPIES, PORTION, NoRoom, Portion, Room, Share, portions

MIB = 1024 * 1024


def ids(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number) for number in range(count)]


def test_documents_are_divided_in_order_into_portions_that_fit():
    four = ids(4)
    made = portions(four, dict(zip(four, (10 * MIB, 10 * MIB, 10 * MIB, 1), strict=True)))
    assert [portion.ids for portion in made] == [tuple(four[:2]), tuple(four[2:])]
    assert all(portion.size <= PORTION for portion in made)


def test_a_giant_is_a_portion_of_its_own_and_the_unknown_weighs_nothing():
    three = ids(3)
    made = portions(three, {three[1]: 2 * PORTION})
    assert [portion.ids for portion in made] == [(three[0],), (three[1],), (three[2],)]
    assert portions([], {}) == []


async def test_who_does_not_fit_waits_until_somebody_leaves():
    room = Room(10)
    first = await room.take(7)
    second = asyncio.create_task(room.take(4))
    await asyncio.sleep(0)
    assert not second.done()
    assert room.held == 7
    room.give(first)
    assert await second == 4
    assert room.held == 4


async def test_a_large_body_is_not_passed_by_small_ones():
    room = Room(10)
    held = await room.take(5)
    large, small = asyncio.create_task(room.take(8)), asyncio.create_task(room.take(1))
    await asyncio.sleep(0)
    assert not small.done(), "it came later and must not starve the large one"
    room.give(held)
    assert (await large, await small, room.held) == (8, 1, 9)


async def test_more_than_the_whole_room_has_the_room_to_itself():
    room = Room(10)
    size = await room.take(25)
    assert (size, room.held) == (10, 10)
    room.give(size)
    assert room.held == 0


async def test_patience_ends_and_leaves_nothing_counted():
    room = Room(10)
    held = await room.take(8)
    behind = asyncio.create_task(room.take(1))
    with pytest.raises(NoRoom):
        await room.take(5, 0.01)
    assert await behind == 1
    room.give(held + 1)
    assert room.held == 0


async def test_who_is_cancelled_in_the_queue_or_at_the_very_moment_of_entering_holds_nothing():
    room = Room(10)
    held = await room.take(10)
    waiting, entering = asyncio.create_task(room.take(4)), asyncio.create_task(room.take(6))
    await asyncio.sleep(0)
    waiting.cancel()
    room.give(held)  # the first is cancelled and has not heard of it; the second enters
    entering.cancel()
    await asyncio.gather(waiting, entering, return_exceptions=True)
    assert room.held == 0
    assert await room.take(10) == 10


async def test_a_portion_is_held_with_its_copies_whatever_happens_inside():
    room = Room(100)

    async def work() -> None:
        async with room.hold(Portion((), 10)):
            assert room.held == 10 * COPIES
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert room.held == 0


async def test_a_share_gives_back_all_it_took():
    room = Room(100)
    with Share(room) as share:
        await share.add(30)
        await share.add(20)
        assert room.held == 50
    assert room.held == 0


async def test_a_file_is_counted_before_it_is_loaded_and_until_its_answer_is_done(shelf: Shelf):
    arrival = an_arrival(content=b"x" * 1000)
    await shelf.routed(arrival, destinations=("remd",))
    room = Room(MIB)
    with Share(room) as share:
        files = StoredFiles("remd", shelf.deliveries, shelf.documents, share)
        assert await files.by_local_uid(arrival.local_uid) is not None
        assert room.held == 1000 * ANSWER_COPIES
        assert await files.by_local_uid("нет") is None
        assert room.held == 1000 * ANSWER_COPIES
    assert room.held == 0


async def test_of_a_file_that_is_not_here_any_more_one_copy_stays_counted(shelf: Shelf):
    arrival = an_arrival(content=b"x" * 1000)
    await shelf.routed(arrival, destinations=("remd",))
    await shelf.database.execute("update content set body = '\\x00'")
    room = Room(MIB)
    with Share(room) as share:
        files = StoredFiles("remd", shelf.deliveries, shelf.documents, share)
        assert isinstance(await files.by_local_uid(arrival.local_uid), FileAway)
        assert room.held == 1000, "it may come from its clinic"
    assert room.held == 0


async def test_a_share_gives_back_what_is_done_with_but_never_less_than_everybody_holds():
    room = Room(100)
    with Share(room, least=10) as share:
        await share.add(1)
        assert room.held == 10
        await share.add(60)
        assert room.held == 70
        share.keep(30)
        assert room.held == 30
        share.keep(40)
        assert room.held == 30, "nothing is taken by giving back"
        share.keep(0)
        assert room.held == 10
    assert room.held == 0
