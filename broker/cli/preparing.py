"""``inaya prepare``: a file on disk in the form that is demanded, before anybody signs it; without a server."""

import argparse
from pathlib import Path

import msgspec

from broker.cli.checking import read_document
from broker.cli.running import ROOT
from broker.cli.terminal import CommandFailed, Parsers, command, say
from broker.document.finding import Finding
from broker.document.kind import KindCard, KindCatalogue
from broker.normalizer.changes import Change
from broker.normalizer.normalising import (
    FILE,
    Normalising,
    NormalisingUnusable,
    UnknownRules,
    load_normalising,
    rules_named,
)
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import Rule


def add_to(parsers: Parsers) -> None:
    """Declare the command of this family."""
    preparing = command(
        parsers,
        "prepare",
        _prepare,
        "привести неподписанный документ к норме без сервера; 0 — готов, 2 — не прочесть",
    )
    preparing.add_argument("file", type=Path, metavar="FILE", help="СЭМД (XML) без подписи")
    preparing.add_argument(
        "--out", type=Path, metavar="FILE", help="куда записать байты для подписи; без него — только показать"
    )
    preparing.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="RULES",
        help="каких правил не применять, через запятую",
    )
    preparing.add_argument(
        "--kind", default="", help="код вида (…11.1520), если есть изменения по разрешению"
    )
    preparing.add_argument("--partner", default="", help="чей документ, если есть изменения по разрешению")
    preparing.add_argument("--format", choices=("text", "json"), default="text", help="вид списка изменений")
    preparing.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог наборов правил")


def _prepare(arguments: argparse.Namespace) -> int:
    made = prepare(
        read_document(arguments.file),
        _decided(arguments.schemas),
        partner=arguments.partner,
        card=_card(arguments.schemas, arguments.kind) if arguments.kind else None,
        without=_without(arguments.without),
    )
    if not isinstance(made, Prepared):
        raise CommandFailed(f"{arguments.file}: " + " ".join(_sentence(finding) for finding in made))
    if arguments.out is not None:
        _write(arguments.out, made.content, arguments.file)
    say(_as_json(made) if arguments.format == "json" else _as_text(arguments, made))
    return 0


def _decided(schemas: Path) -> Normalising:
    try:
        return load_normalising(schemas / FILE)
    except NormalisingUnusable as error:
        raise CommandFailed(str(error)) from error


def _without(texts: list[str]) -> frozenset[Rule]:
    rules = rules_named(texts)
    if isinstance(rules, UnknownRules):
        raise CommandFailed(f"правила нет: {', '.join(rules.names)}; есть: {', '.join(Rule)}")
    return rules


def _card(schemas: Path, kind: str) -> KindCard:
    try:
        card = KindCatalogue.load(schemas / "nsi" / "kinds.toml").get(kind)
    except OSError as error:
        raise CommandFailed(f"{schemas}: справочник видов не читается ({error.strerror})") from error
    if card is None:
        raise CommandFailed(f"вида {kind} нет в справочнике")
    return card


def _write(path: Path, content: bytes, source: Path) -> None:
    if path.resolve() == source.resolve():
        raise CommandFailed(f"{path}: исходный файл не перезаписывается, укажите в --out другой")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{path}: файл не записан ({error.strerror})") from error


def _sentence(finding: Finding) -> str:
    return f"{finding.message} {finding.fix or ''}".strip()


def _as_json(made: Prepared) -> str:
    plain = msgspec.to_builtins(made)
    del plain["content"]
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()


def _as_text(arguments: argparse.Namespace, made: Prepared) -> str:
    head = f"изменений: {sum(change.count for change in made.changes)}" if made.changes else "менять нечего"
    lines = [f"{arguments.file}: {head}; SHA-256 {made.digest}"]
    for change in made.changes:
        lines += _change_lines(change)
    if made.reported:
        lines.append("Осталось как есть и требует внимания:")
    for finding in made.reported:
        lines += [f"- {finding.code}: {finding.message}{_where(finding)}", f"    {finding.fix}"]
    if arguments.out is None and made.changes:
        lines.append("Байты не записаны: укажите --out.")
    return "\n".join(lines)


def _change_lines(change: Change) -> list[str]:
    lines = [f"- {change.rule}: {change.message}{_where(change)}"]
    if change.before is not None:
        lines.append(f"    {change.before} → {'(убрано)' if change.after is None else change.after}")
    return lines


def _where(said: Change | Finding) -> str:
    place = said.location
    return f" Строка {place.line} {place.xpath}" if place is not None else ""
