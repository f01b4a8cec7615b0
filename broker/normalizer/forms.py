"""Pure reformatting of one value: the same statement in the form that is demanded, or the value as it was.

No function here knows of elements, and none adds what the value does not say: a zone, a country, a missing digit. Values
too long to be what a function looks for are left alone, so that none takes more than linear time.
"""

import re
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import Final

BLANKS: Final = " \t\r\n\u00a0\u2007\u202f\u200b\ufeff"
"""What may stand around a value and says nothing: blanks of ASCII and Unicode, invisible marks."""
_UNBREAKABLE: Final = re.compile("[\u00a0\u2007\u202f]")
_ENGLISH_QUOTES: Final = re.compile("[\u201c\u201d\u201e\u201f]")
_HYPHENS: Final = "\\-\u2010\u2011\u2012\u2013\u2014\u2212"
_GAP: Final = rf"[\s\u00a0\u202f{_HYPHENS}]{{0,3}}"
_SNILS: Final = re.compile(rf"([0-9]{{3}}){_GAP}([0-9]{{3}}){_GAP}([0-9]{{3}}){_GAP}([0-9]{{2}})")
_PHONE: Final = re.compile(
    rf"(?:tel:|тел\.?:?)?[\s\u00a0]{{0,3}}(\+?)((?:[().\s\u00a0\u202f{_HYPHENS}]*[0-9])+)[\s)]*",
    re.IGNORECASE,
)
_LONGEST_PHONE: Final = 60
_LONGEST_TIME: Final = 40
_LONGEST_SNILS: Final = 30
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)? ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_LOOSE: Final = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?(?:\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)
_STATED: Final = re.compile(r"[0-9]{4,14}(?:[+-][0-9]{4})?")
_WITHOUT_ZONE: Final = re.compile(r"[0-9]{10,14}(?:\.[0-9]{1,9})?")
_PLAIN_BYTES: Final = bytes(range(0xC0)) + b"\xc2\xd0\xd1\xe2"
"""ASCII, bytes that continue a character, and those that begin U+0080 to U+00BF, U+0400 to U+047F, U+2000 to U+2FFF."""
_PUNCTUATION: Final = re.compile(rb"\xe2..", re.DOTALL)
_USUAL_SIGNS: Final = frozenset(sign.encode() for sign in "–—“”„…№•’")
_DECLARATION: Final = 200
"""Bytes within which the declaration ends; its own quotes are no attribute's."""
_MANY_QUOTES: Final = 200
_TAG: Final = re.compile(rb"""<[^<>"']*+(?:"[^"]*"[^<>"']*+|'[^']*'[^<>"']*+)*+>""")
_BLANKS_ALIKE: Final = bytes.maketrans(b"\t\r\n", b"   ")
_ROUGH_EDGES: Final = (b' "', b" '", b'=" ', b"=' ")
"""What stands in bytes where an attribute begins or ends with a blank: quotes open right behind the sign of equality."""
_FARTHEST: Final = timedelta(hours=14)
_SHORT: Final = 64
_LONGEST_RUN: Final = 30
"""Combining marks in a row (UAX #15, Stream-Safe Text): ordering more of them takes quadratic time."""


def composed(text: str) -> str:
    """Return the text in Unicode NFC; one with endless runs of combining marks stays as it is."""
    if text.isascii() or (len(text) > _SHORT and _marks_in_a_row().search(text)):
        return text
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def is_plain(content: bytes) -> bool:
    """Tell, far cheaper than by looking at each value, whether UTF-8 holds nothing to compose and no unbreakable space.

    Plain are ASCII without references by number, Russian letters up to U+047F and the usual dashes, quotes and №.
    """
    if _holds(content, b"&#") or content.translate(None, _PLAIN_BYTES) or _holds(content, b"\xc2\xa0"):
        return False
    return b"\xe2" not in content or set(_PUNCTUATION.findall(content)) <= _USUAL_SIGNS


def is_smooth(content: bytes) -> bool:
    """Tell whether in plain UTF-8 no attribute begins or ends with a blank, and none names a schema.

    Where quotation marks abound in the text the answer is no: then every value is looked at.
    """
    if b"chemaLocation" in content:
        return False
    declaration = content.find(b"?>", 0, _DECLARATION) + 2 if content.startswith(b"<?xml") else 0
    even = content[declaration:].translate(_BLANKS_ALIKE)
    return not any(_holds(even, edge) and _is_rough(even, edge) for edge in _ROUGH_EDGES)


def _is_rough(even: bytes, edge: bytes) -> bool:
    """Tell whether what looks like the edge of an attribute stands in a tag, not in text: a tag is what its ``<`` begins."""
    place = even.find(edge)
    for _ in range(_MANY_QUOTES):
        if place < 0:
            return False
        tag = _TAG.match(even, even.rfind(b"<", 0, place))
        if tag is None or tag.end() > place:
            return True
        place = even.find(edge, place + 1)
    return True


def _holds(content: bytes, sign: bytes) -> bool:
    """Find a sign; one byte of it is looked for first, which is twenty times faster and mostly enough."""
    return all(sign[place : place + 1] in content for place in range(len(sign))) and sign in content


@cache
def _marks_in_a_row() -> re.Pattern[str]:
    """Made once and only where a long text comes: it asks 130 000 characters whether they combine."""
    marks = "".join(mark for mark in map(chr, range(0x300, 0x20000)) if unicodedata.combining(mark))
    return re.compile(f"[{marks}]{{{_LONGEST_RUN + 1}}}")


def breakable(text: str) -> str:
    """Return the text with ordinary spaces in place of unbreakable ones."""
    return text if text.isascii() else _UNBREAKABLE.sub(" ", text)


def trimmed(text: str) -> str:
    """Return the text without blanks at its ends; what is nothing but blanks stays, it is reported as empty."""
    return text.strip(BLANKS) or text


def straight_quotes(text: str) -> str:
    """Return the text with straight quotation marks in place of English ones; «ёлочки» stay."""
    return text if text.isascii() else _ENGLISH_QUOTES.sub('"', text)


def snils(text: str) -> str:
    """Return a СНИЛС as eleven digits when nothing but blanks and hyphens stands between them."""
    match = _SNILS.fullmatch(text) if len(text) <= _LONGEST_SNILS else None
    return text if match is None else "".join(match.groups())


def phone(text: str) -> str:
    """Return a phone number with a country's code as ``tel:+7XXXXXXXXXX``; eight in front of ten digits is Russia's."""
    match = _PHONE.fullmatch(text) if len(text) <= _LONGEST_PHONE else None
    if match is None:
        return text
    digits = re.sub("[^0-9]", "", match[2])
    if not match[1]:
        return f"tel:+7{digits[1:]}" if len(digits) == 11 and digits[0] in "78" else text
    if digits[0] == "7":
        return f"tel:+{digits}" if len(digits) == 11 else text
    # «+8 495…» is a common slip, but also a number of Vietnam: nobody can tell.
    foreign = 8 <= len(digits) <= 15 and not (digits[0] == "8" and len(digits) == 11)
    return f"tel:+{digits}" if foreign else text


def point_in_time(text: str) -> str:
    """Return an ISO date or a time with its zone as ``YYYYMMDD[HHMM[SS]±ZZZZ]``; a time without a zone stays."""
    if text.isdigit() or len(text) > _LONGEST_TIME:
        return text
    match = _ISO.fullmatch(text) or _LOOSE.fullmatch(text)
    if match is None:
        return text
    year, month, day, hour, minute, second, zone = match.groups()
    if hour is None:
        return f"{year}{month}{day}" if _exists(year, month, day) else text
    if zone is None or not _exists(year, month, day, hour, minute, second or "00"):
        return text
    offset = _offset(zone)
    return f"{year}{month}{day}{hour}{minute}{second or ''}{offset}" if offset else text


def lacks_zone(text: str) -> bool:
    """Tell whether this is a time of day, in either form, that does not say its zone."""
    if len(text) > _LONGEST_TIME:
        return False
    match = _ISO.fullmatch(text)
    if match is not None:
        return match[4] is not None and match[7] is None
    return _WITHOUT_ZONE.fullmatch(text) is not None


def is_stated(text: str) -> bool:
    """Tell whether this has the form of an HL7 point in time, however exact."""
    return _STATED.fullmatch(text) is not None


def _exists(*parts: str) -> bool:
    try:
        datetime(*map(int, parts))  # type: ignore[arg-type]  # noqa: DTZ001 - six whole numbers; only the calendar is asked
    except ValueError:
        return False
    return True


def _offset(zone: str) -> str:
    if zone in "Zz":
        return "+0000"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59 or timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) > _FARTHEST:
        return ""
    return zone[0] + digits
