"""What the contract lists without a question mark is always written; what was stored before it was is still read."""

import msgspec
import pytest

from broker.document.event import DeliveryView
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.receipt import PlacedReceipt, Receipt
from broker.document.written import promised
from broker.store.views import DeliveryCard, DocumentCard

DELIVERY = {"id", "destination", "required", "status", "reason", "attempt", "nextAttemptAt"}
RECEIPT = {"provider", "registeredAt", "documentVersion", "storeTillDate", "warnings"}
FINDING = {"layer", "severity", "code", "message", "location", "responsible", "source"}
BARE = Finding(
    layer=Layer.XML,
    severity=Severity.ERROR,
    code="xml.empty",
    message="Пусто.",
    responsible=Responsible.MIS,
    source=Source.OWN,
)


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        (DeliveryView, DELIVERY),
        (DeliveryCard, DELIVERY),
        (Receipt, RECEIPT),
        (PlacedReceipt, RECEIPT | {"destination"}),
        (Finding, FINDING),
        (Location, {"xpath", "line"}),
    ],
)
def test_the_fields_of_the_contract_are_promised(shape: type[msgspec.Struct], fields: set[str]):
    assert set(promised(shape)) == fields


def test_a_document_promises_its_status_deliveries_and_receipts():
    assert {"status", "version", "deliveries", "receipts"} <= set(promised(DocumentCard))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (
            Receipt(provider="remd"),
            {
                "provider": "remd",
                "registeredAt": None,
                "documentVersion": None,
                "storeTillDate": None,
                "warnings": [],
            },
        ),
        (Location(), {"xpath": "", "line": 0}),
        (Location("/a[1]", 3, 4), {"xpath": "/a[1]", "line": 3, "column": 4}),
    ],
)
def test_what_is_not_known_is_written_as_such_and_what_is_optional_is_left_out(value, written):
    assert msgspec.json.decode(msgspec.json.encode(value)) == written
    assert msgspec.to_builtins(value) == written


def test_a_finding_without_a_place_says_so():
    plain = msgspec.to_builtins(BARE)
    assert set(plain) == FINDING
    assert plain["location"] is None


def test_what_was_stored_without_the_fields_is_still_read():
    old = {key: value for key, value in msgspec.to_builtins(BARE).items() if key != "location"}
    assert msgspec.convert(old, Finding) == BARE
    receipt = msgspec.convert({"provider": "remd", "emdrId": "1"}, Receipt)
    assert (receipt.emdr_id, receipt.warnings, receipt.registered_at) == ("1", [], None)


def test_no_two_receipts_share_their_warnings():
    Receipt(provider="remd").warnings.append("одно")
    assert Receipt(provider="remd").warnings == []
