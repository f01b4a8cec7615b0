"""How much of a registry the fund took, and at which stage it said so: on the card and in the event alike."""

import random
from typing import Any

import msgspec
import pytest
from builders import NOW, an_arrival
from rows import Shelf
from test_deliveries import NO, POLICY, WRONG

from broker.adapter_kit import Outcome, Registered, Rejected
from broker.delivery.decide import after_outcome
from broker.document.receipt import Receipt
from broker.document.submission import SubmissionType
from broker.store.deliveries import Application
from broker.store.journal import Journal
from broker.store.views import Views

PARTLY = Registered(Receipt(provider="tfoms.77", result="partial", stage="МЭК пройден"), (WRONG,))
REFUSED = Rejected((WRONG,), "ФЛК не пройден")


async def told(shelf: Shelf, submission: SubmissionType, outcome: Outcome) -> list[tuple[Any, Any]]:
    """Settle a delivery and return its result and stage as the card and as the event tell them."""
    (delivery,) = await shelf.routed(an_arrival(type=submission), ["tfoms.77"])
    application = Application(
        delivery_id=delivery.id,
        decide=lambda state: after_outcome(state, outcome, NOW, POLICY, random.Random(1)),
        at=NOW,
    )
    await shelf.deliveries.apply([application])
    card = msgspec.to_builtins(await Views(shelf.database).document(delivery.document_id))
    rows = await Journal(shelf.database).of_document(delivery.document_id)
    event = next(msgspec.json.decode(row["body"]) for row in rows if row["event"].startswith("delivery."))
    return [(one.get("result"), one.get("stage")) for one in (card["deliveries"][0], event["delivery"])]


@pytest.mark.parametrize(
    ("outcome", "told_of"),
    [(PARTLY, ("partial", "МЭК пройден")), (REFUSED, ("none", "ФЛК не пройден")), (NO, ("none", None))],
)
async def test_a_registry_is_taken_in_part_or_not_at_all(shelf: Shelf, outcome: Outcome, told_of):
    assert await told(shelf, SubmissionType.OMS_REGISTRY, outcome) == [told_of, told_of]


async def test_a_refused_document_has_no_result(shelf: Shelf):
    assert await told(shelf, SubmissionType.SEMD, NO) == [(None, None)] * 2
