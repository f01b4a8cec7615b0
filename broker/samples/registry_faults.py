"""Faults of a registry of bills, each with the federal rules that must name it (Q015, tfoms.md §9)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import msgspec
from lxml import etree

Element = etree._Element  # noqa: SLF001 - lxml gives its element class no public name
Edit = Callable[[Element, Element], None]


class RegistryFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of one case: ``edit`` changes its ZAP and its PERS; the fund names one of ``rules`` for it."""

    id: str
    description: str
    rules: tuple[str, ...]
    edit: Edit
    inpatient: bool = False


class PackageFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of the whole package: ``edit`` changes ZL_LIST and PERS_LIST."""

    id: str
    description: str
    rules: tuple[str, ...]
    edit: Edit


def _must(root: Element, path: str) -> Element:
    found = root.find(path)
    if found is None:
        raise LookupError(f"the registry has no {path}")
    return found


def _drop(path: str) -> Edit:
    def edit(case: Element, _person: Element) -> None:
        victim = _must(case, path)
        parent = victim.getparent()
        assert parent is not None
        parent.remove(victim)

    return edit


def _write(path: str, text: str) -> Edit:
    def edit(case: Element, _person: Element) -> None:
        _must(case, path).text = text

    return edit


def _write_person(path: str, text: str) -> Edit:
    def edit(_case: Element, person: Element) -> None:
        _must(person, path).text = text

    return edit


def _add_rouble(path: str) -> Edit:
    def edit(case: Element, _person: Element) -> None:
        field = _must(case, path)
        roubles, kopecks = (field.text or "0.00").split(".")
        field.text = f"{int(roubles) + 1}.{kopecks}"

    return edit


def _begin_after_end(case: Element, _person: Element) -> None:
    ended = date.fromisoformat(_must(case, "Z_SL/DATE_Z_2").text or "")
    _must(case, "Z_SL/DATE_Z_1").text = str(ended + timedelta(days=1))


def _refer_too_late(case: Element, _person: Element) -> None:
    began = date.fromisoformat(_must(case, "Z_SL/DATE_Z_1").text or "")
    _must(case, "Z_SL/NPR_DATE").text = str(began + timedelta(days=1))


def _repeat_diagnosis(case: Element, _person: Element) -> None:
    main = _must(case, "Z_SL/SL/DS1")
    twin = etree.Element("DS2")
    twin.text = main.text
    main.addnext(twin)


CASE_FAULTS: Final = (
    RegistryFault(
        id="no-bed-days",
        description="Стационар без числа койко-дней (KD_Z при USL_OK=1)",
        rules=("003F.00.0430",),
        edit=_drop("Z_SL/KD_Z"),
        inpatient=True,
    ),
    RegistryFault(
        id="no-purpose",
        description="Амбулаторный случай без цели посещения (P_CEL при USL_OK=3)",
        rules=("003F.00.0660",),
        edit=_drop("Z_SL/SL/P_CEL"),
    ),
    RegistryFault(
        id="sum-of-case",
        description="Сумма случая не равна сумме его частей (SUMV и SUM_M)",
        rules=("006F.00.0370",),
        edit=_add_rouble("Z_SL/SUMV"),
    ),
    RegistryFault(
        id="dates-swapped",
        description="Случай начался позже, чем закончился (DATE_Z_1 и DATE_Z_2)",
        rules=("006F.00.0330",),
        edit=_begin_after_end,
    ),
    RegistryFault(
        id="policy-mask",
        description="Номер полиса единого образца не из 16 цифр (NPOLIS при VPOLIS=3)",
        rules=("004F.00.0250",),
        edit=_write("PACIENT/NPOLIS", "77990000"),
    ),
    RegistryFault(
        id="same-diagnoses",
        description="Сопутствующий диагноз повторяет основной (DS2 = DS1)",
        rules=("006F.00.0430",),
        edit=_repeat_diagnosis,
    ),
    RegistryFault(
        id="referral-too-late",
        description="Направление выдано после начала лечения (NPR_DATE и DATE_Z_1)",
        rules=("006F.00.0310",),
        edit=_refer_too_late,
        inpatient=True,
    ),
    RegistryFault(
        id="classifier",
        description="Классификатор специальностей не V021 (VERS_SPEC)",
        rules=("002F.00.0320",),
        edit=_write("Z_SL/SL/VERS_SPEC", "V015"),
    ),
    RegistryFault(
        id="snils-mask",
        description="СНИЛС в персональном файле без дефисов и пробела (SNILS)",
        rules=("004F.00.1720",),
        edit=_write_person("SNILS", "99000000000"),
    ),
)
PACKAGE_FAULTS: Final = (
    PackageFault(
        id="sum-of-account",
        description="Сумма счёта не равна сумме случаев (SUMMAV)",
        rules=("006F.00.1040",),
        edit=_add_rouble("SCHET/SUMMAV"),
    ),
    PackageFault(
        id="count-of-cases",
        description="Число случаев в заголовке неверно (SD_Z)",
        rules=("006F.00.0110",),
        edit=_write("ZGLV/SD_Z", "999"),
    ),
    PackageFault(
        id="no-such-month",
        description="Месяц счёта — 13 (MONTH)",
        rules=("002F.00.0070",),
        edit=_write("SCHET/MONTH", "13"),
    ),
)
