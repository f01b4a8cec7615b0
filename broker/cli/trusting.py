"""The directory of trust at a terminal: what it holds, what is wrong with it, revocation lists brought anew."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path

from broker.adapter_kit.clocks import SystemClock
from broker.assembly.list_fetching import refresh_lists
from broker.cli.desk import environment
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.trust.directory import TrustRefused, read_directory
from broker.trust.inventory import Held, doubts, inventory
from broker.trust.providers import prepare_trust

_PARTS = {"roots": "корень", "intermediates": "промежуточный", "crls": "список отзыва"}


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    trust = family(
        parsers, "trust", "каталог доверия: корневые сертификаты, списки отзыва, политика подписей"
    )
    for name, run, about in (
        ("list", _list, "что лежит в каталоге и до какого дня действует"),
        ("check", _check, "что в каталоге не так; 0 — читается и ничего не мешает документам"),
        (
            "refresh",
            _refresh,
            "принести списки отзыва по адресам из trust.toml; неудача оставляет прежний список",
        ),
    ):
        made = command(trust, name, run, about)
        made.add_argument("--dir", type=Path, help="каталог; без него — INAYA_TRUST_DIR")
        made.add_argument(
            "--state-dir", type=Path, help="каталог стенда inaya dev; без него — переменные INAYA_…"
        )


def _directory(arguments: argparse.Namespace) -> Path:
    if arguments.dir is not None:
        return Path(arguments.dir)
    named = environment(arguments.state_dir).get("INAYA_TRUST_DIR", "")
    if not named:
        raise CommandFailed("каталог доверия не настроен: задайте INAYA_TRUST_DIR или --dir")
    return Path(named)


def _list(arguments: argparse.Namespace) -> int:
    directory = _directory(arguments)
    now = SystemClock().now()
    try:
        held, snapshot = inventory(directory), read_directory(directory)
    except (TrustRefused, OSError) as error:
        raise CommandFailed(str(error)) from error
    rows = [_row(one, now) for one in held]
    say(columns(rows, ("что", "файл", "центр", "с", "до", "отозвано")))
    say(f"Отпечаток снимка: {snapshot.digest}")
    return 0


def _row(one: Held, now: datetime) -> tuple[str, ...]:
    until = "без срока" if one.ends is None else f"{one.ends:%d.%m.%Y}{' истёк' if one.ends < now else ''}"
    revoked = "" if one.revoked is None else str(one.revoked)
    return _PARTS[one.part], one.file, one.title[:60], f"{one.starts:%d.%m.%Y}", until, revoked


def _check(arguments: argparse.Namespace) -> int:
    directory = _directory(arguments)
    try:
        found = doubts(directory, SystemClock().now())
    except (TrustRefused, OSError) as error:
        say(f"ПЛОХО: {error}")
        say("Документы ждут, пока каталог не прочтётся.")
        return 1
    for one in found:
        say(f"{'ПЛОХО' if one.grave else '?'}: {one.text}")
        say(f"    → {one.cure}")
    if not found:
        say("Каталог читается, всё в порядке.")
    return 1 if any(one.grave for one in found) else 0


def _refresh(arguments: argparse.Namespace) -> int:
    prepare_trust()
    return asyncio.run(_refreshed(_directory(arguments)))


async def _refreshed(directory: Path) -> int:
    failed = seen = 0
    try:
        async for one in refresh_lists(directory):
            seen += 1
            failed += not one.good
            say(f"{one.file}: {one.text}")
    except (TrustRefused, OSError) as error:
        raise CommandFailed(str(error)) from error
    if not seen:
        say("Обновлять нечего: раздел lists в trust.toml пуст.")
    return 1 if failed else 0
