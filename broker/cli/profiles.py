"""Region profiles at a terminal: which there are, what in them is assumed, what is wrong."""

import argparse
from pathlib import Path

import msgspec

from broker.adapter_kit.profile import assumed_fields, check_profile, load_profile
from broker.assembly.foundation import discover
from broker.cli.running import ROOT
from broker.cli.terminal import Parsers, columns, command, family, say


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    profiles = family(parsers, "profiles", "профили регионов")
    for name, run, about in (
        ("list", _profiles, "какие профили есть и что в них допущение"),
        ("check", _check_profiles, "что в профилях не так; 0 — всё в порядке"),
    ):
        made = command(profiles, name, run, about)
        made.add_argument("files", nargs="*", type=Path, help="файлы профилей; без них — все наши")
        made.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")


def _files(arguments: argparse.Namespace) -> list[Path]:
    return arguments.files or sorted((arguments.schemas / "regions").glob("*.toml"))


def _profiles(arguments: argparse.Namespace) -> int:
    rows = []
    for path in _files(arguments):
        profile = load_profile(path)
        own = sum(1 for _ in assumed_fields(profile))
        routes = ", ".join(template.id for template in profile.destination)
        rows.append(
            (profile.region, profile.title, profile.status.value, str(profile.version), str(own), routes)
        )
    say(columns(rows, ("регион", "название", "статус", "версия", "допущений", "направления")))
    return 0


def _check_profiles(arguments: argparse.Namespace) -> int:
    adapters = list(discover("inaya.adapters"))
    wrong = 0
    for path in _files(arguments):
        try:
            problems = check_profile(load_profile(path), adapters=adapters)
        except (OSError, msgspec.MsgspecError) as error:
            problems = [f"файл не читается: {error}"]
        wrong += bool(problems)
        say(f"{path.name}: {'в порядке' if not problems else ''}".rstrip())
        for problem in problems:
            say(f"  {problem}")
    return 1 if wrong else 0
