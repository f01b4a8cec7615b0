"""Is this package of bills fit for the fund: archive, names, structure, rules, joins, and what the partner said of it."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Location, Severity, Source, blocks
from broker.document.zip_reading import MIB, ZipLimits
from broker.validation.registry.expression import number
from broker.validation.registry.node import Node
from broker.validation.registry.package import Registry, finding, open_package
from broker.validation.registry.rules import Catalogue, case_ids
from broker.validation.registry.shape import Shape
from broker.validation.registry.structure import Structure

MAX_FINDINGS: Final = 2000
LIMITS: Final = ZipLimits(archive=20 * MIB, total=24 * MIB, entries=16)
"""About fifteen thousand cases: 8 s of one core and 0.7 GB, well inside what a compute process may take."""
_OMS: Final = Path(__file__).resolve().parents[3] / "schemas" / "oms"
_PERIOD: Final = re.compile(r"(\d{4})-(\d{2})")


class RegistryClinic(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of the clinic: its ФРМО OID, its number in F003 (6 digits, empty = not known), its subject code."""

    oid: str = ""
    mcod: str = ""
    region: str = ""


class CaseKey(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One case of a registry as findings name it."""

    n_zap: str
    id_case: str = ""
    sl_id: str = ""


class RegistrySummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a readable package says of itself; ``total`` is SUMMAV as written, ``corrected`` counts rows with PR_NOV=1."""

    name: str
    version: str
    person_version: str
    sender: str
    receiver: str
    period: str
    total: str
    total_of_cases: str
    cases: tuple[CaseKey, ...]
    persons: int
    corrected: int
    corrects_package: str | None = None


class RegistryReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything wrong with a package and, when it could be read, its summary."""

    findings: tuple[Finding, ...]
    summary: RegistrySummary | None = None

    @property
    def valid(self) -> bool:
        """Tell whether nothing blocks."""
        return not blocks(self.findings)


class RegistryChecks(msgspec.Struct, frozen=True):
    """The compiled rule pack of ``schemas/oms``; build it once per process."""

    structure: Structure
    catalogue: Catalogue
    limits: ZipLimits = LIMITS

    @classmethod
    def load(cls, directory: Path, limits: ZipLimits = LIMITS) -> "RegistryChecks":
        """Compile the schemas and the rules of a directory."""
        main, person = directory / "zl_list.xsd", directory / "pers_list.xsd"
        shape = Shape.load(main, person)
        return cls(
            Structure.load(main, person, shape), Catalogue.load(directory / "rules.toml", shape), limits
        )


@cache
def default_checks() -> RegistryChecks:
    """Return the rule pack that lies beside the program."""
    return RegistryChecks.load(_OMS)


def check_registry(
    zip_bytes: bytes,
    *,
    clinic: RegistryClinic,
    today: date,
    tfoms: str = "",
    period: str = "",
    corrects_package: str | None = None,
    checks: RegistryChecks | None = None,
) -> RegistryReport:
    """Check a package of bills; ``tfoms`` (``77`` or ``tfoms.77``) and ``period`` (``2026-01``) are the submission's metadata.

    CPU work: run it in a compute process. Findings never hold names, policies or diagnoses.
    """
    pack = checks or default_checks()
    registry, findings = open_package(zip_bytes, pack.limits)
    if registry is None:
        return RegistryReport(findings=tuple(findings))
    findings += pack.structure.check(registry.main.element, registry.person.element, MAX_FINDINGS + 1)
    findings += pack.catalogue.check(registry, today, MAX_FINDINGS + 1)
    findings += _joins(registry)
    findings += _against_submission(registry, clinic, tfoms, period)
    findings += _corrections(registry, corrects_package)
    return RegistryReport(findings=_limited(findings), summary=_summary(registry, corrects_package))


def _limited(findings: list[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    rest = finding(
        "too_many_findings",
        f"Показаны первые {MAX_FINDINGS} замечаний; есть и другие.",
        "Исправьте показанные: обычно причина общая для многих случаев.",
        layer=Layer.BUSINESS,
        source=Source.OWN,
    )
    return (*findings[:MAX_FINDINGS], rest)


def _joins(registry: Registry) -> Iterator[Finding]:
    """Join both files by ID_PAC and look for keys that are not unique."""
    for id_pac, cases in registry.cases.items():
        if id_pac and id_pac not in registry.persons:
            yield from (_lonely_case(registry, case) for case in cases)
    for id_pac, persons in registry.persons.items():
        if id_pac and id_pac not in registry.cases:
            yield from (
                _keyless(person, "person_unused", "Персона не встречается в основном файле.")
                for person in persons
            )
        elif id_pac:
            yield from (
                _keyless(
                    person,
                    "person_repeated",
                    "Код пациента ID_PAC встречается в персональном файле не один раз.",
                )
                for person in persons[1:]
            )
    yield from _repeated(registry, ("ZAP",), "N_ZAP")
    yield from _repeated(registry, ("ZAP", "Z_SL"), "IDCASE")


def _location(node: Node) -> Location:
    xpath, line = node.location()
    return Location(xpath=xpath, line=line)


def _lonely_case(registry: Registry, case: Node) -> Finding:
    n_zap, _, _ = case_ids(registry, case)
    at = finding(
        "person_missing",
        "Для пациента случая нет записи в персональном файле (ID_PAC).",
        "Добавьте запись PERS с тем же ID_PAC или исправьте ID_PAC.",
        layer=Layer.BUSINESS,
        location=_location(case),
    )
    return msgspec.structs.replace(at, n_zap=n_zap)


def _keyless(person: Node, code: str, message: str) -> Finding:
    return finding(
        code,
        message,
        "Оставьте по одной записи PERS на каждого пациента основного файла.",
        layer=Layer.BUSINESS,
        severity=Severity.WARNING,
        source=Source.OWN,
        location=_location(person),
    )


def _repeated(registry: Registry, path: tuple[str, ...], field: str) -> Iterator[Finding]:
    """Tell of keys met twice: findings and answers name cases by them."""
    counts = Counter(node.text(field) for node in registry.main.walk(path))
    for node in registry.main.walk(path):
        key = node.text(field)
        if key and counts[key] > 1:
            n_zap, id_case, _ = case_ids(registry, node)
            at = finding(
                "key_repeated",
                f"Значение {field} повторяется: ответ фонда нельзя будет отнести к одному случаю.",
                f"Нумеруйте {field} без повторов внутри пакета.",
                layer=Layer.BUSINESS,
                severity=Severity.WARNING,
                source=Source.OWN,
                location=_location(node),
            )
            yield msgspec.structs.replace(at, n_zap=n_zap, id_case=id_case)


def _against_submission(
    registry: Registry, clinic: RegistryClinic, tfoms: str, period: str
) -> Iterator[Finding]:
    """Compare the package with who sends it, to which fund and for which month."""
    code_mo = _header(registry.main, "SCHET", "CODE_MO")
    if clinic.mcod and code_mo and code_mo != clinic.mcod:
        yield _disagreement(
            "clinic_mcod", "Код МО в счёте (CODE_MO) не совпадает с кодом клиники.", code_mo, clinic.mcod
        )
    name = registry.name
    if name and clinic.mcod and name.source_kind == "M" and name.source != clinic.mcod:
        yield _disagreement(
            "clinic_mcod", "Код МО в имени файла не совпадает с кодом клиники.", name.source, clinic.mcod
        )
    fund = tfoms.removeprefix("tfoms.")
    if name and fund and name.receiver_kind == "T" and name.receiver != fund:
        yield _disagreement(
            "fund",
            "Получатель в имени файла не совпадает с фондом, которому передан пакет.",
            name.receiver,
            fund,
        )
    wanted = _PERIOD.fullmatch(period)
    stated = _period(registry)
    if period and wanted is None:
        yield _disagreement(
            "period_form", "Период передачи должен иметь вид ГГГГ-ММ.", period[:20], "ГГГГ-ММ"
        )
    elif period and stated and stated != period:
        yield _disagreement(
            "period", "Период счёта не совпадает с периодом, указанным при передаче.", stated, period
        )


def _disagreement(code: str, message: str, value: str, expected: str) -> Finding:
    return finding(
        code,
        message,
        "Проверьте, тот ли пакет передаётся, и исправьте реестр или сведения о передаче.",
        layer=Layer.METADATA,
        value=value,
        expected=expected,
    )


def _period(registry: Registry) -> str:
    year, month = (number(_header(registry.main, "SCHET", field) or "-") for field in ("YEAR", "MONTH"))
    return "" if year is None or month is None else f"{int(year):04d}-{int(month):02d}"


def _corrections(registry: Registry, corrects_package: str | None) -> Iterator[Finding]:
    """Ask a correcting package for rows marked as corrected."""
    if corrects_package and not _corrected(registry):
        yield finding(
            "no_corrected_rows",
            "Пакет передан как исправление, но ни одна запись не помечена PR_NOV=1.",
            "Пометьте исправленные записи признаком PR_NOV=1.",
            layer=Layer.BUSINESS,
            severity=Severity.WARNING,
            source=Source.OWN,
        )


def _corrected(registry: Registry) -> int:
    return sum(1 for case in registry.main.walk(("ZAP",)) if case.text("PR_NOV") == "1")


def _summary(registry: Registry, corrects_package: str | None) -> RegistrySummary:
    main = registry.main
    sums = [number(text) for text in main.texts(("ZAP", "Z_SL", "SUMV"))]
    return RegistrySummary(
        name=registry.name.text if registry.name else "",
        version=_header(main, "ZGLV", "VERSION")[:5],
        person_version=_header(registry.person, "ZGLV", "VERSION")[:5],
        sender=_header(main, "SCHET", "CODE_MO")[:6],
        receiver=registry.name.receiver if registry.name else "",
        period=_period(registry),
        total=_header(main, "SCHET", "SUMMAV")[:18],
        total_of_cases=str(sum((value for value in sums if value is not None), Decimal(0))),
        cases=tuple(_cases(registry)),
        persons=sum(len(records) for records in registry.persons.values()),
        corrected=_corrected(registry),
        corrects_package=corrects_package,
    )


def _cases(registry: Registry) -> Iterator[CaseKey]:
    for zap in registry.main.walk(("ZAP",)):
        for completed in zap.walk(("Z_SL",)):
            for case in completed.walk(("SL",)):
                yield CaseKey(zap.text("N_ZAP")[:8], completed.text("IDCASE")[:11], case.text("SL_ID")[:36])


def _header(root: Node, block: str, field: str) -> str:
    return next(iter(root.texts((block, field))), "")
