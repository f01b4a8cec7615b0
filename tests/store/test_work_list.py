"""The work list: claimed fairly, by one at a time, left alone while leased, changed only by who holds the claim."""

import asyncio
import datetime as dt
import json
from collections import Counter

from builders import NOW
from rows import Shelf, a_task, put_tasks

from broker.store.database import Database
from broker.store.tasks import QUERIES

MINUTE = dt.timedelta(minutes=1)
GONE = dt.timedelta(seconds=-1)
"""A lease that is over when it begins."""


async def test_slots_go_round_robin_between_clinics(shelf: Shelf):
    lanes = ["a"] * 10 + ["b"] * 2 + ["c"]
    await put_tasks(shelf.database, *(a_task(lane) for lane in lanes))
    claimed = await shelf.tasks.claim("q", 6, NOW)
    assert Counter(task.lane for task in claimed) == {"a": 3, "b": 2, "c": 1}


async def test_one_clinic_with_thousands_waiting_does_not_keep_another_from_its_turn(shelf: Shelf):
    await put_tasks(shelf.database, *(a_task("big") for _ in range(3000)))
    await put_tasks(shelf.database, a_task("small"))
    claimed = await shelf.tasks.claim("q", 2, NOW)
    assert {task.lane for task in claimed} == {"big", "small"}


async def test_new_documents_go_before_retries_and_mass_resends(shelf: Shelf):
    await put_tasks(
        shelf.database,
        *(a_task("a", priority=2, due_at=NOW - MINUTE) for _ in range(3)),
        *(a_task("b", priority=1, due_at=NOW - MINUTE) for _ in range(3)),
        *(a_task("c", priority=0) for _ in range(3)),
    )
    claimed = [await shelf.tasks.claim("q", 3, NOW) for _ in range(3)]
    assert [{task.priority for task in tasks} for tasks in claimed] == [{0}, {1}, {2}]


async def test_within_a_clinic_the_oldest_goes_first(shelf: Shelf):
    late, early = await put_tasks(shelf.database, a_task("a"), a_task("a", due_at=NOW - MINUTE))
    (first,) = await shelf.tasks.claim("q", 1, NOW)
    assert first.id == early
    (second,) = await shelf.tasks.claim("q", 1, NOW)
    assert second.id == late


async def test_what_is_not_due_and_what_is_of_another_queue_stays(shelf: Shelf):
    await put_tasks(shelf.database, a_task(due_at=NOW + MINUTE), a_task(queue="other"))
    assert await shelf.tasks.claim("q", 10, NOW) == []
    assert len(await shelf.tasks.claim("q", 10, NOW + MINUTE)) == 1


async def test_a_lease_runs_by_the_clock_of_the_database_not_of_the_business(shelf: Shelf):
    await put_tasks(shelf.database, a_task())
    await shelf.tasks.claim("q", 1, NOW, MINUTE)
    assert await shelf.tasks.claim("q", 1, NOW + dt.timedelta(days=400)) == []


async def test_a_lease_that_is_over_lets_the_next_one_claim_under_a_higher_number(shelf: Shelf):
    await put_tasks(shelf.database, a_task())
    (first,) = await shelf.tasks.claim("q", 1, NOW, GONE)
    (second,) = await shelf.tasks.claim("q", 1, NOW)
    assert (second.id, second.claim) == (first.id, first.claim + 1)


async def test_claimers_at_once_never_share_a_task_and_leave_none(shelf: Shelf):
    ids = await put_tasks(shelf.database, *(a_task(f"clinic-{n % 7}") for n in range(300)))
    got: list[int] = []

    async def claimer() -> None:
        misses = 0
        while misses < 20:
            tasks = await shelf.tasks.claim("q", 5, NOW)
            misses = 0 if tasks else misses + 1
            got.extend(task.id for task in tasks)

    await asyncio.gather(*(claimer() for _ in range(8)))
    assert sorted(got) == sorted(ids)


async def test_a_row_another_transaction_holds_is_passed_over_not_waited_for(shelf: Shelf):
    held, free = await put_tasks(shelf.database, a_task(), a_task())
    async with shelf.database.transaction() as connection, asyncio.timeout(5):
        await connection.execute("select 1 from task where id = $1 for update", held)
        claimed = await shelf.tasks.claim("q", 2, NOW)
    assert [task.id for task in claimed] == [free]


async def test_who_lost_the_claim_can_neither_finish_nor_postpone_nor_release(shelf: Shelf):
    await put_tasks(shelf.database, a_task())
    stale = await shelf.tasks.claim("q", 1, NOW, GONE)
    (held,) = await shelf.tasks.claim("q", 1, NOW)
    await shelf.tasks.finish(stale)
    await shelf.tasks.postpone(stale, NOW, "поздно")
    await shelf.tasks.release(stale)
    assert await shelf.tasks.claim("q", 1, NOW) == [], "the holder's lease must stand"
    await shelf.tasks.finish([held])
    assert await shelf.tasks.depths(NOW) == []


async def test_a_postponed_task_says_why_and_comes_again_when_due(shelf: Shelf):
    await put_tasks(shelf.database, a_task())
    await shelf.tasks.postpone(await shelf.tasks.claim("q", 1, NOW), NOW + MINUTE, "destination.unavailable")
    assert await shelf.tasks.claim("q", 1, NOW) == []
    (again,) = await shelf.tasks.claim("q", 1, NOW + MINUTE)
    assert (again.why, again.attempts, again.priority) == ("destination.unavailable", 2, 1)


async def test_a_released_task_looks_as_if_it_had_never_been_taken(shelf: Shelf):
    await put_tasks(shelf.database, a_task())
    await shelf.tasks.release(await shelf.tasks.claim("q", 1, NOW))
    (again,) = await shelf.tasks.claim("q", 1, NOW)
    assert again.attempts == 1


async def test_the_sweeper_sees_what_is_due_and_free_only(shelf: Shelf):
    await put_tasks(shelf.database, a_task(), a_task(), a_task(due_at=NOW + MINUTE), a_task(queue="other"))
    await shelf.tasks.claim("q", 1, NOW)
    assert await shelf.tasks.due(NOW) == {"q": 1, "other": 1}
    depths = {row["queue"]: dict(row) for row in await shelf.tasks.depths(NOW)}
    assert (depths["q"]["waiting"], depths["q"]["due"], depths["q"]["leased"]) == (3, 2, 1)


async def test_a_claim_does_not_walk_through_thousands_that_are_due_later(own_database: Database):
    """A dead destination leaves such rows behind; a claim must skip them by the index."""
    await own_database.execute(
        "insert into task (queue, lane, subject, priority, due_at) "
        "select 'q', 'clinic-' || n % 50, gen_random_uuid(), n % 2, $1 from generate_series(1, 20000) n",
        NOW + dt.timedelta(hours=1),
    )
    await put_tasks(own_database, a_task("clinic-1"))
    await own_database.execute("vacuum analyze task")
    async with own_database.transaction() as connection:
        told = await connection.fetchval(
            "explain (analyze, buffers, format json) " + QUERIES["claim"], "q", 8, NOW, MINUTE, [], False
        )
    plan = json.loads(told)
    read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    assert read < 1500, f"{read} pages for one claim"
