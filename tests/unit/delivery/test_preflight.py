"""What must be true before anything is sent: the destination's mode is looked at again, it may have been changed."""

import pytest
from test_decide import a_delivery, a_policy

from broker.adapter_kit import Destination, Held
from broker.delivery.preflight import check_ready
from broker.partners.clinic import Clinic

CLINIC = Clinic(oid="c1", title="ООО «Пробная»", region="77")


def ready(document: str, destination: str) -> Held | None:
    to = Destination(id="remd", adapter="remd", mode=destination)
    return check_ready(a_delivery(mode=document), CLINIC, to, a_policy())


@pytest.mark.parametrize(("document", "destination"), [("test", "production"), ("production", "test")])
def test_a_document_of_another_mode_is_held_and_told_why(document: str, destination: str):
    held = ready(document, destination)
    assert held is not None
    assert (held.reason, held.scope) == ("destination.mode_mismatch", "delivery")
    assert held.text == f"Документ режима {document} не может уйти в remd режима {destination}."


@pytest.mark.parametrize("document", ["test", "production"])
def test_one_of_the_same_mode_may_go_and_to_a_simulator_of_ones_own_any(document: str):
    assert ready(document, document) is None
    assert ready(document, "any") is None
