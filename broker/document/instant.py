"""HL7 points in time: ``YYYYMMDD[HHMM[SS]±ZZZZ]`` and RFC 3339, as moments that keep their own offset."""

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

MOSCOW: Final = timezone(timedelta(hours=3))
"""The offset taken for a date without a time, because РЭМД itself counts its days in it (our choice)."""
_HL7: Final = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(?:(\d{2})(?:\.\d{1,6})?)?([+-]\d{4})?)?",
)


def moment(text: str) -> datetime | None:
    """Read an HL7 point in time; a time without an offset is none, a bare date is midnight in Moscow's offset."""
    match = _HL7.fullmatch(text)
    if match is None or (match[4] and not match[7]):
        return None
    try:
        return datetime(
            int(match[1]),
            int(match[2]),
            int(match[3]),
            int(match[4] or 0),
            int(match[5] or 0),
            int(match[6] or 0),
            tzinfo=_offset(match[7]) if match[7] else MOSCOW,
        )
    except ValueError:
        return None


def calendar_day(text: str) -> date | None:
    """Return the date an HL7 point in time begins with."""
    digits = text[:8]
    if len(digits) < 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def has_time(text: str) -> bool:
    """Tell whether an HL7 point in time says more than the day."""
    return len(text) > 8


def lacks_offset(text: str) -> bool:
    """Tell whether an HL7 point in time has a time but no offset, which CDA forbids."""
    match = _HL7.fullmatch(text)
    return match is not None and match[4] is not None and match[7] is None


def rfc3339(text: str) -> datetime | None:
    """Read a time of a submission; one without an offset is none."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


@lru_cache(maxsize=64)
def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
