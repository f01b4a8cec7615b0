"""A breaker that lets an outage cost nothing, and a pace that keeps a promised limit."""

import datetime as dt
import random

from hypothesis import given
from hypothesis import strategies as st

from broker.delivery.breaker import LONGEST, SHORTEST, THRESHOLD, Breaker, Pace

NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)


def opened(failures: int = THRESHOLD, at: dt.datetime = NOW) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.after(True, at, random.Random(1))
    return breaker


def test_it_opens_at_the_threshold_and_not_before():
    assert opened(THRESHOLD - 1).allows(NOW, 8) == 8
    assert opened().allows(NOW, 8) == 0


def test_half_open_lets_one_try_and_an_answer_closes_it():
    breaker = opened()
    assert breaker.open_until is not None
    assert breaker.allows(breaker.open_until, 8) == 1
    assert breaker.after(False, NOW, random.Random(1)) == Breaker()


def test_what_says_nothing_about_the_destination_changes_nothing():
    breaker = opened()
    assert breaker.after(None, NOW, random.Random(1)) == breaker


@given(st.integers(THRESHOLD, 200), st.integers())
def test_its_pauses_grow_and_stay_within_bounds(failures: int, seed: int):
    breaker = Breaker(failures - 1).after(True, NOW, random.Random(seed))
    assert breaker.open_until is not None
    assert SHORTEST / 2 <= breaker.open_until - NOW <= LONGEST


@given(st.lists(st.sampled_from([True, False, None]), max_size=60))
def test_only_failures_in_a_row_count(answers: list[bool | None]):
    breaker = Breaker()
    for answer in answers:
        breaker = breaker.after(answer, NOW, random.Random(1))
    row = 0
    for answer in answers:
        row = row + 1 if answer else (0 if answer is False else row)
    assert breaker.failures == row
    assert (breaker.open_until is not None) == (row >= THRESHOLD)


@given(
    rate=st.floats(0.5, 50),
    steps=st.lists(st.tuples(st.integers(0, 20), st.floats(0, 2)), min_size=1, max_size=60),
)
def test_a_pace_never_grants_more_than_a_burst_and_its_rate(rate: float, steps: list[tuple[int, float]]):
    pace, at, granted = Pace(rate), 100.0, 0
    for wanted, pause in steps:
        at += pause
        got = pace.take(wanted, at)
        assert 0 <= got <= wanted
        granted += got
        assert granted <= max(rate, 1.0) + rate * (at - 100.0) + 1e-6


def test_no_rate_is_no_limit():
    assert Pace(0).take(1000, 1.0) == 1000


def test_what_was_granted_and_not_used_can_be_given_back():
    pace = Pace(10)
    assert pace.take(10, 100.0) == 10
    pace.give_back(7)
    assert pace.take(10, 100.0) == 7
    pace.give_back(1000)
    assert pace.take(1000, 100.0) == 10, "never more than a burst"


def test_a_slow_pace_still_lets_one_go_in_time():
    pace = Pace(0.5)
    assert pace.take(5, 0.0) == 1
    assert pace.take(5, 1.0) == 0
    assert pace.take(5, 2.0) == 1


def test_who_is_asked_for_fewer_rests_then_halves_then_grows_back():
    pace = Pace(8)
    assert pace.take(8, 0.0) == 8
    pace.slow(1.0)
    pace.slow(1.5)
    assert pace.take(8, 60.0) == 0, "a rest"
    assert pace.rate == 4, "complaints of one burst count once"
    assert pace.take(8, 62.0) <= 5
    pace.take(0, 61.0 + 120.0)
    assert pace.rate == 8, "two minutes later it is what was configured"


def test_a_pace_without_a_limit_is_halved_from_what_it_was_and_free_again_in_the_end():
    pace = Pace(0)
    for second in range(3):
        pace.take(100, float(second))
    pace.slow(3.0)
    assert pace.take(100, 30.0) == 0
    assert pace.rate == 50
    assert pace.take(1000, 200.0) <= 200
    pace.take(0, 600.0)
    assert pace.take(1000, 601.0) == 1000
