"""What the AMQP door does with messages no client library of ours can even make: refused, told, journalled, kept not.

RabbitMQ itself is in ``tests/journeys/test_amqp_door.py``; here the door is handed messages as RabbitMQ hands them.
"""

import msgspec
import pytest
from builders import CLINIC, NOW, a_clinic, text_of
from rows import Shelf, StillClock

from broker.archive import Codec
from broker.bus.port import IntakeMessage, NotNow
from broker.control.access import Access
from broker.ingress.amqp import AmqpDoor
from broker.ingress.reception import Reception
from broker.store.database import open_database
from broker.store.intake import IntakeStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore

PARTNER = "vendor-alpha"
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
        access, IntakeStore(shelf.database, codec), Journal(shelf.database), clock, lambda _due: None
    )
    async with reception.running():
        yield reception


def a_message(body: object = GOOD, **changes: object) -> IntakeMessage:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"body": raw, "size": len(raw), "routing_key": f"{PARTNER}.x", "login": PARTNER} | changes
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


async def test_either_id_is_enough(shelf: Shelf, reception: Reception):
    door = AmqpDoor(reception)
    await door.take(a_message(message_id="m1"))
    await door.take(a_message(GOOD | {"messageId": "m1"}))
    (event,) = await told(shelf)
    assert (event["event"], event["messageId"]) == ("document.accepted", "m1")


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
            Journal(database),
            clock,
            lambda _due: None,
        )
        async with reception.running():
            await database.pool.close()
            with pytest.raises(NotNow):
                await AmqpDoor(reception).take(a_message(message_id="m1"))
