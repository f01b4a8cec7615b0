"""Rules at a terminal: import packs, see and change what is in force, go back; the same acts as at the console."""

import argparse
from collections.abc import Sequence
from datetime import date

from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, say
from broker.control.rules import Outcome
from broker.document.finding import Layer
from broker.intake.refusal import Refusal
from broker.store.rules import ArtefactCard
from broker.validation.profiles import LAYERS
from broker.validation.rulebook import BookStatus, Switch
from broker.validation.ruleset import Weight
from broker.validation.schematron.port import EngineChoice

_STATUS = {
    BookStatus.PROPOSED: "предложена",
    BookStatus.ACTIVE: "действует",
    BookStatus.PAST: "прежняя",
    BookStatus.WITHDRAWN: "отозвана",
}
_OWN = "own"


def add_to(schemas: Parsers) -> None:
    """Declare the commands of ``inaya schemas`` that work on the store."""
    activate = command(
        schemas, "activate", at_desk(_activate), "ввести загруженный набор в действие для вида"
    )
    activate.add_argument("kind", help="код вида (…11.1520)")
    activate.add_argument("digest", help="отпечаток пакета или его начало")
    term(activate)
    reasoned(activate)
    activate.add_argument(
        "--engine",
        choices=[one.value for one in EngineChoice],
        default=EngineChoice.NATIVE.value,
        help="кто исполняет Schematron: native — быстрый движок, saxon — SaxonC, если он установлен",
    )
    activate.add_argument("--in-spite", action="store_true", help="вопреки замечаниям загрузки")
    deactivate = command(schemas, "deactivate", at_desk(_deactivate), "снять набор с вида")
    deactivate.add_argument("kind", help="код вида (…11.1520)")
    deactivate.add_argument("digest", help="отпечаток пакета или его начало")
    reasoned(deactivate)
    weigh = command(schemas, "severity", at_desk(_weigh), "изменить вес слоя или одного правила")
    weigh.add_argument("layer", choices=[layer.value for layer in LAYERS], help="слой проверки")
    weigh.add_argument(
        "severity",
        choices=[*(weight.value for weight in Weight), _OWN],
        help="блокирует, предупреждает, выключено; own — вернуть свой вес",
    )
    weigh.add_argument("--rule", default="", help="номер правила или код замечания; без него — весь слой")
    weigh.add_argument("--kind", default="", help="код вида; без него — все виды")
    weigh.add_argument(
        "--profile", default="", choices=["", "test", "production"], help="режим; без него — оба"
    )
    reasoned(weigh)
    rollback = command(schemas, "rollback", at_desk(_rollback), "вернуть прежнюю редакцию правил")
    rollback.add_argument(
        "revision", nargs="?", type=int, help="номер редакции (0 — правила поставки); без него — предыдущая"
    )
    reasoned(rollback)
    desk_arguments(command(schemas, "history", at_desk(_history), "все редакции правил: кто, что, почему"))
    for name, run, about in (
        ("approve", _approve, "ввести в действие предложенное другим оператором"),
        ("withdraw", _withdraw, "отозвать предложение"),
    ):
        made = command(schemas, name, at_desk(run), about)
        made.add_argument("revision", type=int, help="номер предложения")
        desk_arguments(made)


def term(parser: argparse.ArgumentParser) -> None:
    """Declare the days between which rules apply."""
    parser.add_argument(
        "--from", dest="starts", type=_day, help="первый день создания документов, ГГГГ-ММ-ДД"
    )
    parser.add_argument("--to", dest="ends", type=_day, help="последний день, включительно")


def reasoned(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare ``--reason`` and who acts."""
    parser.add_argument("--reason", required=required, default="", help="почему; останется в журнале")
    desk_arguments(parser)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} — не дата вида ГГГГ-ММ-ДД") from None


def told(done: Outcome) -> int:
    """Say what came of an act: 0 it is in force or proposed, 1 it was refused."""
    if isinstance(done, Refusal):
        say(f"{done.detail} {done.fix}".strip())
        return 1
    if done.status is BookStatus.PROPOSED:
        say(f"Предложение {done.revision}: {done.what}.")
        say(f"Его вводит в действие другой оператор: inaya schemas approve {done.revision}")
    elif done.status is BookStatus.WITHDRAWN:
        say(f"Предложение {done.revision} отозвано.")
    else:
        say(f"Действует редакция {done.revision}: {done.what}.")
    return 0


async def _activate(terminal: Terminal, arguments: argparse.Namespace) -> int:
    done = await terminal.rules.activate(
        arguments.kind,
        arguments.digest,
        starts=arguments.starts,
        ends=arguments.ends,
        reason=arguments.reason,
        actor=actor(arguments),
        in_spite=arguments.in_spite,
        engine=EngineChoice(arguments.engine),
    )
    return told(done)


async def _deactivate(terminal: Terminal, arguments: argparse.Namespace) -> int:
    return told(
        await terminal.rules.deactivate(
            arguments.kind, arguments.digest, reason=arguments.reason, actor=actor(arguments)
        )
    )


async def _weigh(terminal: Terminal, arguments: argparse.Namespace) -> int:
    who, layer = actor(arguments), Layer(arguments.layer)
    if arguments.severity == _OWN:
        target = (arguments.kind, arguments.profile, layer.value, arguments.rule)
        return told(await terminal.rules.unswitch(target, reason=arguments.reason, actor=who))
    switch = Switch(
        layer=layer,
        severity=Weight(arguments.severity),
        reason=arguments.reason,
        rule=arguments.rule or None,
        kind=arguments.kind,
        profile=arguments.profile,
    )
    return told(await terminal.rules.switch(switch, actor=who))


async def _rollback(terminal: Terminal, arguments: argparse.Namespace) -> int:
    revision = arguments.revision
    if revision is None:
        current = await terminal.rules.store.revision(await terminal.rules.store.number())
        if current is None:
            raise CommandFailed("правила ещё не меняли: возвращаться не к чему")
        revision = current.based_on
    return told(await terminal.rules.rollback(revision, reason=arguments.reason, actor=actor(arguments)))


async def _approve(terminal: Terminal, arguments: argparse.Namespace) -> int:
    return told(await terminal.rules.approve(arguments.revision, actor=actor(arguments)))


async def _withdraw(terminal: Terminal, arguments: argparse.Namespace) -> int:
    return told(await terminal.rules.withdraw(arguments.revision, actor=actor(arguments)))


async def _history(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    revisions = await terminal.rules.store.revisions(200)
    rows = [
        (
            str(one.revision),
            _STATUS[one.status],
            f"{one.decided_at or one.proposed_at:%d.%m.%Y %H:%M}",
            " → ".join(dict.fromkeys(who for who in (one.proposed_by, one.decided_by) if who)),
            one.what,
            one.reason,
        )
        for one in revisions
    ]
    say(columns(rows, ("редакция", "состояние", "когда (UTC)", "кто", "что", "почему")))
    return 0


def pack_lines(cards: Sequence[ArtefactCard]) -> str:
    """Lay out imported packs."""
    rows = [
        (
            card.digest[:12],
            ", ".join(edition["kind"] for edition in card.summary.get("editions", ())),
            card.version or "—",
            f"{card.imported_at:%d.%m.%Y}",
            card.imported_by,
            card.title or card.name,
        )
        for card in cards
    ]
    return columns(rows, ("отпечаток", "виды", "Schematron", "загружен", "кем", "название"))
