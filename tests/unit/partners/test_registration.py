"""The form of an application: every rule breaks on its own example, all mistakes come at once, reading never stops early."""

from datetime import date

import msgspec
import pytest
from applications import SHA, an_application, spoiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.partners.form import Form, read_form
from broker.partners.problem import Known, KnownClinic, OpenRegistration, Problem, Severity
from broker.partners.registration import MOVES, RegistrationStatus, check, of_severity

TODAY = date(2026, 3, 2)
GOOD = an_application()
OID = GOOD["oid"]


def problems_of(raw: object, **known) -> list[Problem]:
    form, found = read_form(raw)
    return found if form is None else [*found, *check(form, Known(today=TODAY, **known))]


def codes_at(problems: list[Problem], pointer: str) -> set[str]:
    return {one.code.removeprefix("registration.") for one in problems if one.pointer == pointer}


def test_a_complete_form_has_no_problem_at_all():
    assert problems_of(GOOD) == []


def test_a_form_survives_being_written_and_read_again():
    form, _ = read_form(GOOD)
    assert msgspec.json.decode(msgspec.json.encode(form), type=Form) == form


WRONG = [
    ("/oid", "", "required"),
    ("/oid", "1.2.643.5.1.13.13.12.3.77.1", "oid_form"),
    ("/oid", "1.2.643.5.1.13.13.12.2.77.01.", "oid_form"),
    ("/name/full", " ", "required"),
    ("/name/short", "", "required"),
    ("/name/form", ..., "required"),
    ("/ogrn", "1027700005010", "ogrn"),
    ("/ogrn", "", "ogrn"),
    ("/inn", "7700005010", "inn"),
    ("/inn", "500100732259", "inn_of_other_form"),
    ("/kpp", "7700", "kpp"),
    ("/kpp", "", "kpp_missing"),
    ("/legalAddress/text", "", "required"),
    ("/actualAddress/text", "", "required"),
    ("/legalAddress/gar", "77", "gar"),
    ("/units/0/oid", "1.2.643.5.1.13.13.12.2.78.1.0.1", "unit_oid"),
    ("/units/0/name", "", "required"),
    ("/units/0/address", "", "required"),
    ("/regions", [], "regions"),
    ("/regions/1", "5", "region"),
    ("/regions/1", "00", "region"),
    ("/mainRegion", "16", "main_region"),
    ("/mainRegion", ..., "main_region"),
    ("/licence/issued", "2027-01-01", "licence_date"),
    ("/mis/vendor", "", "required"),
    ("/mis/name", "", "required"),
    ("/mis/version", "", "required"),
    ("/mis/register", "", "required"),
    ("/mis/remdOid", "x", "oid"),
    ("/mis/n3Oid", "1..2", "oid"),
    ("/mis/declaration/date", "2026-12-01", "declaration_date"),
    ("/mis/declaration/file/sha256", "12", "sha256"),
    ("/mis/declaration/file/name", "", "file_name"),
    ("/oms/mcod", "", "mcod"),
    ("/oms/mcod", "77001", "mcod"),
    ("/oms/tfoms", "", "tfoms"),
    ("/oms/insurers/0", "779", "smo"),
    ("/certificates/0/thumbprint", "zz", "thumbprint"),
    ("/certificates/0/ogrn", "1027739609391", "certificate_of_another"),
    ("/certificates/0/inn", "7707083893", "certificate_of_another"),
    ("/certificates/0/snils", "11223344500", "snils"),
    ("/kinds", [], "kinds"),
    ("/kinds/0/kind", "CDA", "kind"),
    ("/kinds/0/since", ..., "kind_since"),
    ("/instruction/date", "2026-12-01", "instruction_date"),
    ("/contacts/0/name", "", "required"),
    ("/contacts/0/phone", "звоните", "phone"),
    ("/contacts/0/email", "at", "email"),
    ("/channels/0/node", "", "required"),
    ("/wishes/webhook", "http://proba.example", "webhook"),
    ("/wishes/addresses/0", "везде", "address"),
    ("/wishes/documentsPerDay", -1, "quota"),
]


@pytest.mark.parametrize(("pointer", "value", "code"), WRONG)
def test_a_wrong_field_stops_the_application_at_its_very_place(pointer, value, code):
    found = problems_of(spoiled(GOOD, pointer, value))
    assert code in codes_at(of_severity(found, Severity.SUBMISSION), pointer)


NEEDED = [
    ("/agreement/number", "", "/agreement", "agreement"),
    ("/agreement/date", ..., "/agreement", "agreement"),
    ("/agreement/date", "2026-12-01", "/agreement/date", "agreement_date"),
    ("/agreement/until", "2026-01-02", "/agreement/until", "agreement_ended"),
    ("/agreement/file", {}, "/agreement/file", "file"),
    ("/instruction/number", "", "/instruction", "instruction"),
    ("/instruction/purposes", [], "/instruction/purposes", "purposes"),
    ("/instruction/file", {}, "/instruction/file", "file"),
    ("/mis/declaration/date", ..., "/mis/declaration/date", "declaration"),
    ("/mis/declaration/file", {}, "/mis/declaration/file", "file"),
    ("/licence/number", "", "/licence/number", "licence"),
    ("/licence/issuer", "", "/licence/issuer", "licence"),
    ("/licence/register", "", "/licence/register", "licence"),
    ("/licence/issued", ..., "/licence/issued", "licence"),
    ("/licence/works", [], "/licence/works", "licence"),
    ("/licence/status", "suspended", "/licence/status", "licence_not_active"),
]


@pytest.mark.parametrize(("pointer", "value", "at", "code"), NEEDED)
def test_a_missing_paper_lets_the_application_in_but_not_the_clinic(pointer, value, at, code):
    found = problems_of(spoiled(GOOD, pointer, value))
    assert of_severity(found, Severity.SUBMISSION) == []
    assert code in codes_at(of_severity(found, Severity.ACTIVATION), at)


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/licence/number", "ФС-77-01-008888", "licence_form"),
        ("/certificates/0/until", "2020-01-01", "certificate_ended"),
        ("/mis/n3Oid", "1.2.643.2.69.9", "n3_oid"),
    ],
)
def test_what_is_only_unusual_is_left_to_the_operator(pointer, value, code):
    found = problems_of(spoiled(GOOD, pointer, value))
    assert {one.stops for one in found} == {Severity.NOTICE}
    assert code in codes_at(found, pointer)


def test_a_branch_oid_and_an_old_licence_number_are_right():
    branch = an_application(oid="1.2.643.5.1.13.13.12.4.77.501", units=[])
    assert problems_of(spoiled(branch, "/licence/number", "ЛО-77-01-000001")) == []


def test_a_region_other_than_the_one_inside_the_oid_is_noticed():
    found = problems_of(an_application(mainRegion="50"))
    assert codes_at(found, "/mainRegion") == {"main_region_differs"}


def test_an_entrepreneur_needs_no_kpp_but_may_not_have_one():
    person = an_application(ogrn="304500116000157", inn="500100732259", kpp="")
    assert problems_of(person) == []
    assert "kpp_of_entrepreneur" in codes_at(problems_of(person | {"kpp": "770001001"}), "/kpp")
    assert "inn_of_other_form" in codes_at(problems_of(person | {"inn": GOOD["inn"]}), "/inn")


def test_data_of_oms_without_its_mark_are_noticed_and_its_code_is_not_asked_for():
    assert codes_at(problems_of(spoiled(GOOD, "/oms/works", False)), "/oms/works") == {"oms_not_marked"}
    assert problems_of(an_application(oms={})) == []


def test_a_contract_or_certificate_that_ends_before_it_begins_is_wrong():
    oms = GOOD["oms"] | {"since": "2026-01-01", "until": "2025-01-01"}
    certificate = GOOD["certificates"][0] | {"since": "2031-01-01"}
    found = problems_of(an_application(oms=oms, certificates=[certificate]))
    assert codes_at(found, "/oms/until") == {"oms_period"}
    assert codes_at(found, "/certificates/0/until") == {"certificate_period"}


def test_each_role_must_be_taken_and_each_person_reachable():
    contacts = [{"role": "director", "name": "Пробов Проба"}]
    found = problems_of(an_application(contacts=contacts))
    assert len([one for one in found if one.code == "registration.contact_missing"]) == 3
    assert codes_at(found, "/contacts/0") == {"contact_way"}


def test_what_is_named_twice_is_told():
    kinds, units = GOOD["kinds"] * 2, GOOD["units"] * 2
    found = problems_of(an_application(kinds=kinds, units=units))
    assert codes_at(found, "/kinds/1/kind") == {"kind_repeated"}
    assert codes_at(found, "/units/1/oid") == {"unit_repeated"}


@pytest.mark.parametrize(
    ("known", "pointer", "code"),
    [
        ({"registrations": [("oid", "ogrn", False)]}, "/oid", "open_already"),
        ({"registrations": [("other", "ogrn", True)]}, "/ogrn", "ogrn_open_already"),
        ({"clinics": [("other", "ogrn", False)]}, "/ogrn", "ogrn_connected"),
        ({"clinics": [("oid", "other", False)]}, "/oid", "oid_of_another"),
        ({"clinics": [("oid", "ogrn", True)]}, "/oid", "connected_already"),
    ],
)
def test_what_is_taken_already_stops_the_application(known, pointer, code):
    def read(kind, rows):
        return tuple(
            kind(
                oid=OID if oid == "oid" else "1.2.643.5.1.13.13.12.2.77.1",
                ogrn=GOOD["ogrn"] if ogrn == "ogrn" else "1027739609391",
                kpp=GOOD["kpp"],
                ours=ours,
            )
            for oid, ogrn, ours in rows
        )

    found = problems_of(
        GOOD,
        clinics=read(KnownClinic, known.get("clinics", ())),
        registrations=read(OpenRegistration, known.get("registrations", ())),
    )
    assert codes_at(of_severity(found, Severity.SUBMISSION), pointer) == {code}


def test_the_own_open_application_and_another_branch_are_no_duplicates():
    own = OpenRegistration(oid=OID, ogrn=GOOD["ogrn"], kpp=GOOD["kpp"], ours=True)
    branch = KnownClinic(oid="1.2.643.5.1.13.13.12.2.77.1", ogrn=GOOD["ogrn"], kpp="770002001")
    assert problems_of(GOOD, registrations=(own,), clinics=(branch,)) == []


def test_a_clinic_of_another_vendor_is_the_operators_decision():
    theirs = KnownClinic(oid=OID, ogrn=GOOD["ogrn"], kpp=GOOD["kpp"])
    assert [one.stops for one in problems_of(GOOD, clinics=(theirs,))] == [Severity.NOTICE]


def test_an_empty_form_names_everything_at_once():
    found = problems_of({})
    assert len(of_severity(found, Severity.SUBMISSION)) >= 18
    assert {"/oid", "/ogrn", "/inn", "/kinds", "/regions", "/contacts"} <= {one.pointer for one in found}
    assert all(one.message and one.fix for one in found)
    order = [list(Severity).index(one.stops) for one in found]
    assert order == sorted(order)


def test_values_of_wrong_types_hide_neither_one_another_nor_the_rules():
    raw = an_application(
        oid=5,
        units=[7, {"oid": []}],
        regions=["77", 5],
        kinds=[{"kind": 3, "since": "32.01", "way": "pigeon"}],
        licence={"issued": "вчера"},
        extra=1,
        inn="12",
    )
    found = problems_of(raw)
    wrong = {one.pointer for one in found if one.code == "form.wrong_type"}
    assert wrong == {
        "/oid",
        "/units/0",
        "/units/1/oid",
        "/regions/1",
        "/kinds/0/kind",
        "/kinds/0/since",
        "/kinds/0/way",
        "/licence/issued",
    }
    assert codes_at(found, "/extra") == {"form.unknown_field"}
    assert "inn" in codes_at(found, "/inn")


def test_a_pointer_escapes_what_rfc_6901_wants_escaped():
    assert problems_of(an_application(**{"a/b~c": 1}))[0].pointer == "/a~1b~0c"


@pytest.mark.parametrize("raw", [[], "form", 5, None])
def test_what_is_no_object_is_said_once(raw):
    form, found = read_form(raw)
    assert form is None
    assert [one.pointer for one in found] == [""]


def test_a_text_too_long_is_named_and_not_kept():
    form, found = read_form(an_application(kpp="7" * 2000))
    assert form is not None
    assert form.kpp == ""
    assert [one.pointer for one in found] == ["/kpp"]


def test_a_thousand_wrong_fields_are_not_read_to_the_end():
    form, found = read_form({f"field{number}": 1 for number in range(1000)})
    assert form is None
    assert len(found) == 60


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*GOOD, "x"]), JSON, max_size=6))
def test_no_json_breaks_the_reading_or_the_rules(raw):
    assert problems_of(raw)


def test_decisions_are_final_and_a_returned_application_cannot_be_approved():
    assert RegistrationStatus.APPROVED in MOVES[RegistrationStatus.SUBMITTED]
    assert RegistrationStatus.APPROVED not in MOVES[RegistrationStatus.RETURNED]
    assert not MOVES[RegistrationStatus.APPROVED]
    assert not MOVES[RegistrationStatus.REJECTED]


def test_a_sha256_in_capitals_is_one():
    assert problems_of(spoiled(GOOD, "/agreement/file/sha256", SHA.upper())) == []
