"""Shared commits: nobody returns before the commit, a bad item harms itself only, what may not meet never meets."""

import asyncio
from collections.abc import Sequence
from weakref import WeakSet

import pytest

from broker.store.batcher import Batcher


class Ledger:
    """Writes batches down; ``gate`` holds a commit until the test lets it go."""

    def __init__(self, *, open_at_once: bool = True, bad: frozenset[str] = frozenset()) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.bad = bad
        if open_at_once:
            self.gate.set()

    async def write(self, items: Sequence[str]) -> list[str]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.bad & set(items):
            raise LookupError("a bad item")
        return [item.upper() for item in items]


async def submitted(batcher: Batcher[str, str], *items: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    for _ in range(20):  # more turns than a writer gathers for
        await asyncio.sleep(0)
    return tasks


async def test_everybody_gets_the_result_of_its_own_item():
    batcher = Batcher(Ledger().write)
    async with batcher.running():
        results = await asyncio.gather(*(batcher.submit(f"item{n}") for n in range(500)))
    assert results == [f"ITEM{n}" for n in range(500)]


async def test_nobody_returns_before_the_commit():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write)
    async with batcher.running():
        tasks = await submitted(batcher, "a", "b")
        assert not any(task.done() for task in tasks)
        ledger.gate.set()
        assert await asyncio.gather(*tasks) == ["A", "B"]


async def test_what_arrives_during_a_commit_shares_the_next_one():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1)
    async with batcher.running():
        first = await submitted(batcher, "a")
        rest = await submitted(batcher, *"bcdefgh")
        ledger.gate.set()
        await asyncio.gather(*first, *rest)
    assert ledger.batches == [["a"], list("bcdefgh")]


async def test_a_bad_item_harms_itself_only():
    ledger = Ledger(bad=frozenset({"c"}), open_at_once=False)
    batcher = Batcher(ledger.write, writers=1)
    async with batcher.running():
        tasks = await submitted(batcher, "x", *"abcde")
        ledger.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [str, str, str, LookupError, str, str]


async def test_a_lost_connection_is_told_to_all_and_not_tried_one_by_one():
    """Nobody knows whether it was committed: every sender asks again with the same key."""
    calls: list[int] = []

    async def write(items: Sequence[str]) -> list[str]:
        calls.append(len(items))
        raise ConnectionResetError

    batcher = Batcher(write, writers=1)
    async with batcher.running():
        results = await asyncio.gather(*(batcher.submit(one) for one in "abcd"), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionResetError] * 4
    assert sum(calls) == 4


async def test_items_with_a_key_in_common_never_share_a_batch_and_keep_their_order():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1, keys=lambda item: (item[0],))
    async with batcher.running():
        tasks = await submitted(batcher, "z0", "a1", "a2", "b1", "a3", "b2", "c1")
        ledger.gate.set()
        await asyncio.gather(*tasks)
    for batch in ledger.batches:
        assert len({item[0] for item in batch}) == len(batch)
    written = [item for batch in ledger.batches for item in batch]
    for letter in "abc":
        mine = [item for item in written if item[0] == letter]
        assert mine == sorted(mine)


async def test_a_batch_stays_under_its_weight_and_one_heavy_item_goes_alone():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1, weigh=len, weight_limit=10)
    async with batcher.running():
        tasks = await submitted(batcher, "z", "aaaa", "bbbb", "cccc", "d" * 50, "ee")
        ledger.gate.set()
        await asyncio.gather(*tasks)
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 10 for batch in ledger.batches)
    assert sum(map(len, ledger.batches)) == 6


async def test_a_batch_holds_no_more_than_its_limit():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1, limit=8)
    async with batcher.running():
        tasks = await submitted(batcher, *(f"i{n}" for n in range(50)))
        ledger.gate.set()
        await asyncio.gather(*tasks)
    assert max(map(len, ledger.batches)) == 8


async def test_a_sender_that_goes_away_does_not_stop_the_others():
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1)
    async with batcher.running():
        gone, stays = await submitted(batcher, "a", "b")
        gone.cancel()
        ledger.gate.set()
        assert await stays == "B"
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await batcher.submit("c") == "C"


@pytest.mark.parametrize("more", ["", "bc"], ids=["under way only", "and waiting"])
async def test_leaving_waits_for_commits_under_way_and_for_what_still_waits(more: str):
    ledger = Ledger(open_at_once=False)
    batcher = Batcher(ledger.write, writers=1)
    async with asyncio.timeout(5):
        async with batcher.running():
            under_way = await submitted(batcher, "a")
            waiting = await submitted(batcher, *more)
            asyncio.get_running_loop().call_later(0.05, ledger.gate.set)
        assert all(task.done() for task in (*under_way, *waiting)), "a commit outlived the writers"
    assert await asyncio.gather(*under_way, *waiting) == ["A", *more.upper()]


async def test_what_is_on_its_way_through_the_process_comes_along():
    ledger = Ledger()
    batcher = Batcher(ledger.write, writers=1)

    async def slower(item: str) -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await batcher.submit(item)

    async with batcher.running():
        await asyncio.gather(batcher.submit("a"), slower("b"))
    assert ledger.batches == [["a", "b"]]


async def test_nothing_of_what_was_written_stays_alive_until_the_next_arrival():
    class Large:
        pass

    async def write(items: Sequence[Large]) -> Sequence[None]:
        await asyncio.sleep(0)
        return [None for _ in items]

    batcher: Batcher[Large, None] = Batcher(write, writers=2)
    async with batcher.running():
        alive: WeakSet[Large] = WeakSet()
        for _ in range(5):
            some = [Large() for _ in range(3)]
            alive.update(some)
            await asyncio.gather(*(batcher.submit(one) for one in some))
            del some
        await asyncio.sleep(0.05)
        assert not alive
