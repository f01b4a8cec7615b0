"""What the AMQP door does with messages no client library of ours can even make: refused, told, journalled, kept not.

RabbitMQ itself is in ``tests/journeys/test_amqp_door.py``; here the door is handed messages as RabbitMQ hands them.
"""

import asyncio

import msgspec
import pytest
from builders import CLINIC, NOW, a_clinic, an_arrival, text_of
from rows import Shelf, StillClock

from broker.archive import Codec
from broker.bus.port import IntakeMessage, NotNow
from broker.control.access import Access
from broker.ingress.amqp import AmqpDoor
from broker.ingress.reception import Reception
from broker.partners.clinic import ClinicStatus
from broker.store.database import STORE_TROUBLE, UnstorableError, open_database
from broker.store.intake import IntakeStore, Ticket
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.repeats import Repeats

PARTNER = "vendor-alpha"
KEY = f"{PARTNER}.{CLINIC.replace('.', '-')}"
GOOD = {"clinic": CLINIC, "kind": "306", "content": {"data": text_of(b"<a/>")}}


@pytest.fixture
async def reception(shelf: Shelf, codec: Codec):
    partners = PartnerStore(shelf.database)
    await partners.put_clinic(a_clinic(), {}, NOW)
    await partners.add_partner(PARTNER, "П", NOW)
    await partners.link(CLINIC, PARTNER, NOW)
    clock = StillClock()
    access = Access(partners, b"pepper", 0, clock)
    reception = Reception(
        access,
        IntakeStore(shelf.database, codec),
        Repeats(shelf.database),
        Journal(shelf.database),
        clock,
        lambda _due: None,
    )
    async with reception.running():
        yield reception


def a_message(body: object = GOOD, **changes: object) -> IntakeMessage:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"body": raw, "size": len(raw), "routing_key": KEY, "login": PARTNER} | changes
    return IntakeMessage(**fields)


async def told(shelf: Shelf) -> list[dict]:
    return [msgspec.json.decode(item.body) for item in await Journal(shelf.database).feed(PARTNER, "", 100)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (a_message(), "partner.message_id_missing"),
        (a_message(GOOD | {"messageId": ""}, message_id=""), "partner.message_id_missing"),
        (a_message(GOOD | {"messageId": "a"}, message_id="b"), "partner.message_id_differs"),
        (a_message(b"\xff", message_id="m"), "partner.json_malformed"),
        (a_message(b"", message_id="m"), "partner.json_malformed"),
        (a_message(b"", message_id="m", oversized=True, size=13_000_000), "partner.body_too_large"),
    ],
    ids=["no id", "empty ids", "two ids", "no JSON", "nothing", "too large"],
)
async def test_a_refused_message_is_told_and_journalled_and_nothing_else_is_kept(
    shelf: Shelf, reception: Reception, message: IntakeMessage, code: str
):
    await AmqpDoor(reception).take(message)
    (event,) = await told(shelf)
    assert (event["event"], event["documentId"]) == ("document.rejected", None)
    assert event["findings"][0]["code"] == code
    assert event["findings"][0]["fix"]
    for table in ("document", "submission", "identity", "task"):
        assert await shelf.database.fetchval(f"select count(*) from {table}") == 0


NUL = "a\0b"
LONG = "x" * 3000


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"kind": NUL}, "partner.submission_invalid", "kind"),
        ({"clinic": CLINIC + "\0"}, "partner.submission_invalid", "clinic"),
        ({"metadata": {"localUid": LONG}}, "partner.submission_invalid", "metadata.localUid"),
        ({"metadata": {"localUid": NUL}}, "partner.submission_invalid", "metadata.localUid"),
        ({"metadata": {"documentNumber": LONG}}, "partner.submission_invalid", "metadata.documentNumber"),
        ({"metadata": {"department": NUL}}, "partner.submission_invalid", "metadata.department"),
        ({"metadata": {"title": LONG * 2}}, "partner.submission_invalid", "metadata.title"),
        ({"metadata": {"recipients": [NUL]}}, "partner.submission_invalid", "metadata.recipients[0]"),
        (
            {"signatures": [{"kind": "personal", "data": "", "signer": {"position": NUL}}]},
            "partner.submission_invalid",
            "signatures[0].signer.position",
        ),
        ({NUL: 1}, "partner.submission_invalid", ""),
        ({LONG: 1}, "partner.submission_invalid", ""),
        ({"messageId": NUL}, "partner.message_id_missing", ""),
        ({"messageId": LONG}, "partner.message_id_missing", ""),
    ],
    ids=lambda value: None if isinstance(value, dict) else value or "-",
)
async def test_what_no_column_takes_is_refused_by_its_field_and_is_no_outage(
    shelf: Shelf, reception: Reception, changes: dict, code: str, field: str
):
    await AmqpDoor(reception).take(a_message({"messageId": "m1"} | GOOD | changes))
    (event,) = await told(shelf)
    (finding,) = event["findings"]
    assert finding["code"] == code
    assert field in finding["message"]
    assert len(finding["message"]) < 500


@pytest.mark.parametrize("message_id", [NUL, "я" * 100, "\udcff"])
async def test_an_odd_message_id_of_amqp_is_told_in_signs_that_can_be_kept(
    shelf: Shelf, reception: Reception, message_id: str
):
    await AmqpDoor(reception).take(a_message(b"no JSON", message_id=message_id))
    (event,) = await told(shelf)
    assert event["findings"][0]["code"] == "partner.json_malformed"


HEADER = """<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2" extension="7"/>
<setId root="1.2" extension="{set_id}"/><versionNumber value="{version}"/></ClinicalDocument>"""


@pytest.mark.parametrize(
    ("set_id", "version", "kept"),
    [("s" * 5000, "1", 1), ("я" * 3000, "2", 2), ("1", "2147483648", 1), ("1", "99999999999999999999", 1)],
    ids=["a long setId", "a long Russian setId", "a version over int4", "a version without end"],
)
async def test_what_a_header_says_of_set_and_version_always_fits_its_columns(
    shelf: Shelf, reception: Reception, set_id: str, version: str, kept: int
):
    xml = HEADER.format(set_id=set_id, version=version).encode()
    await AmqpDoor(reception).take(a_message(GOOD | {"messageId": "m1", "content": {"data": text_of(xml)}}))
    row = await shelf.database.fetchrow("select version, set_key from document")
    assert row["version"] == kept
    assert 0 < len(row["set_key"]) <= 500


async def test_two_long_sets_stay_two(shelf: Shelf, reception: Reception):
    for number in "12":
        xml = HEADER.format(set_id="s" * 5000 + number, version="1").encode()
        body = GOOD | {"messageId": number, "content": {"data": text_of(xml)}}
        await AmqpDoor(reception).take(a_message(body))
    assert await shelf.database.fetchval("select count(distinct set_key) from document") == 2


async def test_what_the_store_cannot_take_is_a_bug_of_that_message_and_no_outage(
    shelf: Shelf, reception: Reception
):
    """Nothing like it is known to pass the door; should it, RabbitMQ counts its redeliveries and parks it."""
    spoilt = an_arrival(partner_id=PARTNER, local_uid="a\0")
    good = an_arrival(partner_id=PARTNER)
    taken = await asyncio.gather(
        *(reception._batcher.submit(one) for one in (good, spoilt)),  # two in one commit
        return_exceptions=True,
    )
    assert isinstance(taken[0], Ticket)
    assert isinstance(taken[1], UnstorableError)
    assert not isinstance(taken[1], STORE_TROUBLE)


OTHERS_KEY = f"{PARTNER}.1-2-643-5-1-13-13-12-2-77-1"


@pytest.mark.parametrize("key", [OTHERS_KEY, f"{PARTNER}.{CLINIC}", f"{PARTNER}.", f"{KEY}.1", PARTNER])
async def test_a_routing_key_that_names_another_clinic_is_refused_and_told(
    shelf: Shelf, reception: Reception, key: str
):
    await AmqpDoor(reception).take(a_message(message_id="m1", routing_key=key))
    (event,) = await told(shelf)
    assert (event["event"], event["documentId"], event["messageId"]) == ("document.rejected", None, "m1")
    (finding,) = event["findings"]
    assert finding["code"] == "partner.routing_key_clinic"
    assert finding["fix"]
    assert await shelf.database.fetchval("select count(*) from document") == 0


async def test_whose_the_clinic_is_comes_before_what_the_routing_key_says(shelf: Shelf, reception: Reception):
    body = GOOD | {"clinic": "1.2.643.5.1.13.13.12.2.77.4040"}
    await AmqpDoor(reception).take(a_message(body, message_id="m1"))
    (event,) = await told(shelf)
    assert event["findings"][0]["code"] == "partner.clinic_not_linked"


async def test_either_id_is_enough(shelf: Shelf, reception: Reception):
    door = AmqpDoor(reception)
    await door.take(a_message(message_id="m1"))
    await door.take(a_message(GOOD | {"messageId": "m1"}))
    (event,) = await told(shelf)
    assert (event["event"], event["messageId"]) == ("document.accepted", "m1")


async def test_a_document_that_comes_again_under_another_id_is_told_as_accepted_under_that_id(
    shelf: Shelf, reception: Reception
):
    door = AmqpDoor(reception)
    body = GOOD | {"metadata": {"localUid": "u1"}}
    await door.take(a_message(body, message_id="m1"))
    (first,) = await told(shelf)
    await shelf.database.execute("update document set status = 'routed'")
    await door.take(a_message(body, message_id="m2"))
    again = (await told(shelf))[-1]
    assert (again["event"], again["messageId"], again["sequence"]) == ("document.accepted", "m2", 0)
    assert (again["documentId"], again["localUid"]) == (first["documentId"], "u1")
    assert (again["status"], again["mode"], again["clinic"]) == ("routed", "production", CLINIC)
    assert await shelf.database.fetchval("select sequence from document") == 1, (
        "the document's own numbers stand"
    )


async def test_a_message_that_is_delivered_again_needs_no_second_answer(shelf: Shelf, reception: Reception):
    door = AmqpDoor(reception)
    body = GOOD | {"metadata": {"localUid": "u1"}}
    for message_id in ("m1", "m2"):
        for _ in range(3):
            await door.take(a_message(body, message_id=message_id, redelivered=True))
    assert [event["messageId"] for event in await told(shelf)] == ["m1", "m2"]


async def test_an_answer_lost_before_it_was_written_is_made_up_for_when_the_message_comes_again(
    shelf: Shelf, reception: Reception
):
    """As after a crash between the commit and the answer: the gate knows the message already."""
    door = AmqpDoor(reception)
    body = GOOD | {"metadata": {"localUid": "u1"}}
    for message_id in ("m1", "m2"):
        await door.take(a_message(body, message_id=message_id))
    await shelf.database.execute("delete from journal where body ->> 'messageId' = 'm2'")
    await door.take(a_message(body, message_id="m2", redelivered=True))
    assert [event["messageId"] for event in await told(shelf)] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(ClinicStatus.SUSPENDED, "partner.clinic_suspended"), (ClinicStatus.CLOSED, "partner.clinic_closed")],
)
async def test_what_was_accepted_before_its_clinic_was_stopped_is_not_refused_when_it_comes_again(
    shelf: Shelf, reception: Reception, status: ClinicStatus, code: str
):
    """RabbitMQ delivers again what we committed but could not acknowledge; only what is new is refused."""
    door = AmqpDoor(reception)
    await door.take(a_message(message_id="m1"))
    await PartnerStore(shelf.database).set_status(CLINIC, status, NOW)
    await door.take(a_message(message_id="m1", redelivered=True))
    assert [event["event"] for event in await told(shelf)] == ["document.accepted"]
    other = GOOD | {"content": {"data": text_of(b"<b/>")}}
    await door.take(a_message(other, message_id="m1"))
    await door.take(a_message(other, message_id="m2"))
    assert [event["messageId"] for event in await told(shelf)] == ["m1", "m1", "m2"]
    assert {event["findings"][0]["code"] for event in (await told(shelf))[1:]} == {code}
    assert await shelf.database.fetchval("select count(*) from document") == 1


async def test_a_parked_message_is_taken_when_it_can_be(shelf: Shelf, reception: Reception):
    await AmqpDoor(reception).park(a_message(message_id="m1", parked_why="expired"))
    (event,) = await told(shelf)
    assert (event["event"], event["messageId"]) == ("document.accepted", "m1")


async def test_a_refusal_names_the_message_by_the_id_of_its_body_too(shelf: Shelf, reception: Reception):
    bad = GOOD | {"messageId": "m1", "content": {"data": "%%%"}}
    await AmqpDoor(reception).take(a_message(bad))
    (event,) = await told(shelf)
    assert (event["messageId"], event["clinic"]) == ("m1", CLINIC)


async def test_while_the_store_is_away_a_message_is_asked_for_again_later(database_url: str, codec: Codec):
    async with open_database(database_url, size=2) as database:
        clock = StillClock()
        reception = Reception(
            Access(PartnerStore(database), b"p", 0, clock),
            IntakeStore(database, codec),
            Repeats(database),
            Journal(database),
            clock,
            lambda _due: None,
        )
        async with reception.running():
            await database.pool.close()
            with pytest.raises(NotNow):
                await AmqpDoor(reception).take(a_message(message_id="m1"))
