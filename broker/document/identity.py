"""Identifiers of the field and their check digits: is this string a possible OID, СНИЛС, ОГРН, ИНН or ЕНП?

Every function answers for the form only; whether the number exists is known to the registers (ФРМО, ФРМР, ГИП).
"""

import re
from functools import lru_cache
from typing import Final, NewType

Oid = NewType("Oid", str)
"""Dotted object identifier, e.g. ``1.2.643.5.1.13.13.12.2.77.9001`` (ФРМО, dictionary 1.2.643.5.1.13.13.11.1461)."""
Snils = NewType("Snils", str)
"""СНИЛС as eleven digits without separators."""
PartnerId = NewType("PartnerId", str)
"""Login of a МИС vendor: ``[a-z0-9-]{3,40}``."""

OID_PATTERN: Final = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
CLINIC_OID_PATTERN: Final = re.compile(r"1\.2\.643\.5\.1\.13\.13\.12\.(2|4)\.(\d{2})\.\d+")
PARTNER_ID_PATTERN: Final = re.compile(r"[a-z0-9-]{3,40}")
_KEPT_SIZE: Final = 64
"""Characters. Documents name the same few hundred OIDs again and again; longer texts are read anew each time."""
_SEPARATORS: Final = str.maketrans("", "", "- ")


def is_oid(text: str) -> bool:
    """Tell whether the text is an OID; leading zeros and blanks make it none."""
    return _is_oid(text) if len(text) <= _KEPT_SIZE else OID_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _is_oid(text: str) -> bool:
    return OID_PATTERN.fullmatch(text) is not None


def is_clinic_oid(text: str) -> bool:
    """Tell whether the text has the form of a clinic's ФРМО OID, ``12.2.<region>.<n>`` or ``12.4.<region>.<n>``."""
    return CLINIC_OID_PATTERN.fullmatch(text) is not None


def region_of(clinic: str) -> str:
    """Return the two-digit subject code inside a clinic's OID, or an empty string when it has none."""
    match = CLINIC_OID_PATTERN.match(clinic)
    return match[2] if match else ""


def snils_digits(text: str) -> str:
    """Return the СНИЛС without blanks and hyphens, as РЭМД expects it."""
    return text.translate(_SEPARATORS)


def is_snils(text: str) -> bool:
    """Tell whether the text is a СНИЛС with a right check number (ПФР: sum of digit × place, mod 101)."""
    digits = snils_digits(text)
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(int(digit) * (9 - place) for place, digit in enumerate(digits[:9]))
    return total % 101 % 100 == int(digits[9:])


def is_ogrn(text: str) -> bool:
    """Tell whether the text is an ОГРН (13 digits, mod 11) or ОГРНИП (15 digits, mod 13)."""
    if not (text.isascii() and text.isdigit()):
        return False
    modulus = {13: 11, 15: 13}.get(len(text))
    return modulus is not None and int(text[:-1]) % modulus % 10 == int(text[-1])


def is_inn(text: str) -> bool:
    """Tell whether the text is an ИНН of an organisation (10 digits) or a person (12 digits)."""
    if not (text.isascii() and text.isdigit()):
        return False
    if len(text) == 10:
        return _inn_check(text[:9], (2, 4, 10, 3, 5, 9, 4, 6, 8)) == text[9]
    if len(text) == 12:
        first = _inn_check(text[:10], (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
        second = _inn_check(text[:10] + first, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
        return text[10:] == first + second
    return False


def _inn_check(digits: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11 % 10)


def is_enp(text: str) -> bool:
    """Tell whether the text is a ЕНП (16 digits, last one a Luhn check digit; rule recalled, see tfoms.md §6)."""
    if len(text) != 16 or not (text.isascii() and text.isdigit()):
        return False
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(text[:-1])]
    total = sum(d - 9 if d > 9 else d for d in doubled)
    return (10 - total % 10) % 10 == int(text[-1])
