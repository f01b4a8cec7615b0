"""The official packs run unchanged, and the good documents at hand meet no objection of theirs."""

from datetime import UTC, datetime

import pytest
from lxml import etree
from validation_stand import DATA, NAMES, codes

from broker.document.facts import SubmissionFacts
from broker.document.finding import Layer, Source
from broker.document.markup import parse

AT = datetime(2026, 6, 1, tzinfo=UTC)
SAMPLES = {
    "290": DATA / "packs" / "290" / "xml" / "Протокол консультации.xml",
    "194": DATA / "samples" / "194_periodic_exam_synthetic.xml",
    "103": DATA / "samples" / "103_periodic_exam_synthetic.xml",
}


def judge(official, kind, of=None):
    return official.judge(SAMPLES[of or kind].read_bytes(), SubmissionFacts(kind=kind, local_uid="u"), AT)


@pytest.mark.parametrize(("kind", "rules"), [("290", 3524), ("194", 1188)])
def test_a_good_document_meets_no_objection_and_every_rule_is_counted(official, kind, rules):
    report = judge(official, kind)
    assert codes(report, Layer.XSD) == []
    assert codes(report, Layer.SCHEMATRON) == []
    run = report.layers[Layer.SCHEMATRON]
    assert (run.ran, run.rules, run.evaluated, run.fallback) == (True, rules, rules, 0)
    assert report.layers[Layer.XSD].ran
    assert "официальный" in report.rule_set


def test_the_contradiction_of_kind_103_is_shown_as_it_is(official):
    report = judge(official, "103")
    assert codes(report, Layer.SCHEMATRON) == []
    assert {f.location.xpath.rpartition("/")[2] for f in report.findings if f.layer is Layer.XSD} == {
        "time[1]",
        "signatureCode[1]",
        "code[1]",
    }


@pytest.mark.parametrize(("kind", "failures"), [("194", 21), ("103", 29)])
def test_a_document_of_another_kind_fails_as_often_as_in_the_reference_engine(official, kind, failures):
    (engine,) = official.library.compiled(official.library.for_document(kind)).engines
    markup = parse(SAMPLES["290"].read_bytes())
    assert len(engine.run(markup.root, AT).failures) == failures
    report = judge(official, kind, of="290")
    assert all(f.source is Source.OFFICIAL for f in report.findings if f.layer is Layer.SCHEMATRON)


MUTATIONS = {
    "a second given name": ("//h:patient/h:name/h:given", "twin", Layer.XSD),
    "no patient address type": ("//h:patientRole/h:addr/address:Type", "drop", Layer.SCHEMATRON),
    "an empty street": ("//h:patientRole/h:addr/h:streetAddressLine", "empty", Layer.SCHEMATRON),
    "a telecom without a value": ("//h:patientRole/h:telecom", "bare", Layer.SCHEMATRON),
    "an empty ОГРН": ("//identity:Props/identity:Ogrn", "empty", Layer.SCHEMATRON),
    "no versionNumber": ("/h:ClinicalDocument/h:versionNumber", "drop", Layer.XSD),
}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("kind", ["290", "194"])
def test_one_fault_is_found_where_it_is_and_told_how_to_mend(official, kind, name):
    path, change, layer = MUTATIONS[name]
    root = etree.fromstring(SAMPLES[kind].read_bytes())
    element = root.xpath(path, namespaces=NAMES)[0]
    if change == "drop":
        element.getparent().remove(element)
    elif change == "empty":
        element.text = ""
    elif change == "bare":
        del element.attrib["value"]
    else:
        twin = etree.fromstring(etree.tostring(element))
        element.addnext(twin)
    report = official.judge(etree.tostring(root), SubmissionFacts(kind=kind, local_uid="u"), AT)
    found = [finding for finding in report.findings if finding.layer is layer]
    assert found, report.to_text()
    assert all(finding.fix and finding.location.line for finding in found)
