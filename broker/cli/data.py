"""The data the product judges and routes by: rule sets, dictionaries, region profiles."""

import argparse
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from broker.adapter_kit.clocks import SystemClock
from broker.adapter_kit.profile import assumed_fields, check_profile, load_profile
from broker.archive import StoredContent
from broker.assembly.foundation import discover
from broker.cli.running import ROOT
from broker.cli.terminal import Parsers, columns, command, family, say
from broker.document.finding import Layer, blocks
from broker.document.kind import KindCatalogue
from broker.document.submission import Metadata, SubmissionType
from broker.pipeline import ExaminationInput, Workshop, examine
from broker.validation.ruleset import Compiled, RuleSetLibrary


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    schemas = family(
        parsers,
        "schemas",
        "наборы правил видов (import, activate и rollback появятся со следующим выпуском)",
    )
    for name, run, about in (
        ("list", _schemas, "какие наборы есть и когда действуют"),
        ("selftest", _selftest, "собрать все наборы и проверить ими свои примеры; 0 — все как надо"),
    ):
        made = command(schemas, name, run, about)
        made.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")
        made.add_argument("--packs", type=Path, help="каталог официальных пакетов")
    nsi = family(parsers, "nsi", "справочники НСИ (import появится со следующим выпуском)")
    listing = command(nsi, "list", _nsi, "какие справочники загружены")
    listing.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")
    profiles = family(parsers, "profiles", "профили регионов")
    for name, run, about in (
        ("list", _profiles, "какие профили есть и что в них допущение"),
        ("check", _check_profiles, "что в профилях не так; 0 — всё в порядке"),
    ):
        made = command(profiles, name, run, about)
        made.add_argument("files", nargs="*", type=Path, help="файлы профилей; без них — все наши")
        made.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог данных")


def _library(arguments: argparse.Namespace) -> RuleSetLibrary:
    packs = [arguments.packs] if arguments.packs else []
    return RuleSetLibrary([arguments.schemas / "semd", *packs])


def _schemas(arguments: argparse.Namespace) -> int:
    rows = []
    for rules in _library(arguments).all():
        term = f"{rules.starts or '…'} — {rules.ends or '…'}"
        rows.append((rules.kind, rules.edition, rules.source.value, term, rules.digest[:12], rules.title))
    say(columns(rows, ("вид", "редакция", "источник", "действует", "отпечаток", "название")))
    return 0


def _selftest(arguments: argparse.Namespace) -> int:
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


def _nsi(arguments: argparse.Namespace) -> int:
    kinds = KindCatalogue.load(arguments.schemas / "nsi" / "kinds.toml")
    say(columns([("1.2.643.5.1.13.13.11.1520", "Электронные медицинские документы (виды)", str(len(kinds)))],
                ("OID", "справочник", "записей")))  # fmt: skip
    say("Остальные справочники не загружены: слой nsi в отчётах помечается как пропущенный.")
    return 0


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
