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
    """Return what the body says of the document's series and number, under the keys ``series`` and ``number``."""
    found: dict[str, str] = {}
    body = root.find(f"{_H}component/{_H}structuredBody")
    for code in body.iter(f"{_H}code") if body is not None else ():
        name = _NUMBERS.get(code.get("code", ""))
        parent = code.getparent()
        value = parent.find(f"{_H}value") if name is not None and parent is not None else None
        if name is not None and value is not None and value.text:
            found.setdefault(name, value.text.strip())
    return found
