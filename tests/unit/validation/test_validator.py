"""Layers are independent: three faults in three layers come back in one answer, and a layer left out says why."""

import pickle
from datetime import datetime, timedelta

import msgspec
import pytest
from validation_stand import CREATED, RECEIVED, Stand, codes, find

from broker.document.facts import SubmissionFacts
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.validation.report import LayerRun, Report, shown


def test_three_faults_in_three_layers_come_back_in_one_answer(stand):
    def faults(root):
        find(root, "h:languageCode").set("nullFlavor", "NI")
        find(root, "//h:patientRole/h:addr/h:streetAddressLine").text = ""

    report = stand.judge(stand.document("306", faults), stand.facts("306", department="1.2.3"))
    errors = {f.layer for f in report.findings if f.severity is Severity.ERROR}
    assert {Layer.XSD, Layer.SCHEMATRON, Layer.METADATA} <= errors
    assert report.blocked


def test_every_layer_says_whether_it_ran_and_why_not(stand):
    layers = stand.judge(stand.document("306"), stand.facts("306")).layers
    ran = {layer for layer, run in layers.items() if run.ran}
    assert ran == {Layer.XML, Layer.KIND, Layer.XSD, Layer.SCHEMATRON, Layer.BUSINESS, Layer.METADATA}
    assert all(run.reason for layer, run in layers.items() if layer not in ran)
    assert layers[Layer.SCHEMATRON].evaluated > 300


def test_a_kind_without_a_rule_set_passes_with_its_layers_reported_skipped(tmp_path):
    empty = Stand(tmp_path)
    report = empty.judge(empty.document("306"), empty.facts("306"))
    assert not report.blocked
    assert report.rule_set == ""
    for layer in (Layer.XSD, Layer.SCHEMATRON):
        assert not report.layers[layer].ran
        assert "306" in report.layers[layer].reason


def test_an_unreadable_document_is_one_finding_and_the_rest_is_skipped(stand):
    report = stand.judge(b"<a>", SubmissionFacts(kind="306"))
    assert [f.code for f in report.findings] == ["xml.malformed"]
    assert not report.layers[Layer.XSD].ran
    assert report.layers[Layer.XSD].reason


def test_an_unreadable_document_of_an_unknown_kind_is_told_both(stand):
    report = stand.judge(b"<a>", SubmissionFacts(kind="9999"))
    assert {f.code for f in report.findings} == {"xml.malformed", "kind.unknown"}


@pytest.mark.parametrize(
    ("made", "stated", "code", "remd"),
    [
        ("306", "9999", "kind.unknown", "NO_DOCUMENT_KIND_ON_DATE"),
        ("306", "194", "kind.closed_on_date", "NO_DOCUMENT_KIND_ON_DATE"),
        ("306", "103", "kind.template_mismatch", "VALIDATION_ERROR"),
        ("103", "306", "kind.template_mismatch", "VALIDATION_ERROR"),
        ("290", "119", "kind.code_mismatch", "VALIDATION_ERROR"),
    ],
)
def test_a_document_that_is_not_of_its_kind_is_refused(stand, made, stated, code, remd):
    facts = msgspec.structs.replace(stand.facts(made), kind=stated)
    found = [f for f in stand.judge(stand.document(made), facts).findings if f.code == code]
    assert [f.remd_code for f in found] == [remd]
    assert found[0].severity is Severity.ERROR


def test_the_kinds_open_instead_are_named_to_the_sender(stand):
    facts = msgspec.structs.replace(stand.facts("306"), kind="194")
    (finding,) = [
        f for f in stand.judge(stand.document("306"), facts).findings if f.code == "kind.closed_on_date"
    ]
    assert "306, 103" in finding.message
    assert "30.06.2024" in finding.message


def test_a_template_we_only_infer_warns_unless_it_belongs_to_another_kind(stand):
    def template(value):
        return lambda root: find(root, "h:templateId").set("root", value)

    unknown = stand.judge(stand.document("306", template("1.2.643.5.1.13.13.15.47.99")), stand.facts("306"))
    (finding,) = [f for f in unknown.findings if f.code == "kind.template_mismatch"]
    assert (finding.severity, finding.source) == (Severity.WARNING, Source.OWN)
    foreign = stand.judge(stand.document("306", template("1.2.643.5.1.13.13.15.13.7")), stand.facts("306"))
    (finding,) = [f for f in foreign.findings if f.code == "kind.template_mismatch"]
    assert (finding.severity, finding.source) == (Severity.ERROR, Source.SEEN)
    assert "290" in finding.message


def test_an_override_of_the_rule_set_weighs_a_rule_of_any_layer(tmp_path):
    import shutil

    from validation_stand import ROOT

    shutil.copytree(ROOT / "schemas" / "semd" / "306" / "3", tmp_path / "306" / "3")
    manifest = tmp_path / "306" / "3" / "ruleset.toml"
    overrides = (
        '[[override]]\nlayer = "metadata"\nrule = "metadata.patient_mismatch"\nseverity = "warning"\nreason = "a"\n'
        '[[override]]\nlayer = "business"\nseverity = "off"\nreason = "b"\n'
    )
    text = "\n".join(
        line for line in manifest.read_text(encoding="utf-8").splitlines() if not line.startswith("override")
    )
    manifest.write_text(f"{text}\n{overrides}", encoding="utf-8")
    stand = Stand(tmp_path)

    def faults(root):
        find(root, "//h:recordTarget/h:patientRole/h:id[1]").set("extension", "other")
        find(root, "//identity:Props/identity:Ogrn").text = "1027700132196"

    report = stand.judge(stand.document("306", faults), stand.facts("306"))
    assert codes(report, Layer.BUSINESS) == []
    assert [f.severity for f in report.findings if f.code == "metadata.patient_mismatch"] == [
        Severity.WARNING
    ]


def test_the_same_bytes_rules_and_instant_give_the_same_report(stand):
    content = stand.document("306", lambda root: find(root, "h:languageCode").set("nullFlavor", "NI"))
    first, second = (stand.judge(content, stand.facts("306")) for _ in range(2))
    assert first == second


def test_a_report_travels_between_processes_and_as_json(stand):
    report = stand.judge(stand.document("306"), stand.facts("306", department="1.2.3"))
    assert pickle.loads(pickle.dumps(report)) == report
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def a_finding(layer=Layer.XSD, severity=Severity.ERROR, line=1, code="x"):
    return Finding(
        layer=layer,
        severity=severity,
        code=code,
        message="Сообщение.",
        fix="Исправьте.",
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
        location=Location(xpath="/a[1]", line=line),
    )


def test_findings_stand_once_and_in_order():
    warning, late, early = a_finding(severity=Severity.WARNING), a_finding(line=9), a_finding(line=2)
    other = a_finding(layer=Layer.KIND, line=50)
    report = Report().with_findings([warning, late, other, early, late])
    assert report.findings == (other, early, late, warning)


def test_another_layer_can_be_added_with_what_it_did():
    report = Report(layers={Layer.SIGNATURE: LayerRun(ran=False, reason="потом")})
    report = report.with_findings([a_finding(layer=Layer.SIGNATURE)], layer=Layer.SIGNATURE)
    assert report.layers[Layer.SIGNATURE].ran
    assert report.blocked


def test_the_text_for_a_person_holds_place_value_and_cure(stand):
    report = stand.judge(stand.document("306"), stand.facts("306", department="1.2.3"))
    text = report.to_text()
    for part in ("Ошибок: 1", "строка", "Что сделать:", "Кто исправляет:", "Ожидается: 1.2.3", "пропущено:"):
        assert part in text


@pytest.mark.parametrize(
    ("element", "attribute", "value", "expected"),
    [
        ("id", "root", "1.2.3", "1.2.3"),
        ("id", "extension", "11223344595", "(скрыто, знаков: 11)"),
        ("value", "code", "J06.9", "(скрыто, знаков: 5)"),
        ("code", "code", "306", "306"),
        ("telecom", "value", "tel:+79990000000", "(скрыто, знаков: 16)"),
        ("versionNumber", "value", "x", "x"),
        ("family", "", " ", "(пусто)"),
    ],
)
def test_what_may_be_personal_is_hidden(element, attribute, value, expected):
    assert shown(element, attribute, value) == expected


def test_the_creation_date_decides_in_the_documents_own_offset(stand):
    def midnight(root):
        find(root, "h:effectiveTime").set("value", "202511100030+1200")

    facts = stand.facts("306", created_at="2025-11-10T00:30:00+12:00")
    assert "kind.closed_on_date" not in codes(stand.judge(stand.document("306", midnight), facts), Layer.KIND)


def test_a_document_without_a_time_is_judged_by_the_day_it_came(stand):
    def no_time(root):
        element = find(root, "h:effectiveTime")
        element.attrib.clear()
        element.set("nullFlavor", "NI")

    facts = stand.facts("306", created_at=None)
    late = stand.judge(stand.document("306", no_time), facts, RECEIVED)
    early = stand.judge(stand.document("306", no_time), facts, datetime(2025, 1, 1, tzinfo=CREATED.tzinfo))
    assert "kind.closed_on_date" not in codes(late, Layer.KIND)
    assert "kind.closed_on_date" in codes(early, Layer.KIND)
    assert timedelta(hours=1) == RECEIVED - CREATED
