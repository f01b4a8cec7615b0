"""Hints on the wire: merged, cut to size, and harmless when they are rubbish."""

import pytest

from broker.bus import hint
from broker.bus.port import Due


def test_ids_announced_twice_travel_once():
    assert hint.merge([Due("a", (2, 1)), Due("b", (9,)), Due("a", (1, 3))]) == {"a": [2, 1, 3], "b": [9]}


def test_a_hint_survives_the_wire():
    due = Due("route.gis.77", (1, 2**63 - 1))
    assert hint.decode(hint.encode(due)) == due


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'["a",[1.5]]', b'["a",["1"]]', b"\xff\xfe", b'[1,["a"]]']
)
def test_rubbish_is_no_hint(body):
    assert hint.decode(body) is None


def test_the_largest_batch_fits_the_limit():
    batch = hint.batch_that_fits("route.gis.77", 7900)
    assert len(hint.encode(Due("route.gis.77", (2**63 - 1,) * batch))) <= 7900


def test_a_limit_too_small_for_one_id_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        hint.batch_that_fits("route.gis.77", 20)
