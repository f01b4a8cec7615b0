"""The routing table at a terminal: see it, check it, put it into force, ask why a document goes where it goes."""

import argparse
from pathlib import Path
from uuid import UUID

import msgspec

from broker.adapter_kit.profile import Profile, load_profiles
from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, command, family, say
from broker.control.activation import activate_table, table_problems
from broker.document.identity import is_clinic_oid, region_of
from broker.document.submission import Mode, SubmissionType
from broker.routing.table import Subject, Table, decide


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    routes = family(parsers, "routes", "маршруты документов")
    desk_arguments(command(routes, "show", at_desk(_show), "действующая таблица маршрутов (JSON)"))
    for name, run, about in (
        ("check", _check, "что не так в таблице из файла; 0 — её можно ввести в действие"),
        ("activate", _activate, "ввести в действие таблицу из файла (JSON), если она ничего не удвоит"),
    ):
        made = command(routes, name, at_desk(run), about)
        made.add_argument(
            "file", type=Path, help="таблица: {rules: [{name, destination, when, required, registers}]}"
        )
        desk_arguments(made)
    explain = command(routes, "explain", at_desk(_explain), "почему документ идёт туда, куда идёт")
    explain.add_argument("document", nargs="?", help="идентификатор принятого документа")
    explain.add_argument("--clinic", default="", help="OID клиники, если документа ещё нет")
    explain.add_argument("--kind", default="", help="код вида документа (справочник …11.1520)")
    explain.add_argument("--region", default="", help="код субъекта, если он не из OID клиники")
    explain.add_argument(
        "--type", choices=[str(t.value) for t in SubmissionType], default="semd", help="что сдаётся"
    )
    explain.add_argument("--mode", choices=[str(m.value) for m in Mode], default="production", help="режим")
    explain.add_argument("--tfoms", default="", help="фонд реестра, код субъекта")
    desk_arguments(explain)


async def _show(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    version, table = await terminal.destinations.routing()
    if version == 0:
        say("Таблицы маршрутов ещё нет: каждый документ станет unroutable.")
        return 1
    say(msgspec.json.format(msgspec.json.encode(table), indent=2).decode())
    return 0


def _read(path: Path) -> Table:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Table)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandFailed(f"{path}: таблица не читается: {error}") from error


def _known(terminal: Terminal) -> frozenset[str]:
    return frozenset(destination.id for destination in terminal.configured)


def _profiles(terminal: Terminal) -> list[Profile]:
    try:
        return load_profiles(terminal.schemas / "regions")
    except (OSError, msgspec.DecodeError) as error:
        raise CommandFailed(f"{terminal.schemas}: профиль региона не читается: {error}") from error


async def _check(terminal: Terminal, arguments: argparse.Namespace) -> int:
    problems = table_problems(_read(arguments.file), _known(terminal), _profiles(terminal))
    say("\n".join(problems) or "Таблица в порядке.")
    return 1 if problems else 0


async def _activate(terminal: Terminal, arguments: argparse.Namespace) -> int:
    table = _read(arguments.file)
    made = await activate_table(
        terminal.destinations,
        table,
        _known(terminal),
        _profiles(terminal),
        actor=actor(arguments),
        clock=terminal.clock,
    )
    if isinstance(made, list):
        say("\n".join(made))
        return 1
    say(f"Действует таблица маршрутов {made}; рабочие процессы узнают о ней за несколько секунд.")
    return 0


async def _subject(terminal: Terminal, arguments: argparse.Namespace) -> Subject:
    """Read what a decision looks at from a document we hold, or from the arguments."""
    clinic, kind, tfoms = arguments.clinic, arguments.kind, arguments.tfoms
    mode, what = arguments.mode, arguments.type
    if arguments.document:
        try:
            card = await terminal.views.document(UUID(arguments.document))
        except ValueError as error:
            raise CommandFailed(f"{arguments.document} — не идентификатор документа") from error
        if card is None:
            raise CommandFailed(f"документа {arguments.document} нет")
        clinic, kind, mode, what = card.clinic, card.kind, card.mode, card.type
        async with terminal.commands.content(card.id) as stored:
            tfoms = tfoms or (stored and stored.metadata.tfoms) or ""
    if not is_clinic_oid(clinic):
        raise CommandFailed("назовите документ или --clinic OID")
    known = (await terminal.partners.clinics([clinic])).get(clinic)
    if known is None:
        say(f"Клиника {clinic} нам неизвестна: считаем, что она не работает в ОМС.")
    return Subject(
        type=what,
        kind=kind,
        clinic=clinic,
        region=arguments.region or (known.region if known else region_of(clinic)),
        mode=mode,
        oms=known.oms if known else False,
        tfoms=tfoms.removeprefix("tfoms."),
    )


async def _explain(terminal: Terminal, arguments: argparse.Namespace) -> int:
    subject = await _subject(terminal, arguments)
    router = await terminal.router()
    decision = decide(router.table, subject, router.known(subject.mode))
    say(
        f"Клиника {subject.clinic}, регион {subject.region}, вид {subject.kind or '—'}, режим {subject.mode}."
    )
    for line in decision.explanation:
        say(line)
    if not decision.recipients:
        say("Получателей нет: документ станет unroutable и дождётся оператора.")
        return 1
    for one in decision.recipients:
        role = ", регистрирует в РЭМД" if one.registers else ""
        say(f"→ {one.destination} ({'обязательный' if one.required else 'необязательный'}{role})")
    return 0
