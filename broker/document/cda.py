"""Roots and fields of a CDA document that more than one room must know."""

import re
from typing import Final

from lxml.etree import _Element as Element

from broker.document.markup import CDA
from broker.document.outline import Outline

SNILS_ROOT: Final = "1.2.643.100.3"
"""id/@root of a СНИЛС."""
LICENCE_ROOT: Final = "1.2.643.5.1.13.2.1.1.1504.101"
"""id/@root of a clinic's licence."""
PAYER_ROOT: Final = "1.2.643.5.1.13.13.99.2.183"
"""id/@root of an insurer in the register of СМО."""
_H: Final = f"{{{CDA}}}"
_SECTION: Final = f"{_H}component/{_H}structuredBody/{_H}component/{_H}section"
_OBSERVATION: Final = f"{_H}entry/{_H}observation"
_UUID: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBERS: Final = {"11002": "series", "11003": "number"}
"""Fields of 1.2.643.5.1.13.13.99.2.166 that hold a document's series and number."""


def is_uuid(text: str) -> bool:
    """Tell whether the text is a UUID in its usual form of 36 characters."""
    return _UUID.fullmatch(text) is not None


def stated_numbers(outline: Outline) -> dict[str, str]:
    """Return the series and number a document states of itself in DOCINFO, under ``series`` and ``number``.

    Elsewhere the same fields speak of other documents (LINKDOCS).
    """
    found: dict[str, str] = {}
    for section in outline.all(_SECTION):
        if _code_of(outline, section) != "DOCINFO":
            continue
        for observation in outline.below(section, _OBSERVATION):
            name = _NUMBERS.get(_code_of(outline, observation))
            value = outline.first_below(observation, f"{_H}value")
            if name is not None and value is not None and value.text:
                found.setdefault(name, value.text.strip())
    return found


def _code_of(outline: Outline, element: Element) -> str:
    code = outline.first_below(element, f"{_H}code")
    return "" if code is None else code.get("code", "")
