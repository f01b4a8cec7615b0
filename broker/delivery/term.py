"""By when must a document stand in РЭМД, and when is it time to worry? The clock of the term, in the clinic's zone.

The term runs from the latest signing time of the required signatures; the day of signing is not counted, it ends with the
last of so many working days, at midnight where the clinic is (ПП РФ № 140, one working day). Shares of it are counted in the
hours of working days alone, so that nobody is warned at a weekend of what Monday will mend.
"""

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from broker.delivery.calendar import Calendar

SHARES: Final = (0.5, 0.8, 1.0)
"""Parts of the term after which somebody is told: half of it, four fifths, all of it."""
MOST_DAYS: Final = 60


class TermRefused(Exception):  # noqa: N818  names what happened
    """The file of terms cannot be used; the text says what is wrong in it, in Russian."""


class ClinicTerm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is different at one clinic; empty means as elsewhere."""

    zone: str = ""
    days: int = 0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: int = 0
    kinds: dict[str, int] = {}
    clinics: dict[str, ClinicTerm] = {}
    zones: dict[str, str] = {}
    calendar: Calendar = Calendar()


class Term(msgspec.Struct, frozen=True):
    """The term of one document, all instants UTC: where it starts, and when each of ``SHARES`` is used up; the last is its end.

    ``days``: working days it has; ``provisional``: a year whose moved days are not published was met in reckoning it.
    """

    starts: datetime
    marks: tuple[datetime, ...]
    days: int
    provisional: bool

    @property
    def ends(self) -> datetime:
        """When the document must be registered at the latest."""
        return self.marks[-1]


class Terms(msgspec.Struct, frozen=True):
    """Zones, calendar and how many days: everything a term follows from."""

    days: int
    kinds: dict[str, int]
    clinics: dict[str, ClinicTerm]
    zones: dict[str, str]
    calendar: Calendar

    @classmethod
    def read(cls, shipped: Path, own: Path | None = None) -> "Terms":
        """Read the shipped file and an operator's over it; raise ``TermRefused``."""
        base = _read(shipped)
        over = _read(own) if own else _File()
        terms = cls(
            days=over.days or base.days,
            kinds=base.kinds | over.kinds,
            clinics=base.clinics | over.clinics,
            zones=base.zones | over.zones,
            calendar=msgspec.structs.replace(
                base.calendar.with_years(over.calendar.years),
                holidays=over.calendar.holidays or base.calendar.holidays,
            ),
        )
        terms.check()
        return terms

    def check(self) -> None:
        """Raise ``TermRefused`` for a zone nobody knows or a number of days that makes no sense."""
        for zone in {*self.zones.values(), *(one.zone for one in self.clinics.values() if one.zone)}:
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise TermRefused(f"Сроки: часового пояса «{zone}» нет.") from error
        numbers = [self.days, *self.kinds.values(), *(one.days or 1 for one in self.clinics.values())]
        if not all(1 <= days <= MOST_DAYS for days in numbers) or "default" not in self.zones:
            raise TermRefused(f"Сроки: рабочих дней может быть от 1 до {MOST_DAYS}, и нужен пояс default.")

    def zone(self, clinic: str, region: str) -> ZoneInfo:
        """Return the clinic's time zone."""
        own = self.clinics.get(clinic)
        name = own.zone if own and own.zone else self.zones.get(region, self.zones["default"])
        return ZoneInfo(name)

    def of(self, starts: datetime, *, clinic: str, region: str, kind: str) -> Term:
        """Return the term of a document signed at an instant."""
        own = self.clinics.get(clinic)
        days = (own.days if own else 0) or self.kinds.get(kind, self.days)
        zone = self.zone(clinic, region)
        first = starts.astimezone(zone)
        last = next(islice(self.calendar.working_days_after(first.date()), days - 1, None))
        spans = list(self._spans(first, last, zone))
        whole = sum((end - start for start, end in spans), timedelta(0))
        marks = tuple(_after(spans, whole * share).astimezone(UTC) for share in SHARES)
        years = range((first.date() + timedelta(days=1)).year, last.year + 1)
        provisional = any(self.calendar.is_provisional(year) for year in years)
        return Term(starts.astimezone(UTC), marks, days, provisional)

    def _spans(self, first: datetime, last: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches of working days from an instant to the end of the last day."""
        day = first.date()
        while day <= last:
            if self.calendar.is_working(day):
                start = datetime.combine(day, time(), zone)
                end = datetime.combine(day + timedelta(days=1), time(), zone)
                yield max(first, start), end
            day += timedelta(days=1)


def _after(spans: list[tuple[datetime, datetime]], used: timedelta) -> datetime:
    """Return when so much of the stretches is used up."""
    for start, end in spans:
        if used <= end - start:
            return start + used
        used -= end - start
    return spans[-1][1]


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File, strict=False)
    except (OSError, UnicodeDecodeError) as error:
        raise TermRefused(f"Сроки: файл {path} не читается.") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TermRefused(f"Сроки, файл {path}: {error}") from error
