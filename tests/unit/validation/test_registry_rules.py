"""Every rule of the catalogue fires on an example of its own and is silent on good registries."""

import msgspec
import pytest
from registry_builder import (
    AMBULATORY,
    INPATIENT,
    NEWBORN,
    OMS,
    RETURNED,
    TO_INSURER,
    UNKNOWN_INSURER,
    Edits,
    a_package,
    checked,
    codes,
)

from broker.document.finding import Layer, Responsible, Severity, Source
from broker.validation.registry import default_checks

GOOD = {
    "ambulatory": AMBULATORY,
    "inpatient": INPATIENT,
    "returned": RETURNED,
    "newborn": NEWBORN,
    "to insurer": TO_INSURER,
    "unknown insurer": UNKNOWN_INSURER,
}
RULES = default_checks().catalogue.rules
FILE = msgspec.toml.decode((OMS / "rules.toml").read_bytes())

BROKEN: dict[str, tuple[Edits, Edits]] = {
    # presence
    "003F.00.0010": (TO_INSURER, {"SCHET/PLAT": None}),
    "003F.00.0080": (AMBULATORY, {"PACIENT/SPOLIS": "АБ"}),
    "003F.00.0110": (TO_INSURER, {"PACIENT/ST_OKATO": None}),
    "003F.00.0120": (TO_INSURER, {"PACIENT/SMO": None}),
    "003F.00.0130": (UNKNOWN_INSURER, {"PACIENT/SMO_OGRN": None, "PACIENT/SMO_NAM": "Пробная"}),
    "003F.00.0140": (UNKNOWN_INSURER, {"PACIENT/SMO_OK": None}),
    "003F.00.0150": (UNKNOWN_INSURER, {"PACIENT/SMO_OGRN": None}),
    "003F.00.2170": (AMBULATORY, {"PACIENT/NPOLIS": None}),
    "003F.00.0390": (NEWBORN, {"Z_SL/VNOV_M": "2400"}),
    "003F.00.0450": (NEWBORN, {"Z_SL/VNOV_M": "2400"}),
    "003F.00.0400": (INPATIENT, {"Z_SL/NPR_MO": None}),
    "003F.00.0401": (AMBULATORY, {"Z_SL/NPR_DATE": "2024-01-09"}),
    "003F.00.0402": (AMBULATORY, {"Z_SL/NPR_MO": "650002"}),
    "003F.00.0410": (INPATIENT, {"Z_SL/NPR_DATE": None}),
    "003F.00.0430": (INPATIENT, {"Z_SL/KD_Z": None}),
    "003F.00.0440": (AMBULATORY, {"Z_SL/KD_Z": "1"}),
    "003F.00.0460": (AMBULATORY, {"PERS/OT": None}),
    "003F.00.0480": (AMBULATORY, {"Z_SL/OS_SLUCH": "2"}),
    "003F.00.0500": (INPATIENT, {"SL/P_PER": "4"}),
    "003F.00.0510": (INPATIENT, {"Z_SL/VB_P": "1"}),
    "003F.00.0530": (RETURNED, {"Z_SL/OPLATA": None}),
    "003F.00.0580": (RETURNED, {"SANK": None}),
    "003F.00.0590": (RETURNED, {"Z_SL/SANK_IT": None}),
    "003F.00.0640": (INPATIENT, {"SL/PROFIL_K": None}),
    "003F.00.0650": (AMBULATORY, {"SL/PROFIL_K": "71"}),
    "003F.00.0660": (AMBULATORY, {"SL/P_CEL": None}),
    "003F.00.0670": (INPATIENT, {"SL/P_CEL": "1.0"}),
    "003F.00.0700": (INPATIENT, {"SL/P_PER": None}),
    "003F.00.0710": (AMBULATORY, {"SL/P_PER": "1"}),
    "003F.00.0740": (INPATIENT, {"SL/KD": None}),
    "003F.00.0750": (AMBULATORY, {"SL/KD": "1"}),
    "003F.00.0760": (AMBULATORY, {"SL/C_ZAB": None}),
    "003F.00.0790": (AMBULATORY, {"SL/P_CEL": "1.3"}),
    "003F.00.0800": (INPATIENT, {"KSG_KPG": None}),
    "003F.00.0810": (AMBULATORY, {"KSG_KPG/N_KSG": "st01.001"}),
    "003F.00.0820": (INPATIENT, {"Z_SL/FOR_POM": "1"}),
    "003F.00.1100": (INPATIENT, {"KSG_KPG/N_KSG": None}),
    "003F.00.1110": (INPATIENT, {"KSG_KPG/N_KPG": "1"}),
    "003F.00.1140": (INPATIENT, {"KSG_KPG/IT_SL": None}),
    "003F.00.1150": (INPATIENT, {"SL_KOEF": None}),
    "003F.00.1770": (RETURNED, {"SANK/SL_ID": None}),
    "003F.00.1780": (RETURNED, {"SANK/S_OSN": None}),
    "003F.00.1790": (RETURNED, {"SANK/S_TIP": "30"}),
    "003F.00.2961": (AMBULATORY, {"USL/PRVS": None}),
    "003F.00.2971": (AMBULATORY, {"USL/CODE_MD": None}),
    "003F.00.0330": (TO_INSURER, {"PERS/DOCDATE": None}),
    "003F.00.0340": (TO_INSURER, {"PERS/DOCORG": None}),
    "003F.00.1530": (AMBULATORY, {"PERS/FAM": None}),
    "003F.00.1540": (NEWBORN, {"PERS/FAM": "Небыльская"}),
    "003F.00.1550": (NEWBORN, {"PERS/FAM_P": None}),
    "003F.00.1560": (AMBULATORY, {"PERS/FAM_P": "Небыльская"}),
    "003F.00.1570": (AMBULATORY, {"PERS/IM": None}),
    "003F.00.1580": (NEWBORN, {"PERS/IM": "Примеровита"}),
    "003F.00.1590": (NEWBORN, {"PERS/IM_P": None}),
    "003F.00.1600": (AMBULATORY, {"PERS/IM_P": "Примеровита"}),
    "003F.00.1610": (AMBULATORY, {"PERS/DOST": "1"}),
    "003F.00.1620": (AMBULATORY, {"PERS/OT_P": "Пробославовна"}),
    "003F.00.1670": (NEWBORN, {"PERS/W_P": None}),
    "003F.00.1680": (AMBULATORY, {"PERS/W_P": "2"}),
    "003F.00.1690": (NEWBORN, {"PERS/DR_P": None}),
    "003F.00.1700": (AMBULATORY, {"PERS/DR_P": "1950-01-01"}),
    "003F.00.1710": (AMBULATORY, {"PERS/TEL": "0000000000"}),
    "003F.00.1720": (TO_INSURER, {"PERS/DOCTYPE": None}),
    "003F.00.1730": (TO_INSURER, {"PERS/DOCSER": None}),
    "003F.00.1740": (TO_INSURER, {"PERS/DOCNUM": None}),
    # values
    "002F.00.0010": (AMBULATORY, {"ZGLV/VERSION": "5.1"}),
    "002F.00.0050": (AMBULATORY, {"L_ZGLV/VERSION": "5.1"}),
    "002F.00.0070": (AMBULATORY, {"SCHET/MONTH": "13"}),
    "002F.00.0080": (AMBULATORY, {"ZAP/PR_NOV": "2"}),
    "002F.00.0090": (AMBULATORY, {"PACIENT/INV": "5"}),
    "002F.00.0100": (AMBULATORY, {"PACIENT/MSE": "2"}),
    "002F.00.0130": (AMBULATORY, {"PACIENT/NOVOR": "13201241"}),
    "002F.00.0140": (NEWBORN, {"PACIENT/VNOV_D": "2500"}),
    "002F.00.0150": (AMBULATORY, {"Z_SL/VNOV_M": "200"}),
    "002F.00.0160": (AMBULATORY, {"PERS/OT": None, "Z_SL/OS_SLUCH": "3"}),
    "002F.00.0170": (INPATIENT, {"SL/P_PER": "4", "Z_SL/VB_P": "2"}),
    "002F.00.0180": (RETURNED, {"Z_SL/OPLATA": "4"}),
    "002F.00.0220": (AMBULATORY, {"SL/DET": "2"}),
    "002F.00.0240": (INPATIENT, {"SL/P_PER": "5"}),
    "002F.00.0260": (AMBULATORY, {"SL/DS1": "C50.1"}),
    "002F.00.0280": (AMBULATORY, {"SL/P_CEL": "1.3", "SL/DN": "3"}),
    "002F.00.0290": (INPATIENT, {"SL/REAB": "0"}),
    "002F.00.0320": (AMBULATORY, {"SL/VERS_SPEC": "V015"}),
    "002F.00.0440": (INPATIENT, {"KSG_KPG/KSG_PG": "2"}),
    "002F.00.0450": (INPATIENT, {"KSG_KPG/SL_K": "2"}),
    "002F.00.0460": (INPATIENT, {"KSG_KPG/VER_KSG": "2023"}),
    "002F.00.0480": (RETURNED, {"SANK/S_IST": "2"}),
    "002F.00.0510": (AMBULATORY, {"USL/DET": "2"}),
    "002F.00.0520": (AMBULATORY, {"USL/NPL": "5"}),
    "002F.00.0540": (AMBULATORY, {"PERS/DOST": "7"}),
    "002F.00.0550": (NEWBORN, {"PERS/DOST_P": "7"}),
    # forms
    "004F.00.0020": (AMBULATORY, {"ZGLV/FILENAME": "НМ650001T65_2401001"}),
    "004F.00.1770": (AMBULATORY, {"L_ZGLV/FILENAME": "LM-1"}),
    "004F.00.0030": (AMBULATORY, {"L_ZGLV/FILENAME1": "HM-1"}),
    "004F.00.0070": (AMBULATORY, {"ZGLV/SD_Z": "один"}),
    "004F.00.0080": (AMBULATORY, {"SCHET/CODE": "123456789"}),
    "004F.00.0090": (AMBULATORY, {"SCHET/YEAR": "24"}),
    "004F.00.0190": (AMBULATORY, {"ZAP/N_ZAP": "A1"}),
    "004F.00.0210": (AMBULATORY, {"PACIENT/ID_PAC": "а_1"}),
    "004F.00.0220": (TO_INSURER, {"PACIENT/SPOLIS": "слишком длинная"}),
    "004F.00.0230": (TO_INSURER, {"PACIENT/NPOLIS": "1" * 21}),
    "004F.00.0240": (
        TO_INSURER,
        {"PACIENT/VPOLIS": "2", "PACIENT/SPOLIS": None, "PACIENT/NPOLIS": "12345678"},
    ),
    "004F.00.0250": (AMBULATORY, {"PACIENT/NPOLIS": "650000000000001"}),
    "004F.00.0520": (AMBULATORY, {"Z_SL/IDCASE": "1" * 12}),
    "004F.00.0560": (INPATIENT, {"Z_SL/KD_Z": "1000"}),
    "004F.00.0670": (AMBULATORY, {"SL/SL_ID": "s_1"}),
    "004F.00.0790": (INPATIENT, {"SL/KD": "1.5"}),
    "004F.00.0800": (AMBULATORY, {"SL/DS0": "J6"}),
    "004F.00.0810": (AMBULATORY, {"SL/DS1": "Ю06.9"}),
    "004F.00.0830": (AMBULATORY, {"SL/DS2": "J06,8"}),
    "004F.00.0840": (AMBULATORY, {"SL/DS3": "J06.999"}),
    "004F.00.1450": (AMBULATORY, {"USL/DS": "простуда"}),
    "004F.00.1340": (AMBULATORY, {"USL/IDSERV": "у1"}),
    "004F.00.1480": (AMBULATORY, {"USL/KOL_USL": "1"}),
    "004F.00.1570": (AMBULATORY, {"PERS/ID_PAC": "а_1"}),
    "004F.00.1720": (AMBULATORY, {"PERS/SNILS": "99000000031"}),
    "004F.00.1730": (AMBULATORY, {"PERS/OKATOG": "64000"}),
    "004F.00.1740": (AMBULATORY, {"PERS/OKATOP": "6400000000X"}),
    # logic
    "006F.00.0010": (AMBULATORY, {"ZGLV/DATA": "2024-02-07"}),
    "006F.00.0020": (AMBULATORY, {"L_ZGLV/DATA": "2024-02-07"}),
    "006F.00.0030": (AMBULATORY, {"Z_SL/LPU": "650002"}),
    "006F.00.0050": (TO_INSURER, {"SCHET/PLAT": "65002"}),
    "006F.00.0070": (AMBULATORY, {"SCHET/YEAR": "2025"}),
    "006F.00.0090": (AMBULATORY, {"SCHET/MONTH": "2"}),
    "006F.00.0110": (AMBULATORY, {"ZGLV/SD_Z": "2"}),
    "006F.00.0160": (AMBULATORY, {"SCHET/YEAR": "2023"}),
    "006F.00.0180": (AMBULATORY, {"Z_SL/DATE_Z_2": "2024-02-01"}),
    "006F.00.0200": (AMBULATORY, {"SCHET/DSCHET": "2024-02-06"}),
    "006F.00.0220": (TO_INSURER, {"PACIENT/SMO": "65002"}),
    "006F.00.0310": (INPATIENT, {"Z_SL/NPR_DATE": "2024-01-11"}),
    "006F.00.0311": (INPATIENT, {"Z_SL/NPR_DATE": "1979-12-31"}),
    "006F.00.0330": (AMBULATORY, {"Z_SL/DATE_Z_1": "2024-01-11"}),
    "006F.00.0340": (AMBULATORY, {"SCHET/DSCHET": "2024-01-09"}),
    "006F.00.0370": (AMBULATORY, {"Z_SL/SUMV": "1200.01"}),
    "006F.00.0390": (INPATIENT, {"PACIENT/NOVOR": "10501241"}),
    "006F.00.0395": (AMBULATORY, {"SL/DET": "1"}),
    "006F.00.0400": (AMBULATORY, {"SL/DATE_1": "2024-01-09"}),
    "006F.00.0410": (AMBULATORY, {"SL/DATE_1": "2024-01-11"}),
    "006F.00.0420": (AMBULATORY, {"SL/DATE_2": "2024-01-11"}),
    "006F.00.0430": (AMBULATORY, {"SL/DS2": "J06.9"}),
    "006F.00.0440": (AMBULATORY, {"SL/DS2": "J20.0", "SL/DS3": "J20.0"}),
    "006F.00.0450": (AMBULATORY, {"SL/CODE_MES1": "1", "SL/CODE_MES2": "1"}),
    "006F.00.0460": (AMBULATORY, {"SL/TARIF": "1200.01"}),
    "006F.00.0520": (AMBULATORY, {"USL/DET": "1"}),
    "006F.00.0530": (AMBULATORY, {"USL/DATE_IN": "2024-01-09"}),
    "006F.00.0550": (AMBULATORY, {"USL/DATE_IN": "2024-01-11"}),
    "006F.00.0560": (AMBULATORY, {"USL/DATE_OUT": "2024-01-11"}),
    "006F.00.0570": (AMBULATORY, {"USL/TARIF": "1200.01"}),
    "006F.00.0670": (AMBULATORY, {"PERS/DR": "2024-02-06"}),
    "006F.00.0680": (AMBULATORY, {"PERS/DR": "2024-01-11"}),
    "006F.00.0690": (NEWBORN, {"PERS/DR_P": "2010-01-06"}),
    "006F.00.1030": (RETURNED, {"SCHET/SANK_MEE": "1.00"}),
    "006F.00.1040": (AMBULATORY, {"SCHET/SUMMAV": "1199.99"}),
    "006F.00.1050": (RETURNED, {"SCHET/SUMMAP": "999.00"}),
    "006F.00.1110": (AMBULATORY, {"Z_SL/ISHOD": "306", "Z_SL/RSLT": "302"}),
    "006F.00.1120": (AMBULATORY, {"Z_SL/RSLT": "407"}),
    "006F.00.1130": (INPATIENT, {"Z_SL/RSLT": "102"}),
    "006F.00.1140": (INPATIENT, {"Z_SL/RSLT": "202", "Z_SL/ISHOD": "201"}),
    "006F.00.1160": (RETURNED, {"Z_SL/SUMP": "999.00"}),
    "006F.00.1171": (RETURNED, {"Z_SL/SANK_IT": "1200.00"}),
    "006F.00.1180": (RETURNED, {"Z_SL/OPLATA": "2"}),
    "006F.00.1181": (RETURNED, {"Z_SL/OPLATA": "2"}),
    "006F.00.1190": (RETURNED, {"Z_SL/OPLATA": "1"}),
    "006F.00.1191": (RETURNED, {"Z_SL/OPLATA": "1"}),
    "006F.00.1200": (AMBULATORY, {"Z_SL/USL_OK": "4"}),
    "006F.00.1210": (AMBULATORY, {"Z_SL/VIDPOM": "31"}),
    "006F.00.1220": (INPATIENT, {"Z_SL/USL_OK": "2", "Z_SL/VIDPOM": "11"}),
    "006F.00.1230": (INPATIENT, {"Z_SL/VIDPOM": "13"}),
    "006F.00.1240": (INPATIENT, {"Z_SL/RSLT": "105", "Z_SL/ISHOD": "103"}),
    "006F.00.1250": (INPATIENT, {"Z_SL/RSLT": "205", "Z_SL/ISHOD": "203"}),
    "006F.00.1260": (AMBULATORY, {"Z_SL/RSLT": "313"}),
    "006F.00.1270": (AMBULATORY, {"Z_SL/RSLT": "405"}),
    "006F.00.1280": (INPATIENT, {"Z_SL/USL_OK": "2", "Z_SL/FOR_POM": "1"}),
    "006F.00.1290": (AMBULATORY, {"Z_SL/FOR_POM": "1"}),
    "006F.00.1300": (AMBULATORY, {"Z_SL/USL_OK": "4"}),
    "006F.00.1310": (INPATIENT, {"Z_SL/RSLT": "201"}),
    "006F.00.1320": (INPATIENT, {"Z_SL/USL_OK": "2"}),
    "006F.00.1330": (AMBULATORY, {"Z_SL/RSLT": "401"}),
    "006F.00.1340": (AMBULATORY, {"Z_SL/USL_OK": "4"}),
}


def _bases(owner: str) -> Edits:
    """A good registry in which the owner occurs."""
    return {"KSG_KPG": INPATIENT, "SL_KOEF": INPATIENT, "SANK": RETURNED}.get(owner, AMBULATORY)


def _tabled(table: str) -> list[tuple[str, str, str]]:
    return [(code, owner, field) for owner, fields in FILE[table].items() for field, code in fields.items()]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_registry_has_no_findings(name: str) -> None:
    assert codes(a_package(GOOD[name])) == []


@pytest.mark.parametrize("code", BROKEN)
def test_a_rule_fires_on_its_example(code: str) -> None:
    fields, edits = BROKEN[code]
    assert code in codes(a_package(fields, edits, name=fields["ZGLV/FILENAME"]))


@pytest.mark.parametrize(("code", "owner", "field"), _tabled("required"))
def test_a_required_element_is_missed(code: str, owner: str, field: str) -> None:
    target = field if owner in {"ZL_LIST", "PERS_LIST"} or field in {"PACIENT", "SL"} else f"{owner}/{field}"
    target = "Z_SL" if (owner, field) == ("ZAP", "Z_SL") else target
    assert code in codes(a_package(_bases(owner), {target: None}))


@pytest.mark.parametrize(("code", "owner", "field"), _tabled("dates"))
def test_a_date_that_is_none_is_named(code: str, owner: str, field: str) -> None:
    base = INPATIENT if field == "NPR_DATE" else NEWBORN if field == "DR_P" else _bases(owner)
    assert code in codes(a_package(base, {f"{owner}/{field}": "31.01.2024"}))
    assert code in codes(a_package(base, {f"{owner}/{field}": "2024-02-30"}))


@pytest.mark.parametrize(("code", "owner", "field"), _tabled("money"))
def test_money_without_kopecks_is_named(code: str, owner: str, field: str) -> None:
    base = RETURNED if field in {"SUMMAP", "SUMP", "SANK_IT", "S_SUM"} else AMBULATORY
    assert code in codes(a_package(base, {f"{owner}/{field}": "1200"}))
    assert code in codes(a_package(base, {f"{owner}/{field}": "1200,00"}))


def test_every_rule_has_an_example() -> None:
    tabled = {code for table in ("required", "dates", "money") for code, _, _ in _tabled(table)}
    assert {rule.code for rule in RULES} == tabled | BROKEN.keys()
    assert len(RULES) == len({rule.code for rule in RULES}), "a code stands once"
    assert len(RULES) > 250


def test_every_rule_of_q015_is_spelled_like_q015() -> None:
    for rule in RULES:
        assert rule.seen == "Q015"
        assert rule.code[:5] in {"002F.", "003F.", "004F.", "006F."}, rule.code
        assert len(rule.code) == 12, rule.code


# ---------------------------------------------------------------------- what a finding says


def test_a_finding_names_the_case_the_place_and_the_way_out() -> None:
    (found,) = checked(a_package(AMBULATORY, {"SL/P_CEL": None})).findings
    assert (found.rule, found.code, found.layer) == ("003F.00.0660", "oms.rule_failed", Layer.BUSINESS)
    assert (found.n_zap, found.id_case, found.sl_id) == ("1", "10", "s-1")
    assert found.location is not None
    assert found.location.xpath == "/ZL_LIST/ZAP/Z_SL/SL/P_CEL"
    assert found.message == (
        "Не заполнен обязательный элемент P_CEL (цель посещения) при амбулаторной помощи (USL_OK=3)."
    )
    assert found.fix == "Заполните P_CEL и передайте пакет заново."
    assert (found.source, found.responsible) == (Source.SEEN, Responsible.CLINIC)


def test_a_person_finding_names_the_case_of_that_person() -> None:
    (found,) = checked(a_package(AMBULATORY, {"PERS/SNILS": "1"})).findings
    assert (found.rule, found.n_zap) == ("004F.00.1720", "1")
    assert found.location is not None
    assert found.location.xpath == "/PERS_LIST/PERS/SNILS"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("PERS/SNILS", "99000000031"),
        ("PACIENT/NPOLIS", "65000000000"),
        ("SL/DS1", "Ю06.9"),
        ("PERS/FAM_P", "Тайновский"),
        ("PERS/DR", "2024-02-06"),
        ("PERS/TEL", "84950000000"),
        ("PACIENT/SPOLIS", "СЕКРЕТ"),
    ],
)
def test_no_finding_shows_a_persons_value(target: str, text: str) -> None:
    report = checked(a_package(AMBULATORY, {target: text}))
    assert report.findings
    assert text not in msgspec.json.encode(report.findings).decode()


def test_a_version_we_have_not_seen_only_warns() -> None:
    report = checked(a_package(AMBULATORY, {"ZGLV/VERSION": "5.1", "L_ZGLV/VERSION": "5.1"}))
    assert {one.severity for one in report.findings} == {Severity.WARNING}
    assert report.valid


def test_rules_of_other_types_are_silent() -> None:
    oncology = {**AMBULATORY, "ZGLV/FILENAME": "C" + AMBULATORY["ZGLV/FILENAME"][1:], "SL/DS1": "C50.1"}
    oncology |= {"L_ZGLV/FILENAME1": oncology["ZGLV/FILENAME"]}
    assert "002F.00.0260" not in codes(a_package(oncology))
    examination = {
        **AMBULATORY,
        "ZGLV/FILENAME": "DP" + AMBULATORY["ZGLV/FILENAME"][1:],
        "PERS/TEL": "0000000000",
    }
    assert "003F.00.1710" not in codes(a_package(examination))


def test_one_missing_element_is_reported_once_by_the_rule_that_demands_it() -> None:
    for target in ("SL/DATE_1", "Z_SL/SUMV", "Z_SL/RSLT", "SCHET/YEAR", "USL/DATE_OUT"):
        found = codes(a_package(AMBULATORY, {target: None}))
        assert [code[:4] for code in found] in (["003F"], ["003F", "006F"], ["006F", "003F"]), (target, found)
