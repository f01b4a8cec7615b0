"""The demo's own judgement: what it would call wrong, and what its plan demands of the simulators."""

import base64
import datetime as dt
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from broker.dev.demo import bytes_wrong
from broker.dev.plan import HOLDERS, REFUSED, Group, Planned, Planner
from broker.dev.world import REMD_KINDS, World
from broker.document.kind import KindCatalogue
from broker.samples.fault import Outcome
from broker.samples.faults import BY_ID

KINDS = Path(__file__).resolve().parents[2] / "schemas" / "nsi" / "kinds.toml"
NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
Held = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def plan() -> list[Planned]:
    return Planner(World(), lambda data, _who: data[:16], NOW, "run", amqp=True).plan()


def one_of(plan: list[Planned], group: Group) -> Planned:
    return next(one for one in plan if one.group is group)


def held_rightly(one: Planned) -> Held:
    """What the simulators hold when all went as planned."""
    digest = sha256(base64.b64decode(one.submission.content.data)).hexdigest()
    document = {"sha256": digest, "registrations": 1}
    return {
        name: {one.held_as.lower(): dict(document)} if name in one.holders else {}
        for name in ("remd", "gis-soap", "tfoms")
    }


@pytest.mark.parametrize("group", Group)
def test_what_is_held_by_those_who_must_hold_it_is_right(plan: list[Planned], group: Group):
    one = one_of(plan, group)
    assert one.held_as
    assert bytes_wrong(one, held_rightly(one)) == ""


@pytest.mark.parametrize("group", [group for group, holders in HOLDERS.items() if holders])
def test_absent_doubled_or_other_bytes_are_wrong_at_every_simulator(plan: list[Planned], group: Group):
    one = one_of(plan, group)
    for simulator in one.holders:
        absent, doubled, other, empty = (held_rightly(one) for _ in range(4))
        absent[simulator].clear()
        doubled[simulator][one.held_as.lower()]["registrations"] = 2
        other[simulator][one.held_as.lower()]["sha256"] = "0" * 64
        empty[simulator][one.held_as.lower()]["sha256"] = ""
        for held in (absent, doubled, other, empty):
            assert simulator in bytes_wrong(one, held)


def test_what_we_refused_must_be_registered_nowhere(plan: list[Planned]):
    one = one_of(plan, Group.FAULTY)
    held = held_rightly(one)
    held["remd"][one.held_as.lower()] = {"sha256": "", "registrations": 1}
    assert "remd" in bytes_wrong(one, held)


def test_the_plan_holds_what_is_promised(plan: list[Planned]):
    counts = Counter(one.group for one in plan)
    assert len(plan) == 219, "README and the tutorial say so"
    assert counts[Group.REFUSED] >= 10
    assert {one.fault.id for one in plan if one.group is Group.REFUSED and one.fault} == set(REFUSED)
    assert abs(Counter(one.door for one in plan)["amqp"] - len(plan) / 2) < 5


def test_the_register_of_kinds_of_the_simulated_remd_differs_from_ours_in_one_kind(plan: list[Planned]):
    catalogue = KindCatalogue.load(KINDS)
    ours = {code: card.starts for code in REMD_KINDS if (card := catalogue.get(code))}
    assert [code for code, opened in REMD_KINDS.items() if ours[code] != opened] == ["306"]
    fault = BY_ID["remd-kind-not-open"]
    assert (fault.kinds, fault.expected.outcome) == (("306",), Outcome.REFUSED)
    for one in plan:
        if one.fault is fault:
            created = dt.datetime.fromisoformat(one.submission.metadata.created_at or "").date()
            assert ours["306"] <= created < REMD_KINDS["306"]
