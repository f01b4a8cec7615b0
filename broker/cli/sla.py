"""The terms to register at a terminal: what is over them now, and the report of a period for an inspector."""

import argparse
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from broker.assembly.foundation import read_terms
from broker.assembly.terminal import Terminal
from broker.cli.desk import at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.control.term_report import PROVISIONAL, WHOSE, explained, span, standing, summary, to_csv
from broker.document.identity import is_clinic_oid
from broker.store.terms import Only, TermQuery, TermRow


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    sla = family(parsers, "sla", "сроки регистрации: кто просрочен и отчёт за период")
    now = command(sla, "now", at_desk(_now), "у каких клиник срок истёк или на исходе; 1 — есть просроченные")
    desk_arguments(now)
    report = command(sla, "report", at_desk(_report), "документы за период и их сроки; 1 — есть просроченные")
    report.add_argument(
        "--from", dest="since", required=True, help="принят не раньше: 2026-11-01 (по Москве)"
    )
    report.add_argument(
        "--to", dest="until", default="", help="принят раньше: 2026-12-01; пусто — по сей час"
    )
    report.add_argument("--clinic", default="", help="только эта клиника (OID)")
    kept = report.add_mutually_exclusive_group()
    kept.add_argument("--late", action="store_true", help="только просроченные")
    kept.add_argument("--in-time", action="store_true", help="только зарегистрированные в срок")
    report.add_argument("--format", choices=("text", "csv", "json"), default="text", help="вид отчёта")
    desk_arguments(report)


async def _now(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    rows = await terminal.terms.counts()
    if not rows:
        say("Просроченных и близких к сроку нет.")
        return 0
    lines = [(row["clinic_oid"], str(row["over"]), str(row["most"])) for row in rows]
    say(columns(lines, ("клиника", "срок истёк", "прошло 80 %")))
    return 1 if any(row["over"] for row in rows) else 0


async def _report(terminal: Terminal, arguments: argparse.Namespace) -> int:
    now = terminal.clock.now()
    if arguments.clinic and not is_clinic_oid(arguments.clinic):
        raise CommandFailed(f"{arguments.clinic} — не OID клиники")
    query = TermQuery(
        since=_day(arguments.since),
        until=_day(arguments.until) if arguments.until else now + timedelta(seconds=1),
        clinic=arguments.clinic,
        only=Only.LATE if arguments.late else Only.IN_TIME if arguments.in_time else Only.ALL,
    )
    rows = explained([row async for row in terminal.terms.report(query, now)])
    found = summary(rows, now)
    match arguments.format:
        case "csv":
            say(to_csv(rows, read_terms(terminal.settings)).rstrip("\r\n"))
        case "json":
            body = {"summary": found, "documents": rows}
            say(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
        case _:
            say(columns([_line(row) for row in rows], _HEAD))
            say(
                f"Документов {found.documents}: в срок {found.in_time}, с опозданием {found.late}, "
                f"ещё в сроке {found.running}, просрочено {found.overdue}."
            )
            if any(row.provisional for row in rows):
                say(f"* {PROVISIONAL}.")
    return 1 if found.late or found.overdue else 0


_HEAD = (
    "документ",
    "вид",
    "клиника",
    "срок до (UTC)",
    "раб. дней",
    "просрочено",
    "чья задержка",
    "у клиники",
    "у площадки",
    "у системы",
    "стоял",
)


def _line(row: TermRow) -> tuple[str, ...]:
    return (
        str(row.document_id),
        row.kind,
        row.clinic,
        f"{row.term_ends:%Y-%m-%d %H:%M}" + (" предварительно*" if row.provisional else ""),
        str(row.term_days or "—"),
        span(row.late_seconds) if row.late_seconds else "—",
        WHOSE[row.whose] if row.whose else "—",
        span(row.clinic_seconds),
        span(row.our_seconds),
        span(row.system_seconds),
        span(standing(row)) if standing(row) else "—",
    )


def _day(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandFailed(f"«{text}» — не дата: нужно 2026-11-01 или 2026-11-01T09:00+03:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("Europe/Moscow"))
