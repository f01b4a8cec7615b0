"""The report of terms as a table and in words: nothing a spreadsheet would run, no login for partners, «предварительно» with why."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.control.term_report import HEADINGS, explained, for_partner, span, standing, summary, to_csv
from broker.delivery.stops import Whose
from broker.delivery.term import Terms
from broker.store.terms import TermRow

TERMS = Terms.read(Path(__file__).parents[3] / "schemas" / "term.toml")
NOON = datetime(2026, 11, 26, 9, tzinfo=UTC)


def a_row(**changes: Any) -> TermRow:
    fields = {
        "document_id": uuid.UUID(int=1),
        "clinic": "1.2.643.5.1.13.13.12.2.77.9001",
        "region": "77",
        "kind": "306",
        "local_uid": "uid",
        "document_number": "",
        "destination": "remd",
        "status": "queued",
        "reason": "",
        "emdr_id": "",
        "signed_at": NOON,
        "accepted_at": NOON,
        "sent_at": None,
        "registered_at": None,
        "term_ends": NOON + timedelta(days=1),
        "term_days": 1,
        "provisional": False,
        "late_seconds": 0,
        "whose": None,
        "clinic_seconds": 0,
        "our_seconds": 0,
        "system_seconds": 0,
        "held_seconds": 0,
        "held_for": (),
        "paused_seconds": 0,
        "paused_by": (),
        "silent_seconds": 0,
    }
    return TermRow(**fields | changes)


def told(*rows: TermRow) -> list[dict[str, str]]:
    """Read the table back by its headings' field names."""
    text = to_csv(rows, TERMS)
    names = dict(zip(HEADINGS.values(), HEADINGS, strict=True))
    read = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";")
    return [{names[title]: value for title, value in line.items()} for line in read]


def test_the_table_names_whose_delay_it_was_and_what_stood_in_the_way():
    row = a_row(
        late_seconds=5, whose=Whose.CONDITION, held_seconds=7, held_for=("clinic.closed", "clinic.not_linked"),
        paused_seconds=3, paused_by=("петрова",), term_days=2,
    )  # fmt: skip
    (line,) = told(row)
    assert line["whose"] == "не было условия"
    assert (line["held_seconds"], line["held_for"]) == ("7", "clinic.closed, clinic.not_linked")
    assert (line["paused_seconds"], line["paused_by"], line["term_days"]) == ("3", "петрова", "2")
    assert line["accepted_at"] == "2026-11-26T12:00:00+03:00"
    assert standing(row) == 10


def test_a_provisional_term_is_called_so_with_why_and_one_nobody_judged_is_not():
    lines = told(*explained([a_row(provisional=True), a_row(), a_row(provisional=None, term_days=None)]))
    assert lines[0]["note"].startswith("предварительно: производственный календарь")
    assert "статьи 112 ТК РФ" in lines[0]["note"]
    assert [line["note"] for line in lines[1:]] == ["", ""]
    assert lines[2]["term_days"] == ""


def test_a_partner_is_not_told_the_login_of_who_paused():
    rows = for_partner([a_row(paused_by=("adapter", "иванов", "петрова")), a_row(provisional=True)])
    assert rows[0].paused_by == ("adapter", "operator")
    assert rows[1].note.startswith("предварительно")


def test_no_cell_is_a_formula():
    (line,) = told(a_row(document_number="=1+1", paused_by=("@cmd",), paused_seconds=1))
    assert line["document_number"] == "'=1+1"
    assert line["paused_by"] == "'@cmd"


def test_the_summary_counts_what_was_kept_and_what_was_not():
    late, now = NOON + timedelta(days=2), NOON + timedelta(hours=1)
    rows = [
        a_row(status="registered", registered_at=NOON),
        a_row(status="registered", registered_at=late),
        a_row(),
        a_row(term_ends=NOON),
        a_row(status="rejected"),
    ]
    found = summary(rows, now)
    assert (found.documents, found.in_time, found.late, found.running, found.overdue) == (5, 1, 1, 1, 1)
    assert [span(seconds) for seconds in (0, 61, 3600, 90061)] == ["0 с", "1 мин 1 с", "1 ч", "1 сут 1 ч"]
