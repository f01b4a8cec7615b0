"""``inaya …``: every command of the public contract, each a thin door to the room that does the work."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from broker.assembly.serving import run_serve
from broker.assembly.simulating import SimulatorOptions, run_simulator
from broker.assembly.working import run_work
from broker.dev.install import InstallPolicy
from broker.dev.stand import StandFailed, StandOptions, running_stand
from broker.dev.supervisor import ChildFailedError, until_signalled
from broker.settings import Settings, SettingsError, cards, load
from broker.store.migrate import MigrationError, migrate
from broker.telemetry.log import configure

ROOT = Path(__file__).resolve().parents[1]


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Run a process of the house until its work ends or a signal asks it to stop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signalled(work))
    return 0


def _settings(process: str) -> Settings:
    settings = load(os.environ)
    configure(process=process, level=settings.telemetry.log_level)
    return settings


def _serve(_arguments: argparse.Namespace) -> int:
    return _run(run_serve(_settings("serve")))


def _work(_arguments: argparse.Namespace) -> int:
    return _run(run_work(_settings("work")))


def _migrate(arguments: argparse.Namespace) -> int:
    settings = _settings("migrate")
    done = asyncio.run(migrate(settings.store.database_url, phase=arguments.phase))
    print("\n".join(done) or "nothing to do")  # noqa: T201  the command's answer
    return 0


def _list_settings(_arguments: argparse.Namespace) -> int:
    for card in cards():
        default = card.default or "(обязательна)"
        print(f"{card.variable:28} {default:20} {card.meaning}")  # noqa: T201  the command's answer
    return 0


def _sim(arguments: argparse.Namespace) -> int:
    configure(process=f"sim-{arguments.name}")
    options = SimulatorOptions(
        name=arguments.name,
        port=arguments.port,
        params=arguments.params,
        state=arguments.state,
        packs=arguments.packs,
        schemas=arguments.schemas,
        clock=arguments.clock,
        check=not arguments.no_check,
    )
    return _run(run_simulator(options))


def stand_options(arguments: argparse.Namespace) -> StandOptions:
    """Read the options of a stand from arguments and environment."""
    install = InstallPolicy.REFUSED if os.environ.get("INAYA_INSTALL") == "no" else InstallPolicy.ALLOWED
    return StandOptions(
        state_dir=arguments.state_dir,
        port=arguments.port,
        install=install,
        database_url=os.environ.get("INAYA_DATABASE_URL", ""),
        amqp=not arguments.no_amqp,
        packs=os.environ.get("INAYA_PACKS_DIR", ""),
        workers=arguments.workers,
        tuning=json.loads(arguments.destinations),
        sim_check=not arguments.no_sim_check,
    )


def _dev(arguments: argparse.Namespace) -> int:
    configure(process="dev")

    async def stand() -> None:
        async with running_stand(stand_options(arguments)) as endpoints:
            sys.stderr.write(f"Готово. Консоль: {endpoints.console}  API: {endpoints.http}/api/v1\n")
            await asyncio.Event().wait()

    with asyncio.Runner() as runner:
        runner.run(until_signalled(stand()))
    return 0


def _stand_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="порт дверей и консоли; без него — свободный")
    parser.add_argument("--state-dir", type=Path, default=Path(".inaya"), help="каталог всего состояния")
    parser.add_argument("--no-amqp", action="store_true", help="без RabbitMQ: шина local, только HTTP")
    parser.add_argument("--workers", type=int, default=1, help="рабочих процессов")
    parser.add_argument(
        "--destinations",
        default="{}",
        metavar="JSON",
        help='поля каждого направления: {"timeout": 4, "rate": 0}',
    )
    parser.add_argument(
        "--no-sim-check", action="store_true", help="симуляторы не проверяют документы правилами"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inaya", description="Иная ИС: документы клиник — в РЭМД, ГИС и ТФОМС"
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(run=run)
        return made

    add("serve", _serve, "двери партнёров и государственных систем, API, консоль")
    add("work", _work, "рабочий процесс: проверка, маршруты, доставки")
    add("settings", _list_settings, "все настройки с их смыслом")
    migration = add("migrate", _migrate, "привести базу к этой версии программы")
    migration.add_argument("--phase", choices=("all", "pre", "post"), default="all")
    _stand_arguments(add("dev", _dev, "всё сразу на одной машине: серверы, симуляторы, двери, рабочие"))
    sim = add("sim", _sim, "один симулятор, как тестовый контур")
    sim.add_argument("name")
    sim.add_argument("--port", type=int, required=True)
    for option in ("--params", "--state", "--packs", "--clock"):
        sim.add_argument(option, type=Path)
    sim.add_argument("--schemas", type=Path, default=ROOT / "schemas")
    sim.add_argument("--no-check", action="store_true", help="не проверять документы правилами")
    return parser


def main() -> None:
    """Run one command; what a person must mend is one line on standard error and status 2."""
    arguments = _parser().parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except (SettingsError, MigrationError, StandFailed, ChildFailedError) as error:
        sys.stderr.write(f"inaya: {error}\n")
        sys.exit(2)
