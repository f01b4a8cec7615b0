"""Checks without sending anything: the installation itself (``doctor``) and documents on disk (``validate``)."""

import argparse
import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from broker.adapter_kit.clocks import SystemClock
from broker.archive import SealedPart
from broker.assembly.lone import lone_file, lone_report
from broker.assembly.selfcheck import Check, Health, examine
from broker.cli.desk import environment
from broker.cli.running import ROOT
from broker.cli.terminal import CommandFailed, Parsers, command, say
from broker.document.submission import SignatureKind
from broker.intake.read import MAX_CONTENT
from broker.pipeline import Workshop
from broker.pipeline import examine as examine_document
from broker.settings import load
from broker.telemetry.log import configure
from broker.trust import Anchors, prepare_trust
from broker.trust.directory import TrustRefused, read_directory
from broker.validation.rendering.as_html import Part, to_html
from broker.validation.rendering.as_json import to_plain
from broker.validation.report import Report

_MARKS: Final = {Health.GOOD: "  ок    ", Health.DOUBT: "  ?     ", Health.BAD: "  ПЛОХО "}
_FORMATS: Final = ("text", "json", "html")


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    doctor = command(parsers, "doctor", _doctor, "самопроверка: что не так и что сделать; 0 — всё работает")
    doctor.add_argument(
        "--state-dir", type=Path, help="каталог стенда inaya dev; без него — переменные INAYA_…"
    )
    validate = command(
        parsers,
        "validate",
        _validate,
        "проверить файлы без сервера; 0 — годен, 1 — есть ошибки, 2 — не прочесть",
    )
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="СЭМД (XML) или реестр (ZIP)")
    validate.add_argument("--kind", default="", help="код вида (…11.1520); без него — по самому документу")
    signature_argument(validate)
    validate.add_argument("--format", choices=_FORMATS, default="text", help="вид отчёта")
    validate.add_argument(
        "--with-source",
        action="store_true",
        help="с --format html: показать и сам документ с отмеченными строками; в нём персональные данные",
    )
    validate.add_argument("--schemas", type=Path, default=ROOT / "schemas", help="каталог наборов правил")
    validate.add_argument("--packs", type=Path, help="каталог официальных пакетов")
    validate.add_argument(
        "--trust", type=Path, help="каталог доверия: проверить и цепочки сертификатов со списками отзыва"
    )


def signature_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--signature``."""
    parser.add_argument(
        "--signature",
        action="append",
        default=[],
        metavar="[РОЛЬ:]FILE",
        help="открепленная подпись (CMS): РОЛЬ:файл — медработника (без роли — AUTHOR), org:файл — организации",
    )


def _doctor(arguments: argparse.Namespace) -> int:
    configure(process="doctor", level="error")
    settings = load(environment(arguments.state_dir))
    worst = asyncio.run(examine(settings, _tell))
    return 1 if worst is Health.BAD else 0


def _tell(check: Check) -> None:
    say(f"{_MARKS[check.health]}{check.name}: {check.text}")
    if check.cure and check.health is not Health.GOOD:
        say(f"          → {check.cure}")


class Judged(msgspec.Struct, frozen=True):
    """A file, its bytes when they are to be shown, and its report."""

    file: str
    report: Report
    content: bytes | None = None

    @property
    def valid(self) -> bool:
        """Tell whether nothing found blocks it."""
        return not self.report.blocked


def _validate(arguments: argparse.Namespace) -> int:
    if arguments.signature and len(arguments.files) > 1:
        raise CommandFailed("подписи относятся к одному файлу: проверяйте подписанные документы по одному")
    workshop = Workshop(arguments.schemas, arguments.packs)
    if arguments.kind and workshop.catalogue.get(arguments.kind) is None:
        raise CommandFailed(f"вида {arguments.kind} нет в справочнике")
    signatures = tuple(read_signature(text) for text in arguments.signature)
    if signatures:
        prepare_trust()
    if arguments.trust:
        workshop.trust = _anchored(arguments.trust, workshop)
    now = SystemClock().now()
    judged, unusable = [], 0
    for path in arguments.files:
        try:
            content = read_document(path)
        except CommandFailed as error:
            sys.stderr.write(f"inaya: {error}\n")
            unusable += 1
        else:
            report = _judge(content, signatures, arguments.kind, workshop, now)
            judged.append(Judged(str(path), report, content if arguments.with_source else None))
    _show(judged, arguments.format)
    if unusable:
        return 2
    return 0 if all(one.valid for one in judged) else 1


def _anchored(directory: Path, workshop: Workshop) -> Anchors:
    try:
        return Anchors(read_directory(directory), workshop.trust.rules)
    except (TrustRefused, OSError) as error:
        raise CommandFailed(f"каталог доверия не читается: {error}") from error


def read_document(path: Path) -> bytes:
    """Read a file that may be a document; raise ``CommandFailed`` when it cannot be one."""
    try:
        size = path.stat().st_size
        if size > MAX_CONTENT:
            raise CommandFailed(f"{path}: больше {MAX_CONTENT // 1024 // 1024} МиБ")
        content = path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path}: файл не читается ({error.strerror})") from error
    if not content:
        raise CommandFailed(f"{path}: файл пуст")
    return content


def read_signature(text: str) -> SealedPart:
    """Read ``[role:]file``: ``org:`` marks the organisation's signature, no role means the author's."""
    role, colon, name = text.partition(":")
    if not colon:
        role, name = "AUTHOR", text
    data = read_document(Path(name))
    if role.lower() == "org":
        return SealedPart(SignatureKind.ORGANIZATION, data)
    return SealedPart(SignatureKind.PERSONAL, data, role.upper())


def _judge(
    content: bytes,
    signatures: tuple[SealedPart, ...],
    kind: str,
    workshop: Workshop,
    now: datetime,
) -> Report:
    made = examine_document(lone_file(content, signatures, kind, now), workshop)
    return lone_report(made, unsigned="" if signatures else "подписи не переданы (--signature)")


def _show(judged: list[Judged], form: str) -> None:
    if form == "json":
        plain = [{"file": one.file, "valid": one.valid, "report": to_plain(one.report)} for one in judged]
        say(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
    elif form == "html":
        parts = [Part(name=one.file, report=one.report, content=one.content) for one in judged]
        say(to_html("Отчёт о проверке", parts))
    else:
        for one in judged:
            say(f"{one.file}: {'годен' if one.valid else 'не годен'}\n{one.report.to_text()}\n")
