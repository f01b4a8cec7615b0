"""Of an element that was not expected it is told whether it is too many, out of place, or another is missing before it."""

import time

import pytest
from lxml import etree
from test_xsd_layer import HEAD

from broker.document.finding import Severity, Source
from broker.document.markup import Markup, parse
from broker.validation.xsd import Schema, findings

SCHEMA = f"""{HEAD}<xs:element name="ClinicalDocument"><xs:complexType><xs:sequence>
<xs:element name="a"/><xs:element name="maybe" minOccurs="0"/><xs:element name="b"/><xs:element name="c" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""


@pytest.fixture
def schema(tmp_path):
    (tmp_path / "CDA.xsd").write_text(SCHEMA, encoding="utf-8")
    return Schema(tmp_path / "CDA.xsd", tmp_path)


def told(schema, body):
    markup = parse(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</ClinicalDocument>'.encode())
    assert isinstance(markup, Markup)
    before = etree.tostring(markup.root)
    found = findings(schema, markup, (Severity.ERROR, Source.OFFICIAL))
    assert etree.tostring(markup.root) == before
    return found


CASES = {
    "<a/><b/><c/>": None,
    "<a/><x/><b/><c/>": ("x[1]", "лишний", "Уберите x из ClinicalDocument"),
    "<a/><a/><b/><c/>": ("a[2]", "повторён", "один a"),
    "<b/><a/><c/>": ("b[1]", "не на своём месте", "перед b должен стоять a"),
    "<a/><c/>": ("ClinicalDocument[1]", "не хватает вложенного элемента: b", "перед c: b"),
    "<a/><maybe/><c/>": ("ClinicalDocument[1]", "не хватает вложенного элемента: b", "перед c: b"),
    "<a/><b/>": ("ClinicalDocument[1]", "не хватает вложенного элемента: c", "Добавьте"),
    "<a/><z/><c/>": ("z[1]", "не ожидается", "допустимо"),
}


@pytest.mark.parametrize("body", CASES)
def test_which_it_is_is_told_and_the_document_stays_as_it_is(schema, body):
    found = told(schema, body)
    if CASES[body] is None:
        assert found == ()
        return
    place, message, cure = CASES[body]
    assert found[0].location.xpath.endswith(place)
    assert message in found[0].message
    assert cure in found[0].fix


def test_a_document_full_of_faults_costs_no_time(schema):
    started = time.process_time()
    told(schema, "<a/><b/>" + "<c/>" * 4000 + "<x/>")
    assert time.process_time() - started < 3
