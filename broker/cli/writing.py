"""``inaya reference``: the reference pages, made from the data the program itself works by."""

import argparse
from pathlib import Path
from typing import Final

from broker.assembly.reference import reference_pages
from broker.cli.commands import commands_page
from broker.cli.running import ROOT
from broker.cli.terminal import Parsers, command, say

HOME: Final = ROOT / "docs" / "reference"


def add_to(parsers: Parsers) -> None:
    """Declare the command of this family."""
    reference = command(parsers, "reference", _reference, "справочник в docs/reference из данных программы")
    way = reference.add_mutually_exclusive_group(required=True)
    way.add_argument("--write", action="store_true", help="записать страницы")
    way.add_argument("--check", action="store_true", help="сверить; 1 — страницы устарели")
    reference.add_argument("--directory", type=Path, default=HOME, help="куда писать")


def pages(root: argparse.ArgumentParser) -> dict[str, str]:
    """Return every page by its file name; ``root`` is the parser of all commands."""
    return {**reference_pages(), "commands.md": commands_page(root)}


def _reference(arguments: argparse.Namespace) -> int:
    stale = []
    for name, text in pages(arguments.root).items():
        path = arguments.directory / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if arguments.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    verb = "записано" if arguments.write else "устарело"
    say(f"{verb}: {', '.join(stale)}" if stale else "всё совпадает")
    return 1 if stale and arguments.check else 0
