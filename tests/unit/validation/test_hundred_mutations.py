"""One place of a good document spoilt in more than a hundred ways: each is found there, named, and can be mended by a person."""

import re

import pytest
from hundred_faults import FAULTS, Spoilt
from lxml import etree
from validation_stand import CREATED, DATA, NAMES, Stand

from broker.document.facts import SubmissionFacts
from broker.document.finding import Finding, Responsible
from broker.document.markup import Markup, parse
from broker.validation.report import Report

PREFIXES = {**NAMES, "medService": "urn:hl7-ru:medService"}
EMPTY_WORDS = (
    "Приведите элемент к требованию",
    "Сверьте состав, порядок и значения элемента",
    "Исправьте разметку в указанном месте",
    "значение по схеме вида",
)
"""What our texts say when they do not know what to say."""
OFFICIAL = DATA / "packs" / "290" / "xml" / "Протокол консультации.xml"


def spoilt(stand: Stand, fault: Spoilt) -> tuple[bytes, Report]:
    content = stand.document(fault.kind, *([fault.edit] if fault.edit else []))
    content = fault.spoil(content) if fault.spoil else content
    facts = stand.facts(fault.kind)
    return content, stand.judge(content, fault.tell(facts) if fault.tell else facts)


def names_the_place(finding: Finding, fault: Spoilt) -> bool:
    if not fault.place:
        return True
    return finding.location is not None and finding.location.xpath.endswith(fault.place)


def can_be_mended(finding: Finding) -> bool:
    fix = finding.fix or ""
    return (
        len(fix) >= 20
        and re.search("[а-я]{3}", fix) is not None
        and fix.endswith((".", "…"))
        and not any(words in fix for words in EMPTY_WORDS)
        and finding.responsible in {Responsible.CLINIC, Responsible.MIS}
    )


def test_there_are_more_than_a_hundred_and_no_two_alike():
    assert len(FAULTS) >= 100
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {fault.kind for fault in FAULTS} == {"306", "290", "103"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_spoilt_place_is_found_named_and_given_a_cure(stand, fault):
    content, report = spoilt(stand, fault)
    assert content != stand.document(fault.kind) or fault.tell
    fitting = [
        finding
        for finding in report.findings
        if names_the_place(finding, fault)
        and fault.says in finding.message
        and fault.cure in (finding.fix or "")
        and can_be_mended(finding)
        and (not fault.who or finding.responsible == fault.who)
    ]
    assert fitting, report.to_text()
    if fault.place:
        _stands_where_it_says(content, fitting[0])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_finding_of_a_spoilt_document_can_be_mended_and_keeps_its_people_to_itself(stand, fault):
    _, report = spoilt(stand, fault)
    assert [f.fix for f in report.findings if not can_be_mended(f)] == []
    patient = stand.sample(fault.kind).patient
    told = report.to_text()
    for secret in (patient.snils, patient.name.family, patient.local_id, patient.policy, patient.phone):
        assert secret not in told


def _stands_where_it_says(content: bytes, finding: Finding) -> None:
    markup = parse(content)
    assert isinstance(markup, Markup)
    steps = [
        step if ":" in step.partition("[")[0] else f"h:{step}"
        for step in finding.location.xpath.strip("/").split("/")
    ]
    found = markup.root.xpath("/" + "/".join(steps), namespaces=PREFIXES)
    assert [element.sourceline for element in found] == [finding.location.line]


ONLY_OURS = {
    "an author's СНИЛС with a slip": "the СНИЛС of the official sample are wrong as they are",
    "a contract that is over": "the official sample is older than the day the contract ends",
    "a visit that ends before it begins": "the official visit was on another day",
}
APPLICABLE = [f for f in FAULTS if f.edit and f.kind == "290" and f.name not in ONLY_OURS]


@pytest.mark.parametrize("fault", APPLICABLE, ids=lambda fault: fault.name)
def test_the_same_holds_of_the_official_sample_under_the_official_pack(official, fault):
    root = etree.fromstring(OFFICIAL.read_bytes())
    clinic = root.xpath("//h:providerOrganization/h:id/@root", namespaces=NAMES)[0]
    facts = SubmissionFacts(kind="290", local_uid="00000000-0000-4000-8000-000000000001", clinic=clinic)
    good = official.judge(OFFICIAL.read_bytes(), facts, CREATED)
    fault.edit(root)
    report = official.judge(etree.tostring(root), facts, CREATED)
    known = {(f.code, f.rule, f.message) for f in good.findings}
    new = [f for f in report.findings if (f.code, f.rule, f.message) not in known]
    fitting = [
        f for f in new if names_the_place(f, fault) and fault.says in f.message and fault.cure in f.fix
    ]
    assert any(can_be_mended(f) for f in fitting), "\n".join(
        f"{f.location} {f.message} -> {f.fix}" for f in new
    )
