"""The catalogue of kinds decides by the creation date and by what a document says of itself."""

from datetime import date
from pathlib import Path

import pytest

from broker.document.canonical import Code
from broker.document.kind import KIND_SYSTEM, SEMD_SYSTEM, KindCatalogue, PatientInfo

FILE = Path(__file__).parents[3] / "schemas" / "nsi" / "kinds.toml"
TYPES = "1.2.643.5.1.13.13.11.1522"


@pytest.fixture(scope="module")
def catalogue() -> KindCatalogue:
    return KindCatalogue.load(FILE)


@pytest.mark.parametrize(
    ("kind", "day", "is_open"),
    [
        ("194", date(2023, 7, 30), False),
        ("194", date(2023, 7, 31), True),
        ("194", date(2024, 6, 30), True),
        ("194", date(2024, 7, 1), False),
        ("103", date(2024, 7, 1), True),
        ("306", date(2025, 11, 9), False),
        ("306", date(2025, 11, 10), True),
        ("290", date(2026, 1, 9), False),
        ("290", date(2026, 1, 10), True),
        ("193", date(2025, 7, 2), False),
    ],
)
def test_a_kind_is_open_between_its_days(catalogue, kind, day, is_open):
    card = catalogue.get(kind)
    assert card is not None
    assert card.is_open(day) is is_open


@pytest.mark.parametrize(
    ("day", "instead"),
    [(date(2024, 5, 1), ("194", "103")), (date(2025, 1, 1), ("103",)), (date(2026, 1, 1), ("103",))],
)
def test_the_kinds_open_instead_are_named(catalogue, day, instead):
    assert catalogue.open_instead(catalogue.get("306"), day) == instead


@pytest.mark.parametrize(
    ("code", "number", "template", "kinds"),
    [
        (Code(code="290", system=KIND_SYSTEM), "13", "1.2.643.5.1.13.13.15.13.7", ("290",)),
        (Code(code="47", system=SEMD_SYSTEM), "47", "1.2.643.5.1.13.13.15.47.2", ("194",)),
        (Code(code="47", system=SEMD_SYSTEM), "47", "1.2.643.5.1.13.13.15.47.3", ("306",)),
        (Code(code="51", system=TYPES), "", "1.2.643.5.1.13.13.14.51.9.1", ("103",)),
        (Code(code="5", system=TYPES), "", "1.2.643.5.1.13.2.7.5.1.5.9.4", ("119",)),
        (Code(code="33", system=TYPES), "", "1.2.643.5.1.13.2.7.5.1.33.9.4", ("76", "118")),
        (Code(code="33", system=TYPES), "39", "1.2.643.5.1.13.13.15.39.5", ("167", "168")),
        (Code(code="5", system=TYPES), "", "1.2.3", ()),
        (Code(), "", "", ()),
    ],
)
def test_a_document_says_which_kinds_it_may_be(catalogue, code, number, template, kinds):
    assert catalogue.derive(code, number, template) == kinds


def test_the_demands_of_dictionary_1520_are_kept(catalogue):
    assert catalogue.get("306").patient_info is PatientInfo.SNILS
    assert catalogue.get("194").patient_info is PatientInfo.OPTIONAL
    assert catalogue.get("230").patient_info is PatientInfo.REQUIRED
    assert not catalogue.get("230").new_versions
    assert catalogue.get("58").series_required
    assert catalogue.get("306").guide == "1.2.643.5.1.13.13.15.47.3"


def test_a_template_that_was_not_seen_is_the_guide_itself(catalogue):
    card = catalogue.get("306")
    assert not card.templates_seen
    assert card.accepts_template("1.2.643.5.1.13.13.15.47.3")
    assert not card.accepts_template("1.2.643.5.1.13.13.15.47.2")


@pytest.mark.parametrize(
    ("code", "accepted"),
    [
        (Code(code="306", system=KIND_SYSTEM), True),
        (Code(code="194", system=KIND_SYSTEM), False),
        (Code(code="47", system=SEMD_SYSTEM), True),
        (Code(code="13", system=SEMD_SYSTEM), False),
        (Code(code="51", system=TYPES), True),
        (Code(code="5", system=TYPES), False),
    ],
)
def test_the_code_of_a_document_must_be_one_of_its_kind(catalogue, code, accepted):
    assert catalogue.get("306").accepts_code(code) is accepted


def test_every_card_of_the_catalogue_is_whole(catalogue):
    assert len(catalogue) > 80
    for card in catalogue:
        assert card.name
        assert card.type
        assert card.guide
        assert card.ends is None or card.starts < card.ends
