"""The HTTP door as a partner knows it: tickets, repeats, waiting, events, queries, withdrawal, nobody else's business."""

import asyncio
import base64
import uuid
from typing import Any

import aiohttp
import msgspec
import pytest
from builders import a_sample, a_signature, a_submission, as_json
from in_process import CLAIM_UNDER_WAY, KEY, House
from partner import Partner, until
from scripted import Scripted

from broker.adapter_kit import Awaiting, Held, Registered, Rejected
from broker.archive import Codec, MasterKeys
from broker.control.commands import Commands
from broker.dev.world import Signers, World
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.receipt import Receipt
from broker.samples.submission import make_submission
from broker.store.channels import ChannelStore
from broker.store.deliveries import DeliveryStore
from broker.store.destinations import DestinationStore
from broker.store.examination import ExaminationStore
from broker.store.files import FileStore
from broker.store.journal import Journal
from broker.store.views import Views

REFUSED = Finding(
    layer=Layer.REGISTRY,
    severity=Severity.ERROR,
    code="destination.refused",
    message="Система отказала.",
    fix="Исправьте.",
    responsible=Responsible.CLINIC,
    source=Source.OFFICIAL,
)


@pytest.fixture
def good(world: World, signers: Signers) -> dict[str, Any]:
    return as_json(a_submission(world, signers))


async def test_a_ticket_says_what_where_and_when(alpha: Partner, good):
    answer = await alpha.submit(good)
    assert answer.status == 202
    assert set(answer.body) == {"id", "status", "receivedAt", "digest", "mode"}
    assert answer.headers["Location"] == f"/api/v1/documents/{answer.body['id']}"
    assert (answer.body["status"], answer.body["mode"]) == ("accepted", "production")
    assert answer.body["receivedAt"].endswith("Z")


async def test_a_repeat_gets_the_first_ticket_with_200(alpha: Partner, good):
    first = await alpha.submit(good)
    for key in ({}, {"Idempotency-Key": good["messageId"]}):
        again = await alpha.submit(good, headers=key)
        assert (again.status, again.body["id"]) == (200, first.body["id"])
        assert again.headers["Location"] == first.headers["Location"]
    other_key = await alpha.submit(good | {"messageId": str(uuid.uuid4())})
    assert (other_key.status, other_key.body["id"]) == (200, first.body["id"])


async def test_the_header_alone_is_a_message_id(alpha: Partner, good):
    key = good.pop("messageId")
    first = await alpha.submit(good, headers={"Idempotency-Key": key})
    again = await alpha.submit(good | {"messageId": key})
    assert (first.status, again.status) == (202, 200)


async def test_thirty_at_once_with_one_message_are_one_document(alpha: Partner, house: House, good):
    answers = await asyncio.gather(*(alpha.submit(good) for _ in range(30)))
    assert sorted(answer.status for answer in answers) == [200] * 29 + [202]
    assert len({answer.body["id"] for answer in answers}) == 1


async def test_prefer_wait_answers_when_the_document_was_judged(alpha: Partner, good):
    answer = await alpha.submit(good, wait=20)
    assert answer.status == 202
    assert answer.body["status"] in {"validated", "routed", "completed"}
    assert answer.headers["Preference-Applied"] == "wait=20"
    again = await alpha.submit(good, wait=20)
    assert again.status == 200


async def test_until_final_answers_with_the_outcome(alpha: Partner, good):
    answer = await alpha.submit(good, wait=20, until="final")
    assert answer.body["status"] == "completed"
    (delivery,) = answer.body["document"]["deliveries"]
    assert (delivery["destination"], delivery["status"]) == ("scripted", "delivered")
    assert delivery["receipt"]["gisId"] == good["metadata"]["localUid"]
    verified_by = [answer.body["document"]["signatures"][0]["provider"]]
    assert answer.body["document"]["receipts"] == [
        {"destination": "scripted", "verifiedBy": verified_by, **delivery["receipt"]}
    ]
    assert delivery["receipt"]["warnings"] == []
    assert (delivery["reason"], delivery["nextAttemptAt"]) == ("", None)


async def test_until_final_gives_the_ticket_when_the_outcome_takes_longer(alpha, there: Scripted, good):
    there.answers[good["metadata"]["localUid"]] = [Awaiting("c")]
    answer = await alpha.submit(good, wait=1, until="final")
    assert answer.status == 202
    assert "document" not in answer.body


async def test_many_who_wait_at_once_are_all_answered(alpha: Partner, world, signers):
    documents = [a_submission(world, signers, kind=kind) for kind in ("306", "103", "290") * 4]
    answers = await asyncio.gather(*(alpha.submit(one, wait=25, until="final") for one in documents))
    assert {answer.body["status"] for answer in answers} == {"completed"}


async def test_multipart_carries_the_same_document(alpha: Partner, world, signers):
    submission = a_submission(world, signers)
    head = as_json(submission)
    content = base64.b64decode(head.pop("content")["data"])
    containers = [base64.b64decode(one.pop("data")) for one in head["signatures"]]
    form = aiohttp.FormData()
    form.add_field("metadata", msgspec.json.encode(head).decode(), content_type="application/json")
    form.add_field("content", content, filename="d.xml", content_type="application/xml")
    for container in containers:
        form.add_field("signature", container, filename="s.p7s", content_type="application/pkcs7-signature")
    answer = await alpha.post("/documents", data=form, headers={"Prefer": "wait=20"})
    assert answer.status == 202, answer.body
    kept = await alpha.get(f"/documents/{answer.body['id']}/content")
    assert kept.body == content
    repeated = await alpha.submit(submission)
    assert (repeated.status, repeated.body["id"]) == (200, answer.body["id"]), (
        "the same bytes, whatever the form"
    )


@pytest.mark.parametrize("media_type", ["application/xml; charset=utf-8", "text/xml", "xml", "документ"])
async def test_the_bytes_come_back_under_the_media_type_they_came_with(
    alpha: Partner, world, signers, media_type: str
):
    submission = as_json(a_submission(world, signers))
    submission["content"]["mediaType"] = media_type
    answer = await alpha.submit(submission)
    kept = await alpha.get(f"/documents/{answer.body['id']}/content")
    assert kept.status == 200
    assert kept.headers["Content-Type"] == media_type
    assert kept.body == base64.b64decode(submission["content"]["data"])


async def test_events_of_a_document_are_gapless_and_end_with_its_outcome(alpha: Partner, good):
    answer = await alpha.submit(good, wait=20, until="final")
    events = await alpha.events(answer.body["id"])
    assert [event["event"] for event in events] == [
        "document.accepted",
        "document.validated",
        "document.routed",
        "delivery.delivered",
        "document.completed",
    ]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    for event in events:
        assert event["messageId"] == good["messageId"]
        assert event["localUid"] == good["metadata"]["localUid"]
        assert event["clinic"] == good["clinic"]


async def test_the_feed_is_read_with_a_cursor_to_its_end_and_waits_for_more(alpha: Partner, good):
    cursor, seen = "", []
    while True:
        page = (await alpha.get(f"/events?limit=3&after={cursor}")).body
        if not page["events"]:
            break
        assert len(page["events"]) <= 3
        seen += page["events"]
        cursor = page["cursor"]
    assert page["cursor"] == cursor, "an empty page keeps its place"
    waiting = asyncio.create_task(alpha.get(f"/events?after={cursor}&wait=20"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    ticket = await alpha.submit(good)
    page = (await waiting).body
    assert page["events"][0]["documentId"] == ticket.body["id"]
    assert page["events"][0]["event"] == "document.accepted"
    assert (await alpha.get(f"/events?after={cursor}&limit=1")).body["events"][0] == page["events"][0]


@pytest.mark.parametrize("cursor", ["x", "1.x", "%27", "99999999999999999999999", "1.2.3"])
async def test_a_cursor_that_is_none_is_a_problem_in_words(alpha: Partner, cursor: str):
    answer = await alpha.get(f"/events?after={cursor}")
    assert (answer.status, answer.code) == (400, "partner.query_invalid")


async def test_the_list_is_filtered_and_paged(alpha: Partner, world, signers, house: House):
    ids = []
    for kind in ("306", "290"):
        answer = await alpha.submit(a_submission(world, signers, clinic=2, kind=kind), wait=20, until="final")
        ids.append(answer.body["id"])
    clinic = world.clinics[2].oid
    page = (await alpha.get(f"/documents?clinic={clinic}")).body["documents"]
    assert {one["id"] for one in page} >= set(ids)
    assert {one["clinic"] for one in page} == {clinic}
    page = (await alpha.get(f"/documents?clinic={clinic}&kind=290&status=completed")).body["documents"]
    assert {one["kind"] for one in page} == {"290"}
    first = (await alpha.get(f"/documents?clinic={clinic}&limit=1")).body
    second = (await alpha.get(f"/documents?clinic={clinic}&limit=1&cursor={first['cursor']}")).body
    assert first["documents"][0]["id"] > second["documents"][0]["id"], "newest first"
    moment = house.clock.now().isoformat().replace("+", "%2B")
    assert (await alpha.get(f"/documents?from={moment}")).body["documents"] == []
    for query in ("from=вчера", "cursor=x", "limit=много", "from=2026-01-01T00:00:00"):
        answer = await alpha.get(f"/documents?{query}")
        assert (answer.status, answer.code) == (400, "partner.query_invalid"), query


async def test_anothers_documents_do_not_exist(alpha: Partner, house: House, good):
    """Not even for the partner's own test key: modes never mix."""
    own = (await alpha.submit(good, wait=20, until="final")).body["id"]
    for stranger in house.partners[1:]:
        for path in ("", "/events", "/report", "/content"):
            answer = await stranger.get(f"/documents/{own}{path}")
            assert (answer.status, answer.code) == (404, "partner.not_found")
        assert (await stranger.post(f"/documents/{own}/cancel")).status == 404
        listed = (await stranger.get("/documents?limit=500")).body["documents"]
        assert own not in {one["id"] for one in listed}
        told = (await stranger.get("/events?limit=1000")).body["events"]
        assert own not in {event["documentId"] for event in told}
    unknown = await alpha.get(f"/documents/{uuid.uuid4()}")
    assert (unknown.status, unknown.code) == (404, "partner.not_found")
    assert (await alpha.get("/documents/не-uuid")).status == 404


async def test_the_mode_of_the_key_goes_with_the_document_to_the_destination(
    house: House, good, there: Scripted
):
    tester = house.partners[1]
    answer = await tester.submit(good, wait=20, until="final")
    assert answer.body["mode"] == "test"
    assert [parcel.mode for parcel in there.taken if parcel.local_uid == good["metadata"]["localUid"]] == [
        "test"
    ]


async def test_a_document_is_withdrawn_before_its_first_attempt(alpha: Partner, house: House, good):
    await pause(house)
    try:
        ticket = await alpha.submit(good, wait=20)
        answer = await alpha.post(f"/documents/{ticket.body['id']}/cancel")
        assert answer.status == 200, answer.body
        assert answer.body["deliveries"][0]["status"] == "cancelled"
        assert (await alpha.post(f"/documents/{ticket.body['id']}/cancel")).status == 200, "asked twice"
        assert [event["event"] for event in await alpha.events(ticket.body["id"])][-2:] == [
            "delivery.cancelled",
            "document.failed",
        ]
    finally:
        await resume(house)


async def test_what_was_sent_cannot_be_withdrawn(alpha: Partner, there: Scripted, good):
    there.answers[good["metadata"]["localUid"]] = [Awaiting("c")]
    ticket = await alpha.submit(good)
    await until(alpha, ticket.body["id"], status="awaiting_result")
    answer = await alpha.post(f"/documents/{ticket.body['id']}/cancel")
    assert (answer.status, answer.code) == (409, "partner.already_sent")


async def test_a_document_of_many_findings_cannot_be_withdrawn_for_it_goes_nowhere(alpha: Partner, good):
    ticket = (await alpha.submit(good | {"signatures": []}, wait=20)).body["ticket"]
    answer = await alpha.post(f"/documents/{ticket['id']}/cancel")
    assert (answer.status, answer.code) == (409, "partner.nothing_to_cancel")


async def test_the_report_names_every_layer_and_is_there_for_good_documents_too(alpha: Partner, good):
    answer = await alpha.submit(good, wait=20)
    report = (await alpha.get(f"/documents/{answer.body['id']}/report")).body
    assert set(report["layers"]) >= {"xml", "kind", "xsd", "schematron", "metadata", "signature"}


async def test_validate_says_the_same_and_keeps_nothing(alpha: Partner, house: House, good):
    tables = ("document", "content", "submission", "identity")
    refused = "(select count(*) from journal where event = 'submission.refused')"
    query = f"select {refused}, " + ", ".join(f"(select count(*) from {table})" for table in tables)
    before = tuple(await house.database.fetchrow(query))
    answer = await alpha.post(
        "/validate", data=msgspec.json.encode(good), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.body["valid"]) == (200, True)
    bad = good | {"signatures": []}
    answer = await alpha.post(
        "/validate", data=msgspec.json.encode(bad), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.body["valid"]) == (200, False)
    assert any(one["layer"] == "signature" for one in answer.body["findings"])
    assert tuple(await house.database.fetchrow(query)) == before


async def test_a_refusal_of_the_state_system_comes_back_with_its_findings(
    alpha: Partner, there: Scripted, good
):
    there.answers[good["metadata"]["localUid"]] = [Rejected((REFUSED,))]
    answer = await alpha.submit(good, wait=20, until="final")
    assert answer.body["status"] == "failed"
    (delivery,) = answer.body["document"]["deliveries"]
    assert delivery["status"] == "rejected"
    assert delivery["findings"][0]["message"] == "Система отказала."
    told = [event for event in await alpha.events(answer.body["id"]) if event["event"] == "delivery.rejected"]
    assert told[0]["findings"][0]["code"] == "destination.refused"


async def test_new_signatures_after_a_refusal_are_sent_and_the_first_stays_as_it_was(
    alpha: Partner, there: Scripted, world: World, signers: Signers
):
    sample = a_sample(world)
    first = make_submission(sample, a_signature(signers))
    there.answers[sample.local_uid] = [Rejected((REFUSED,))]
    refused = await alpha.submit(first, wait=20, until="final")
    other = make_submission(sample, a_signature(signers, minutes_ago=5))
    again = as_json(other, messageId=str(uuid.uuid4()))
    accepted = await alpha.submit(again, wait=20, until="final")
    assert (accepted.status, accepted.body["status"]) == (202, "completed"), accepted.body
    card = (await alpha.get(f"/documents/{accepted.body['id']}")).body
    assert card["replaces"] == refused.body["id"]
    assert (await alpha.get(f"/documents/{refused.body['id']}")).body["status"] == "failed"


async def test_new_signatures_while_the_first_is_under_way_register_it_once(
    alpha: Partner, there: Scripted, house: House, world: World, signers: Signers
):
    sample = a_sample(world)
    there.answers[sample.local_uid] = [Awaiting("c")]
    there.polled[sample.local_uid] = [Registered(Receipt(provider="scripted", emdr_id="77"))]
    first = await alpha.submit(make_submission(sample, a_signature(signers)))
    await until(alpha, first.body["id"], status="awaiting_result")
    other = make_submission(sample, a_signature(signers, minutes_ago=5))
    again = as_json(other, messageId=str(uuid.uuid4()))
    second = await alpha.submit(again, wait=20)
    assert second.status == 202
    house.pass_time(301)
    cards = [await alpha.outcome(ticket.body["id"]) for ticket in (first, second)]
    assert {card["deliveries"][0]["receipt"]["emdrId"] for card in cards} == {"77"}
    assert len([parcel for parcel in there.taken if parcel.local_uid == sample.local_uid]) == 1


async def test_versions_of_a_set_go_in_order(alpha: Partner, there: Scripted, house: House, world, signers):
    set_id = str(uuid.uuid4())
    versions = [a_submission(world, signers, set_id=set_id, version=n) for n in (1, 2)]
    uids = [one.metadata.local_uid for one in versions]
    there.answers[uids[0]] = [Awaiting("c")]
    there.polled[uids[0]] = [Registered(Receipt(provider="scripted", emdr_id="1"))]
    first = await alpha.submit(versions[0])
    await until(alpha, first.body["id"], status="awaiting_result")
    second = await alpha.submit(versions[1], wait=20)
    await asyncio.sleep(0.2)
    assert [parcel.local_uid for parcel in there.taken].count(uids[1]) == 0
    house.pass_time(301)
    await alpha.outcome(first.body["id"])
    house.pass_time(16)  # who has waited long is looked at rarely
    assert (await alpha.outcome(second.body["id"]))["status"] == "completed"
    order = [parcel.local_uid for parcel in there.taken if parcel.local_uid in uids]
    assert order == uids


async def test_an_unsent_version_gives_way_to_the_next_one(
    alpha: Partner, house: House, there, world, signers
):
    set_id = str(uuid.uuid4())
    versions = [a_submission(world, signers, set_id=set_id, version=n) for n in (1, 2)]
    await pause(house)
    try:
        tickets = [(await alpha.submit(one, wait=20)).body["id"] for one in versions]
    finally:
        await resume(house)
    cards = [await alpha.outcome(ticket) for ticket in tickets]
    sent = {parcel.local_uid for parcel in there.taken}
    assert cards[1]["status"] == "completed"
    assert (cards[0]["deliveries"][0]["status"], versions[0].metadata.local_uid in sent) in {
        ("cancelled", False),
        ("delivered", True),
    }, "the lower version goes first or not at all"


async def test_while_paused_nothing_is_sent_and_after_it_everything_is(
    alpha: Partner, house: House, there: Scripted, world: World, signers: Signers
):
    await pause(house)
    try:
        submissions = [a_submission(world, signers) for _ in range(3)]
        tickets = [(await alpha.submit(one, wait=20)).body["id"] for one in submissions]
        await asyncio.sleep(0.2)
        uids = {one.metadata.local_uid for one in submissions}
        assert not uids & {parcel.local_uid for parcel in there.taken}
        for ticket in tickets:
            assert (await alpha.get(f"/documents/{ticket}")).body["deliveries"][0]["attempt"] == 0
    finally:
        await resume(house)
    for ticket in tickets:
        assert (await alpha.outcome(ticket))["status"] == "completed"


async def pause(house: House) -> None:
    await DestinationStore(house.database).pause("scripted", "оператор", "работы у них", house.clock.now())
    await asyncio.sleep(CLAIM_UNDER_WAY)


async def resume(house: House) -> None:
    await DestinationStore(house.database).resume("scripted", "оператор", house.clock.now())


async def test_a_held_document_goes_once_what_was_missing_is_there(
    alpha: Partner, house: House, there: Scripted, world: World, signers: Signers
):
    """The clinic's registration at the state system is missing: no attempt, no deadline, released in bulk."""
    submissions = [a_submission(world, signers) for _ in range(3)]
    for one in submissions:
        there.answers[one.metadata.local_uid] = [
            Held("clinic.params_missing", "Не заполнен idLpu.", "clinic")
        ]
    tickets = [(await alpha.submit(one)).body["id"] for one in submissions]
    for ticket in tickets:
        delivery = await until(alpha, ticket, status="held")
        assert delivery["reason"] == "clinic.params_missing"
        assert delivery["nextAttemptAt"] is None
        told = [event for event in await alpha.events(ticket) if event["event"] == "delivery.held"]
        assert told[0]["delivery"]["reason"]
    house.pass_time(20 * 86400)
    await asyncio.sleep(0.1)
    for ticket in tickets:
        assert (await alpha.get(f"/documents/{ticket}")).body["deliveries"][0]["status"] == "held"
    assert await acting(house).release(reason="clinic.params_missing", actor="оператор") == 3
    for ticket in tickets:
        assert (await alpha.outcome(ticket))["status"] == "completed"


def acting(house: House) -> Commands:
    database = house.database
    return Commands(
        DeliveryStore(database),
        ExaminationStore(database, Codec(MasterKeys({0: KEY}))),
        DestinationStore(database),
        Journal(database),
        Views(database),
        house.clock,
        lambda _due: None,
        ChannelStore(database),
        FileStore(database, Codec(MasterKeys({0: KEY})), lambda _kind: 25),
    )


async def test_a_stored_copy_that_was_tampered_with_is_held_and_stops_nobody(
    alpha: Partner, house: House, there: Scripted, world: World, signers: Signers
):
    """A body moved to another row does not open: that document is held, those claimed with it go."""
    await pause(house)
    try:
        submissions = [a_submission(world, signers) for _ in range(3)]
        tickets = [(await alpha.submit(one, wait=20)).body["id"] for one in submissions]
        await house.database.execute(
            "update content c set body = o.body from content o where c.document_id::text = $1 and o.document_id::text = $2",
            tickets[1],
            tickets[2],
        )
    finally:
        await resume(house)
    for ticket in (tickets[0], tickets[2]):
        assert (await alpha.outcome(ticket))["status"] == "completed"
    delivery = await until(alpha, tickets[1], status="held")
    assert delivery["reason"] == "content.digest_mismatch"
    assert submissions[1].metadata.local_uid not in {parcel.local_uid for parcel in there.taken}
