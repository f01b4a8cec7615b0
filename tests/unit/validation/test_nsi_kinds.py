"""Dictionary 1520 becomes cards of kinds: its facts replace ours, what only we have seen is kept."""

from datetime import date

import pytest
from nsi_stand import RULES, a_dictionary, as_csv
from validation_stand import ROOT

from broker.document.kind import KIND_SYSTEM, SEMD_SYSTEM, KindCard, KindCatalogue, PatientInfo
from broker.validation.nsi import Dictionary, DictionaryRefused, kinds_from, read_dictionary

ROW = {
    "ID": "900",
    "OID": "900",
    "TYPE": "51",
    "NAME": "Пробное заключение (CDA) Редакция 4",
    "LEVEL": "3",
    "PATIENT_INFO": "Обязательны с указанием СНИЛС",
    "SHELF_LIFE": "25 лет",
    "STORAGE_TYPE": "Выдается МО",
    "MO_SIGN": "Да",
    "FORMAT": "2",
    "START_DATE": "10.11.2025",
    "END_DATE": "",
    "GIT_LINK": "1.2.643.5.1.13.13.15.47.4",
    "SERIES_REQUIRED": "Нет",
}


def a_1520(*rows: dict[str, str]) -> Dictionary:
    table = {name: [{**ROW, **row}[name] for row in rows or ({},)] for name in ROW}
    (one,) = read_dictionary(as_csv(table, delimiter=";"), f"{KIND_SYSTEM}_99.1.csv", rules=RULES)
    return one


def card(**changes: str) -> KindCard:
    (one,) = kinds_from(a_1520(changes))
    return one


def test_a_row_becomes_a_card():
    assert card() == KindCard(
        code="900",
        name="Пробное заключение",
        type="51",
        semd_number="47",
        edition=4,
        starts=date(2025, 11, 10),
    )


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"PATIENT_INFO": "Не обязательны"}, "patient_info", PatientInfo.OPTIONAL),
        ({"PATIENT_INFO": "Обязательны "}, "patient_info", PatientInfo.REQUIRED),
        ({"SERIES_REQUIRED": "Да"}, "series_required", True),
        ({"SERIES_REQUIRED": "нет"}, "series_required", False),
        ({"MO_SIGN": "Нет"}, "mo_sign", False),
        ({"END_DATE": "30.06.2026"}, "ends", date(2026, 6, 30)),
        ({"END_DATE": "2026-06-30"}, "ends", date(2026, 6, 30)),
        ({"STORAGE_TYPE": "Хранится в МО"}, "issued", False),
        ({"SHELF_LIFE": "50 лет"}, "shelf_life_years", 50),
        ({"GIT_LINK": " 1.2.643.5.1.13.13.15.13.7 "}, "edition", 7),
        ({"GIT_LINK": ""}, "edition", 4),
        ({"GIT_LINK": "", "FORMAT": "1", "NAME": "Карта (PDF/A-1)"}, "name", "Карта"),
        ({"NAME": "Протокол (СDA) Редакция 4"}, "name", "Протокол"),
        ({"NAME": "Справка Редакция 1"}, "name", "Справка"),
    ],
)
def test_every_column_is_read_as_the_field_of_the_card(change, field, value):
    assert getattr(card(**change), field) == value


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"PATIENT_INFO": "Иногда"}, "PATIENT_INFO"),
        ({"MO_SIGN": "?"}, "MO_SIGN"),
        ({"FORMAT": "CDA"}, "FORMAT"),
        ({"START_DATE": ""}, "START_DATE"),
        ({"END_DATE": "завтра"}, "END_DATE"),
        ({"OID": ""}, "OID"),
    ],
)
def test_a_value_nobody_understands_refuses_the_edition_by_kind_and_column(change, column):
    with pytest.raises(DictionaryRefused, match=column):
        card(**change)


def test_another_dictionary_or_shape_is_refused():
    with pytest.raises(DictionaryRefused, match="не справочник видов"):
        kinds_from(a_dictionary())
    with pytest.raises(DictionaryRefused, match="нет столбцов OID"):
        kinds_from(a_dictionary(KIND_SYSTEM))
    with pytest.raises(DictionaryRefused, match="повторяется"):
        kinds_from(a_1520({}, {}))
    with pytest.raises(DictionaryRefused, match="не справочник видов СЭМД"):
        kinds_from(a_1520(), a_dictionary())


def test_a_row_without_a_type_takes_it_from_the_dictionary_of_guides():
    guides = a_dictionary(SEMD_SYSTEM, "1.24", ID=["47"], NAME=["Заключение"], TYPE=["51"])
    (one,) = kinds_from(a_1520({"TYPE": ""}), guides)
    assert one.type == "51"


def test_imported_facts_override_ours_and_what_only_we_saw_is_kept():
    ours = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
    was = ours.get("103")
    fact = {"OID": "103", "NAME": was.name, "END_DATE": "01.01.2027", "GIT_LINK": was.guide}
    overlaid = ours.overlaid(kinds_from(a_1520(fact, {})), "99.1")
    now = overlaid.get("103")
    assert (now.ends, now.starts) == (date(2027, 1, 1), date(2025, 11, 10))
    assert (now.templates, now.templates_seen, now.type_codes) == (
        was.templates,
        was.templates_seen,
        was.type_codes,
    )
    assert overlaid.get("900").accepts_template("1.2.643.5.1.13.13.15.47.4")
    assert overlaid.get("306") == ours.get("306")
    assert len(overlaid) == len(ours) + 1
    assert ours.get("103") == was


def test_what_the_dictionary_does_not_say_stays_ours():
    ours = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
    overlaid = ours.overlaid(kinds_from(a_1520({"OID": "230"})), "12.85")
    assert not overlaid.get("230").new_versions


def test_an_edition_older_than_our_facts_adds_kinds_and_changes_none():
    ours = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
    overlaid = ours.overlaid(kinds_from(a_1520({"OID": "194"}, {})), "12.14")
    assert overlaid.get("194") == ours.get("194")
    assert overlaid.get("900") is not None
    assert (ours.edition, overlaid.edition) == ("12.85", "12.85")
    assert ours.overlaid((), "12.100").edition == "12.100"
