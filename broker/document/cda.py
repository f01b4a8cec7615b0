"""Roots and fields of a CDA document that more than one room must know."""

from typing import Final
from uuid import UUID

from lxml.etree import _Element as Element

from broker.document.markup import CDA

SNILS_ROOT: Final = "1.2.643.100.3"
"""id/@root of a СНИЛС."""
LICENCE_ROOT: Final = "1.2.643.5.1.13.2.1.1.1504.101"
"""id/@root of a clinic's licence."""
PAYER_ROOT: Final = "1.2.643.5.1.13.13.99.2.183"
"""id/@root of an insurer in the register of СМО."""
_H: Final = f"{{{CDA}}}"
_NUMBERS: Final = {"11002": "series", "11003": "number"}
"""Fields of 1.2.643.5.1.13.13.99.2.166 that hold a document's series and number."""


def is_uuid(text: str) -> bool:
    """Tell whether the text is a UUID in its usual form of 36 characters."""
    try:
        return len(text) == 36 and str(UUID(text)) == text.lower()
    except ValueError:
        return False


def stated_numbers(root: Element) -> dict[str, str]:
    """Return the series and number a document states of itself in DOCINFO, under ``series`` and ``number``.

    Elsewhere the same fields speak of other documents (LINKDOCS).
    """
    found: dict[str, str] = {}
    for section in root.iterfind(f"{_H}component/{_H}structuredBody/{_H}component/{_H}section"):
        if _code_of(section) != "DOCINFO":
            continue
        for observation in section.iterfind(f"{_H}entry/{_H}observation"):
            name = _NUMBERS.get(_code_of(observation))
            value = observation.find(f"{_H}value")
            if name is not None and value is not None and value.text:
                found.setdefault(name, value.text.strip())
    return found


def _code_of(element: Element) -> str:
    code = element.find(f"{_H}code")
    return "" if code is None else code.get("code", "")
