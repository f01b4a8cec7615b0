"""Rule sets at a terminal: what there is, do they compile, do they judge their own samples as they should."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
from uuid import UUID

from broker.adapter_kit.clocks import SystemClock
from broker.archive import StoredContent
from broker.cli import importing
from broker.cli import rules as book
from broker.cli.desk import desk_arguments, has_store, terminal
from broker.cli.rules import pack_lines
from broker.cli.running import ROOT
from broker.cli.terminal import Parsers, columns, command, family, say
from broker.document.finding import Layer, blocks
from broker.document.submission import Metadata, SubmissionType
from broker.pipeline import ExaminationInput, Workshop, examine
from broker.store.rules import Form
from broker.validation.ruleset import Compiled, RuleSetLibrary


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    schemas = family(parsers, "schemas", "наборы правил видов")
    for name, run, about in (
        ("list", _schemas, "какие наборы есть, что загружено и что действует"),
        ("selftest", _selftest, "собрать все наборы и проверить ими свои примеры; 0 — все как надо"),
    ):
        made = command(schemas, name, run, about)
        made.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")
        made.add_argument("--packs", type=Path, help="каталог официальных пакетов")
        if name == "selftest":
            made.add_argument("digest", nargs="?", default="", help="загруженный пакет вместо каталогов")
        desk_arguments(made)
    importing.add_to(schemas)
    book.add_to(schemas)


def _library(arguments: argparse.Namespace) -> RuleSetLibrary:
    packs = [arguments.packs] if arguments.packs else []
    return RuleSetLibrary([arguments.schemas / "semd", *packs])


def _schemas(arguments: argparse.Namespace) -> int:
    rows = []
    for rules in _library(arguments).all():
        term = f"{rules.starts or '…'} — {rules.ends or '…'}"
        rows.append((rules.kind, rules.edition, rules.source.value, term, rules.digest[:12], rules.title))
    say(columns(rows, ("вид", "редакция", "источник", "действует", "отпечаток", "название")))
    if has_store(arguments):
        return asyncio.run(_stored(arguments))
    return 0


async def _stored(arguments: argparse.Namespace) -> int:
    """Tell what was imported into the store, and what of it is in force."""
    async with terminal(arguments) as opened:
        current = await opened.rules.store.book()
        cards = await opened.rules.store.imported(Form.PACK)
    say("")
    say(pack_lines(cards) if cards else "Пакетов не загружено: inaya schemas import ПАКЕТ.")
    say("")
    if not current.book.packs:
        say("Введённых в действие пакетов нет.")
    for entry in current.book.packs:
        say(f"Вид {entry.kind}: {entry.digest[:12]}, {entry.starts or '…'} — {entry.ends or '…'}")
    return 0


def _selftest(arguments: argparse.Namespace) -> int:
    if arguments.digest:
        return asyncio.run(_of_stored(arguments))
    failures = 0
    library = _library(arguments)
    for rules in library.all():
        compiled = Compiled(rules)
        fault = compiled.schema_fault or compiled.schematron_fault
        failures += bool(fault)
        say(f"{rules.name}: {fault or 'собирается'}")
    workshop = Workshop(arguments.schemas, arguments.packs)
    now = SystemClock().now()
    for sample in sorted((arguments.schemas / "semd").glob("*/*/samples/*/*.xml")):
        good = sample.parent.name == "good"
        passed = _passes(workshop, sample, now)
        failures += passed is not good
        if passed is not good:
            place = sample.relative_to(arguments.schemas)
            say(f"{place}: {'пропущен, а должен быть отвергнут' if passed else 'отвергнут, а должен пройти'}")
    say("Самопроверка прошла." if not failures else f"Не как надо: {failures}.")
    return 1 if failures else 0


async def _of_stored(arguments: argparse.Namespace) -> int:
    async with terminal(arguments) as opened:
        return await importing.test_stored(opened, arguments.digest)


def _passes(workshop: Workshop, sample: Path, now: datetime) -> bool:
    """Tell whether a stored sample passes by its kind's rules; its signatures are not stored and not asked for."""
    one = ExaminationInput(
        document_id=UUID(int=0),
        type=SubmissionType.SEMD,
        kind=sample.parts[-5],
        clinic="",
        region="",
        mcod="",
        local_uid="",
        at=now,
        stored=StoredContent(sample.read_bytes(), "application/xml", (), Metadata()),
    )
    found = [
        f for f in examine(one, workshop).findings if f.layer in {Layer.XML, Layer.XSD, Layer.SCHEMATRON}
    ]
    return not blocks(found)


def _files(arguments: argparse.Namespace) -> list[Path]:
    return arguments.files or sorted((arguments.schemas / "regions").glob("*.toml"))
