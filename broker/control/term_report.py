"""The report an inspector asks for: every document, its term, whether it was kept and whose delay it was. CSV and words."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

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
    "late_seconds": "просрочено, с",
    "clinic_seconds": "у клиники, с",
    "our_seconds": "у площадки, с",
    "system_seconds": "у системы, с",
}
"""Columns of the report and what they are called; times are local to the clinic, with the offset."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    text = str(value)
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
