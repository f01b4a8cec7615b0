"""A report in its three forms: complete, in order, escaped, bounded, and silent about people."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_stand import RECEIVED, Stand

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.markup import parse
from broker.normalizer.cda import canonical
from broker.validation.rendering.as_html import Part, fragment, policy, style, to_html
from broker.validation.rendering.as_json import to_plain
from broker.validation.rendering.entry import entries, summary
from broker.validation.rendering.highlight import Highlighter
from broker.validation.rendering.offsets import columns
from broker.validation.rendering.source import source_of
from broker.validation.report import LayerRun, Report, ordered, skipped

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&<!--"
LIMIT = 4 * 1024 * 1024
"""Bytes of a page, whatever the document is."""


def a_finding(line: int = 0, **changes: object) -> Finding:
    fields = {
        "layer": Layer.XSD,
        "severity": Severity.ERROR,
        "code": "xsd.unexpected_element",
        "message": "Элемент здесь не ожидается.",
        "responsible": Responsible.MIS,
        "source": Source.SEEN,
        "location": Location(xpath=f"/a[1]/b[{line}]", line=line) if line else None,
    }
    return Finding(**(fields | changes))


def a_report(*findings: Finding) -> Report:
    layers = {
        Layer.SCHEMATRON: LayerRun(ran=True, rules=7, evaluated=9, fallback=2),
        Layer.NSI: skipped("нет"),
    }
    return Report(findings=ordered(findings), layers=layers, rule_set="вид 306, проба")


class _Page(HTMLParser):
    """The elements of a page, its ids and links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]


def test_every_field_of_a_finding_stands_on_the_page():
    finding = a_finding(
        rule="У1-12",
        location=Location(xpath="/ClinicalDocument[1]/recordTarget[1]/patientRole[1]/addr[1]", line=30, column=4),
        value="(скрыто, знаков: 5)",
        expected="шесть цифр",
        fix="Запишите индекс.",
        remd_code="VALIDATION_ERROR",
        id_case="77",
    )  # fmt: skip
    text = fragment(Part(name="a.xml", report=a_report(finding)))
    for part in (
        "Элемент здесь не ожидается.",
        "Исправляет разработчик МИС",
        "строка 30, позиция 4",
        "адрес пациента",
        "/ClinicalDocument[1]/recordTarget[1]/patientRole[1]/addr[1]",
        "(скрыто, знаков: 5)",
        "шесть цифр",
        "Запишите индекс.",
        "правило У1-12",
        "РЭМД ответил бы: VALIDATION_ERROR",
        "правило из открытых источников",
        "случай 77",
        "вид 306, проба",
        "Ошибок: 1, предупреждений: 0; исправляют: разработчик МИС — 1.",
    ):
        assert part in text, part


def test_what_blocks_comes_first_then_the_layer_then_the_place_and_nothing_twice():
    warning = a_finding(1, severity=Severity.WARNING)
    later, earlier = a_finding(9), a_finding(2)
    other = a_finding(1, layer=Layer.SCHEMATRON)
    report = a_report(warning, other, later, earlier, later)
    assert [one.finding for one in entries(report.findings)] == [earlier, later, other, warning]
    text = fragment(Part(name="", report=report))
    assert [int(n) for n in re.findall(r'id="f(\d+)"', text)] == [1, 2, 3, 4]


def test_a_group_per_who_must_mend_keeps_the_numbers_of_the_whole():
    report = a_report(a_finding(1, responsible=Responsible.CLINIC), a_finding(2), a_finding(3))
    text = fragment(Part(name="", report=report))
    assert text.index("Исправляет разработчик МИС") < text.index("Исправляет клиника")
    assert [int(n) for n in re.findall(r'id="f(\d+)"', text)] == [2, 3, 1]
    assert str(summary(report.findings)).endswith("исправляют: разработчик МИС — 2, клиника — 1.")


def test_the_layers_say_what_they_did_and_why_they_did_nothing_in_their_order():
    report = msgspec.structs.replace(
        a_report(), layers={Layer.SIGNATURE: skipped("не приложены"), **a_report().layers}
    )
    text = fragment(Part(name="", report=report))
    assert re.findall(r'<th scope="row">([^<]+)', text) == [
        "Правила (Schematron)",
        "Справочники НСИ",
        "Подписи",
    ]
    for part in ("не приложены", ">7<", ">9<", ">2<", "без замечаний"):
        assert part in text
    assert "Замечаний нет." in text


def test_json_keeps_the_contract_and_adds_the_elements_name():
    finding = a_finding(location=Location(xpath="/ClinicalDocument[1]/title[1]/x[1]", line=8))
    plain = to_plain(a_report(finding))
    assert plain["ruleSet"] == "вид 306, проба"
    assert plain["layers"]["nsi"] == {"ran": False, "reason": "нет"}
    (one,) = plain["findings"]
    assert one["location"] == {"xpath": "/ClinicalDocument[1]/title[1]/x[1]", "line": 8}
    assert "element" not in to_plain(a_report(a_finding()))["findings"][0]
    place = Location(xpath="/ClinicalDocument[1]/recordTarget[1]/patientRole[1]/addr[1]", line=30)
    assert to_plain(a_report(a_finding(location=place)))["findings"][0]["element"] == "адрес пациента"


def test_an_element_nobody_named_is_told_by_the_nearest_ancestor_that_has_a_name():
    inside = Location(xpath="/ClinicalDocument[1]/x[1]/addr[1]/strange[1]", line=1)
    (entry,) = entries([a_finding(location=inside)])
    assert entry.element.startswith("внутри: ")


def test_links_lead_both_ways_and_to_ids_that_are_there_once():
    content = b"<a>\n" + b"".join(b"<b/>\n" for _ in range(50)) + b"</a>"
    report = a_report(a_finding(7), a_finding(7, code="xsd.other"), a_finding(30))
    text = to_html("x", [Part(name="1", report=report, content=content)] * 2)
    page = _Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert {"#d1-f1", "#d1-f2", "#d1-f3", "#d1-l7", "#d2-l30"} <= set(page.links)


def test_the_page_needs_nothing_from_outside_and_no_script():
    text = to_html("x", [Part(name="1", report=a_report(a_finding(1)), content=b"<a/>")])
    page = _Page(text)
    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "object", "form", "base"})
    assert not any(name.startswith("on") or name in {"style", "src"} for name in page.attributes)
    assert not re.search(r"url\(|@import", style())
    assert "sha256-" in policy()
    assert "unsafe" not in policy()


@pytest.mark.parametrize(
    "content", [f"<a>{HOSTILE}</a>".encode(), HOSTILE.encode("cp1251"), HOSTILE.encode("utf-16")]
)
def test_nothing_a_document_or_a_finding_says_becomes_markup(content):
    everything = a_finding(
        1,
        code=HOSTILE,
        message=HOSTILE,
        rule=HOSTILE,
        value=HOSTILE,
        expected=HOSTILE,
        fix=HOSTILE,
        remd_code=HOSTILE,
        id_case=HOSTILE,
        location=Location(xpath=f"/{HOSTILE}[1]", line=1),
    )
    report = Report(
        findings=(everything,),
        layers={Layer.XML: LayerRun(ran=True, note=HOSTILE), Layer.XSD: skipped(HOSTILE)},
        rule_set=HOSTILE,
    )
    page = _Page(to_html(HOSTILE, [Part(name=HOSTILE, report=report, content=content)]))
    assert page.tags.isdisjoint({"script", "img"})
    assert "onerror" not in page.attributes


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=200)
def test_colouring_loses_and_adds_no_character(text):
    colours = Highlighter()
    for line in text.split("\n"):
        assert "".join(token for _, token in colours.tokens(line)) == line


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=100)
def test_any_bytes_have_a_page(content):
    report = a_report(a_finding(1), a_finding(3))
    assert "<article" in fragment(Part(name="", report=report, content=content))


def test_a_tag_a_value_and_a_comment_over_several_lines_keep_their_colours():
    colours = Highlighter()
    lines = [colours.tokens(line) for line in ('<a b="1"', '  c="2"/><!-- x', "y --><d>&amp;</d>")]
    assert ("n", "c") in lines[1]
    assert ("v", '"2"') in lines[1]
    assert lines[2][0] == ("c", "y -->")
    assert ("e", "&amp;") in lines[2]


def test_characters_that_turn_the_writing_round_are_made_visible():
    source = source_of("<a>admin\u202e\u2066 \x00\x1b</a>".encode(), [])
    text = "".join(token for _, token in source.rows[0].tokens)
    assert text == "<a>admin\ufffd\ufffd \ufffd\ufffd</a>"


@pytest.fixture(scope="module")
def stand() -> Stand:
    return Stand()


def judged(stand: Stand, content: bytes) -> Report:
    markup = parse(content)
    assert not isinstance(markup, tuple)
    facts = stand.facts("306")
    document, said = canonical(markup, facts, stand.catalogue)
    return stand.validator.check(markup, document, facts, RECEIVED).with_findings(said)


def broken(stand: Stand) -> bytes:
    content = stand.document("306")
    for right, wrong in (
        (b'value="tel:+7', b'value="8 '),
        (b"ru-RU", b"en"),
        (b"<title>", b"<title/><title>"),
    ):
        content = content.replace(right, wrong, 1)
    return content


def test_without_the_document_nothing_of_a_person_stands_in_any_form(stand):
    content = broken(stand)
    patient = stand.sample("306").patient
    content = content.replace(patient.snils.encode(), b"99000000053")
    report = judged(stand, content)
    assert len(report.findings) > 3
    forms = [
        report.to_text(),
        msgspec.json.encode(to_plain(report)).decode(),
        to_html("Отчёт", [Part(name="a.xml", report=report)]),
    ]
    for form in forms:
        for secret in (
            patient.snils,
            "99000000053",
            patient.name.family,
            patient.name.given,
            "<recordTarget",
        ):
            assert secret not in form


def test_the_faulty_lines_of_a_real_document_are_marked(stand):
    content = broken(stand)
    report = judged(stand, content)
    source = source_of(content, entries(report.findings))
    lines = content.decode().split("\n")
    assert [row.line for row in source.rows] == list(range(1, len(lines) + 1))
    marked = {row.line for row in source.rows if row.entries}
    assert {number for number, line in enumerate(lines, 1) if 'value="8 ' in line or '"en"' in line} <= marked
    assert set(source.places) == {entry.number for entry in entries(report.findings) if entry.line}


def test_in_a_document_of_one_line_each_fault_is_found_by_its_path(stand):
    flat = b"".join(line.strip() for line in broken(stand).splitlines()).replace(b"?>", b"?>\n", 1)
    report = judged(stand, flat)
    told = entries(report.findings)
    source = source_of(flat, told)
    assert {entry.line for entry in told if entry.line} == {2}
    phone = next(entry for entry in told if "telecom" in entry.finding.message)
    text = "".join(token for _, token in source.places[phone.number].tokens)
    assert text.startswith("<telecom")
    assert "частями" in source.note


def test_columns_count_characters_of_any_alphabet_and_prefixes_of_any_name():
    text = '<x:ю xmlns:x="urn:hl7-org:v3">Привет 😀<x:б/>\r<x:б/></x:ю>'
    found = columns(text, frozenset({"/ю[1]/б[2]", "/ю[1]/нет[1]"}))
    assert found == {"/ю[1]/б[2]": (1, text.rindex("<x:б") + 1)}
    assert columns("<!DOCTYPE a>" + text, frozenset({"/ю[1]"})) == {}
    assert columns("<a><b></a>", frozenset({"/a[1]/b[1]"})) == {"/a[1]/b[1]": (1, 4)}


MANY = [a_finding(line, message="м" * 5000, fix="ф" * 5000) for line in range(1, 20_000, 40)]


@pytest.mark.parametrize(
    "content",
    [
        b"<a>" + b"<b c='1'/>" * 500_000 + b"</a>",
        b"<a>" + b"x" * 5_000_000 + b"</a>",
        b"\n" * 20_000_000,
        b"<a>\n" + b"<b c='d' e=\"f\"/>" * 60 + (b"\n" + b"<b c='d' e=\"f\"/>" * 60) * 20_000,
        b"<a\n" * 5_000_000,
        "ы".encode() * 10_000_000,
        b"<" * 20_000_000,
    ],
    ids=[
        "one line of tags",
        "one line of text",
        "empty lines",
        "long lines",
        "open tags",
        "letters",
        "brackets",
    ],
)
def test_a_page_is_bounded_whatever_the_document_is(content):
    started = time.process_time()
    report = Report(findings=tuple(MANY), layers={})
    page = to_html("x", [Part(name="y" * 10_000, report=report, content=content)])
    assert len(page.encode()) < LIMIT
    assert time.process_time() - started < 5
    assert "Показаны не все замечания" in page


def test_a_large_document_is_shown_around_its_faults_and_says_so():
    content = b"".join(b"<line n='%d'/>\n" % number for number in range(1, 100_001))
    source = source_of(content, entries([a_finding(50_000), a_finding(99_999)]))
    shown = [row.line for row in source.rows]
    assert shown == [*range(49_995, 50_006), *range(99_994, 100_001)]
    assert "n='50000'" in "".join(token for _, token in source.rows[5].tokens)
    assert source.rows[0].gap == "… пропущено строк: 49994"
    assert source.note
    assert source_of(content, []).rows[-1].line == 40


def test_a_registry_is_not_shown():
    assert source_of(b"PK\x03\x04...", entries([a_finding(1)])).rows == ()


def test_the_report_and_the_console_share_a_palette():
    tokens = re.compile(r"--(?:ground|paper|ink|soft|line|accent|good|warn|bad|busy|calm)(?:-\w+)?: [^;]+")
    console = (ROOT / "broker" / "console" / "static" / "console.css").read_text(encoding="utf-8")
    assert tokens.findall(style())[:32] == tokens.findall(console)[:32]
