"""The language of rules: what it says, where names lead, and that absence is unknown rather than false."""

import pytest
from registry_builder import AMBULATORY, INPATIENT, TODAY, Edits, build, default_checks, written, zipped

from broker.document.zip_reading import ZipLimits
from broker.validation.registry.expression import ExpressionError, compile_test
from broker.validation.registry.package import open_package
from broker.validation.registry.rules import Catalogue, Rule, Spot
from broker.validation.registry.shape import Ref, UnknownNameError

SHAPE = default_checks().catalogue._shape


def ask(text: str, at: str = "SL", fields: Edits = AMBULATORY, edits: Edits | None = None) -> bool | None:
    main, person = build(fields, edits)
    name = fields["ZGLV/FILENAME"]
    registry, _ = open_package(
        zipped({f"{name}.XML": written(main), f"L{name[1:]}.XML": written(person)}), ZipLimits()
    )
    assert registry is not None
    path = SHAPE.paths[at]
    root = registry.main if path[0] == "ZL_LIST" else registry.person
    return compile_test(text, at, SHAPE)(Spot(registry, next(root.walk(path[1:])), TODAY))


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("USL_OK = 3", True),
        ("USL_OK <> 3", False),
        ("USL_OK in {1, 2}", False),
        ("USL_OK = 1 or DET = 0", True),
        ("USL_OK = 3 and DET = 1", False),
        ("not (USL_OK = 1 or DET = 1)", True),
        ("DS1 < 'Z00'", True),
        ("DS1 ~ '[A-Z].*'", True),
        ("P_CEL = 1", True),
        ("DATE_1 <= DATE_2", True),
        ("DATE_1 <= today", True),
        ("(SUM_M + 1) - 1 = SUM_M", True),
        ("SUM_M = sum(USL.SUMV_USL)", True),
        ("count(USL) = 1", True),
        ("zero(TARIF) = 0", True),
        ("year(DATE_1) = 2024 and month(DATE_1) = 1", True),
        ("yy(SCHET.YEAR) = FILE.YY", True),
        ("FILE.Pi = 'M' and FILE.Ni = LPU", True),
        ("age(PERS.DR, DATE_1) = 44", True),
        ("last(NHISTORY) = 1", True),
        ("KSG_KPG", False),
        ("P_CEL", True),
        ("PERS.OT", True),
    ],
)
def test_what_expressions_say(text: str, truth: bool) -> None:
    assert ask(text) is truth


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("KD = 1", None),
        ("not KD = 1", None),
        ("KD <> 1", None),
        ("KD = 1 or USL_OK = 3", True),
        ("KD = 1 and USL_OK = 1", False),
        ("KD = 1 and USL_OK = 3", None),
        ("KD ~ '1'", None),
        ("KD + 1 = 2", None),
        ("sum(TARIF) = 0", None),
        ("DS2 has DS1", False),
        ("not DS2 has DS1", True),
        ("age(PERS.DR_P, DATE_1) > 14", None),
    ],
)
def test_absence_is_unknown_and_has_is_never_so(text: str, truth: bool | None) -> None:
    assert ask(text) is truth


def test_several_values_compare_as_any_of_them() -> None:
    assert ask("DS2 has 'J20.0'", edits={"SL/DS2": "J20.0"}) is True
    assert ask("SL.P_PER has 1", at="Z_SL", fields=INPATIENT) is True


@pytest.mark.parametrize(
    ("at", "name", "ref"),
    [
        ("SL", "DS1", Ref(("DS1",))),
        ("SL", "USL_OK", Ref(("USL_OK",), up=1)),
        ("SL", "VPOLIS", Ref(("PACIENT", "VPOLIS"), up=2)),
        ("SL", "SCHET.YEAR", Ref(("SCHET", "YEAR"), up=3)),
        ("SL", "PERS.OT", Ref(("OT",), up=2, joined=True)),
        ("PERS", "VPOLIS", Ref(("PACIENT", "VPOLIS"), joined=True)),
        ("PERS", "Z_SL.DATE_Z_1", Ref(("Z_SL", "DATE_Z_1"), joined=True)),
        ("L_ZGLV", "SCHET.YEAR", Ref(("SCHET", "YEAR"), other_root=True)),
        ("PERS", "L_ZGLV.DATA", Ref(("ZGLV", "DATA"), up=1)),
        ("SCHET", "Z_SL.SUMV", Ref(("ZAP", "Z_SL", "SUMV"), up=1)),
        ("SL_KOEF", "Z_SL", Ref(("Z_SL",))),
        ("ZAP", "Z_SL", Ref(("Z_SL",))),
        ("USL", "PROFIL", Ref(("PROFIL",))),
        ("USL", "SL.PROFIL", Ref(("PROFIL",), up=1)),
    ],
)
def test_names_lead_where_a_reader_expects(at: str, name: str, ref: Ref) -> None:
    assert SHAPE.ref(at, name) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "USL_OK =",
        "USL_OK = 3)",
        "(USL_OK = 3",
        "3",
        "'a'",
        "USL_OK in 3",
        "nothing(USL_OK) = 1",
        "age(DR) = 1",
        "§",
    ],
)
def test_what_cannot_be_read_is_refused_when_the_catalogue_loads(text: str) -> None:
    with pytest.raises((ExpressionError, UnknownNameError)):
        compile_test(text, "SL", SHAPE)


@pytest.mark.parametrize("name", ["NOSUCH", "SL.NOSUCH", "NOSUCH.DS1", "FAM"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError):
        compile_test(f"{name} = 1", "SL", SHAPE)


@pytest.mark.parametrize("checks", [{}, {"present": True, "absent": True}])
def test_a_rule_has_exactly_one_check(checks: dict[str, bool]) -> None:
    rule = Rule(code="000F.00.0000", at="SL", element="DS1", **checks)
    with pytest.raises(ValueError, match="exactly one check"):
        Catalogue([rule], SHAPE, {}, frozenset())
