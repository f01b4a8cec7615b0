"""Both state machines walked pair by pair: what may follow what, and what a document makes of its deliveries."""

from itertools import product

import pytest

from broker.document.lifecycle import (
    DELIVERY_MOVES,
    DOCUMENT_MOVES,
    DeliveryStatus,
    DocumentStatus,
    document_outcome,
    is_live,
    is_success,
    may_move,
)

D = DeliveryStatus
SUCCESSES = {D.REGISTERED, D.DELIVERED}
LIVE = {D.QUEUED, D.HELD, D.SENDING, D.AWAITING_RESULT}

EXPECTED = {
    D.QUEUED: set(D) - {D.QUEUED},
    D.HELD: {D.QUEUED, D.AWAITING_RESULT, D.CANCELLED, D.DEAD, D.REJECTED, *SUCCESSES},
    D.SENDING: set(D) - {D.SENDING, D.CANCELLED},
    D.AWAITING_RESULT: set(D) - {D.AWAITING_RESULT, D.SENDING, D.CANCELLED},
    D.REGISTERED: set(),
    D.DELIVERED: {D.REGISTERED},
    D.REJECTED: {D.QUEUED, *SUCCESSES},
    D.DEAD: {D.QUEUED, D.AWAITING_RESULT, *SUCCESSES},
    D.CANCELLED: {D.QUEUED, *SUCCESSES},
}
"""The specification, pair by pair, beside the program's own table."""


@pytest.mark.parametrize(("before", "after"), list(product(D, D)), ids=lambda status: status.value)
def test_every_pair_of_delivery_statuses_is_decided(before: DeliveryStatus, after: DeliveryStatus):
    assert may_move(before, after) == (after in EXPECTED[before])


def test_every_status_has_its_moves():
    assert set(DELIVERY_MOVES) == set(D)
    assert set(DOCUMENT_MOVES) == set(DocumentStatus)


@pytest.mark.parametrize("status", list(D))
def test_live_success_and_the_rest_part_all_statuses(status: DeliveryStatus):
    assert is_live(status) == (status in LIVE)
    assert is_success(status) == (status in SUCCESSES)


def test_registered_absorbs_everything():
    assert DELIVERY_MOVES[D.REGISTERED] == frozenset()


def test_nothing_that_was_sent_can_be_withdrawn():
    assert [s for s in D if may_move(s, D.CANCELLED)] == [D.QUEUED, D.HELD]


def test_from_everywhere_but_the_end_a_success_is_reachable():
    for status in set(D) - SUCCESSES:
        assert may_move(status, D.REGISTERED), status


@pytest.mark.parametrize("statuses", list(product(D, D)), ids="+".join)
def test_a_document_of_two_required_deliveries(statuses: tuple[DeliveryStatus, DeliveryStatus]):
    outcome = document_outcome([(True, status) for status in statuses])
    if LIVE & set(statuses):
        assert outcome is DocumentStatus.ROUTED
    elif set(statuses) <= SUCCESSES:
        assert outcome is DocumentStatus.COMPLETED
    else:
        assert outcome is DocumentStatus.FAILED


@pytest.mark.parametrize("optional", sorted(set(D) - LIVE))
def test_what_is_not_required_cannot_fail_a_document(optional: DeliveryStatus):
    assert document_outcome([(True, D.REGISTERED), (False, optional)]) is DocumentStatus.COMPLETED


def test_a_document_whose_outcome_changes_may_change_its_status():
    """Requeued and late successes move closed documents; each of these moves must be in the table."""
    assert DocumentStatus.COMPLETED in DOCUMENT_MOVES[DocumentStatus.FAILED]
    assert DocumentStatus.ROUTED in DOCUMENT_MOVES[DocumentStatus.FAILED]
    assert DocumentStatus.FAILED in DOCUMENT_MOVES[DocumentStatus.ACCEPTED]
