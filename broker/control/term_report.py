"""The report an inspector asks for: every document, its term, whether it was kept and whose delay it was. CSV and words."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from broker.delivery.stops import Whose
from broker.delivery.term import Terms
from broker.store.terms import TermRow

HEADINGS: Final[Mapping[str, str]] = {
    "document_id": "документ",
    "clinic": "клиника",
    "kind": "вид",
    "local_uid": "localUid",
    "document_number": "номер",
    "destination": "кто регистрирует",
    "status": "состояние",
    "reason": "причина ожидания",
    "emdr_id": "номер РЭМД",
    "signed_at": "подписан",
    "accepted_at": "принят площадкой",
    "sent_at": "отправлен",
    "registered_at": "зарегистрирован",
    "term_ends": "срок до",
    "term_days": "срок, рабочих дней",
    "note": "оговорка",
    "late_seconds": "просрочено, с",
    "whose": "чья задержка",
    "clinic_seconds": "у клиники, с",
    "our_seconds": "у площадки, с",
    "system_seconds": "у системы, с",
    "held_seconds": "ждал условия, с",
    "held_for": "какого условия",
    "paused_seconds": "направление приостановлено, с",
    "paused_by": "кто приостановил",
    "silent_seconds": "система молчала, с",
}
"""Columns of the report and what they are called; times are local to the clinic, with the offset."""
WHOSE: Final = {
    Whose.CLINIC: "клиника",
    Whose.PLATFORM: "площадка",
    Whose.SYSTEM: "система",
    Whose.CONDITION: "не было условия",
}
"""Whose delay it was, in a word."""
PROVISIONAL: Final = (
    "предварительно: производственный календарь на эти дни ещё не утверждён, срок посчитан по праздникам статьи 112 ТК РФ; "
    "перенос выходных может его сдвинуть"
)
"""What is said of a term whose year has no published calendar."""
OPERATOR: Final = "operator"
"""Who paused a destination, as partners are told: an operator of the platform; ``adapter`` is the program itself."""
_PROGRAM: Final = "adapter"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def explained(rows: Iterable[TermRow]) -> list[TermRow]:
    """Say of each row in words what must be known of its term."""
    return [msgspec.structs.replace(row, note=PROVISIONAL if row.provisional else "") for row in rows]


def for_partner(rows: Iterable[TermRow]) -> list[TermRow]:
    """Say it to a partner: whose login paused a destination is not its business."""
    return [
        msgspec.structs.replace(
            row, paused_by=tuple(sorted({one if one == _PROGRAM else OPERATOR for one in row.paused_by}))
        )
        for row in explained(rows)
    ]


def standing(row: TermRow) -> int:
    """Return for how many seconds a document stood for a reason on record."""
    return row.held_seconds + row.paused_seconds + row.silent_seconds


def to_csv(rows: Iterable[TermRow], terms: Terms) -> str:
    """Write rows as CSV for a spreadsheet: semicolons, a BOM, no cell that a spreadsheet would run as a formula."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADINGS.values())
    for row in rows:
        zone = terms.zone(row.clinic, row.region)
        writer.writerow([_cell(getattr(row, name), zone) for name in HEADINGS])
    return out.getvalue()


def _cell(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, Whose):
        return WHOSE[value]
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The report in five numbers: documents, of them registered in time, late, running within and over their term."""

    documents: int
    in_time: int
    late: int
    running: int
    overdue: int


def summary(rows: Iterable[TermRow], now: datetime) -> Summary:
    """Count rows; a document refused or given up before its end counts as neither."""
    counts = {"documents": 0, "in_time": 0, "late": 0, "running": 0, "overdue": 0}
    for row in rows:
        counts["documents"] += 1
        if row.registered_at is not None:
            counts["late" if row.registered_at > row.term_ends else "in_time"] += 1
        elif row.status in {"queued", "held", "sending", "awaiting_result"}:
            counts["overdue" if now > row.term_ends else "running"] += 1
    return Summary(**counts)


def span(seconds: int) -> str:
    """Write a stretch of time in Russian, to two units: «2 сут 3 ч»."""
    units = (("сут", 86_400), ("ч", 3_600), ("мин", 60), ("с", 1))
    found = []
    for name, size in units:
        amount, seconds = divmod(seconds, size)
        if amount:
            found.append(f"{amount} {name}")
    return " ".join(found[:2]) or "0 с"
