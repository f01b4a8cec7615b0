"""Which kinds of documents does dictionary 1520 name, and what does it demand of each?

Both published shapes are read: the answers of the REST service (edition 12.14) and the semicolon file (edition 12.85);
their columns are the same, their order is not. Facts: semd.md §1.1, remd.md §7.2.
"""

import re
from datetime import date, datetime
from typing import Final, TypeVar

from broker.document.kind import GUIDE_PREFIX, KIND_SYSTEM, SEMD_SYSTEM, KindCard, PatientInfo
from broker.validation.nsi.dictionary import Dictionary, DictionaryRefused

T = TypeVar("T")
_COLUMNS: Final = (
    "OID",
    "TYPE",
    "NAME",
    "PATIENT_INFO",
    "SHELF_LIFE",
    "STORAGE_TYPE",
    "MO_SIGN",
    "FORMAT",
    "GIT_LINK",
    "SERIES_REQUIRED",
    "START_DATE",
    "END_DATE",
)
_PATIENT: Final = {
    "обязательны с указанием снилс": PatientInfo.SNILS,
    "обязательны": PatientInfo.REQUIRED,
    "не обязательны": PatientInfo.OPTIONAL,
}
_YES_NO: Final = {"да": True, "нет": False, "true": True, "false": False, "1": True, "0": False}
_EDITION: Final = re.compile(r"Редакция\s+(\d{1,3})")
_SUFFIX: Final = re.compile(r"\s*(?:\([CС]DA\)|\(PDF/A-1\))?\s*(?:Редакция\s+\d{1,3})?\s*\Z")
"""Tail of a name; one name of edition 12.14 is written with a Cyrillic С."""
_DATES: Final = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")
_GUIDE: Final = re.compile(re.escape(GUIDE_PREFIX) + r"(?P<number>\d{1,6})\.(?P<edition>\d{1,3})")
_YEARS: Final = re.compile(r"(\d{1,3})")


def kinds_from(kinds: Dictionary, guides: Dictionary | None = None) -> list[KindCard]:
    """Return a card for every row of 1520; ``guides`` (1079) gives the type where a row has none.

    Raise ``DictionaryRefused`` naming the kind and the column that cannot be read: half-read facts must not be used.
    """
    if kinds.oid != KIND_SYSTEM:
        raise DictionaryRefused(f"{kinds.oid} — не справочник видов документов {KIND_SYSTEM}.")
    missing = [name for name in _COLUMNS if name not in kinds.columns]
    if missing:
        raise DictionaryRefused(f"1520, редакция {kinds.version}: нет столбцов {', '.join(missing)}.")
    types = _types(guides)
    cards = [_card(dict(zip(_COLUMNS, row, strict=True)), types) for row in kinds.rows(*_COLUMNS)]
    if len({card.code for card in cards}) != len(cards):
        raise DictionaryRefused(f"1520, редакция {kinds.version}: код вида повторяется.")
    return cards


def _types(guides: Dictionary | None) -> dict[str, str]:
    if guides is None:
        return {}
    if guides.oid != SEMD_SYSTEM or not {"ID", "TYPE"} <= set(guides.columns):
        raise DictionaryRefused(
            f"{guides.oid} — не справочник видов СЭМД {SEMD_SYSTEM} со столбцами ID и TYPE."
        )
    return dict(zip(guides.cells("ID"), guides.cells("TYPE"), strict=True))


def _card(row: dict[str, str], types: dict[str, str]) -> KindCard:
    code = row["OID"].strip()
    guide = _GUIDE.fullmatch(row["GIT_LINK"].strip())
    number = guide["number"] if guide else ""
    named = _EDITION.search(row["NAME"])
    starts = _day(code, "START_DATE", row["START_DATE"])
    if not code or starts is None:
        raise _unread(code, "OID" if not code else "START_DATE")
    return KindCard(
        code=code,
        name=_SUFFIX.sub("", row["NAME"]).strip(),
        type=row["TYPE"].strip() or types.get(number, ""),
        semd_number=number,
        edition=int(guide["edition"]) if guide else int(named[1]) if named else 1,
        starts=starts,
        ends=_day(code, "END_DATE", row["END_DATE"]),
        patient_info=_of_set(code, "PATIENT_INFO", row, _PATIENT),
        mo_sign=_of_set(code, "MO_SIGN", row, _YES_NO),
        series_required=_of_set(code, "SERIES_REQUIRED", row, _YES_NO),
        format=_number(code, row["FORMAT"]),
        shelf_life_years=int(years[1]) if (years := _YEARS.match(row["SHELF_LIFE"].strip())) else None,
        issued=row["STORAGE_TYPE"].strip().casefold().startswith("выда"),
    )


def _of_set(code: str, column: str, row: dict[str, str], known: dict[str, T]) -> T:
    value = known.get(" ".join(row[column].split()).casefold())
    if value is None:
        raise _unread(code, column)
    return value


def _number(code: str, text: str) -> int:
    if not text.strip().isdigit():
        raise _unread(code, "FORMAT")
    return int(text)


def _day(code: str, column: str, text: str) -> date | None:
    if not text.strip():
        return None
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise _unread(code, column)


def _unread(code: str, column: str) -> DictionaryRefused:
    return DictionaryRefused(f"1520, вид {code[:20] or 'без кода'}: столбец {column} не понят.")
