"""Files for years in the store: let go once and for a reason, asked for in vain and told once, handed back for a while."""

import asyncio
import datetime as dt
from typing import Any

import msgspec
import pytest
from builders import CLINIC, NOW, an_arrival
from rows import Acting, Shelf

from broker.archive import Codec
from broker.archive.retention import Case, Depth, Go, Keep, Terms, Why, judge
from broker.document.receipt import Receipt
from broker.document.submission import Mode
from broker.intake.read import Arrival
from broker.partners.clinic import Clinic
from broker.partners.credential import Credential
from broker.store.files import PATIENCE, START, TELL_AGAIN, Weighed
from broker.store.partners import PartnerStore

DAY = dt.timedelta(days=1)
TERMS = Terms(refused=365 * DAY, returned_to_clinic=15 * DAY)
LATER = NOW + 20 * DAY
TILL = dt.date(2051, 3, 1)
CONTENT = b"<ClinicalDocument/>"


def still(case: Case) -> Go | None:
    verdict = judge(case, LATER, TERMS)
    return verdict if isinstance(verdict, Go) else None


async def a_clinic(shelf: Shelf, storage: str = "clinic") -> PartnerStore:
    partners = PartnerStore(shelf.database)
    clinic = Clinic(oid=CLINIC, title="Выдуманная", region="77", storage=storage)
    await partners.put_clinic(clinic, {}, NOW)
    await partners.add_partner("vendor-alpha", "Альфа", NOW)
    await partners.link(CLINIC, "vendor-alpha", NOW)
    credential = Credential("k1", "vendor-alpha", Mode.PRODUCTION)
    await partners.add_credential(credential, b"hash", NOW)
    return partners


async def registered(shelf: Shelf, **changes: Any) -> Arrival:
    """Accept a document and have РЭМД register it until a day."""
    arrival = an_arrival(content=CONTENT, **changes)
    (delivery,) = await shelf.routed(arrival, destinations=("remd",))
    receipt = Receipt(
        provider="РЭМД", registered_at=NOW, emdr_id="1.26.01.01.000000001", store_till_date=TILL
    )
    await shelf.database.execute(
        "update delivery set status = 'registered', receipt = $2::text::jsonb, status_at = $3 where id = $1",
        delivery.id,
        msgspec.json.encode(receipt).decode(),
        NOW,
    )
    await shelf.database.execute("update document set status = 'completed' where id = $1", arrival.id)
    return arrival


async def weighed(shelf: Shelf, arrival: Arrival, now: dt.datetime = LATER) -> Weighed:
    (one,) = await shelf.files.walk(START, 1, now, only=arrival.id)
    return one


async def events(shelf: Shelf, arrival: Arrival, event: str) -> list[dict[str, Any]]:
    rows = await shelf.database.fetch(
        "select sequence, feed, body::text as body from journal where document_id = $1 and event = $2 order by tx, id",
        arrival.id,
        event,
    )
    return [dict(row) | {"body": msgspec.json.decode(row["body"])} for row in rows]


async def test_the_rule_sees_the_day_the_registration_named(shelf: Shelf):
    await a_clinic(shelf, "broker")
    one = await weighed(shelf, await registered(shelf))
    assert judge(one.case, LATER, TERMS) == Keep(Why.STORE_TILL, TILL)
    assert one.depth is None


async def test_what_goes_to_its_clinic_leaves_signatures_and_words_behind(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    assert await shelf.files.let_go(arrival.id, still, LATER, by="purge") == Go(Why.CLINIC, Depth.FILE)
    loaded = (await shelf.documents.load([arrival.id]))[arrival.id]
    assert loaded.stored.content == b""
    assert loaded.canonical is None
    assert loaded.stored.signatures == arrival.stored.signatures
    assert loaded.stored.metadata == arrival.stored.metadata
    fate = await shelf.files.fate(arrival.id)
    assert fate is not None
    assert (fate.why, fate.depth, fate.purged_at, fate.purged_by) == ("clinic", "file", LATER, "purge")
    (told,) = await events(shelf, arrival, "file.purged")
    assert (told["feed"], told["body"]) == (False, {"why": "clinic", "depth": "file"})


async def test_after_the_last_day_nothing_is_left_of_what_was_kept(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    await shelf.files.let_go(arrival.id, still, LATER, by="purge")
    await shelf.files.give_back(arrival.id, CONTENT, LATER, LATER + DAY, partner="vendor-alpha")
    assert await shelf.files.let_go(
        arrival.id, lambda _case: Go(Why.STORE_TILL, Depth.ALL), LATER, by="purge"
    ) == Go(Why.STORE_TILL, Depth.ALL)
    loaded = (await shelf.documents.load([arrival.id]))[arrival.id]
    assert (loaded.stored.content, loaded.stored.signatures) == (b"", ())
    assert await shelf.files.returned(arrival.id, LATER) is None
    assert await shelf.files.walk(START, 1, LATER, only=arrival.id) == []


async def test_a_document_is_let_go_once_however_many_try(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    made = await asyncio.gather(
        *(shelf.files.let_go(arrival.id, still, LATER, by=f"process-{n}") for n in range(4))
    )
    assert [one for one in made if one is not None] == [Go(Why.CLINIC, Depth.FILE)]
    assert len(await events(shelf, arrival, "file.purged")) == 1


async def test_what_became_live_again_meanwhile_stays(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    await shelf.database.execute("update delivery set status = 'queued' where document_id = $1", arrival.id)
    assert await shelf.files.let_go(arrival.id, still, LATER, by="purge") is None
    assert (await shelf.documents.load([arrival.id]))[arrival.id].stored.content == CONTENT


@pytest.mark.parametrize("undo", ["update clinic set status = 'closed'", "delete from clinic_partner",
                                  "update credential set revoked_at = '2026-01-01T00:00:00Z'"])  # fmt: skip
async def test_nothing_goes_to_a_clinic_nobody_can_ask(shelf: Shelf, undo: str):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    await shelf.database.execute(undo)
    assert judge((await weighed(shelf, arrival)).case, LATER, TERMS) == Keep(Why.UNSERVED, TILL)


async def test_nothing_more_goes_to_a_clinic_that_left_a_request_unanswered(shelf: Shelf):
    await a_clinic(shelf)
    first, second = await registered(shelf), await registered(shelf)
    await shelf.files.let_go(first.id, still, LATER, by="purge")
    await shelf.files.asked(first.id, "remd", "file.with_clinic", LATER)
    assert judge((await weighed(shelf, second)).case, LATER, TERMS) == Go(Why.CLINIC, Depth.FILE)
    overdue = LATER + PATIENCE + dt.timedelta(seconds=1)
    assert judge((await weighed(shelf, second, overdue)).case, overdue, TERMS) == Keep(Why.UNSERVED, TILL)
    await shelf.files.give_back(first.id, CONTENT, overdue, overdue + DAY, partner="vendor-alpha")
    assert judge((await weighed(shelf, second, overdue)).case, overdue, TERMS) == Go(Why.CLINIC, Depth.FILE)


async def test_a_clinic_is_told_of_a_file_once_and_again_after_hours(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    told = [
        await shelf.files.asked(arrival.id, "remd", "file.with_clinic", LATER + step)
        for step in (
            dt.timedelta(),
            dt.timedelta(minutes=1),
            TELL_AGAIN,
            TELL_AGAIN + dt.timedelta(minutes=1),
        )
    ]
    assert told == [True, False, True, False]
    first, second = await events(shelf, arrival, "file.requested")
    assert first["body"]["destination"] == "remd"
    assert first["body"]["reason"] == "file.with_clinic"
    assert first["body"]["messageId"] == arrival.message_id
    assert second["sequence"] == first["sequence"] + 1 == second["body"]["sequence"]
    (request,) = await shelf.files.requests_of(arrival.id)
    assert (request.times, request.first_at, request.answered_at) == (4, LATER, None)


async def test_two_calls_at_once_tell_a_clinic_once(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    told = await asyncio.gather(
        *(shelf.files.asked(arrival.id, "remd", "file.with_clinic", LATER + n * dt.timedelta(seconds=1))
          for n in range(6))
    )  # fmt: skip
    assert sum(told) == 1
    assert len(await events(shelf, arrival, "file.requested")) == 1


async def test_a_file_handed_back_is_kept_for_its_time_and_a_later_question_starts_anew(shelf: Shelf):
    await a_clinic(shelf)
    arrival = await registered(shelf)
    await shelf.files.let_go(arrival.id, still, LATER, by="purge")
    await shelf.files.asked(arrival.id, "remd", "file.with_clinic", LATER)
    await shelf.files.give_back(arrival.id, CONTENT, LATER, LATER + DAY, partner="vendor-alpha")
    assert await shelf.files.returned(arrival.id, LATER) == CONTENT
    assert (await shelf.files.waiting())["files"] == 0
    over = LATER + DAY + dt.timedelta(seconds=1)
    assert await shelf.files.returned(arrival.id, over) is None
    await shelf.files.drop_returned(over)
    assert await shelf.database.fetchval("select count(*) from returned_file") == 0
    assert await shelf.files.asked(arrival.id, "remd", "file.with_clinic", over), "a new question"
    (request,) = await shelf.files.requests_of(arrival.id)
    assert (request.times, request.first_at) == (1, over)


async def test_what_was_handed_back_is_sealed_and_bound_to_its_document(shelf: Shelf, codec: Codec):
    await a_clinic(shelf)
    one, other = await registered(shelf), await registered(shelf)
    await shelf.files.give_back(one.id, CONTENT, LATER, None, partner="vendor-alpha")
    sealed = await shelf.database.fetchval("select body from returned_file")
    assert CONTENT not in sealed
    await shelf.database.execute("update returned_file set document_id = $1", other.id)
    assert await shelf.files.returned(other.id, LATER) is None
    assert codec.open(sealed, one.id) == CONTENT


async def test_a_delivery_without_bytes_is_not_tried_again_and_others_are(shelf: Shelf):
    gone, there = an_arrival(), an_arrival()
    deliveries = [(await shelf.routed(one))[0] for one in (gone, there)]
    await shelf.database.execute("update delivery set status = 'dead'")
    await shelf.database.execute("update document set status = 'failed'")
    much_later = NOW + 400 * DAY

    def refused(case: Case) -> Go | None:
        verdict = judge(case, much_later, TERMS)
        return verdict if isinstance(verdict, Go) else None

    assert await shelf.files.let_go(gone.id, refused, much_later, by="purge") == Go(Why.REFUSED, Depth.ALL)
    acting = Acting(shelf)
    assert await acting.it.retry([one.id for one in deliveries], actor="оператор", reason="проба") == 1
    assert (await shelf.state(deliveries[0])).status == "dead"
    assert (await shelf.state(deliveries[1])).status == "queued"


async def test_a_refused_document_without_bytes_cannot_be_sent_in_spite(shelf: Shelf):
    arrival = an_arrival()
    await shelf.accept(arrival)
    await shelf.database.execute("update document set status = 'rejected' where id = $1", arrival.id)
    acting = Acting(shelf)
    await shelf.files.let_go(arrival.id, lambda _case: Go(Why.REFUSED, Depth.ALL), LATER, by="purge")
    refusal = await acting.it.override(arrival.id, actor="оператор", reason="проба")
    assert refusal is not None
    assert refusal.code == "operator.file_gone"


async def test_the_key_of_a_clinics_endpoint_is_kept_sealed_and_never_told(shelf: Shelf):
    await a_clinic(shelf)
    key = b"0123456789abcdef0123456789abcdef"
    assert await shelf.files.set_endpoint(CLINIC, "https://clinic.example/files", key, NOW, actor="оператор")
    endpoint = await shelf.files.endpoint(CLINIC)
    assert endpoint is not None
    assert (endpoint.url, endpoint.key) == ("https://clinic.example/files", key)
    sealed = await shelf.database.fetchval("select file_key from clinic where oid = $1", CLINIC)
    journal = await shelf.database.fetchval("select string_agg(body::text, ' ') from journal")
    assert key not in sealed
    assert key.decode() not in journal
    assert await shelf.files.set_endpoint(CLINIC, "", None, NOW, actor="оператор")
    assert await shelf.files.endpoint(CLINIC) is None
    assert not await shelf.files.set_endpoint("1.2.3", "https://x", key, NOW, actor="оператор")


async def test_a_walk_sees_every_document_once_however_it_is_cut(shelf: Shelf):
    await a_clinic(shelf)
    made = [await registered(shelf) for _ in range(7)]
    seen, after = [], START
    while found := await shelf.files.walk(after, 3, LATER):
        seen += [one.id for one in found]
        after = found[-1].id
    assert seen == sorted(one.id for one in made)
