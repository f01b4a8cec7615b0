"""The comparison with registries at a terminal: ask for one now, see what the last ones found."""

import argparse
from datetime import timedelta
from typing import Final

from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.console.words import DIFFERENCES
from broker.document.identity import is_clinic_oid

MOST: Final = 500


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    reconcile = family(parsers, "reconcile", "сверка наших регистраций с реестром системы")
    run = command(reconcile, "run", at_desk(_run), "сверить сейчас; делает это рабочий процесс")
    run.add_argument("destination", help="направление, например remd")
    run.add_argument("--clinic", default="", help="только эта клиника (OID)")
    run.add_argument("--days", type=int, default=3, help="за сколько последних суток")
    desk_arguments(run)
    show = command(reconcile, "show", at_desk(_show), "что нашли последние сверки; 1 — есть расхождения")
    show.add_argument("--destination", default="", help="только это направление")
    desk_arguments(show)


async def _run(terminal: Terminal, arguments: argparse.Namespace) -> int:
    if arguments.destination not in {d.id for d in terminal.configured}:
        raise CommandFailed(f"направление {arguments.destination} не настроено")
    if arguments.clinic and not is_clinic_oid(arguments.clinic):
        raise CommandFailed(f"{arguments.clinic} — не OID клиники")
    if not 1 <= arguments.days <= 60:
        raise CommandFailed("сверить можно от одних до шестидесяти суток")
    now = terminal.clock.now()
    planned = await terminal.reconciliation.plan(
        arguments.destination,
        now - timedelta(days=arguments.days),
        now,
        by=actor(arguments),
        clinic=arguments.clinic,
    )
    say(f"Поставлено в очередь: {len(planned)}. Результат: inaya reconcile show")
    return 0 if planned else 1


async def _show(terminal: Terminal, arguments: argparse.Namespace) -> int:
    rows = await terminal.reconciliation.latest(terminal.clock.now(), arguments.destination, MOST)
    lines = [
        (r["destination"], r["clinic_oid"], STATUSES[r["status"]], str(r["ours"]), str(r["theirs"]),
         str(r["differences"]), r["note"])
        for r in rows
    ]  # fmt: skip
    say(
        columns(
            lines, ("направление", "клиника", "состояние", "у нас", "в реестре", "расхождений", "примечание")
        )
    )
    differing = [row["id"] for row in rows if row["differences"]]
    if not differing:
        return 0
    details = await terminal.reconciliation.details(differing, MOST)
    say("")
    say(
        columns(
            [
                (d["local_uid"], DIFFERENCES[d["kind"]], d["number_here"] or "—", d["number_there"] or "—")
                for d in details
            ],
            ("localUid", "что не так", "номер у нас", "номер в реестре"),
        )
    )
    return 1


STATUSES: Final = {"planned": "в очереди", "done": "сверена", "failed": "не удалась"}
