"""Numbers, contacts and dates are checked by named rules; what official samples break only warns."""

from datetime import timedelta

import pytest
from validation_stand import CREATED, codes, find

from broker.document.finding import Layer, Severity, Source

PATIENT = "//h:recordTarget/h:patientRole"


def put(path, name, value):
    return lambda root: find(root, path).set(name, value)


def write(path, value):
    def edit(root):
        find(root, path).text = value

    return edit


WARNINGS = {
    "a wrong check number": (
        put(f"{PATIENT}/h:id[2]", "extension", "11223344596"),
        "business.snils_checksum",
    ),
    "a short СНИЛС": (put(f"{PATIENT}/h:id[2]", "extension", "1122334459"), "business.snils_form"),
    "an ИНН in the place of the ОГРН": (
        write("//identity:Props/identity:Ogrn", "7707083893"),
        "business.ogrn",
    ),
    "a wrong ОГРН": (write("//identity:Props/identity:Ogrn", "1027700132196"), "business.ogrn"),
    "a wrong ИНН": (write("//identity:INN", "7707083894"), "business.inn"),
    "a wrong ЕНП": (
        write(f"{PATIENT}/identity:InsurancePolicy/identity:Number", "7700000000000001"),
        "business.enp",
    ),
    "a phone with blanks": (
        put("//h:providerOrganization/h:telecom", "value", "tel:8 495 1"),
        "business.contact_form",
    ),
    "a phone without its prefix": (
        put("//h:providerOrganization/h:telecom", "value", "+74951234567"),
        "business.contact_form",
    ),
    "digits in a name": (write(f"{PATIENT}/h:patient/h:name/h:given", "Иван2"), "business.name_characters"),
    "a birth after the creation": (
        put(f"{PATIENT}/h:patient/h:birthTime", "value", "20990101"),
        "business.birth_date",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_doubtful_number_warns_and_shows_no_personal_value(stand, name):
    edit, code = WARNINGS[name]
    report = stand.judge(stand.document("306", edit), stand.facts("306"))
    (finding,) = [f for f in report.findings if f.layer is Layer.BUSINESS]
    assert finding.code == code
    assert finding.severity is Severity.WARNING
    assert finding.source is Source.OWN
    assert finding.location.line
    assert "11223344596" not in report.to_text()


def test_an_inn_in_the_place_of_an_ogrn_is_recognised(stand):
    report = stand.judge(
        stand.document("306", write("//identity:Props/identity:Ogrn", "7707083893")), stand.facts("306")
    )
    assert any("указан ИНН" in f.message for f in report.findings)


@pytest.mark.parametrize("value", ["tel:+74951234567", "tel:8(495)123-45-67", "mailto:a@b.ru", "fax:123"])
def test_the_forms_of_the_guides_are_accepted(stand, value):
    report = stand.judge(
        stand.document("306", put("//h:providerOrganization/h:telecom", "value", value)), stand.facts("306")
    )
    assert codes(report, Layer.BUSINESS) == []


def test_a_dashed_snils_is_legal(stand):
    snils = stand.sample("306").patient.snils
    dashed = f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"
    report = stand.judge(
        stand.document("306", put(f"{PATIENT}/h:id[2]", "extension", dashed)), stand.facts("306")
    )
    assert codes(report, Layer.BUSINESS) == []


def test_a_kind_that_demands_the_snils_is_refused_without_it(stand):
    def nothing(root):
        element = find(root, f"{PATIENT}/h:id[2]")
        element.attrib.clear()
        element.set("nullFlavor", "NI")

    report = stand.judge(stand.document("290", nothing), stand.facts("290"))
    (finding,) = [f for f in report.findings if f.layer is Layer.BUSINESS]
    assert (finding.code, finding.severity, finding.source) == (
        "business.snils_required",
        Severity.ERROR,
        Source.OFFICIAL,
    )
    assert finding.remd_code == "NO_SNILS"


def test_a_document_from_the_future_is_refused_beyond_the_skew_of_clocks(stand):
    content, facts = stand.document("306"), stand.facts("306")
    assert stand.judge(content, facts, CREATED - timedelta(minutes=4)).findings == ()
    report = stand.judge(content, facts, CREATED - timedelta(minutes=6))
    assert [f.remd_code for f in report.findings] == ["WRONG_CREATION_DATE"]


def test_id_and_set_under_one_root_are_refused(stand):
    root = "1.2.643.5.1.13.13.12.2.77.9001.100.1.1.51"

    def same(document):
        find(document, "h:id").set("root", root)
        find(document, "h:setId").set("root", root)

    report = stand.judge(stand.document("306", same), stand.facts("306"))
    assert "business.set_id_root" in codes(report, Layer.BUSINESS)


def test_a_thousand_bad_numbers_make_a_bounded_report(stand):
    def many(root):
        role = find(root, PATIENT)
        for _ in range(1000):
            role.append(role.makeelement("{urn:hl7-org:v3}id", root="1.2.643.100.3", extension="1"))

    report = stand.judge(stand.document("306", many), stand.facts("306"))
    assert len(codes(report, Layer.BUSINESS)) <= 20
