"""The entry point: one parser of all families, one place where failures become a line and a status."""

import argparse
import sys
from collections.abc import Sequence

from broker.cli import (
    archive,
    checking,
    directing,
    nsi,
    operating,
    partnering,
    preparing,
    profiles,
    reconciling,
    rulesets,
    running,
    sending,
    signer,
    sla,
    trusting,
    writing,
)
from broker.cli.terminal import CommandFailed
from broker.dev.stand import StandFailed
from broker.dev.state import StateDirBusyError, StateDirUnusableError
from broker.dev.supervisor import ChildFailedError
from broker.settings import SettingsError
from broker.store.database import STORE_TROUBLE
from broker.store.migrate import MigrationError

FAMILIES = (
    running,
    signer,
    checking,
    preparing,
    sending,
    rulesets,
    nsi,
    trusting,
    profiles,
    operating,
    reconciling,
    sla,
    archive,
    directing,
    partnering,
    writing,
)
SPOKEN = (
    CommandFailed,
    SettingsError,
    MigrationError,
    StandFailed,
    StateDirBusyError,
    StateDirUnusableError,
    ChildFailedError,
)
"""Failures whose text is meant for the person at the terminal."""


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of every command; the reference page is generated from it."""
    parser = argparse.ArgumentParser(
        prog="inaya", description="Иная ИС: документы клиник — в РЭМД, ГИС и ТФОМС"
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="команда")
    for module in FAMILIES:
        module.add_to(parsers)
    parser.set_defaults(root=parser)
    return parser


def run(words: Sequence[str]) -> int:
    """Run one command and return its status; what a person must mend is one line on standard error and status 2."""
    arguments = make_parser().parse_args(words)
    try:
        return int(arguments.run(arguments))
    except SPOKEN as error:
        sys.stderr.write(f"inaya: {error}\n")
    except STORE_TROUBLE as error:
        sys.stderr.write(f"inaya: хранилище недоступно ({type(error).__name__}); проверьте: inaya doctor\n")
    except KeyboardInterrupt:
        return 130
    return 2


def main() -> None:
    """Run the command of this process."""
    sys.exit(run(sys.argv[1:]))
