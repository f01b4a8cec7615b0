"""The journal: numbered without a gap per document, read in commit order, nothing overlooked while others write."""

import asyncio
import datetime as dt
import uuid

import msgspec
import pytest
from builders import NOW, an_arrival
from rows import Shelf

from broker.document.event import Draft, EventName
from broker.document.lifecycle import DocumentStatus
from broker.store.journal import FeedItem, Journal, Move, lock_documents, note, write_moves

PARTNER = "vendor-alpha"


def drafts(count: int, *, feed: bool = True) -> tuple[Draft, ...]:
    return tuple(
        Draft(event=EventName.DELIVERY_AWAITING, at=NOW, status="routed", feed=feed) for _ in range(count)
    )


async def move(shelf: Shelf, document: uuid.UUID, *made: Draft, status: DocumentStatus | None = None) -> None:
    async with shelf.database.transaction() as connection:
        await lock_documents(connection, [document])
        await write_moves(connection, [Move(document_id=document, status=status, drafts=made)])


async def read_all(journal: Journal, *, limit: int = 7) -> list[FeedItem]:
    found: list[FeedItem] = []
    cursor = ""
    while items := await journal.feed(PARTNER, cursor, limit):
        found += items
        cursor = items[-1].cursor
    return found


async def test_events_of_a_document_are_numbered_without_a_gap(shelf: Shelf):
    ticket = await shelf.accept()
    await move(shelf, ticket.id, *drafts(2))
    await move(shelf, ticket.id, *drafts(1, feed=False))
    await move(shelf, ticket.id, *drafts(1))
    events = await Journal(shelf.database).of_document(ticket.id)
    assert [event["sequence"] for event in events] == [1, 2, 3, None, 4]


async def test_writers_at_once_number_one_document_in_the_order_of_their_commits(shelf: Shelf):
    ticket = await shelf.accept()
    await asyncio.gather(*(move(shelf, ticket.id, *drafts(1 + n % 3)) for n in range(30)))
    items = await read_all(Journal(shelf.database))
    numbers = [msgspec.json.decode(item.body)["sequence"] for item in items]
    assert numbers == list(range(1, len(items) + 1))
    assert len(items) == 1 + sum(1 + n % 3 for n in range(30))


async def test_moves_of_one_document_in_one_transaction_are_numbered_in_order(shelf: Shelf):
    ticket = await shelf.accept()
    async with shelf.database.transaction() as connection:
        await lock_documents(connection, [ticket.id])
        first = Move(document_id=ticket.id, status=DocumentStatus.VALIDATED, drafts=drafts(1))
        second = Move(document_id=ticket.id, status=DocumentStatus.ROUTED, drafts=drafts(2))
        await write_moves(connection, [first, second])
    assert await shelf.status(ticket.id) == "routed"
    items = await read_all(Journal(shelf.database))
    assert [msgspec.json.decode(item.body)["sequence"] for item in items] == [1, 2, 3, 4]


async def test_an_older_transaction_still_open_hides_what_was_committed_after_it(shelf: Shelf):
    """Otherwise a reader would pass by the event the older one commits later, and never see it."""
    journal = Journal(shelf.database)
    old, new = await shelf.accept(), await shelf.accept()
    before = await read_all(journal)
    async with shelf.database.transaction() as connection:
        await lock_documents(connection, [old.id])
        await write_moves(connection, [Move(document_id=old.id, drafts=drafts(1))])
        await move(shelf, new.id, *drafts(1))
        assert await read_all(journal) == before
    after = await read_all(journal)
    told = [msgspec.json.decode(item.body)["documentId"] for item in after[len(before) :]]
    assert told == [str(old.id), str(new.id)]


async def test_a_reader_that_follows_while_many_write_misses_and_doubles_nothing(shelf: Shelf):
    journal = Journal(shelf.database)
    tickets = [await shelf.accept() for _ in range(6)]
    seen: list[FeedItem] = []
    done = asyncio.Event()

    async def follow() -> None:
        cursor = ""
        while True:
            over = done.is_set()
            items = await journal.feed(PARTNER, cursor, 5)
            seen.extend(items)
            if items:
                cursor = items[-1].cursor
            elif over:
                return
            await asyncio.sleep(0)

    async def write(number: int) -> None:
        async with shelf.database.transaction() as connection:
            ticket = tickets[number % len(tickets)]
            await lock_documents(connection, [ticket.id])
            await write_moves(connection, [Move(document_id=ticket.id, drafts=drafts(1))])
            await asyncio.sleep(0.001 * (number % 5))

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(follow())
        async with asyncio.TaskGroup() as writers:
            for number in range(90):
                writers.create_task(write(number))
        done.set()
        await reader
    assert len({item.id for item in seen}) == len(seen) == 96
    by_document: dict[str, list[int]] = {}
    for item in seen:
        body = msgspec.json.decode(item.body)
        by_document.setdefault(body["documentId"], []).append(body["sequence"])
    assert all(numbers == list(range(1, 17)) for numbers in by_document.values())


async def test_a_partner_reads_its_own_events_of_its_own_mode_only(shelf: Shelf):
    await shelf.accept(an_arrival(partner_id="vendor-beta"))
    mine = await shelf.accept()
    await shelf.accept(an_arrival(mode="test"))
    journal = Journal(shelf.database)
    items = await journal.feed(PARTNER, "", 100, "production")
    assert [msgspec.json.decode(item.body)["documentId"] for item in items] == [str(mine.id)]
    assert len(await journal.feed(PARTNER, "", 100)) == 2


async def test_notes_outside_a_document_have_no_number_and_stay_out_of_the_feed(shelf: Shelf):
    async with shelf.database.transaction() as connection:
        await note(connection, EventName.SUBMISSION_REFUSED, NOW, body={"code": "x"}, partner_id=PARTNER)
    assert await read_all(Journal(shelf.database)) == []


@pytest.mark.parametrize(
    "cursor", ["x", "1.x", "-1", "²", "1.1", "99999999999999999999999999", "1.{" + "0" * 32 + "}x", "'"]
)
async def test_a_cursor_that_is_none_is_refused_before_the_database_sees_it(shelf: Shelf, cursor: str):
    with pytest.raises(ValueError, match=r"."):
        await Journal(shelf.database).feed(PARTNER, cursor, 10)


async def test_the_time_of_a_status_changes_with_the_status_only(shelf: Shelf):
    ticket = await shelf.accept()
    later = NOW + dt.timedelta(hours=1)
    told = Draft(event=EventName.DELIVERY_AWAITING, at=later, status="accepted")
    await move(shelf, ticket.id, told)
    await move(shelf, ticket.id, told, status=DocumentStatus.ACCEPTED)
    query = "select status_at from document where id = $1"
    assert await shelf.database.fetchval(query, ticket.id) == NOW
    await move(shelf, ticket.id, told, status=DocumentStatus.VALIDATED)
    assert await shelf.database.fetchval(query, ticket.id) == later
