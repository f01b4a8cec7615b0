"""The intake never holds more bytes than it may, and is bold only while bodies are small."""

import pytest

from broker.bus.budget import Budget, Gear

MIB = 1024 * 1024


def a_budget() -> Budget:
    return Budget(limit=96 * MIB, largest=12 * MIB, prefetch=100)


def test_it_begins_carefully_so_that_even_the_largest_bodies_fit():
    budget = a_budget()
    assert budget.gear is Gear.CAREFUL
    assert budget.prefetch * 12 * MIB <= 96 * MIB
    assert all(budget.admit(12 * MIB) for _ in range(budget.prefetch))


def test_small_bodies_in_a_row_earn_the_full_prefetch():
    budget = a_budget()
    for _ in range(100):
        assert not budget.may_shift_up()
        assert budget.admit(16_384)
        budget.release(16_384)
    assert budget.may_shift_up()
    budget.shift(Gear.FULL)
    assert budget.prefetch == 100


def test_a_large_body_spoils_the_row():
    budget = a_budget()
    for size in [16_384] * 99 + [2 * MIB] + [16_384] * 99:
        budget.admit(size)
        budget.release(size)
    assert not budget.may_shift_up()


def test_what_does_not_fit_is_refused_and_not_counted():
    budget = a_budget()
    budget.shift(Gear.FULL)
    admitted = [budget.admit(12 * MIB) for _ in range(10)]
    assert admitted == [True] * 8 + [False] * 2
    assert budget.held == budget.peak == 96 * MIB


def test_a_budget_that_covers_the_full_prefetch_needs_no_careful_gear():
    assert Budget(limit=96 * MIB, largest=12 * MIB, prefetch=4).gear is Gear.FULL


def test_a_budget_below_one_body_is_refused():
    with pytest.raises(ValueError, match="largest"):
        Budget(limit=MIB, largest=2 * MIB, prefetch=1)


def test_a_body_over_the_limit_of_one_message_is_oversized():
    assert a_budget().is_oversized(12 * MIB + 1)
    assert not a_budget().is_oversized(12 * MIB)
