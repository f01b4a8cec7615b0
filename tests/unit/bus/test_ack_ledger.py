"""Acknowledging several deliveries at once never covers one that is still open."""

from hypothesis import given
from hypothesis import strategies as st

from broker.bus.ledger import Ledger, Settlement, Verdict


def a_ledger(upto: int) -> Ledger:
    ledger = Ledger()
    for tag in range(1, upto + 1):
        ledger.delivered(tag)
    return ledger


def test_a_finished_row_is_acknowledged_in_one_frame():
    ledger = a_ledger(4)
    for tag in (3, 1, 2):
        ledger.settle(tag, Verdict.ACK)
    assert ledger.take() == [Settlement(3, Verdict.ACK, multiple=True)]
    assert ledger.take() == []


def test_what_lies_above_an_open_delivery_is_acknowledged_alone():
    ledger = a_ledger(4)
    for tag in (1, 3, 4):
        ledger.settle(tag, Verdict.ACK)
    assert ledger.take() == [
        Settlement(1, Verdict.ACK),
        Settlement(3, Verdict.ACK),
        Settlement(4, Verdict.ACK),
    ]


def test_a_returned_delivery_is_returned_before_a_frame_that_would_acknowledge_it():
    ledger = a_ledger(3)
    ledger.settle(1, Verdict.ACK)
    ledger.settle(3, Verdict.ACK)
    ledger.settle(2, Verdict.REQUEUE)
    assert ledger.take() == [Settlement(2, Verdict.REQUEUE), Settlement(3, Verdict.ACK, multiple=True)]


def test_a_second_verdict_is_ignored():
    ledger = a_ledger(1)
    ledger.settle(1, Verdict.REQUEUE)
    ledger.settle(1, Verdict.ACK)
    assert ledger.take() == [Settlement(1, Verdict.REQUEUE)]


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["deliver", "ack", "requeue", "take"]))))
def test_a_broker_that_obeys_the_frames_forgets_exactly_what_was_acknowledged(steps):
    ledger, tag = Ledger(), 0
    held: set[int] = set()
    open_here: dict[int, None] = {}
    wanted_acks: set[int] = set()
    acked: set[int] = set()
    returned: set[int] = set()

    def obey() -> None:
        for frame in ledger.take():
            covered = {one for one in held if one <= frame.tag} if frame.multiple else {frame.tag}
            assert frame.tag in held
            held.difference_update(covered)
            (acked if frame.verdict is Verdict.ACK else returned).update(covered)

    for number, step in steps:
        if step == "deliver":
            tag += 1
            held.add(tag)
            open_here[tag] = None
            ledger.delivered(tag)
        elif step == "take":
            obey()
        elif open_here:
            chosen = list(open_here)[number % len(open_here)]
            del open_here[chosen]
            if step == "ack":
                wanted_acks.add(chosen)
            ledger.settle(chosen, Verdict.ACK if step == "ack" else Verdict.REQUEUE)
    obey()
    assert acked == wanted_acks
    assert not returned & acked
    assert held == set(open_here)
