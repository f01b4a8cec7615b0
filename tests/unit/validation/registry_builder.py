"""Registries to order: a good ambulatory case, and edits of single elements put where the schema wants them."""

import io
import zipfile
from datetime import date
from pathlib import Path

from lxml import etree

from broker.validation.registry import RegistryClinic, RegistryReport, check_registry, default_checks

OMS = Path(__file__).parents[3] / "schemas" / "oms"
NAME = "HM650001T65_2401001"
TODAY = date(2024, 2, 6)
CLINIC = RegistryClinic(mcod="650001", region="65")
_XS = "{http://www.w3.org/2001/XMLSchema}"

AMBULATORY = {
    "ZGLV/VERSION": "3.2",
    "ZGLV/DATA": "2024-02-05",
    "ZGLV/FILENAME": NAME,
    "ZGLV/SD_Z": "1",
    "SCHET/CODE": "2401001",
    "SCHET/CODE_MO": "650001",
    "SCHET/YEAR": "2024",
    "SCHET/MONTH": "1",
    "SCHET/NSCHET": "1",
    "SCHET/DSCHET": "2024-02-05",
    "SCHET/SUMMAV": "1200.00",
    "ZAP/N_ZAP": "1",
    "ZAP/PR_NOV": "0",
    "PACIENT/ID_PAC": "00000000-0000-4000-8000-000000000001",
    "PACIENT/VPOLIS": "3",
    "PACIENT/NPOLIS": "6500000000000001",
    "PACIENT/SMO": "65001",
    "PACIENT/NOVOR": "0",
    "Z_SL/IDCASE": "10",
    "Z_SL/USL_OK": "3",
    "Z_SL/VIDPOM": "13",
    "Z_SL/FOR_POM": "3",
    "Z_SL/LPU": "650001",
    "Z_SL/DATE_Z_1": "2024-01-10",
    "Z_SL/DATE_Z_2": "2024-01-10",
    "Z_SL/RSLT": "301",
    "Z_SL/ISHOD": "304",
    "Z_SL/IDSP": "29",
    "Z_SL/SUMV": "1200.00",
    "SL/SL_ID": "s-1",
    "SL/PROFIL": "97",
    "SL/DET": "0",
    "SL/P_CEL": "1.0",
    "SL/NHISTORY": "A-1",
    "SL/DATE_1": "2024-01-10",
    "SL/DATE_2": "2024-01-10",
    "SL/DS1": "J06.9",
    "SL/C_ZAB": "1",
    "SL/PRVS": "76",
    "SL/VERS_SPEC": "V021",
    "SL/IDDOKT": "99000000000",
    "SL/SUM_M": "1200.00",
    "USL/IDSERV": "u-1",
    "USL/LPU": "650001",
    "USL/PROFIL": "97",
    "USL/DET": "0",
    "USL/DATE_IN": "2024-01-10",
    "USL/DATE_OUT": "2024-01-10",
    "USL/DS": "J06.9",
    "USL/CODE_USL": "B01.047.001",
    "USL/KOL_USL": "1.00",
    "USL/SUMV_USL": "1200.00",
    "USL/PRVS": "76",
    "USL/CODE_MD": "99000000000",
    "L_ZGLV/VERSION": "3.2",
    "L_ZGLV/DATA": "2024-02-05",
    "L_ZGLV/FILENAME": "L" + NAME[1:],
    "L_ZGLV/FILENAME1": NAME,
    "PERS/ID_PAC": "00000000-0000-4000-8000-000000000001",
    "PERS/FAM": "Небыльский",
    "PERS/IM": "Примеровит",
    "PERS/OT": "Пробославович",
    "PERS/W": "1",
    "PERS/DR": "1980-01-01",
    "PERS/SNILS": "990-000-000 31",
}
INPATIENT = {
    **AMBULATORY,
    "Z_SL/USL_OK": "1",
    "Z_SL/VIDPOM": "31",
    "Z_SL/NPR_MO": "650002",
    "Z_SL/NPR_DATE": "2024-01-09",
    "Z_SL/KD_Z": "5",
    "Z_SL/DATE_Z_2": "2024-01-15",
    "Z_SL/RSLT": "101",
    "Z_SL/ISHOD": "101",
    "Z_SL/IDSP": "33",
    "SL/P_CEL": None,
    "SL/C_ZAB": None,
    "SL/PROFIL_K": "71",
    "SL/P_PER": "1",
    "SL/DATE_2": "2024-01-15",
    "SL/KD": "5",
    "SL/REAB": "1",
    "KSG_KPG/N_KSG": "st01.001",
    "KSG_KPG/VER_KSG": "2024",
    "KSG_KPG/KSG_PG": "0",
    "KSG_KPG/KOEF_Z": "1.00000",
    "KSG_KPG/KOEF_UP": "1.00000",
    "KSG_KPG/BZTSZ": "20000.00",
    "KSG_KPG/KOEF_D": "1.00000",
    "KSG_KPG/KOEF_U": "1.00000",
    "KSG_KPG/SL_K": "1",
    "KSG_KPG/IT_SL": "1.20000",
    "SL_KOEF/IDSL": "1",
    "SL_KOEF/Z_SL": "1.20000",
    "USL/DATE_OUT": "2024-01-15",
}
RETURNED = {
    **AMBULATORY,
    "SCHET/SUMMAP": "1000.00",
    "SCHET/SANK_MEK": "200.00",
    "Z_SL/OPLATA": "3",
    "Z_SL/SUMP": "1000.00",
    "Z_SL/SANK_IT": "200.00",
    "SANK/S_CODE": "k-1",
    "SANK/S_SUM": "200.00",
    "SANK/S_TIP": "1",
    "SANK/SL_ID": "s-1",
    "SANK/S_OSN": "101",
    "SANK/DATE_ACT": "2024-02-03",
    "SANK/NUM_ACT": "1",
    "SANK/S_IST": "1",
}
NEWBORN = {
    **AMBULATORY,
    "PACIENT/NOVOR": "10501241",
    "PACIENT/VNOV_D": "2400",
    "Z_SL/OS_SLUCH": None,
    "SL/DET": "1",
    "PERS/FAM": None,
    "PERS/IM": None,
    "PERS/OT": None,
    "PERS/DR": "2024-01-05",
    "PERS/FAM_P": "Небыльская",
    "PERS/IM_P": "Примеровита",
    "PERS/OT_P": "Пробославовна",
    "PERS/W_P": "2",
    "PERS/DR_P": "1999-01-01",
}
TO_INSURER = {
    **AMBULATORY,
    "ZGLV/FILENAME": "HM650001S65001_2401001",
    "L_ZGLV/FILENAME": "LM650001S65001_2401001",
    "L_ZGLV/FILENAME1": "HM650001S65001_2401001",
    "SCHET/PLAT": "65001",
    "PACIENT/VPOLIS": "1",
    "PACIENT/SPOLIS": "АБ",
    "PACIENT/NPOLIS": "123456",
    "PACIENT/ST_OKATO": "64000",
    "PERS/DOCTYPE": "14",
    "PERS/DOCSER": "00 00",
    "PERS/DOCNUM": "000000",
    "PERS/DOCDATE": "2000-01-01",
    "PERS/DOCORG": "Пробное ведомство",
}
UNKNOWN_INSURER = {
    **AMBULATORY,
    "PACIENT/SMO": None,
    "PACIENT/SMO_OGRN": "1027700132195",
    "PACIENT/SMO_OK": "64000",
}

Edits = dict[str, str | None]


def build(fields: Edits, edits: Edits | None = None) -> tuple[etree._Element, etree._Element]:
    """Build both trees; later edits win, None removes."""
    main, person = etree.Element("ZL_LIST"), etree.Element("PERS_LIST")
    for target, text in {**fields, **(edits or {})}.items():
        put((main, person), target, text)
    return main, person


def put(trees: tuple[etree._Element, etree._Element], target: str, text: str | None) -> None:
    """Write one element ``OWNER/FIELD`` in its place, creating owners; None removes it, a bare owner whole."""
    owner, _, field = target.partition("/")
    path = default_checks_paths()[owner]
    node = trees[0] if path[0] == "ZL_LIST" else trees[1]
    if text is None:
        for found in node.findall("/".join((*path[1:], *([field] if field else [])))):
            parent = found.getparent()
            assert parent is not None
            parent.remove(found)
        return
    for depth, step in enumerate(path[1:], 2):
        node = node.find(step) if node.find(step) is not None else _insert(node, path[: depth - 1], step)
    leaf = node.find(field)
    (leaf if leaf is not None else _insert(node, path, field)).text = text


def _insert(parent: etree._Element, path: tuple[str, ...], tag: str) -> etree._Element:
    """Insert an element where the schema wants it."""
    order = ORDER[path]
    element = etree.Element(tag)
    place = sum(1 for child in parent if order.index(child.tag) <= order.index(tag))
    parent.insert(place, element)
    return element


def default_checks_paths() -> dict[str, tuple[str, ...]]:
    return default_checks().catalogue._shape.paths


def _orders() -> dict[tuple[str, ...], list[str]]:
    orders: dict[tuple[str, ...], list[str]] = {}

    def walk(element: etree._Element, above: tuple[str, ...]) -> None:
        path = (*above, element.get("name", ""))
        inner = [
            child
            for child in element.iter(_XS + "element")
            if child is not element and next(child.iterancestors(_XS + "element")) is element
        ]
        if inner:
            orders[path] = [child.get("name", "") for child in inner]
        for child in inner:
            walk(child, path)

    for file in ("zl_list.xsd", "pers_list.xsd"):
        for element in etree.parse(OMS / file).getroot().iterfind(_XS + "element"):
            walk(element, ())
    return orders


ORDER = _orders()


def written(tree: etree._Element, encoding: str = "windows-1251") -> bytes:
    return etree.tostring(tree, encoding=encoding, xml_declaration=True)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def a_package(fields: Edits = AMBULATORY, edits: Edits | None = None, *, name: str | None = None) -> bytes:
    """A package whose files are named as its headers say."""
    main, person = build(fields, edits)
    main_name = name or fields["ZGLV/FILENAME"]
    return zipped({f"{main_name}.XML": written(main), f"L{main_name[1:]}.XML": written(person)})


def checked(package: bytes, **facts: object) -> RegistryReport:
    return check_registry(package, **{"clinic": CLINIC, "today": TODAY, **facts})


def codes(package: bytes, **facts: object) -> list[str]:
    """Rule codes, or our own codes where there is none."""
    return [finding.rule or finding.code for finding in checked(package, **facts).findings]
