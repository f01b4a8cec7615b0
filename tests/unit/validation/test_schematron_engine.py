"""The plain engine keeps Schematron's own rules: first match, variables, reports, the document node, errors."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from broker.validation.schematron.engine import MAX_FAILURES, Engine, Run
from broker.validation.schematron.functions import matches
from broker.validation.schematron.load import SchematronRefused, load
from broker.validation.schematron.program import translate
from broker.validation.schematron.questions import is_native

AT = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><ns prefix="x" uri="urn:x"/>'
)


def run(body: str, document: str) -> Run:
    engine = Engine(translate(load(f"{HEAD}{body}</schema>".encode())))
    return engine.run(
        etree.fromstring(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{document}</ClinicalDocument>'), AT
    )


def said(body: str, document: str) -> list[str]:
    return [failure.assertion.message for failure in run(body, document).failures]


def test_unprefixed_names_mean_the_namespace_of_cda_and_the_document_stays_as_it_is():
    rule = "<pattern><rule context=\"a\"><assert test=\"@k=['1','2']\">wrong k</assert></rule></pattern>"
    assert said(rule, '<a k="3"/><a k="1"/>') == ["wrong k"]
    engine = Engine(translate(load(f"{HEAD}{rule}</schema>".encode())))
    assert engine.run(etree.fromstring("<a k='3'/>"), AT).failures == ()


def test_the_first_rule_that_matches_a_node_is_the_only_one_of_its_pattern():
    first = '<rule context="a[@k]"><assert test="false()">first</assert></rule>'
    second = '<rule context="a"><assert test="false()">second</assert></rule>'
    assert said(f"<pattern>{first}{second}</pattern>", '<a k=""/><a/>') == ["first", "second"]
    apart = f"<pattern>{first}</pattern><pattern>{second}</pattern>"
    assert said(apart, '<a k=""/><a/>') == ["first", "second", "second"]


def test_a_report_fails_when_its_test_holds():
    rule = '<pattern><rule context="a"><report test="@nullFlavor">null</report></rule></pattern>'
    assert said(rule, "<a/>") == []
    assert said(rule, '<a nullFlavor="NI"/>') == ["null"]


def test_the_document_node_is_a_context_of_its_own():
    rule = '<pattern><rule context="/"><assert test="count(ClinicalDocument/a)=1">one a</assert></rule></pattern>'
    assert said(rule, "<a/>") == []
    assert said(rule, "<a/><a/>") == ["one a"]


def test_a_context_matches_at_any_depth_even_a_root_inside_the_root():
    rule = '<pattern><rule context="ClinicalDocument/a"><assert test="@k">k</assert></rule></pattern>'
    assert said(rule, "<b><a/></b>") == []
    assert said(rule, "<b><ClinicalDocument><a/></ClinicalDocument></b>") == ["k"]


def test_variables_of_file_pattern_and_rule_are_seen_natively_and_by_the_slow_engine():
    body = (
        '<let name="all" value="//a"/><pattern><let name="marked" value="//a[@k]"/>'
        '<rule context="b"><let name="mine" value="c"/>'
        '<assert test="count($all)=2">all</assert><assert test="count($marked)=1">marked</assert>'
        '<assert test="count($mine)=1">mine</assert>'
        '<assert test="some $i in $mine satisfies $i/@v = $marked/@k">slow</assert>'
        "</rule></pattern>"
    )
    outcome = run(body, '<a k="7"/><a/><b><c v="7"/></b>')
    assert outcome.failures == ()
    assert (outcome.evaluated, outcome.fallback) == (4, 1)
    assert said(body, '<a k="8"/><a/><b><c v="7"/></b>') == ["slow"]


@pytest.mark.parametrize("slowly", ["", " and (some $x in b satisfies $x/text() = 'z')"])
def test_variables_of_file_and_pattern_are_about_the_document_whatever_the_rule_is_about(slowly: str):
    body = (
        '<let name="one" value="ClinicalDocument/a[@k]"/><pattern><let name="two" value="count(ClinicalDocument/a)"/>'
        f'<rule context="a"><assert test="count($one)=1 and $two=2{slowly}">said</assert></rule></pattern>'
    )
    assert said(body, "<a k=''><b>z</b></a><a><b>z</b></a>") == []
    assert said(body, "<a><b>z</b></a>") == ["said"]


def test_variables_a_rule_does_not_speak_of_do_not_keep_it_from_the_stylesheet():
    rule = '<rule context="a"><assert test="@k">k</assert></rule>'
    (pattern,) = translate(
        load(f'{HEAD}<let name="k" value="//a"/><pattern>{rule}</pattern></schema>'.encode())
    ).patterns
    assert is_native(pattern[0])


def test_a_context_of_attributes_is_judged_at_the_element_that_holds_them():
    rule = '<pattern><rule context="a/@k"><assert test=". = \'x\'">k</assert></rule></pattern>'
    outcome = run(rule, '<a k="y"/><a k="x"/>')
    assert [failure.element.get("k") for failure in outcome.failures] == ["y"]
    assert outcome.fallback > 0


def test_several_nodes_where_one_is_due_are_a_failure_of_their_own_kind():
    rule = '<pattern><rule context="a"><assert test="matches(b,\'^x$\')">b</assert></rule></pattern>'
    assert said(rule, "<a><b>x</b></a>") == []
    (failure,) = run(rule, "<a><b>x</b><b>x</b></a>").failures
    assert "several nodes" in failure.error


@pytest.mark.parametrize("test", ["@v &gt; 5", "xs:date(@v) gt xs:date('2020-01-01')", "nonsense("])
def test_an_expression_without_an_answer_is_told_and_stops_nothing(test):
    rule = f'<pattern><rule context="a"><assert test="{test}">v</assert><assert test="@w">w</assert></rule></pattern>'
    outcome = run(rule, '<a v="abc"/>')
    assert [(failure.assertion.message, bool(failure.error)) for failure in outcome.failures] == [
        ("v", True),
        ("w", False),
    ]


def test_a_context_that_cannot_be_evaluated_matches_nothing():
    rule = "<pattern><rule context=\"a[@code!=('816' or '12013')]\"><assert test=\"false()\">x</assert></rule></pattern>"
    assert said(rule, '<a code="816"/>') == []


def test_failures_are_bounded():
    rule = '<pattern><rule context="a"><assert test="@k">k</assert></rule></pattern>'
    outcome = run(rule, "<a/>" * (MAX_FAILURES + 50))
    assert len(outcome.failures) == MAX_FAILURES
    assert outcome.truncated


def test_the_number_of_a_requirement_is_read_from_its_text():
    body = (
        '<pattern><rule context="a"><assert test="@k">У1-12.1.5.1. Элемент a</assert>'
        '<assert test="@k">Без номера</assert><assert test="@k" role="seen">У2-3: Элемент</assert></rule></pattern>'
    )
    failures = run(body, "<a/>").failures
    assert [failure.assertion.number for failure in failures] == ["У1-12.1.5.1", "p1.r1.a2", "У2-3"]
    assert [failure.assertion.seen for failure in failures] == [False, False, True]


@pytest.mark.parametrize(
    "body",
    [
        '<pattern abstract="true"/>',
        '<pattern><rule context="a"><extends rule="r"/></rule></pattern>',
        '<include href="other.sch"/>',
        '<function xmlns="http://www.w3.org/1999/XSL/Transform" name="x:f"/>',
        '<pattern><rule abstract="true" id="r"/></pattern>',
    ],
)
def test_what_would_change_the_meaning_if_left_out_refuses_the_file(body):
    with pytest.raises(SchematronRefused):
        load(f"{HEAD}{body}</schema>".encode())


@pytest.mark.parametrize("content", [b"", b"<a/>", b"<schema"])
def test_what_is_no_schematron_is_refused(content):
    with pytest.raises(SchematronRefused):
        load(content)


def test_a_byte_order_mark_and_a_comment_before_the_root_do_no_harm():
    file = load(b"\xef\xbb\xbf<!-- 1.7 -->" + f"{HEAD}<pattern/></schema>".encode())
    assert len(file.patterns) == 1


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        (r"^([0-9]{3}[-\s]{0,1}){3}[0-9]{2}$", "112-233-445 95", True),
        (r"^([0-9]{3}[-\s]{0,1}){3}[0-9]{2}$", "112s233s445s95", False),
        (r"^[^-\d]$", "-", False),
        (r"^[^-\d]$", "d", True),
        (r"^\w$", "_", False),
        (r"^\w$", "+", True),
        (r"^\\w$", "\\w", True),
        (r"^[\w]$", "я", True),
    ],
)
def test_a_regular_expression_means_what_xpath_says(pattern: str, text: str, *, holds: bool):
    assert matches(None, text, pattern) is holds


def test_a_pattern_our_library_would_read_wrongly_refuses_the_file():
    rules = b"""<schema xmlns="http://purl.oclc.org/dsdl/schematron"><pattern><rule context="a">
        <assert test="matches(., '[^x\\S]')">x</assert></rule></pattern></schema>"""
    with pytest.raises(SchematronRefused, match="engine = saxon"):
        translate(load(rules))
