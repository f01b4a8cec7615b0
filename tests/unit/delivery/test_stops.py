"""Whose delay it was: every second belongs to one, and what stood for a reason on record is told apart."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from broker.delivery.stops import Course, Shares, Stop, StopKind, Whose, divide, within

START = datetime(2026, 11, 26, 9, tzinfo=UTC)
HELD, CLOSED, PAUSED, SILENT = StopKind


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def a_course(sent: float | None = 4, ended: float = 10) -> Course:
    """Signed at 0, accepted at 1, sent and ended as said, in hours."""
    return Course(signed=at(0), accepted=at(1), sent=None if sent is None else at(sent), ended=at(ended))


def stop(since: float, until: float, kind: StopKind = HELD) -> Stop:
    return Stop(at(since), at(until), kind)


def hours(**shares: float) -> Shares:
    return Shares(**{name: round(value * 3600) for name, value in shares.items()})


@pytest.mark.parametrize(
    ("course", "stops", "shares"),
    [
        (a_course(), [], hours(clinic=1, platform=3, system=6)),
        (a_course(sent=None), [], hours(clinic=1, platform=9)),
        (a_course(sent=None), [stop(2, 20)], hours(clinic=1, platform=1, held=8)),
        (a_course(), [stop(2, 5, PAUSED)], hours(clinic=1, platform=1, system=5, paused=3)),
        (a_course(), [stop(2, 3, SILENT)], hours(clinic=1, platform=2, system=6, silent=1)),
        (a_course(), [stop(6, 8, CLOSED)], hours(clinic=1, platform=5, system=4)),
        (a_course(), [stop(-5, 1)], hours(clinic=1, platform=3, system=6)),  # the clinic's own time
        (
            a_course(),
            [stop(1, 4, PAUSED), stop(2, 3), stop(2.5, 3.5, SILENT)],  # a held one is held, paused or not
            hours(clinic=1, system=6, held=1, paused=2),
        ),
        (Course(signed=at(0), accepted=at(0), sent=None, ended=at(0)), [], Shares()),
        (Course(signed=at(3), accepted=at(1), sent=at(2), ended=at(5)), [], hours(platform=1, system=3)),
    ],
)
def test_time_is_divided_between_who_had_the_document_and_what_stopped_it(
    course: Course, stops: list[Stop], shares: Shares
) -> None:
    assert divide(course, stops) == shares


def test_no_second_is_lost_or_counted_twice() -> None:
    dice = random.Random(7)
    for _ in range(300):
        way = sorted(dice.uniform(0, 100) for _ in range(4))
        course = Course(signed=at(way[0]), accepted=at(way[1]), sent=at(way[2]), ended=at(way[3]))
        stops = [
            stop(*sorted((dice.uniform(-10, 110), dice.uniform(-10, 110))), dice.choice(list(StopKind)))
            for _ in range(dice.randrange(6))
        ]
        made = divide(course, stops)
        whole = made.clinic + made.platform + made.system + made.held + made.paused + made.silent
        assert abs(whole - (way[3] - way[0]) * 3600) <= 6


@pytest.mark.parametrize(
    ("shares", "whose"),
    [
        (hours(clinic=2, platform=1), Whose.CLINIC),
        (hours(clinic=2, platform=1, paused=2), Whose.PLATFORM),
        (hours(clinic=2, system=1, silent=2), Whose.SYSTEM),
        (hours(clinic=2, held=3), Whose.CONDITION),
        (hours(clinic=2, platform=2), Whose.CLINIC),
        (Shares(), None),
    ],
)
def test_a_delay_is_whose_share_is_the_largest(shares: Shares, whose: Whose | None) -> None:
    assert shares.whose == whose


def test_a_pause_counts_only_while_the_document_waited_to_be_sent() -> None:
    pauses = [stop(0, 3, PAUSED), stop(5, 9, PAUSED)]
    assert within(pauses, [(at(1), at(2)), (at(8), at(20))]) == [stop(1, 2, PAUSED), stop(8, 9, PAUSED)]
    assert within(pauses, [(at(3), at(5))]) == []
