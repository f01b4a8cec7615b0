"""The operator's daily work: queues, destinations, repeats."""

import argparse
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.document.lifecycle import DeliveryStatus

PREVIEW: Final = 20
RECENT: Final = timedelta(days=1)
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
    release = command(queues, "release", at_desk(_release), "вернуть в очередь удержанные доставки")
    release.add_argument("--destination", default="", help="только этого направления")
    release.add_argument("--clinic", default="", help="только этой клиники (OID)")
    release.add_argument("--reason", default="", help="только с этой причиной (код)")
    desk_arguments(release)


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
