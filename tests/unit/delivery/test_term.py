"""The clock of the term: working days of the production calendar, midnight where the clinic is, shares in working hours."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broker.delivery.calendar import Calendar
from broker.delivery.term import TermRefused, Terms

SHIPPED = Path(__file__).parents[3] / "schemas" / "term.toml"
TERMS = Terms.read(SHIPPED)
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"


def ends(signed: str, region: str = "77", kind: str = "306") -> str:
    term = TERMS.of(datetime.fromisoformat(signed), clinic=CLINIC, region=region, kind=kind)
    return term.ends.astimezone(TERMS.zone(CLINIC, region)).isoformat()


@pytest.mark.parametrize(
    ("signed", "region", "end"),
    [
        ("2026-11-26T12:00:00+03:00", "77", "2026-11-28T00:00:00+03:00"),  # Thursday: all of Friday
        ("2026-11-27T18:00:00+03:00", "77", "2026-12-01T00:00:00+03:00"),  # Friday evening: all of Monday
        ("2026-11-28T09:00:00+03:00", "77", "2026-12-01T00:00:00+03:00"),  # a Saturday
        ("2025-12-30T23:30:00+03:00", "77", "2026-01-13T00:00:00+03:00"),  # over the holidays of New Year
        (
            "2025-10-31T10:00:00+03:00",
            "77",
            "2025-11-02T00:00:00+03:00",
        ),  # the next day is a working Saturday
        ("2025-11-01T10:00:00+03:00", "77", "2025-11-06T00:00:00+03:00"),  # ... and three days off follow it
        ("2024-04-26T10:00:00+03:00", "77", "2024-04-28T00:00:00+03:00"),  # a Saturday worked for 29 April
        ("2024-12-28T10:00:00+03:00", "77", "2025-01-10T00:00:00+03:00"),  # off from there to 8 January
        ("2026-03-06T10:00:00+03:00", "77", "2026-03-11T00:00:00+03:00"),  # 8 March was a Sunday
        ("2026-05-08T10:00:00+03:00", "77", "2026-05-13T00:00:00+03:00"),  # 9 May was a Saturday
        ("2026-11-26T20:30:00+03:00", "41", "2026-12-01T00:00:00+12:00"),  # already Friday on Kamchatka
        ("2026-11-26T20:30:00+03:00", "39", "2026-11-28T00:00:00+02:00"),  # still Thursday in Kaliningrad
        (
            "2026-11-26T22:30:00Z",
            "77",
            "2026-12-01T00:00:00+03:00",
        ),  # the offset of the signature does not matter
    ],
)
def test_the_term_ends_with_the_last_working_day_where_the_clinic_is(
    signed: str, region: str, end: str
) -> None:
    assert ends(signed, region) == end


def test_shares_are_counted_in_the_hours_of_working_days() -> None:
    term = TERMS.of(
        datetime.fromisoformat("2026-11-27T18:00:00+03:00"), clinic=CLINIC, region="77", kind="306"
    )
    half, most, end = (one.astimezone(TERMS.zone(CLINIC, "77")) for one in term.marks)
    assert half.isoformat() == "2026-11-30T09:00:00+03:00"  # of six hours on Friday and all of Monday
    assert most.isoformat() == "2026-11-30T18:00:00+03:00"
    assert end.isoformat() == "2026-12-01T00:00:00+03:00"
    assert term.starts == datetime(2026, 11, 27, 15, tzinfo=UTC)


def test_every_term_goes_forward_whenever_and_wherever_it_starts() -> None:
    start = datetime(2025, 12, 20, tzinfo=UTC)
    for region in ("39", "77", "63", "66", "55", "54", "38", "14", "25", "49", "41"):
        last = start
        for step in range(500):
            term = TERMS.of(start + timedelta(hours=7 * step), clinic=CLINIC, region=region, kind="306")
            assert term.starts < term.marks[0] < term.marks[1] < term.ends
            assert term.ends >= last
            assert term.ends - term.starts >= timedelta(days=1)
            last = term.ends


def test_an_unpublished_year_follows_the_labour_code_and_is_called_provisional() -> None:
    term = TERMS.of(datetime(2027, 2, 22, 9, tzinfo=UTC), clinic=CLINIC, region="77", kind="306")
    assert term.provisional
    assert ends("2027-02-22T12:00:00+03:00") == "2027-02-25T00:00:00+03:00"  # 23 February off
    assert not TERMS.calendar.is_working(date(2027, 5, 3))  # 1 May is a Saturday: its rest moves to Monday
    assert not TERMS.calendar.is_working(date(2027, 5, 10))  # 9 May is a Sunday
    assert not TERMS.of(
        datetime(2026, 2, 20, 9, tzinfo=UTC), clinic=CLINIC, region="77", kind="306"
    ).provisional


@pytest.mark.parametrize(
    ("signed", "region", "provisional"),
    [
        ("2026-12-30T12:00:00+03:00", "77", True),  # 31 December is off: it ends in January
        ("2026-12-29T12:00:00+03:00", "77", False),  # ends with 30 December
        ("2026-12-29T23:30:00+03:00", "41", True),  # the 30th already on Kamchatka
        ("2023-12-29T12:00:00+03:00", "77", True),  # no calendar of 2023
    ],
)
def test_a_term_is_provisional_when_a_day_it_counts_is_of_an_unpublished_year(
    signed: str, region: str, provisional: bool
) -> None:
    term = TERMS.of(datetime.fromisoformat(signed), clinic=CLINIC, region=region, kind="306")
    assert term.provisional is provisional
    assert term.days == 1


def test_working_days_of_the_published_years_are_as_many_as_decreed() -> None:
    for year, count in ((2024, 248), (2025, 247), (2026, 247)):
        length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        days = (date(year, 1, 1) + timedelta(days=n) for n in range(length))
        assert sum(map(TERMS.calendar.is_working, days)) == count


def test_an_operators_file_lies_over_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "term.toml"
    own.write_text(
        f'[kinds]\n230 = 3\n[clinics]\n"{CLINIC}" = {{zone = "Asia/Magadan", days = 2}}\n'
        '[calendar.years.2027]\noff = ["2027-02-22"]\n',
        encoding="utf-8",
    )
    terms = Terms.read(SHIPPED, own)
    assert str(terms.zone(CLINIC, "77")) == "Asia/Magadan"
    assert not terms.calendar.is_working(date(2027, 2, 22))
    assert not terms.calendar.is_working(date(2026, 1, 9))
    other = "1.2.643.5.1.13.13.12.2.77.9002"
    thursday = datetime(2026, 11, 26, 9, tzinfo=UTC)
    assert terms.of(thursday, clinic=other, region="77", kind="230").ends.day == 1
    assert terms.of(thursday, clinic=CLINIC, region="77", kind="306").ends.day == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("days = 100", "рабочих дней"),
        ('[zones]\n77 = "Asia/Atlantis"', "часового пояса «Asia/Atlantis» нет"),
        ("days = [", "Сроки, файл"),
        ("unknown = 1", "Сроки, файл"),
        ('[calendar.years.2027]\noff = ["завтра"]', "Сроки, файл"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "term.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(TermRefused, match=said):
        Terms.read(SHIPPED, own)


def test_a_calendar_without_data_knows_weekends_alone() -> None:
    calendar = Calendar()
    assert [calendar.is_working(date(2026, 11, day)) for day in (27, 28, 29, 30)] == [
        True,
        False,
        False,
        True,
    ]
