"""An H/L registry of bills for ТФОМС with right sums and names, and the faults a fund's ФЛК finds (tfoms.md §1, §2, §9).

Sent by the clinic to the fund (Pi = M, Pp = T), version 3.2. Codes of ФФОМС dictionaries are plausible numbers only:
no dictionary of ФФОМС is at hand. Sums are kopeck-exact decimals.
"""

import random
import zipfile
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Final
from uuid import UUID

from lxml import etree

from broker.samples.bill import Bill, Element, nested, person_record, record
from broker.samples.people import Clinic, Population
from broker.samples.registry_faults import PackageFault, RegistryFault

VERSION: Final = "3.2"
_ZIP_EPOCH: Final = (2026, 1, 1, 0, 0, 0)
_BILLING_LAG: Final = timedelta(days=4)


def make_bills(
    population: Population,
    clinic: Clinic,
    *,
    period: str,
    count: int,
    faults: Sequence[RegistryFault] = (),
    first: int = 0,
) -> tuple[Bill, ...]:
    """Return ``count`` cases of the month ``YYYY-MM``; the n-th fault goes into the n-th case, the rest are right."""
    opened = _month(period)
    return tuple(
        _bill(population, clinic, number, opened, faults[place] if place < len(faults) else None)
        for place, number in enumerate(range(first, first + count))
    )


def registry_name(clinic: Clinic, *, period: str, packet: int) -> str:
    """Return the main file's name: ``HM<mcod>T<region>_<YYMM><packet>``."""
    opened = _month(period)
    return f"HM{clinic.mcod}T{clinic.region}_{opened:%y%m}{packet:03d}"


def make_registry(
    clinic: Clinic, bills: Sequence[Bill], *, period: str, packet: int, fault: PackageFault | None = None
) -> bytes:
    """Return the ZIP with the main and the person file in windows-1251, the same bytes for the same input."""
    name = registry_name(clinic, period=period, packet=packet)
    records = [record(clinic, bill, place) for place, bill in enumerate(bills, start=1)]
    people = [person_record(bill) for bill in bills]
    for bill, case, person in zip(bills, records, people, strict=True):
        if bill.fault is not None:
            bill.fault.edit(case, person)
    main = _main(clinic, records, name=name, opened=_month(period), packet=packet)
    person_list = nested("PERS_LIST", _person_header(name, _billed(_month(period))), *people)
    if fault is not None:
        fault.edit(main, person_list)
    return _zipped({f"{name}.XML": main, f"L{name[1:]}.XML": person_list})


def expected_rules(bills: Sequence[Bill]) -> dict[str, tuple[str, ...]]:
    """Return, by N_ZAP, the federal rules of which the fund must name at least one."""
    return {
        str(place): bill.fault.rules for place, bill in enumerate(bills, start=1) if bill.fault is not None
    }


def _bill(
    population: Population, clinic: Clinic, number: int, opened: date, fault: RegistryFault | None
) -> Bill:
    dice = random.Random(f"{population.seed}/bill/{clinic.oid}/{number}")  # noqa: S311 - test data, not a secret
    inpatient = fault.inpatient if fault is not None else number % 4 == 3
    began = opened + timedelta(days=dice.randrange(0, 14))
    return Bill(
        id_case=number + 1,
        id_patient=str(UUID(int=dice.getrandbits(128), version=4)),
        patient=population.patient(number, clinic.region),
        doctor=population.doctor(clinic, 1),
        inpatient=inpatient,
        began=began,
        ended=began + timedelta(days=7) if inpatient else began,
        amount=Decimal(dice.randrange(50_000, 900_000)) / 100,
        fault=fault,
    )


def _main(clinic: Clinic, records: list[Element], *, name: str, opened: date, packet: int) -> Element:
    billed = _billed(opened)
    total = sum((Decimal(case.findtext("Z_SL/SUMV") or "0") for case in records), Decimal(0))
    header = nested("ZGLV", VERSION=VERSION, DATA=billed, FILENAME=name, SD_Z=len(records))
    account = nested(
        "SCHET",
        CODE=f"{opened:%y%m}{packet:03d}",
        CODE_MO=clinic.mcod,
        YEAR=opened.year,
        MONTH=opened.month,
        NSCHET=f"{packet}-{opened:%y%m}",
        DSCHET=billed,
        SUMMAV=f"{total:.2f}",
    )
    return nested("ZL_LIST", header, account, *records)


def _person_header(name: str, billed: date) -> Element:
    return nested("ZGLV", VERSION=VERSION, DATA=billed, FILENAME=f"L{name[1:]}", FILENAME1=name)


def _month(period: str) -> date:
    return date.fromisoformat(f"{period}-01")


def _billed(opened: date) -> date:
    following = (opened.replace(day=28) + timedelta(days=4)).replace(day=1)
    return following + _BILLING_LAG


def _zipped(files: dict[str, Element]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, root in files.items():
            etree.indent(root, space=" ")
            content = etree.tostring(root, xml_declaration=True, encoding="windows-1251")
            entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()
