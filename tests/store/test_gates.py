"""The identity gates: whatever is handed in again, at whatever door, however many at once, is one document."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from builders import NOW, an_arrival
from msgspec.structs import replace
from rows import Shelf

from broker.document.submission import Mode
from broker.intake.read import Arrival
from broker.intake.refusal import Refusal
from broker.store.intake import Ticket, Verdict


async def hand_in(shelf: Shelf, arrival: Arrival) -> Verdict:
    verdicts, _ = await shelf.intake.commit([arrival])
    return verdicts[0]


def again(arrival: Arrival, **changes: object) -> Arrival:
    """The same submission under a new document id, with something changed."""
    content = changes.pop("content", arrival.stored.content)
    signature = changes.pop("signature", arrival.stored.signatures[0].data)
    fields = {
        name: getattr(arrival, name) for name in ("message_id", "local_uid", "partner_id", "mode", "kind")
    }
    return an_arrival(content=content, signature=signature, **(fields | changes))


async def counts(shelf: Shelf) -> dict[str, int]:
    return {
        table: await shelf.database.fetchval(f"select count(*) from {table}")
        for table in ("document", "content", "submission", "identity", "journal", "task")
    }


ONE = {"document": 1, "content": 1, "submission": 1, "identity": 1, "journal": 1, "task": 1}


async def test_a_new_submission_gets_a_ticket_and_leaves_one_of_everything(shelf: Shelf):
    arrival = an_arrival()
    ticket = await hand_in(shelf, arrival)
    assert ticket == Ticket(
        id=arrival.id,
        status="accepted",
        received_at=NOW,
        digest=arrival.digest.hex(),
        mode="production",
        repeated=False,
    )
    assert await counts(shelf) == ONE


async def test_the_same_message_with_the_same_bytes_gets_the_first_ticket(shelf: Shelf):
    first = an_arrival()
    await hand_in(shelf, first)
    ticket = await hand_in(shelf, again(first))
    assert isinstance(ticket, Ticket)
    assert (ticket.id, ticket.repeated) == (first.id, True)
    assert await counts(shelf) == ONE


@pytest.mark.parametrize(
    "change",
    [
        lambda first: again(first, content=b"<b/>"),
        lambda first: again(first, signature=b"another"),
        lambda first: again(first, kind="290"),
        lambda first: again(first, clinic="1.2.643.5.1.13.13.12.2.77.9002"),
        lambda first: again(first, content=b"<b/>", local_uid=str(uuid.uuid4())),
    ],
    ids=["content", "signatures", "kind", "clinic", "content and localUid"],
)
async def test_the_same_message_with_other_bytes_is_refused(
    shelf: Shelf, change: Callable[[Arrival], Arrival]
):
    first = an_arrival()
    await hand_in(shelf, first)
    refusal = await hand_in(shelf, change(first))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("partner.message_id_reused", 409)
    assert await counts(shelf) == ONE, "a refusal keeps no gate"


async def test_another_message_with_the_same_document_gets_the_first_ticket(shelf: Shelf):
    first = an_arrival()
    await hand_in(shelf, first)
    second = again(first, message_id="another")
    ticket = await hand_in(shelf, second)
    assert isinstance(ticket, Ticket)
    assert ticket.id == first.id
    assert await counts(shelf) == ONE | {"submission": 2}
    third = await hand_in(shelf, again(first, message_id="another"))
    assert isinstance(third, Ticket)
    assert third.id == first.id, "the second message id stands for the first document now"


async def test_a_local_uid_with_other_content_is_refused_and_its_message_id_stays_free(shelf: Shelf):
    first = an_arrival()
    await hand_in(shelf, first)
    wrong = again(first, message_id="m2", content=b"<b/>")
    refusal = await hand_in(shelf, wrong)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("partner.local_uid_reused", 409)
    assert await counts(shelf) == ONE
    mended = an_arrival(content=b"<b/>", message_id="m2")
    assert isinstance(await hand_in(shelf, mended), Ticket)


async def test_new_signatures_for_what_is_not_registered_are_a_resubmission(shelf: Shelf):
    first = an_arrival()
    await hand_in(shelf, first)
    second = again(first, message_id="m2", signature=b"better")
    ticket = await hand_in(shelf, second)
    assert isinstance(ticket, Ticket)
    assert (ticket.id, ticket.repeated) == (second.id, False)
    replaces = await shelf.database.fetchval("select replaces from document where id = $1", second.id)
    assert replaces == first.id
    repeated = await hand_in(shelf, again(second, message_id="m3"))
    assert isinstance(repeated, Ticket)
    assert repeated.id == second.id, "the gate remembers the resubmission"


async def test_new_signatures_for_what_is_registered_are_refused(shelf: Shelf):
    first = an_arrival()
    (delivery,) = await shelf.routed(first)
    await shelf.database.execute("update delivery set status = 'registered' where id = $1", delivery.id)
    refusal = await hand_in(shelf, again(first, message_id="m2", signature=b"better"))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("partner.local_uid_reused", 409)


async def test_gates_of_partners_clinics_and_modes_do_not_touch(shelf: Shelf):
    first = an_arrival()
    others = [
        again(first, partner_id="vendor-beta", local_uid="u1", content=b"<b/>"),
        again(first, mode=Mode.TEST, content=b"<c/>"),
        again(first, message_id="m2", clinic="1.2.643.5.1.13.13.12.2.78.9003", content=b"<d/>"),
    ]
    for arrival in (first, *others):
        ticket = await hand_in(shelf, arrival)
        assert isinstance(ticket, Ticket)
        assert ticket.id == arrival.id


async def test_fifty_at_once_with_one_message_id_become_one_document(shelf: Shelf):
    first = an_arrival()
    tickets = await asyncio.gather(*(hand_in(shelf, again(first)) for _ in range(50)))
    assert len({ticket.id for ticket in tickets if isinstance(ticket, Ticket)}) == 1
    assert sum(not ticket.repeated for ticket in tickets if isinstance(ticket, Ticket)) == 1
    assert await counts(shelf) == ONE


async def test_fifty_at_once_with_one_message_id_and_different_bytes_become_one_document(shelf: Shelf):
    first = an_arrival()
    racing = [again(first, content=f"<a n='{n}'/>".encode()) for n in range(50)]
    verdicts = await asyncio.gather(*(hand_in(shelf, one) for one in racing))
    assert Counter(type(verdict) for verdict in verdicts) == {Ticket: 1, Refusal: 49}
    assert await counts(shelf) == ONE


async def test_fifty_at_once_with_one_local_uid_become_one_document(shelf: Shelf):
    first = an_arrival()
    racing = [again(first, message_id=f"m{n}") for n in range(50)]
    tickets = await asyncio.gather(*(hand_in(shelf, one) for one in racing))
    assert len({ticket.id for ticket in tickets if isinstance(ticket, Ticket)}) == 1
    assert await counts(shelf) == ONE | {"submission": 50}


async def test_resubmissions_at_once_follow_one_another_in_a_line(shelf: Shelf):
    """Two that both believed to replace the first would be sent beside each other and registered twice."""
    first = an_arrival()
    await hand_in(shelf, first)
    racing = [again(first, message_id=f"m{n}", signature=f"s{n}".encode()) for n in range(10)]
    verdicts = await asyncio.gather(*(hand_in(shelf, one) for one in racing))
    assert all(isinstance(verdict, Ticket) for verdict in verdicts)
    rows = await shelf.database.fetch("select replaces from document where replaces is not null")
    replaced = [row["replaces"] for row in rows]
    assert len(replaced) == len(set(replaced)) == 10


async def test_batches_that_meet_in_every_order_never_block_each_other(shelf: Shelf):
    documents = [an_arrival() for _ in range(12)]
    async with asyncio.timeout(20):
        results = await asyncio.gather(
            *(
                shelf.intake.commit([again(one) for one in (documents if turn % 2 else documents[::-1])])
                for turn in range(8)
            )
        )
    tickets = {v.id for verdicts, _ in results for v in verdicts if isinstance(v, Ticket)}
    assert len(tickets) == 12
    assert (await counts(shelf))["document"] == 12


async def test_a_batch_answers_each_in_its_place(shelf: Shelf):
    known = an_arrival()
    await hand_in(shelf, known)
    fresh = an_arrival()
    batch = [again(known, content=b"<b/>"), fresh, replace(again(known), message_id="m9")]
    verdicts, due = await shelf.intake.commit(batch)
    assert isinstance(verdicts[0], Refusal)
    assert isinstance(verdicts[1], Ticket)
    assert verdicts[1].id == fresh.id
    assert isinstance(verdicts[2], Ticket)
    assert verdicts[2].id == known.id
    assert len(due) == 1
