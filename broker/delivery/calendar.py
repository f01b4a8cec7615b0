"""Which days are working days: the production calendar as data, and what the Labour Code says where no year is published."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import msgspec

_SATURDAY: Final = 5
_JANUARY: Final = 1
_DAY: Final = timedelta(days=1)


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A year whose moved days were decreed: ``off`` beyond weekends and holidays, ``working`` weekend days."""

    off: frozenset[date] = frozenset()
    working: frozenset[date] = frozenset()


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holidays of every year as ``MM-DD`` and the published years by number."""

    holidays: tuple[str, ...] = ()
    years: dict[str, Year] = {}

    def is_working(self, day: date) -> bool:
        """Tell whether a day is a working day."""
        published = self.years.get(str(day.year))
        if published is None:
            return not _is_free(day, self.holidays) and day not in _moved(day.year, self.holidays)
        if day in published.working:
            return True
        return day not in published.off and not _is_free(day, self.holidays)

    def is_provisional(self, year: int) -> bool:
        """Tell whether a year is reckoned by the Labour Code alone: moved days may still be decreed."""
        return str(year) not in self.years

    def working_days_after(self, day: date) -> Iterator[date]:
        """Yield the working days that follow a day."""
        while True:
            day += _DAY
            if self.is_working(day):
                yield day

    def with_years(self, years: Mapping[str, Year]) -> "Calendar":
        """Return the calendar with these years put over its own."""
        return msgspec.structs.replace(self, years=self.years | dict(years))


def _is_free(day: date, holidays: tuple[str, ...]) -> bool:
    return day.weekday() >= _SATURDAY or f"{day:%m-%d}" in holidays


@lru_cache(maxsize=32)
def _moved(year: int, holidays: tuple[str, ...]) -> frozenset[date]:
    """Move a weekend that meets a holiday to the next working day (Labour Code, article 112); January's are decreed."""
    moved: set[date] = set()
    for text in holidays:
        month, number = map(int, text.split("-"))
        holiday = date(year, month, number)
        if month == _JANUARY or holiday.weekday() < _SATURDAY:
            continue
        day = holiday + _DAY
        while _is_free(day, holidays) or day in moved:
            day += _DAY
        moved.add(day)
    return frozenset(moved)
