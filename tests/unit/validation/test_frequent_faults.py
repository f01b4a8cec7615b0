"""The most frequent faults of a live gateway (semd.md §5.3) are found, located, and told so that a person can mend them."""

import pytest
from lxml import etree
from validation_stand import NAMES, codes, find

from broker.document.finding import Layer, Responsible, Severity

PATIENT = "//h:recordTarget/h:patientRole"


def without(path, attribute):
    def edit(root):
        del find(root, path).attrib[attribute]

    return edit


def text(path, value):
    def edit(root):
        find(root, path).text = value

    return edit


def attribute(path, name, value):
    def edit(root):
        find(root, path).set(name, value)

    return edit


def null(path):
    def edit(root):
        element = find(root, path)
        element.attrib.clear()
        for child in list(element):
            element.remove(child)
        element.set("nullFlavor", "NI")

    return edit


def drop(path):
    def edit(root):
        element = find(root, path)
        element.getparent().remove(element)

    return edit


def thrice(path):
    def edit(root):
        element = find(root, path)
        for _ in range(2):
            element.addnext(etree.fromstring(etree.tostring(element)))

    return edit


FAULTS = {
    "the type of an address has no version of its dictionary": (
        "306", without(f"{PATIENT}/h:addr/address:Type", "codeSystemVersion"), Layer.SCHEMATRON,
        "addr[1]/address:Type[1]", "codeSystemVersion", Responsible.MIS,
    ),
    "three addresses of a patient": (
        "306", thrice(f"{PATIENT}/h:addr"), Layer.SCHEMATRON, "patientRole[1]", "один или два адреса", Responsible.MIS,
    ),
    "an empty street": (
        "306", text(f"{PATIENT}/h:addr/h:streetAddressLine", ""), Layer.SCHEMATRON,
        "addr[1]", "streetAddressLine", Responsible.CLINIC,
    ),
    "an empty postal code": (
        "306", text(f"{PATIENT}/h:addr/h:postalCode", ""), Layer.SCHEMATRON,
        "addr[1]/postalCode[1]", "шесть цифр индекса", Responsible.CLINIC,
    ),
    "no place in ФИАС": (
        "306", drop(f"{PATIENT}/h:addr/fias:Address"), Layer.SCHEMATRON, "addr[1]", "fias:AOGUID", Responsible.MIS,
    ),
    "a phone without a number": (
        "306", without(f"{PATIENT}/h:telecom", "value"), Layer.SCHEMATRON, "telecom[1]", "tel:+7", Responsible.MIS,
    ),
    "a phone with blanks": (
        "306", attribute(f"{PATIENT}/h:telecom", "value", "tel:+7 (900) 000-00-00"), Layer.SCHEMATRON,
        "telecom[1]", "без пробелов", Responsible.MIS,
    ),
    "a phone that is null": (
        "306", null(f"{PATIENT}/h:telecom"), Layer.SCHEMATRON, "telecom[1]", "nullFlavor", Responsible.MIS,
    ),
    "a patient without СНИЛС": (
        "306", null(f"{PATIENT}/h:id[2]"), Layer.SCHEMATRON, "patientRole[1]", "СНИЛС", Responsible.MIS,
    ),
    "a linked document without a reference": (
        "306", drop("//h:section[h:code/@code='LINKDOCS']/h:entry/h:act/h:reference"), Layer.SCHEMATRON,
        "entry[1]/act[1]", "LINKDOCS", Responsible.MIS,
    ),
    "a passport without a date": (
        "306", null(f"{PATIENT}/identity:IdentityDoc/identity:IssueDate"), Layer.XSD,
        "identity:IssueDate[1]", "ГГГГММДД", Responsible.MIS,
    ),
    "an empty ОГРН": (
        "306", text("//identity:Props/identity:Ogrn", ""), Layer.SCHEMATRON,
        "identity:Props[1]/identity:Ogrn[1]", "13 цифр", Responsible.CLINIC,
    ),
    "a role outside the dictionary": (
        "306", attribute("//h:documentationOf//h:functionCode", "code", "14"), Layer.SCHEMATRON,
        "functionCode[1]", "CHAIRMAN", Responsible.MIS,
    ),
    "a number with a unit in it": (
        "290", attribute("//h:section[h:code/@code='VITALPARAM']//h:value", "value", "5 ml"), Layer.XSD,
        "value[1]", "число без единиц", Responsible.MIS,
    ),
    "elements out of order": (
        "306", lambda root: find(root, "h:effectiveTime").addnext(find(root, "h:title")), Layer.XSD,
        "ClinicalDocument[1]", "порядок", Responsible.MIS,
    ),
    "an older xsi:type": (
        "306", attribute(f"{PATIENT}/identity:IdentityDoc/identity:Series", f"{{{NAMES['xsi']}}}type", "ST"), Layer.XSD,
        "identity:Series[1]", "xsi:type", Responsible.MIS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_frequent_fault_blocks_and_says_where_and_what_to_do(stand, name):
    kind, edit, layer, place, cure, responsible = FAULTS[name]
    report = stand.judge(stand.document(kind, edit), stand.facts(kind))
    found = [f for f in report.findings if f.layer is layer and f.severity is Severity.ERROR]
    assert found, report.to_text()
    assert any(
        place in f.location.xpath and f.location.line > 0 and cure in f"{f.message} {f.fix}" for f in found
    ), report.to_text()
    assert any(f.responsible is responsible for f in found), report.to_text()
    assert all(f.remd_code == "VALIDATION_ERROR" for f in found)


@pytest.mark.parametrize("name", FAULTS)
def test_a_finding_never_repeats_what_the_patient_is_called(stand, name):
    kind, edit, *_ = FAULTS[name]
    report = stand.judge(stand.document(kind, edit), stand.facts(kind))
    patient = stand.sample(kind).patient
    told = report.to_text()
    for secret in (patient.snils, patient.name.family, patient.name.given, patient.local_id):
        assert secret not in told


@pytest.mark.parametrize("kind", ["306", "103", "290"])
def test_a_right_document_meets_no_finding_at_all(stand, kind):
    report = stand.judge(stand.document(kind), stand.facts(kind))
    assert report.findings == ()
    assert codes(report, Layer.SCHEMATRON) == []
