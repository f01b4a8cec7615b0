"""What our messages carry travels byte for byte as the driver would write it."""

import pytest
from pamqp.commands import Basic

from broker.bus.posting import PERSISTENT, MessageProperties


@pytest.mark.parametrize("message_id", [None, "", "0190b0d2-7d3c-7a0e-9d39-0d8b8c0a0001"])
@pytest.mark.parametrize("correlation_id", [None, "приём-17", "x" * 255])
@pytest.mark.parametrize("kind", [None, "document.accepted"])
def test_properties_are_written_as_the_driver_writes_them(
    message_id: str | None, correlation_id: str | None, kind: str | None
):
    given = {
        "content_type": "application/json",
        "delivery_mode": PERSISTENT,
        "message_id": message_id,
        "correlation_id": correlation_id,
        "message_type": kind,
    }
    ours, theirs = MessageProperties(**given), Basic.Properties(**given)
    assert ours.marshal() == theirs.marshal()
    assert ours, "the driver would put properties of its own in the place of none"
    assert dict(ours) == dict(theirs)


def test_the_driver_does_not_take_them_for_none_at_all():
    assert MessageProperties(content_type="application/json")


def test_a_value_too_long_to_travel_is_refused():
    with pytest.raises(ValueError, match="range"):
        MessageProperties(content_type="application/json", correlation_id="x" * 256).marshal()
