"""HL7 points in time keep their own offset, and what is no time is none."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from broker.document import instant

FAR_EAST = timezone(timedelta(hours=12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("202511101015+0300", datetime(2025, 11, 10, 10, 15, tzinfo=instant.MOSCOW)),
        ("20251110101530+1200", datetime(2025, 11, 10, 10, 15, 30, tzinfo=FAR_EAST)),
        (
            "20251110101530.123-0330",
            datetime(2025, 11, 10, 10, 15, 30, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        ),
        ("20251110", datetime(2025, 11, 10, tzinfo=instant.MOSCOW)),
        ("202511101015", None),
        ("20251310", None),
        ("2025-11-10", None),
        ("202511102560+0300", None),
        ("", None),
    ],
)
def test_a_point_in_time_is_read(text, expected):
    assert instant.moment(text) == expected


def test_a_time_without_an_offset_is_told_from_nonsense():
    assert instant.lacks_offset("202511101015")
    assert not instant.lacks_offset("2025-11-10")
    assert not instant.lacks_offset("20251110")


def test_a_day_is_the_head_of_a_point_in_time():
    assert instant.calendar_day("202511101015+0300") == date(2025, 11, 10)
    assert instant.calendar_day("2025") is None
    assert instant.calendar_day("20259910") is None


def test_rfc3339_needs_an_offset():
    assert instant.rfc3339("2025-11-10T10:15:00Z") == datetime(2025, 11, 10, 10, 15, tzinfo=UTC)
    assert instant.rfc3339("2025-11-10T10:15:00") is None
    assert instant.rfc3339("yesterday") is None
