"""Processes: doors, workers, migrations, one simulator, a whole stand, the demo."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from broker.assembly.serving import run_serve
from broker.assembly.simulating import SimulatorOptions, run_simulator
from broker.assembly.working import run_work
from broker.cli.terminal import Parsers, command, say
from broker.compute.garbage import collect_rarely
from broker.compute.returning import keep_returning, return_large_blocks
from broker.dev.demo import run_demo
from broker.dev.install import InstallPolicy
from broker.dev.stand import StandOptions, running_stand
from broker.dev.supervisor import until_signalled
from broker.settings import Settings, cards, load
from broker.store.migrate import migrate
from broker.telemetry.log import configure

SIM_PORT: Final = 8090
ALONE: Final = Path(".inaya") / "sim-remd"
ROOT: Final = Path(__file__).resolve().parents[2]


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    command(parsers, "serve", _serve, "двери партнёров и государственных систем, API, консоль")
    command(parsers, "work", _work, "рабочий процесс: проверка, маршруты, доставки")
    command(parsers, "settings", _settings_list, "все настройки с их смыслом")
    migration = command(parsers, "migrate", _migrate, "привести базу к этой версии программы")
    migration.add_argument(
        "--phase",
        choices=("all", "pre", "post"),
        default="all",
        help="pre — до новых процессов, post — после",
    )
    _stand_arguments(
        command(parsers, "dev", _dev, "всё сразу на одной машине: серверы, симуляторы, двери, рабочие")
    )
    demo = command(parsers, "demo", _demo, "показать главное: документы от МИС до систем и исходы обратно")
    _stand_arguments(demo)
    demo.add_argument("--once", action="store_true", help="закончить после таблицы исходов")
    sim = command(parsers, "sim", _sim, "один симулятор, как тестовый контур")
    sim.add_argument("name", help="remd, gis-soap, tfoms, nsi")
    sim.add_argument("--port", type=int, default=SIM_PORT, help="порт (8090)")
    sim.add_argument("--host", default="127.0.0.1", help="на каком адресе слушать")
    sim.add_argument("--params", type=Path, help="файл регистров симулятора (JSON)")
    sim.add_argument(
        "--identity",
        type=Path,
        help="каталог разового ключа, которым подписывает симулятор; remd без --params заводит .inaya/sim-remd",
    )
    sim.add_argument("--state", type=Path, help="файл, в котором симулятор помнит принятое")
    sim.add_argument("--packs", type=Path, help="каталог пакетов правил симулятора")
    sim.add_argument("--nsi", type=Path, help="каталог справочников НСИ симулятора")
    sim.add_argument(
        "--engine",
        default="",
        choices=("", "native", "saxon"),
        help="чем исполнять Schematron: native или saxon",
    )
    sim.add_argument(
        "--trust", type=Path, help="каталог доверия симулятора: корни, списки отзыва, trust.toml"
    )
    sim.add_argument("--clock", type=Path, help="файл модельных часов")
    sim.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог наборов правил")
    sim.add_argument("--log-level", default="info", help="подробность журнала: debug, info, warning, error")
    sim.add_argument("--no-check", action="store_true", help="не проверять документы правилами")


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
        "--no-sim-check", action="store_true", help="симуляторы верят документам без проверки"
    )


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Run a process of the house until its work ends or a signal asks it to stop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signalled(work))
    return 0


def _settings(process: str) -> Settings:
    settings = load(os.environ)
    configure(process=process, level=settings.telemetry.log_level)
    return settings


async def _steadily(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a long-lived process; once it is ready, what it made so far counts as made to stay, and what grows is given back.

    What the work raises leaves as it is, in no group: ``entry`` tells misconfiguration in one line.
    """
    return_large_blocks()
    ready = asyncio.Event()

    async def settle() -> None:
        await ready.wait()
        collect_rarely()
        await keep_returning()

    settling = asyncio.create_task(settle(), name="running.settle")
    try:
        await work(ready)
    finally:
        settling.cancel()
        await asyncio.wait({settling})


def _serve(_arguments: argparse.Namespace) -> int:
    return _run(_steadily(partial(run_serve, _settings("serve"))))


def _work(_arguments: argparse.Namespace) -> int:
    return _run(_steadily(partial(run_work, _settings("work"))))


def _migrate(arguments: argparse.Namespace) -> int:
    settings = _settings("migrate")
    done = asyncio.run(migrate(settings.store.database_url, phase=arguments.phase))
    say("\n".join(done) or "База уже соответствует программе.")
    return 0


def _settings_list(_arguments: argparse.Namespace) -> int:
    for card in cards():
        default = "(обязательна)" if card.required else card.default or "(пусто)"
        say(f"{card.variable:28} {default:20} {card.meaning}")
    return 0


def _sim(arguments: argparse.Namespace) -> int:
    configure(process=f"sim-{arguments.name}", level=arguments.log_level)
    alone = ALONE if arguments.name == "remd" and arguments.params is None else None
    options = SimulatorOptions(
        name=arguments.name,
        port=arguments.port,
        host=arguments.host,
        params=arguments.params,
        state=arguments.state,
        packs=arguments.packs,
        nsi=arguments.nsi,
        engine=arguments.engine,
        trust=arguments.trust,
        schemas=arguments.schemas,
        clock=arguments.clock,
        identity=arguments.identity or alone,
        check=not arguments.no_check,
    )
    return _run(run_simulator(options, told=partial(_tell_sim, options)))


def _tell_sim(options: SimulatorOptions, address: str) -> None:
    """Say where a simulator is and how it is steered."""
    lines = [f"Симулятор {options.name}: {address}"]
    if options.name == "remd" and options.params is None:
        lines.append(f"Сервис РЭМД: {address}/port/emdr (WSDL — тот же адрес, GET)")
    if options.identity is not None:
        lines.append(f"Подписывает сертификатом {options.identity / options.name}.pem")
    if options.state is None:
        lines.append("Памяти нет (--state): после остановки всё забудется.")
    lines.append(f"Сбои: {address}/sim/faults, принятое: {address}/sim/documents")
    sys.stderr.write("\n".join(lines) + "\n")


def stand_options(arguments: argparse.Namespace) -> StandOptions:
    """Read the options of a stand from arguments and environment."""
    return StandOptions(
        state_dir=arguments.state_dir,
        port=arguments.port,
        install=InstallPolicy.of(os.environ),
        database_url=os.environ.get("INAYA_DATABASE_URL", ""),
        amqp=not arguments.no_amqp,
        packs=os.environ.get("INAYA_PACKS_DIR", ""),
        workers=arguments.workers,
        tuning=msgspec.json.decode(arguments.destinations, type=dict[str, Any]),
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


def _demo(arguments: argparse.Namespace) -> int:
    configure(process="demo")
    status: list[int] = []

    async def play() -> None:
        status.append(await run_demo(stand_options(arguments), once=arguments.once))

    with asyncio.Runner() as runner:
        runner.run(until_signalled(play()))
    return status[0] if status else (130 if arguments.once else 0)
