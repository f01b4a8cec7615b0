"""The most frequent faults of a live gateway (semd.md §5.3), word for word as a person reads them.

The texts were read aloud; whoever changes one reads it aloud again. ``INAYA_WRITE_GOLDEN=1`` writes them anew.
"""

import os
import re
from pathlib import Path

import pytest
from lxml import etree
from validation_stand import CREATED

from broker.document.finding import Layer
from broker.samples.document_faults import FAULTS
from broker.validation.report import Report

GOLDEN = Path(__file__).with_name("golden")
CASES = {fault.id: fault for fault in FAULTS if fault.edit is not None}
JARGON = ("атрибут обязан", "кардинальность", "валидн", "некорректн", "должен быть не пуст")
"""What a registrar does not say."""


def rendered(stand, name: str) -> str:
    fault = CASES[name]
    root = etree.fromstring(stand.sample(fault.kinds[0]).document())
    fault.edit(root)
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    report = stand.judge(content, stand.facts(fault.kinds[0]))
    assert report.findings, name
    told = Report(findings=report.findings).to_text()
    return f"{fault.description}\n\n{told}\n"


@pytest.mark.parametrize("name", CASES)
def test_a_frequent_fault_reads_as_it_was_read_aloud(stand, name):
    path = GOLDEN / f"{name}.txt"
    told = rendered(stand, name)
    if os.environ.get("INAYA_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


def test_no_text_is_kept_that_nobody_renders():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_cure_is_short_sentences_without_jargon_and_double_negation(stand, name):
    fault = CASES[name]
    root = etree.fromstring(stand.sample(fault.kinds[0]).document())
    fault.edit(root)
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    report = stand.judge(content, stand.facts(fault.kinds[0]), CREATED)
    for finding in report.findings:
        own = (
            finding.message.partition(" Правило:")[0]
            if finding.layer is Layer.SCHEMATRON
            else finding.message
        )
        for text in (own, finding.fix or ""):
            assert not [word for word in JARGON if word in text.lower()], text
            for sentence in re.split(r"(?<=[.;!?])\s+(?=[А-ЯA-Z<])", text):
                assert len(sentence.split()) <= 26, sentence
                assert len(re.findall(r"\b(?:не|нельзя|без)\b", sentence)) <= 2, sentence
