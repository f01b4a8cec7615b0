"""How an operator's command reaches its store: settings from the environment, or those of a running stand."""

import argparse
import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from broker.assembly.terminal import Terminal, open_terminal
from broker.cli.terminal import CommandFailed
from broker.dev.stand import read_environment
from broker.settings import load
from broker.telemetry.log import configure


def desk_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every operator's command understands."""
    parser.add_argument(
        "--state-dir", type=Path, help="каталог стенда inaya dev; без него — переменные INAYA_…"
    )
    parser.add_argument("--actor", default="", help="кем записать действие в журнал; иначе имя в системе")


def environment(state_dir: Path | None) -> Mapping[str, str]:
    """Return the variables to work with: the process's own, or those of the stand in ``state_dir``."""
    if state_dir is None:
        return os.environ
    found = read_environment(state_dir)
    if found is None:
        raise CommandFailed(f"в каталоге {state_dir} нет стенда: запустите inaya dev --state-dir {state_dir}")
    return found


def actor(arguments: argparse.Namespace) -> str:
    """Return who acts, for the journal."""
    return arguments.actor or f"cli:{getpass.getuser()}"


@contextlib.asynccontextmanager
async def terminal(arguments: argparse.Namespace) -> AsyncIterator[Terminal]:
    """Open what the arguments name."""
    configure(process="cli", level="warning")
    async with open_terminal(load(environment(arguments.state_dir))) as opened:
        yield opened


def has_store(arguments: argparse.Namespace) -> bool:
    """Tell whether a store is named; some commands have something to say without one."""
    return arguments.state_dir is not None or bool(os.environ.get("INAYA_DATABASE_URL"))


def at_desk(
    work: Callable[[Terminal, argparse.Namespace], Awaitable[int]],
) -> Callable[[argparse.Namespace], int]:
    """Make an operator's command of a coroutine function."""

    def run(arguments: argparse.Namespace) -> int:
        async def inside() -> int:
            async with terminal(arguments) as opened:
                return await work(opened, arguments)

        return asyncio.run(inside())

    return run
