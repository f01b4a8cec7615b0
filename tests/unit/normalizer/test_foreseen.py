"""Of a signed document it is told what normalising would have changed; the document itself is not touched."""

import base64

import pytest
from builders import a_sample

from broker.document.finding import Severity
from broker.document.markup import Markup, parse
from broker.normalizer.foreseen import would_normalise
from broker.normalizer.forms import is_smooth
from broker.normalizer.normalising import Normalising
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import DEFAULT, Rule
from broker.samples.documents import KINDS
from broker.samples.submission import make_submission

HEAD = '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{}>'
CASES = {
    Rule.BOM: b"\xef\xbb\xbf" + HEAD.format("").encode() + b"</ClinicalDocument>",
    Rule.ENCODING: (
        '<?xml version="1.0" encoding="windows-1251"?>'
        + HEAD.format("")
        + "<title>Приём</title></ClinicalDocument>"
    ).encode("cp1251"),
    Rule.STYLESHEET: b'<?xml-stylesheet href="a.xsl"?>' + HEAD.format("").encode() + b"</ClinicalDocument>",
    Rule.SCHEMA_LOCATION: HEAD.format(' xsi:schemaLocation="a b"').encode() + b"</ClinicalDocument>",
    **{
        rule: f"{HEAD.format('')}{inner}</ClinicalDocument>".encode()
        for rule, inner in {
            Rule.NFC: "<title>Прие\u0308м</title>",
            Rule.SPACES: "<title>Приём\u00a0врача</title>",
            Rule.BLANKS: '<id root=" 1.2.3"/>',
            Rule.SNILS: '<id root="1.2.643.100.3" extension="112-233-445 95"/>',
            Rule.PHONE: '<telecom value="8 (495) 123-45-67"/>',
            Rule.DATES: '<effectiveTime value="2026-03-02"/>',
        }.items()
    },
}


def read(content: bytes) -> Markup:
    markup = parse(content)
    assert isinstance(markup, Markup)
    return markup


def test_every_rule_that_works_unasked_has_its_case():
    assert set(CASES) == DEFAULT


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_is_told_under_its_name_and_changes_nothing(rule):
    markup = read(CASES[rule])
    (finding,) = would_normalise(markup)
    assert finding.code == f"normalise.{rule}"
    assert finding.severity is Severity.WARNING
    assert "POST /api/v1/prepare" in finding.fix
    assert markup.content == CASES[rule]
    assert would_normalise(markup) == (finding,)


@pytest.mark.parametrize("rule", CASES)
def test_what_is_foreseen_is_what_preparing_does(rule):
    made = prepare(CASES[rule])
    assert isinstance(made, Prepared)
    assert {change.rule for change in made.changes} == {rule}
    assert would_normalise(read(made.content)) == ()


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_the_operator_switched_off_foresees_nothing(rule):
    assert would_normalise(read(CASES[rule]), Normalising(on=DEFAULT - {rule})) == ()


ROUGH = (
    '<title>Сказал "да"</title><id root="1.2 "/>',
    "<title>Сказал 'да'</title><id root=' 1.2'/>",
    '<id extension="a>b "/>',
    '<id extension = "\t1.2"/>',
    '<code displayName="a > b" code="1\n"/>',
    "<![CDATA[ <id root=\"]]><id root='1 '/>",
    '<title> "начало строки</title>\n"<id extension=" 7"/>',
)


@pytest.mark.parametrize("inner", ROUGH)
def test_a_blank_at_the_edge_of_an_attribute_is_seen_whatever_quotation_marks_stand_around(inner):
    (finding,) = would_normalise(read(f"{HEAD.format('')}{inner}</ClinicalDocument>".encode()))
    assert finding.code == "normalise.blanks"


@pytest.mark.parametrize(
    "inner", ['<title>ООО "Ромашка", "Лютик "</title>', "<title>д' Артаньян 'а '</title>"]
)
def test_quotation_marks_in_the_text_are_nobodys_edges(inner):
    content = f"<?xml version='1.0'?>{HEAD.format('')}{inner}<id root=\"1.2\"/></ClinicalDocument>".encode()
    assert is_smooth(content)
    assert would_normalise(read(content)) == ()


def test_endless_quotation_marks_only_cost_the_closer_look():
    endless = ' "' * 100_000
    content = f"{HEAD.format('')}<title>{endless}</title></ClinicalDocument>".encode()
    assert not is_smooth(content)
    assert would_normalise(read(content)) == ()


def test_a_rule_speaks_once_and_counts_its_places():
    inner = '<telecom value="8 (495) 123-45-67"/>' * 3
    (finding,) = would_normalise(read(f"{HEAD.format('')}{inner}</ClinicalDocument>".encode()))
    assert finding.message.endswith("Таких мест: 3.")
    assert finding.location.xpath == "/ClinicalDocument[1]/telecom[1]"
    assert "495" not in repr(finding)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_document_has_nothing_to_be_normalised(world, kind):
    submission = make_submission(a_sample(world, kind=kind), lambda data, who: b"")
    content = submission_content(submission)
    assert would_normalise(read(content)) == ()
    made = prepare(content)
    assert isinstance(made, Prepared)
    assert (made.content, made.changes, made.reported) == (content, (), ())


def submission_content(submission) -> bytes:
    return base64.b64decode(submission.content.data)
