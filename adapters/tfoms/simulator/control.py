"""The fund's own control of a package: format and logic by the rules it was given, then its register of the insured.

Without a rule engine it still counts cases and money, joins both files and asks for the goal of an ambulatory visit.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

import msgspec
from lxml import etree

from adapters.tfoms.protocol import Row, parse
from adapters.tfoms.simulator.settings import RegistryCheck
from broker.document.finding import Finding, Severity
from broker.document.registry_name import bare_name, parse_registry_name
from broker.document.zip_reading import ZipRefusal, read_zip

_POLICY = ("PACIENT/NPOLIS", "PACIENT/ENP")


class Package(msgspec.Struct, frozen=True):
    """A package the fund could open."""

    name: str
    bill: str
    main: etree._Element
    person: etree._Element

    @property
    def cases(self) -> int:
        """How many completed cases the bill holds."""
        return len(self.main.findall("ZAP/Z_SL"))


def open_package(data: bytes) -> Package | str:
    """Open a package or answer with the text of an exception."""
    entries = read_zip(data)
    if isinstance(entries, ZipRefusal):
        return "Не удалось распаковать архив"
    main = person = None
    name = ""
    for entry in entries:
        root = parse(entry.data)
        if root is not None and root.tag == "ZL_LIST":
            main, name = root, bare_name(entry.name)
        elif root is not None and root.tag == "PERS_LIST":
            person = root
    if main is None or person is None:
        return "Формат файла не соответствует схеме"
    if parse_registry_name(name) is None:
        return "Имя файла не соответствует правилам"
    return Package(name, (main.findtext("SCHET/NSCHET") or "").strip(), main, person)


def logic_errors(
    package: Package, data: bytes, mo: str, today: date, check: RegistryCheck | None
) -> list[Row]:
    """Return the errors of format and logic control."""
    if check is None:
        return list(_own_errors(package))
    return [_row(finding) for finding in check(data, mo, today) if finding.severity is Severity.ERROR]


def _row(finding: Finding) -> Row:
    xpath = finding.location.xpath if finding.location else ""
    steps = [step.split("[")[0] for step in xpath.split("/") if step]
    return Row(
        rule=(finding.rule or finding.code.rpartition(".")[2])[:15],
        element=steps[-1] if steps else "",
        owner=steps[-2] if len(steps) > 1 else "",
        value=finding.value or "",
        n_zap=finding.n_zap or "",
        id_case=finding.id_case or "",
        sl_id=finding.sl_id or "",
        comment=finding.message[:250],
    )


def _own_errors(package: Package) -> Iterator[Row]:
    cases = package.main.findall("ZAP/Z_SL")
    if _number(package.main, "ZGLV/SD_Z") != len(cases):
        yield Row(rule="006F.00.0110", element="SD_Z", owner="ZGLV", comment="SD_Z не равно числу случаев")
    if _number(package.main, "SCHET/SUMMAV") != sum(_number(case, "SUMV") for case in cases):
        yield Row(rule="006F.00.1040", element="SUMMAV", owner="SCHET", comment="SUMMAV не равна сумме SUMV")
    for zap in package.main.findall("ZAP"):
        for case in zap.findall("Z_SL/SL"):
            if zap.findtext("Z_SL/USL_OK") == "3" and not case.findtext("P_CEL"):
                keys = _keys(zap, case)
                yield msgspec.structs.replace(
                    keys,
                    rule="003F.00.0660",
                    element="P_CEL",
                    owner="SL",
                    comment="Не заполнена цель посещения",
                )


def insurance_errors(package: Package, not_insured: Sequence[str]) -> list[Row]:
    """Return a row for every case of a person the register does not know, named in the comment as funds do."""
    unknown = set(not_insured)
    persons = {_text(person, "ID_PAC"): person for person in package.person.findall("PERS")}
    rows: list[Row] = []
    for zap in package.main.findall("ZAP"):
        if unknown.isdisjoint(_text(zap, path) for path in _POLICY):
            continue
        person = persons.get(_text(zap, "PACIENT/ID_PAC"))
        name = " ".join(_text(person, part) for part in ("FAM", "IM", "OT")) if person is not None else ""
        rows.extend(
            msgspec.structs.replace(
                _keys(zap, case),
                rule="910",
                element="NPOLIS",
                owner="PACIENT",
                value=_text(zap, "PACIENT/NPOLIS"),
                comment=f"{name} не застрахован(а) в ЦС ЕРЗ".strip(),
            )
            for case in zap.findall("Z_SL/SL")
        )
    return rows


def _keys(zap: etree._Element, case: etree._Element) -> Row:
    return Row(n_zap=_text(zap, "N_ZAP"), id_case=_text(zap, "Z_SL/IDCASE"), sl_id=_text(case, "SL_ID"))


def _text(element: etree._Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(element: etree._Element, path: str) -> Decimal:
    try:
        return Decimal(_text(element, path))
    except InvalidOperation:
        return Decimal(0)
