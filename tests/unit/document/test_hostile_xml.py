"""Hostile bytes are refused with a clear code, quickly and in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_corpus import CORPUS

from broker.document.finding import Finding, Responsible, Severity
from broker.document.markup import Markup, parse

HERE = Path(__file__).parent
SECONDS = 1.0
MIB = 200


@pytest.fixture(scope="module")
def measured():
    """The whole corpus read in a process of its own, so that its memory can be told from ours."""
    run = subprocess.run(
        [sys.executable, str(HERE / "hostile_corpus.py")],
        cwd=HERE.parents[2],
        env={"PYTHONPATH": str(HERE.parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(run.stdout)


def test_there_are_more_than_thirty_of_them():
    assert len(CORPUS) > 30


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_bytes_get_their_code_within_a_second_and_two_hundred_mebibytes(measured, name):
    told = measured[name]
    assert told["code"] == CORPUS[name][0]
    assert told["seconds"] < SECONDS
    assert told["mib"] < MIB


@pytest.mark.parametrize(
    "name", [name for name, (code, content) in CORPUS.items() if code and len(content) < 100_000]
)
def test_a_refusal_says_in_russian_what_to_do_and_quotes_nothing(name):
    findings = parse(CORPUS[name][1])
    assert not isinstance(findings, Markup)
    (finding,) = findings
    assert isinstance(finding, Finding)
    assert finding.severity is Severity.ERROR
    assert finding.responsible is Responsible.MIS
    assert finding.remd_code == "INVALID_CONTENT"
    assert finding.fix
    assert any("а" <= letter <= "я" for letter in finding.message)
    assert "passwd" not in finding.message
    assert finding.value is None
