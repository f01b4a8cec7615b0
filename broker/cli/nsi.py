"""Dictionaries of НСИ at a terminal: import files, see what is held, leave an edition out."""

import argparse
import asyncio
from pathlib import Path

from broker.assembly.syncing import dictionary_source, synced
from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments, has_store
from broker.cli.rules import reasoned, told
from broker.cli.running import ROOT
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.document.kind import KIND_SYSTEM, KindCatalogue
from broker.store.rules import Form
from broker.validation.nsi import Reading, files_of, read_all


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    nsi = family(parsers, "nsi", "справочники НСИ")
    load = command(
        nsi, "import", at_desk(_import), "загрузить справочники и применять их: CSV, ответы REST, ZIP"
    )
    load.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="файл, архив или каталог справочников"
    )
    load.add_argument("--oid", default="", help="OID, если его нет ни в имени файла, ни в паспорте")
    load.add_argument("--version", default="", help="редакция, если её нет ни в имени файла, ни в паспорте")
    reasoned(load, required=False)
    renew = command(nsi, "sync", at_desk(_sync), "принести с портала НСИ редакции новее наших и применять их")
    renew.add_argument("oids", nargs="*", metavar="OID", help="какие справочники; без них — все загруженные")
    desk_arguments(renew)
    shown = command(nsi, "list", _list, "какие справочники загружены и какие применяются")
    shown.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")
    desk_arguments(shown)
    drop = command(nsi, "drop", at_desk(_drop), "не применять редакцию справочника; загруженное остаётся")
    drop.add_argument("oid", help="OID справочника")
    drop.add_argument("version", help="редакция")
    reasoned(drop)


async def _import(terminal: Terminal, arguments: argparse.Namespace) -> int:
    if len(arguments.files) > 1 and (arguments.oid or arguments.version):
        raise CommandFailed("--oid и --version относятся к одному файлу")
    failed = 0
    for path in arguments.files:
        reading = await asyncio.to_thread(_read, terminal, path, arguments.oid, arguments.version)
        for refusal in reading.refusals:
            say(f"{path.name}: {refusal}")
        failed += bool(reading.refusals)
        if not reading.dictionaries:
            continue
        kept = await terminal.importing.dictionaries(
            reading.dictionaries,
            source=path.name,
            reason=arguments.reason or f"загрузка {path.name}",
            actor=actor(arguments),
        )
        say(f"{path.name}: прочитано {len(reading.dictionaries)}, новых {kept.new}.")
        failed += told(kept.outcome)
    return 1 if failed else 0


async def _sync(terminal: Terminal, arguments: argparse.Namespace) -> int:
    failed = seen = 0
    async with dictionary_source(terminal.settings) as source:
        async for one in synced(terminal, source, arguments.oids, actor=actor(arguments)):
            seen += 1
            say(f"{one.oid}: {one.text}")
            failed += not one.good
            failed += told(one.kept.outcome) if one.kept else 0
    if not seen:
        say("Обновлять нечего: справочники не загружены, и OID не названы.")
    return 1 if failed else 0


def _read(terminal: Terminal, path: Path, oid: str, version: str) -> Reading:
    try:
        return read_all(files_of(path), oid=oid, version=version, rules=terminal.nsi_rules)
    except OSError as error:
        raise CommandFailed(f"{path}: файл не читается ({error.strerror})") from error


def _list(arguments: argparse.Namespace) -> int:
    kinds = KindCatalogue.load(arguments.schemas / "nsi" / "kinds.toml")
    say(f"Виды поставки: {KIND_SYSTEM}, редакция {kinds.edition}, видов {len(kinds)}.")
    if not has_store(arguments):
        say("Хранилище не названо (INAYA_DATABASE_URL или --state-dir): загруженные справочники не видны.")
        return 0
    return at_desk(_stored)(arguments)


async def _stored(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    used = {entry.digest for entry in (await terminal.rules.store.book()).book.dictionaries}
    cards = await terminal.rules.store.imported(Form.DICTIONARY)
    rows = [
        (
            card.name,
            card.version,
            str(card.summary.get("rows", "")),
            "да" if card.digest in used else "нет",
            f"{card.imported_at:%d.%m.%Y}",
            card.title,
        )
        for card in sorted(cards, key=lambda card: (card.name, card.imported_at))
    ]
    if not rows:
        say(
            "Справочники не загружены: слой НСИ в отчётах пропускается, виды — из поставки (schemas/nsi/kinds.toml)."
        )
        return 0
    say(columns(rows, ("OID", "редакция", "записей", "применяется", "загружен", "справочник")))
    return 0


async def _drop(terminal: Terminal, arguments: argparse.Namespace) -> int:
    return told(
        await terminal.rules.drop_dictionary(
            arguments.oid, arguments.version, reason=arguments.reason, actor=actor(arguments)
        )
    )
