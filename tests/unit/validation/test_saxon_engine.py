"""SaxonC judges where an operator chose it, in a process of its own, and nothing else ever judges in its place."""

import asyncio
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from lxml import etree
from mutation import mutants
from validation_stand import ROOT, Stand

from broker.compute.pool import compute_pool
from broker.document.finding import Layer
from broker.validation.check import RULES_UNREADABLE
from broker.validation.ruleset import RuleSet
from broker.validation.schematron.engine import Failure
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import SchematronRefused, load
from broker.validation.schematron.port import EngineChoice, EngineUnavailable, SchematronEngine
from broker.validation.schematron.saxon import LATE, MISSING, NOTE, REFUSED, SaxonEngine, SaxonProcess

AT = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">'
RULES = (
    '<pattern><rule context="a"><assert test="matches(b,\'1\')">x</assert><assert test="@k">y</assert></rule>'
    '<rule context="b"><report test="@z">z</report></rule></pattern>'
    '<pattern><let name="n" value="count(//a)"/><rule context="/"><assert test="$n = 2">two</assert></rule>'
    '<rule context="a[@k = @q]"><assert test="b[@z = current()/@k]">current</assert></rule></pattern>'
)
needs_saxon = pytest.mark.skipif(
    find_spec("saxonche") is None,
    reason="NO SAXON: the override is not run by this run (pip install 'inaya[saxon]')",
)


@pytest.fixture
def process() -> Iterator[SaxonProcess]:
    opened = SaxonProcess(seconds=60)
    yield opened
    opened.close()


def document(body: str) -> etree._Element:
    return etree.fromstring(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</ClinicalDocument>')


def content(rules: str = RULES) -> bytes:
    return f"{HEAD}{rules}</schema>".encode()


def plainly(failures: tuple[Failure, ...]) -> list[tuple[str, int, bool]]:
    return [(one.assertion.test, id(one.element), bool(one.error)) for one in failures]


@pytest.fixture
def overridden(tmp_path: Path) -> Stand:
    """Our rule set of one kind, for which the operator names Saxon."""
    home = tmp_path / "306" / "3"
    shutil.copytree(ROOT / "schemas" / "semd" / "306" / "3", home)
    manifest = home / "ruleset.toml"
    text = manifest.read_text("utf-8")
    manifest.write_text('engine = "saxon"\n' + re.sub(r"(?m)^engine =.*\n", "", text), "utf-8")
    return Stand(tmp_path)


def test_a_rule_set_names_its_engine_and_ours_is_the_usual_one(stand: Stand, overridden: Stand):
    assert {rules.engine for rules in stand.library.all()} == {EngineChoice.NATIVE}
    assert [rules.engine for rules in overridden.library.all()] == [EngineChoice.SAXON]
    with pytest.raises(msgspec.ValidationError, match="engine"):
        msgspec.convert({"kind": "1", "engine": "xerces"}, RuleSet)


def test_without_saxon_the_document_waits_and_the_report_says_why(
    overridden: Stand, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "saxonche", None)
    report = overridden.judge(overridden.document("306"), overridden.facts("306"))
    layer = report.layers[Layer.SCHEMATRON]
    assert not layer.ran, "never silently ours"
    assert layer.reason == MISSING
    assert [one.code for one in report.findings if one.layer is Layer.SCHEMATRON] == [RULES_UNREADABLE]
    assert report.blocked


def test_both_engines_are_the_same_to_the_validator(process: SaxonProcess):
    engines: list[SchematronEngine] = [EngineShop().engine(content()), SaxonEngine(load(content()), process)]
    assert {engine.assertions for engine in engines} == {5}
    assert [engine.note for engine in engines] == ["", NOTE]


@needs_saxon
@pytest.mark.parametrize(
    "body",
    [
        "<a k=''><b>1</b></a><a k=''><b>1</b></a>",
        "<a><b>1</b></a><!-- c --><a k=''><b z='' >2</b></a><a k='1' q='1'/>",
        "<a><b>1</b><b>1</b></a><a/>",
    ],
    ids=["good", "bad", "an expression without an answer"],
)
def test_saxon_finds_what_ours_finds_in_the_same_order(process: SaxonProcess, body: str):
    root = document(body)
    ours = EngineShop().engine(content()).run(root, AT)
    theirs = SaxonEngine(load(content()), process).run(root, AT)
    assert plainly(theirs.failures) == plainly(ours.failures)


@needs_saxon
def test_a_report_by_saxon_says_what_one_by_ours_says_and_who_judged(stand: Stand, overridden: Stand):
    for root in [etree.fromstring(stand.document("306")), *mutants(stand.document("306"), 6, 9)]:
        spoilt = etree.tostring(root, encoding="UTF-8")
        ours, theirs = (one.judge(spoilt, one.facts("306")) for one in (stand, overridden))
        assert theirs.findings == ours.findings
        assert NOTE in theirs.layers[Layer.SCHEMATRON].note


@needs_saxon
def test_what_ours_cannot_be_asked_saxon_can(process: SaxonProcess):
    rules = content(
        '<pattern><rule context="a[@k = current()/@q]"><assert test="@z">x</assert></rule></pattern>'
    )
    with pytest.raises(SchematronRefused, match="engine = saxon"):
        EngineShop().engine(rules)
    run = SaxonEngine(load(rules), process).run(document("<a k='1' q='1'/><a k='1' q='2'/>"), AT)
    assert len(run.failures) == 1


@needs_saxon
def test_saxon_never_enters_the_process_that_examines(process: SaxonProcess):
    SaxonEngine(load(content()), process).run(document("<a/>"), AT)
    assert process.pid not in {None, os.getpid()}
    assert "saxonche" not in Path("/proc/self/maps").read_text("utf-8")


@needs_saxon
def test_a_child_that_died_is_replaced(process: SaxonProcess):
    engine, root = SaxonEngine(load(content()), process), document("<a/>")
    before = engine.run(root, AT)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert plainly(engine.run(root, AT).failures) == plainly(before.failures)
    assert process.pid != first


@needs_saxon
def test_a_child_that_is_late_is_ended_and_the_next_document_gets_another():
    hasty = SaxonProcess(seconds=0.01)
    with pytest.raises(EngineUnavailable, match=re.escape(LATE)):
        SaxonEngine(load(content()), hasty).run(document("<a/>"), AT)
    assert hasty.pid is None


@needs_saxon
def test_a_child_that_has_grown_is_ended_after_its_answer():
    small = SaxonProcess(seconds=60, megabytes=1)
    assert SaxonEngine(load(content()), small).run(document("<a/>"), AT).failures
    assert small.pid is None


def gone(pid: int | None) -> bool:
    """Wait a moment for a process to end."""
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}").exists()


@needs_saxon
def test_the_child_goes_with_what_asked_it():
    process = SaxonProcess(seconds=60)
    SaxonEngine(load(content()), process).run(document("<a/>"), AT)
    pid = process.pid
    assert pid is not None
    del process
    assert gone(pid)


@needs_saxon
def test_more_kinds_than_the_child_keeps_are_compiled_again_and_still_judged(process: SaxonProcess):
    engines = [
        SaxonEngine(load(content(f'<pattern><rule context="a"><assert test="@k{n}">x</assert></rule></pattern>')), process)
        for n in range(9)
    ]  # fmt: skip
    root = document("<a/>")
    for engine in (*engines, engines[0]):
        assert len(engine.run(root, AT).failures) == 1


@needs_saxon
@pytest.mark.parametrize("test", ["unparsed-text-available('/etc/hostname')", "doc-available('/etc/hosts')"])
def test_rules_read_nothing_but_the_document(process: SaxonProcess, test: str):
    rules = content(f'<pattern><rule context="a"><report test="{test}">read</report></rule></pattern>')
    assert not [
        one for one in SaxonEngine(load(rules), process).run(document("<a/>"), AT).failures if not one.error
    ]


@needs_saxon
def test_what_saxon_cannot_compile_is_the_operators_matter(process: SaxonProcess):
    rules = content(
        '<pattern><rule context="a"><assert test="no-such-function()">x</assert></rule></pattern>'
    )
    with pytest.raises(EngineUnavailable, match=REFUSED):
        SaxonEngine(load(rules), process).run(document("<a/>"), AT)


class Judge:
    """What a compute process keeps between documents in this test."""

    process = SaxonProcess(seconds=60)


def judged_beside(rules: bytes) -> tuple[int, int | None]:
    """Judge by Saxon from within a compute process; how much failed, and who was asked."""
    run = SaxonEngine(load(rules), Judge.process).run(document("<a/>"), AT)
    return len(run.failures), Judge.process.pid


def nothing() -> None:
    """A compute process needs nothing else here."""


@needs_saxon
async def test_the_memory_limit_of_a_compute_process_is_not_the_childs_and_the_child_ends_with_it():
    async with compute_pool(1, 60.0, 1024, nothing, ()) as pool:
        failures, pid = await pool.run(judged_beside, content())
        assert failures == 3
    assert await asyncio.to_thread(gone, pid)
