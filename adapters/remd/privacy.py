"""Texts of РЭМД quote people: this module takes personal data out of them before they become findings.

РЭМД puts values into square brackets or quotes. What is certainly harmless there (OID, version, UUID, emdrId, a name of
an XML thing) stays, everything else becomes an ellipsis: a lost detail is cheaper than a leaked name.
"""

import re
from typing import Final

_ELLIPSIS: Final = "…"
_SAFE_VALUE: Final = re.compile(
    r"""
      \d{1,4}                                                # a position, a kind, a rule number
    | \d{1,3}\.\d{1,3}(_[a-z]+)?                             # a version of a dictionary
    | [0-2](\.(0|[1-9]\d*)){4,}                              # an OID
    | \d{1,3}\.\d{2}\.\d{2}\.\d{2}\.\d{9}                    # an emdrId
    | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
    | emdr-[a-z0-9.-]{1,30}                                  # a system
    | error | internal_error | success
    | Пол\ пациента
    | @[\w:]+ (\s*=\s*['"][0-2](\.\d+){4,}['"])?             # a predicate of a rule
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SAFE_QUOTED: Final = re.compile(
    r"[a-z][A-Za-z0-9_:.\-/]*|\{[A-Za-z0-9_:.\-/\"{}, ]*\}|#AnonType_\w+"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_QUOTES: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"|«([^«»]*)»")
_WRITTEN_DATE: Final = re.compile(
    r"(?<!date is )\b(?:(?:19|20)\d\d-[01]\d-[0-3]\d|[0-3]\d\.[01]\d\.(?:19|20)\d\d)\b"
)
_NUMBER: Final = re.compile(r"(?<![\w.\-])(?:\d{3}-\d{3}-\d{3}[ -]?\d{2}|\d{8,}|\d{4} \d{6})(?![\w.\-]*\w)")
_FULL_NAME: Final = re.compile(
    r"[А-ЯЁ][а-яё-]+\s+[А-ЯЁ][а-яё-]+\s+[А-ЯЁ][а-яё]+(?:вич|вна|ична|оглы|кызы)\b"
    r"|[А-ЯЁ][а-яё-]+\s+[А-ЯЁ]\.\s*[А-ЯЁ]\."
    r"|[А-ЯЁ]\.\s*[А-ЯЁ]\.\s*[А-ЯЁ][а-яё-]+"
)
_LIMIT: Final = 2000


def without_personal_data(text: str) -> str:
    """Return the text of an answer with quoted values, numbers, dates and names masked, at most 2000 characters."""
    text = " ".join(text[: _LIMIT * 2].split())
    text = _BRACKETS.sub(_masked_bracket, text)
    text = _FULL_NAME.sub(_ELLIPSIS, text)
    text = _QUOTES.sub(_masked_quote, text)
    text = _WRITTEN_DATE.sub(_ELLIPSIS, text)
    return _NUMBER.sub(_ELLIPSIS, text)[:_LIMIT]


def _masked_bracket(found: re.Match[str]) -> str:
    return found[0] if _SAFE_VALUE.fullmatch(found[1].strip()) else f"[{_ELLIPSIS}]"


_FIXED_PHRASES: Final = frozenset({"Дата и время создания"})
"""Names of things РЭМД puts in quotes."""


def _masked_quote(found: re.Match[str]) -> str:
    value = next(group for group in found.groups() if group is not None)
    if value in _FIXED_PHRASES or _SAFE_QUOTED.fullmatch(value) or _SAFE_VALUE.fullmatch(value):
        return found[0]
    return f"{found[0][0]}{_ELLIPSIS}{found[0][-1]}"
