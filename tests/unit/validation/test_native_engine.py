"""The stylesheet agrees with the plain engine on every document, good or bad, and leaves it what it cannot say."""

import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from lxml import etree
from mutation import mutants
from validation_stand import ROOT, Stand

from broker.validation.schematron.engine import Engine, Failure, Run
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import load
from broker.validation.schematron.native import NativeEngine
from broker.validation.schematron.program import translate

AT = datetime(2026, 6, 1, tzinfo=UTC)
KINDS = ["306", "103", "290"]
MUTANTS = 60
"""Of each document; ``make conformance`` takes more."""
HEAD = '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">'


def plainly(failures: tuple[Failure, ...]) -> list[tuple[str, str, str]]:
    """Failures as values: number, place, error."""
    found = []
    for failure in failures:
        place = "" if failure.element is None else failure.element.getroottree().getpath(failure.element)
        found.append((failure.assertion.number + failure.assertion.test, place, failure.error))
    return found


def agree(engine: NativeEngine, root: etree._Element) -> Run:
    """Run both engines, demand the same failures in the same order, and return the fast one's run."""
    fast, plain = engine.run(root, AT), engine.plain.run(root, AT)
    assert plainly(fast.failures) == plainly(plain.failures)
    assert fast.truncated == plain.truncated
    return fast


@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_agree_on_our_own_rules(stand: Stand, kind: str):
    document = stand.document(kind)
    engines = stand.library.compiled(stand.library.for_document(kind)).engines
    for engine in engines:
        assert agree(engine, etree.fromstring(document)).failures == ()
    failed = sum(
        bool(agree(engine, root).failures) for root in mutants(document, MUTANTS, 42) for engine in engines
    )
    assert failed > MUTANTS // 4, "the faults are faults"


@pytest.mark.parametrize("kind", ["290", "194", "103"])
def test_both_engines_agree_on_the_official_rules(official: Stand, kind: str):
    (engine,) = official.library.compiled(official.library.for_document(kind)).engines
    samples = sorted((ROOT.parent / "shared" / "data").rglob(f"{kind}*synthetic.xml"))
    samples += sorted((ROOT.parent / "shared" / "data" / "packs" / kind).rglob("xml/*.xml"))
    for sample in samples:
        for root in mutants(sample.read_bytes(), MUTANTS // 2, 777):
            agree(engine, root)


def engine_of(body: str) -> NativeEngine:
    return NativeEngine(translate(load(f"{HEAD}{body}</schema>".encode())))


def document(body: str) -> etree._Element:
    return etree.fromstring(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</ClinicalDocument>')


CODES = "".join(
    f'<pattern><rule context="a[@c=\'{code}\']/b"><assert test="@k">{code}</assert></rule></pattern>'
    for code in range(8)
)


@pytest.mark.parametrize(
    ("rules", "body", "failures"),
    [
        pytest.param(CODES, '<a c="3"><b/><b k=""/></a><a c="9"><b/></a><a c="7"><b/></a>', 2, id="a family"),
        pytest.param(
            '<pattern><rule context="a[@k][2]"><assert test="false()">x</assert></rule></pattern>',
            '<a/><a k=""/><a k=""/><a k=""/>',
            1,
            id="a position after a condition",
        ),
        pytest.param(
            '<pattern><rule context="a[2][@k]"><assert test="false()">x</assert></rule></pattern>',
            '<a k=""/><a/><a k=""/>',
            0,
            id="a condition after a position",
        ),
        pytest.param(
            '<pattern><rule context="a//b"><assert test="@k">x</assert></rule></pattern>',
            "<a><a><b/></a></a>",
            1,
            id="a node reached twice is judged once",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="b[@k=current()/@k]">x</assert></rule></pattern>',
            '<a k="1"><b k="1"/></a><a k="2"><b k="1"/></a>',
            1,
            id="current()",
        ),
        pytest.param(
            '<pattern><rule context="b|a/c"><assert test="@k">x</assert></rule></pattern>',
            "<!-- first --><?pi?>text<a><!-- between --><c/></a><b/>",
            2,
            id="places are counted among elements only",
        ),
        pytest.param(
            "<pattern><rule context=\"a\"><let name='n' value='b'/><assert test=\"count($n)=1\">x</assert></rule>"
            '</pattern><pattern><rule context="b"><assert test="@k">y</assert></rule></pattern>',
            '<a><b k=""/></a><a/><b/>',
            2,
            id="variables are the plain engine's, in their turn",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="some $x in b satisfies $x/@k=@k">x</assert></rule></pattern>',
            '<a k="1"><b k="2"/><b k="1"/></a><a k="1"><b k="2"/></a><a/>',
            2,
            id="some",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="every $x in b satisfies $x/@k">x</assert></rule></pattern>',
            '<a><b k="2"/><b k="1"/></a><a><b k="2"/><b/></a><a/>',
            1,
            id="every",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="count(distinct-values(for $x in b return'
            " if ($x/@k) then concat($x/@k,'|') else ()))=1\">x</assert></rule></pattern>",
            '<a><b k="1"/><b k="1"/><b/></a><a><b k="1"/><b k="2"/></a><a><b/></a>',
            2,
            id="distinct values",
        ),
        pytest.param(
            '<pattern><rule context="/"><assert test="some $x in ClinicalDocument/a satisfies $x/@k">x</assert>'
            '<assert test="every $x in //a satisfies $x/@k">y</assert></rule></pattern>',
            '<a k="1"/><a/>',
            1,
            id="quantifiers about the document",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="@k[some $x in //b satisfies $x/@k=.]">x</assert></rule>'
            "</pattern>",
            '<b k="1"/><a k="1"/><a k="2"/>',
            1,
            id="quantifiers about an attribute",
        ),
        pytest.param(
            '<pattern><rule context="a"><assert test="matches(b,\'1\')">x</assert></rule></pattern>',
            "<a><b>1</b></a><a><b>1</b><b>1</b></a><a><b>2</b></a>",
            2,
            id="where XPath 3.1 would stop, the plain engine says where",
        ),
        pytest.param(
            '<pattern><rule context="a[number(@k)>1]"><assert test="@z">x</assert></rule></pattern>',
            '<a k="2"/><a k="q"/><a/>',
            1,
            id="an untranslated context",
        ),
    ],
)
def test_both_engines_agree_on_what_schematron_can_say(rules: str, body: str, failures: int):
    assert len(agree(engine_of(rules), document(body)).failures) == failures


def test_a_long_list_of_failures_is_cut_at_the_same_place():
    rules = (
        '<pattern><rule context="a"><assert test="@k">x</assert><assert test="@z">y</assert></rule></pattern>'
    )
    assert agree(engine_of(rules), document("<a/>" * 400)).truncated


def test_thousands_of_failing_siblings_cost_no_more_than_they_do_the_plain_engine():
    rules = '<pattern><rule context="a"><assert test="@k">x</assert></rule></pattern>'
    engine = engine_of(rules)
    broken = document("<a/>" * 50_000)
    started = time.process_time()
    assert agree(engine, broken).truncated
    assert time.process_time() - started < 5, "counting every place among its siblings takes half a minute"


def test_explaining_a_failure_is_no_further_evaluation():
    assert agree(engine_of(CODES), document('<a c="3"><b/><b/></a>')).evaluated == 8


def test_what_was_kept_on_disk_says_the_same_and_what_is_damaged_is_made_anew(tmp_path: Path):
    content = f"{HEAD}{CODES}</schema>".encode()
    bad = document('<a c="3"><b/></a>')
    shop = EngineShop(tmp_path / "rules")
    first = shop.engine(content)
    (kept,) = (tmp_path / "rules").iterdir()
    again = shop.engine(content)
    assert msgspec.msgpack.encode(again.plain.program) == msgspec.msgpack.encode(first.plain.program)
    assert plainly(again.run(bad, AT).failures) == plainly(first.run(bad, AT).failures) != []
    for damage in (b"", b"\x93\x01", kept.read_bytes()[:-7]):
        kept.write_bytes(damage)
        assert plainly(shop.engine(content).run(bad, AT).failures) == plainly(first.run(bad, AT).failures)
        assert len(kept.read_bytes()) > 100, "kept again"


def test_a_directory_nobody_may_write_to_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert EngineShop(tmp_path / "file" / "rules").engine(f"{HEAD}{CODES}</schema>".encode()).rules == 8


def test_the_plain_engine_needs_no_stylesheet():
    assert Engine(translate(load(f"{HEAD}{CODES}</schema>".encode()))).rules == 8
