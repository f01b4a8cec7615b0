"""A document reaches only destinations of its mode, whatever the routing table says."""

import pytest

from broker.document.submission import Mode
from broker.pipeline import Router
from broker.routing.table import Rule, Subject, Table, decide

ROUTER = Router(
    Table(tuple(Rule(name=f"в {name}", destination=name) for name in ("trial", "real", "own", "gone"))),
    {},
    {"trial": "test", "real": "production", "own": "any"},
)


@pytest.mark.parametrize(
    ("mode", "reached"), [(Mode.TEST, {"trial", "own"}), (Mode.PRODUCTION, {"real", "own"})]
)
def test_only_destinations_of_the_documents_mode_and_ones_own_simulators_are_known(
    mode: Mode, reached: set[str]
):
    assert ROUTER.known(mode) == reached
    subject = Subject(type="semd", kind="306", clinic="c", region="77", mode=mode, oms=False)
    decision = decide(ROUTER.table, subject, ROUTER.known(mode))
    assert {one.destination for one in decision.recipients} == reached


def test_a_mode_nobody_knows_reaches_nothing_but_simulators():
    assert ROUTER.known("") == {"own"}
    assert ROUTER.known("any") == {"own"}
