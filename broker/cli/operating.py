"""The operator's daily work: queues, destinations, repeats."""

import argparse
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.document.lifecycle import DeliveryStatus
from broker.intake.refusal import Refusal

PREVIEW: Final = 20
RECENT: Final = timedelta(days=1)
PARKED: Final = 200
MOST: Final = 10_000
"""Deliveries one ``replay`` takes at most; asked again, it takes the next."""
STATUSES: Final = (
    DeliveryStatus.REJECTED,
    DeliveryStatus.DEAD,
    DeliveryStatus.HELD,
    DeliveryStatus.CANCELLED,
)


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    _add_queues(parsers)
    _add_answers(parsers)
    _add_replay(parsers)


def _add_queues(parsers: Parsers) -> None:
    queues = family(parsers, "queues", "очереди и направления: глубина, пауза, удержанные")
    desk_arguments(command(queues, "list", at_desk(_queues), "что ждёт, сколько и почему"))
    pause = command(queues, "pause", at_desk(_pause), "перестать отправлять в направление")
    pause.add_argument("destination", help="направление, например remd или gis.77")
    pause.add_argument("--reason", required=True, help="причина, её увидят все")
    desk_arguments(pause)
    resume = command(queues, "resume", at_desk(_resume), "снова отправлять в направление")
    resume.add_argument("destination", help="направление")
    desk_arguments(resume)
    hear = command(queues, "hear", at_desk(_hear), "отправлять, хотя направление к нам не обращается")
    hear.add_argument("destination", help="направление, у которого молчит входящий канал")
    hear.add_argument("--reason", required=True, help="почему можно отправлять: попадёт в журнал")
    desk_arguments(hear)
    ages = command(queues, "ages", at_desk(_ages), "сколько отправленное ждёт ответа, и кто дольше всех")
    desk_arguments(ages)
    release = command(queues, "release", at_desk(_release), "вернуть в очередь удержанные доставки")
    release.add_argument("--destination", default="", help="только этого направления")
    release.add_argument("--clinic", default="", help="только этой клиники (OID)")
    release.add_argument("--reason", default="", help="только с этой причиной (код)")
    desk_arguments(release)


def _add_answers(parsers: Parsers) -> None:
    answers = family(
        parsers, "answers", "ответы систем, которые ждут оператора: отложенные, неизвестные коды, отметки"
    )
    desk_arguments(command(answers, "parked", at_desk(_parked), "ответы о том, чего мы не отправляли"))
    desk_arguments(command(answers, "unknown", at_desk(_unknown), "коды, которых нет в таблицах ответов"))
    settle = command(answers, "settle", at_desk(_settle), "отметить неизвестный код разобранным")
    settle.add_argument("destination", help="направление")
    settle.add_argument("code", help="код, как его назвала система")
    desk_arguments(settle)
    mark = command(answers, "mark", at_desk(_mark), "отметить доставку «зарегистрирован ранее»")
    mark.add_argument("delivery", type=UUID, help="доставка, в которой РЭМД отказал: localUid занят")
    mark.add_argument("--number", required=True, help="номер РЭМД, например 119.77.26.05.030830566")
    mark.add_argument("--reason", required=True, help="откуда это известно: попадёт в журнал")
    desk_arguments(mark)
    unmark = command(answers, "unmark", at_desk(_unmark), "снять эту отметку: доставка пойдёт заново")
    unmark.add_argument("delivery", type=UUID, help="отмеченная доставка")
    unmark.add_argument("--reason", required=True, help="причина: попадёт в журнал")
    desk_arguments(unmark)


def _add_replay(parsers: Parsers) -> None:
    replay = command(
        parsers, "replay", at_desk(_replay), "повторить доставки; без --yes только показывает, какие"
    )
    replay.add_argument(
        "--delivery", type=UUID, action="append", default=[], help="доставка (можно несколько)"
    )
    replay.add_argument("--destination", default="", help="все доставки направления")
    replay.add_argument("--reason", default="", help="все доставки с этой причиной (код)")
    replay.add_argument(
        "--status", choices=[str(s.value) for s in STATUSES], default="", help="только в этом статусе"
    )
    replay.add_argument("--why", default="", help="зачем повторяем: попадёт в журнал (обязательно с --yes)")
    replay.add_argument("--yes", action="store_true", help="повторить, а не только показать")
    desk_arguments(replay)


def _when(instant: datetime | None) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S") if instant else ""


async def _queues(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    depths = await terminal.tasks.depths(terminal.clock.now())
    rows = [
        (d["queue"], str(d["waiting"]), str(d["due"]), str(d["leased"]), _when(d["oldest_due"]))
        for d in depths
    ]
    say(columns(rows, ("очередь", "ждёт", "пора", "в работе", "старейшая (UTC)")))
    counts: dict[str, dict[str, int]] = {}
    for row in await terminal.views.rows("destinations", terminal.clock.now() - RECENT):
        counts.setdefault(row["destination"], {})[row["status"]] = row["count"]
    states = await terminal.destinations.states()
    lines = []
    for name in sorted({d.id for d in terminal.configured} | set(states)):
        state = states.get(name)
        paused = f"пауза: {state.paused_reason} ({state.paused_by})" if state and state.paused else ""
        failure = state.last_failure if state and state.open_until else ""
        waits = ", ".join(f"{status} {count}" for status, count in sorted(counts.get(name, {}).items()))
        troubles = await terminal.views.rows("troubles", name, terminal.clock.now() - RECENT)
        often = "; ".join(f"{row['reason']} ({row['count']})" for row in troubles[:2])
        lines.append((name, waits, paused or failure, often))
    say("")
    say(columns(lines, ("направление", "доставки", "что мешает", "частые отказы за сутки")))
    return 0


def _known(terminal: Terminal, destination: str) -> str:
    if destination not in {d.id for d in terminal.configured}:
        known = ", ".join(sorted(d.id for d in terminal.configured)) or "ни одного"
        raise CommandFailed(f"направление {destination} не настроено; настроены: {known}")
    return destination


async def _pause(terminal: Terminal, arguments: argparse.Namespace) -> int:
    destination = _known(terminal, arguments.destination)
    await terminal.commands.pause(destination, actor=actor(arguments), reason=arguments.reason)
    say(f"{destination}: отправка остановлена. Вернуть: inaya queues resume {destination}")
    return 0


async def _resume(terminal: Terminal, arguments: argparse.Namespace) -> int:
    destination = _known(terminal, arguments.destination)
    await terminal.commands.resume(destination, actor=actor(arguments))
    say(f"{destination}: отправка возобновлена.")
    return 0


async def _hear(terminal: Terminal, arguments: argparse.Namespace) -> int:
    destination = _known(terminal, arguments.destination)
    count = await terminal.commands.hear(destination, actor=actor(arguments), reason=arguments.reason)
    say(f"{destination}: отправка продолжается." if count else f"{destination}: канал и так не молчит.")
    return 0


async def _ages(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    now = terminal.clock.now()
    ages = await terminal.channels.ages(now)
    rows = [(name, *(str(count) for count in rungs)) for name, rungs in sorted(ages.items())]
    say(
        columns(
            rows,
            ("направление", "5 мин", "1 ч", "6 ч", "12 ч", "24 ч", "3 сут", "7 сут", "15 сут", ">15 сут"),
        )
    )
    for name in sorted(ages):
        for one in await terminal.channels.oldest(name, 3):
            say(f"{name}: {one['document_id']} клиники {one['clinic_oid']} ждёт с {_when(one['sent_at'])}")
    for silent in await terminal.channels.silent():
        where = f", клиника {silent.clinic_oid}" if silent.clinic_oid else ""
        say(f"{silent.destination}{where}: входящий канал молчит с {_when(silent.silent_since)} (UTC)")
    return 0


async def _parked(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    rows = [
        (_when(row["received_at"]), row["destination"], row["correlation"], row["note"])
        for row in await terminal.views.rows("callbacks", PARKED)
    ]
    say(columns(rows, ("получен (UTC)", "направление", "о чём", "почему отложен")))
    return 0


async def _unknown(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    rows = [
        (row["destination"], row["code"], str(row["times"]), _when(row["first_at"]), str(row["document_id"]))
        for row in await terminal.channels.unknown()
    ]
    say(columns(rows, ("направление", "код", "раз", "впервые (UTC)", "документ")))
    return 0


async def _settle(terminal: Terminal, arguments: argparse.Namespace) -> int:
    done = await terminal.commands.settle_unknown(
        arguments.destination, arguments.code, actor=actor(arguments)
    )
    if not done:
        raise CommandFailed(
            f"среди неразобранных нет кода {arguments.code} направления {arguments.destination}"
        )
    say(f"{arguments.code}: разобран.")
    return 0


async def _mark(terminal: Terminal, arguments: argparse.Namespace) -> int:
    refusal = await terminal.commands.mark_registered(
        arguments.delivery, number=arguments.number, actor=actor(arguments), reason=arguments.reason
    )
    return _marked(refusal, "Отмечено: зарегистрирован ранее.")


async def _unmark(terminal: Terminal, arguments: argparse.Namespace) -> int:
    refusal = await terminal.commands.unmark_registered(
        arguments.delivery, actor=actor(arguments), reason=arguments.reason
    )
    return _marked(refusal, "Отметка снята, доставка пойдёт заново.")


def _marked(refusal: Refusal | None, done: str) -> int:
    if refusal is not None:
        raise CommandFailed(f"{refusal.detail} {refusal.fix}")
    say(done)
    return 0


async def _release(terminal: Terminal, arguments: argparse.Namespace) -> int:
    count = await terminal.commands.release(
        destination=arguments.destination,
        clinic=arguments.clinic,
        reason=arguments.reason,
        actor=actor(arguments),
    )
    say(f"Возвращено в очередь: {count}.")
    return 0


async def _chosen(terminal: Terminal, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return await terminal.views.rows(
        "retryable",
        arguments.delivery,
        arguments.destination,
        arguments.reason,
        arguments.status,
        MOST,
    )


async def _replay(terminal: Terminal, arguments: argparse.Namespace) -> int:
    if not (arguments.delivery or arguments.destination or arguments.reason):
        raise CommandFailed("назовите доставки: --delivery, --destination или --reason")
    if arguments.yes and not arguments.why.strip():
        raise CommandFailed("назовите причину повтора: --why «…» (она попадёт в журнал)")
    found = await _chosen(terminal, arguments)
    shown = [
        (str(row["id"]), row["destination"], row["status"], row["reason"], _when(row["status_at"]))
        for row in found[:PREVIEW]
    ]
    say(columns(shown, ("доставка", "направление", "статус", "причина", "с какого времени (UTC)")))
    if len(found) > PREVIEW:
        say(f"… и ещё {len(found) - PREVIEW}.")
    if not arguments.yes:
        say(f"Будет повторено: {len(found)}. Чтобы повторить, добавьте --yes --why «причина».")
        return 0
    count = await terminal.commands.retry(
        [row["id"] for row in found], actor=actor(arguments), reason=arguments.why
    )
    say(f"Возвращено в очередь: {count}.")
    return 0
