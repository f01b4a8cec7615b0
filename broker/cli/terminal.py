"""How commands are declared and how they answer: a registry of parsers, lines on standard output, failures in words."""

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol

Run = Callable[[argparse.Namespace], int]


class CommandFailed(Exception):  # noqa: N818  the text is for the person at the terminal
    """The command cannot be carried out; the text says in Russian why and what to do."""


class Parsers(Protocol):
    """What ``add_subparsers`` gives."""

    def add_parser(self, name: str, *, help: str, description: str) -> argparse.ArgumentParser:  # noqa: A002  argparse's own word
        """Add a command."""
        ...


def command(parsers: Parsers, name: str, run: Run, about: str) -> argparse.ArgumentParser:
    """Declare a command: its name, what runs it, and one sentence of help."""
    made = parsers.add_parser(name, help=about, description=about)
    made.set_defaults(run=run)
    return made


def family(parsers: Parsers, name: str, about: str) -> Parsers:
    """Declare a word with commands of its own (``queues list``)."""
    made = parsers.add_parser(name, help=about, description=about)
    return made.add_subparsers(dest=f"{name}_command", required=True, metavar="действие")


def say(text: str) -> None:
    """Print a line of the command's answer."""
    print(text)  # noqa: T201  the command's answer goes to standard output


def columns(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    """Lay rows out under their heads, each column as wide as its widest cell."""
    lines = [list(heads), *[list(row) for row in rows]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
