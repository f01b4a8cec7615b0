"""The schema's objections are told in Russian, all of them, and a schema stays inside its own directory."""

import pytest

from broker.document.finding import Severity, Source
from broker.document.markup import Markup, parse
from broker.validation.xsd import MAX_FAULTS, Schema, SchemaRefused, findings
from broker.validation.xsd_messages import worded

HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v3" targetNamespace="urn:hl7-org:v3" elementFormDefault="qualified">'
SCHEMA = f"""{HEAD}
<xs:element name="ClinicalDocument"><xs:complexType><xs:sequence>
<xs:element name="short" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="choice" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="q"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="number" type="xs:int" minOccurs="0"/>
<xs:element name="digits" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[0-9]+"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="limit" minOccurs="0"><xs:simpleType><xs:restriction base="xs:int"><xs:minInclusive value="3"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="empty" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:attribute name="code" use="required" fixed="RU"/></xs:complexType></xs:element>
<xs:element name="holder" minOccurs="0"><xs:complexType><xs:choice><xs:element name="x"/><xs:element name="y"/></xs:choice></xs:complexType></xs:element>
<xs:element name="any" minOccurs="0" type="ANY"/>
</xs:sequence></xs:complexType></xs:element><xs:complexType name="ANY" abstract="true"/></xs:schema>"""
AMBIGUOUS = f"""{HEAD}<xs:element name="ClinicalDocument"><xs:complexType><xs:sequence>
<xs:element name="a" minOccurs="0"/><xs:element name="b" type="xs:int" minOccurs="0"/><xs:element name="a" minOccurs="0"/>
<xs:any minOccurs="0" processContents="lax"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""


@pytest.fixture
def schema(tmp_path):
    (tmp_path / "CDA.xsd").write_text(SCHEMA, encoding="utf-8")
    return Schema(tmp_path / "CDA.xsd", tmp_path)


def told(schema, body):
    markup = parse(
        f'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{body}</ClinicalDocument>'.encode()
    )
    assert isinstance(markup, Markup)
    return findings(schema, markup, (Severity.ERROR, Source.OFFICIAL))


CASES = {
    "<short/>": ("xsd.too_short", "/short[1]", "Заполните"),
    "<short>secret</short>": ("xsd.too_long", "/short[1]", "до 3 знаков"),
    "<choice>secret</choice>": ("xsd.not_in_list", "/choice[1]", "'q'"),
    "<number>secret</number>": ("xsd.bad_value", "/number[1]", "целое число"),
    "<digits>secret</digits>": ("xsd.pattern", "/digits[1]", "форме"),
    "<limit>1</limit>": ("xsd.out_of_range", "/limit[1]", "граница 3"),
    "<empty/>": ("xsd.attribute_missing", "/empty[1]", "@code"),
    '<empty code="secret"/>': ("xsd.fixed_value", "/empty[1]", "RU"),
    '<empty code="RU" nullFlavor="NI"/>': ("xsd.attribute_forbidden", "/empty[1]", "@nullFlavor"),
    '<empty code="RU" other="secret"/>': ("xsd.attribute_forbidden", "/empty[1]", "@other"),
    '<empty code="RU">secret</empty>': ("xsd.text_forbidden", "/empty[1]", "Уберите текст"),
    "<holder/>": ("xsd.missing_element", "/holder[1]", "x, y"),
    "<holder><z/></holder>": ("xsd.unexpected_element", "/z[1]", "x, y"),
    "<number><z/></number>": ("xsd.elements_forbidden", "/number[1]", "текст"),
    '<any xsi:type="secret"/>': ("xsd.type_unknown", "/any[1]", "xsi:type"),
    "<any/>": ("xsd.type_missing", "/any[1]", "xsi:type"),
    "secret": ("xsd.text_forbidden", "/ClinicalDocument[1]", "Уберите текст"),
}


@pytest.mark.parametrize("body", CASES)
def test_an_objection_is_worded_located_and_quotes_no_value(schema, body):
    code, place, cure = CASES[body]
    found = told(schema, body)
    first = found[0]
    assert first.code == code
    assert first.location.xpath.endswith(place)
    assert cure in first.fix
    assert first.remd_code == "VALIDATION_ERROR"
    assert not any("secret" in f"{f.message}{f.fix}{f.expected}" for f in found)


def test_all_objections_are_told_up_to_a_bound(schema):
    assert len(told(schema, "<number>x</number><digits>y</digits><empty/><empty/>")) == 4
    assert len(told(schema, "<empty/>" * (MAX_FAULTS + 20))) == MAX_FAULTS


def test_a_foreign_root_is_told(schema):
    markup = parse(b"<Bundle/>")
    (finding,) = findings(schema, markup, (Severity.WARNING, Source.OWN))
    assert finding.code == "xsd.root"
    assert finding.severity is Severity.WARNING


def test_where_libxml2_refuses_a_schema_the_other_engine_takes_over_and_says_so(tmp_path):
    (tmp_path / "CDA.xsd").write_text(AMBIGUOUS, encoding="utf-8")
    schema = Schema(tmp_path / "CDA.xsd", tmp_path)
    assert "xmlschema" in schema.note
    found = told(schema, "<b>secret</b>")
    assert [f.location.xpath for f in found] == ["/ClinicalDocument[1]/b[1]"]
    assert not any("secret" in f"{f.message}{f.fix}{f.expected}{f.value}" for f in found)


def test_a_schema_nobody_can_compile_is_refused(tmp_path):
    (tmp_path / "CDA.xsd").write_text("<xs:schema", encoding="utf-8")
    with pytest.raises(SchemaRefused):
        Schema(tmp_path / "CDA.xsd", tmp_path)
    with pytest.raises(SchemaRefused):
        Schema(tmp_path / "absent.xsd", tmp_path)


@pytest.mark.parametrize("kind", ["outside", "network"])
def test_a_schema_reads_nothing_outside_its_directory(tmp_path, kind):
    home = tmp_path / "set"
    home.mkdir()
    (tmp_path / "secret.xsd").write_text(f'{HEAD}<xs:element name="leaked"/></xs:schema>', encoding="utf-8")
    target = {"outside": "../secret.xsd", "network": "http://127.0.0.1:9/secret.xsd"}[kind]
    (home / "CDA.xsd").write_text(
        f'{HEAD}<xs:include schemaLocation="{target}"/><xs:element name="ClinicalDocument"/></xs:schema>',
        encoding="utf-8",
    )
    with pytest.raises(SchemaRefused):
        Schema(home / "CDA.xsd", home)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Unexpected child with tag 'a' at position 2. Tag 'b' expected.", "xsd.unexpected_element"),
        ("The content of element 'a' is not complete. Tag 'b' expected.", "xsd.missing_element"),
        ("missing required attribute 'value'", "xsd.attribute_missing"),
        ("'x' attribute not allowed for element", "xsd.attribute_forbidden"),
        ("something nobody has seen before", "xsd.invalid"),
    ],
)
def test_the_other_engines_words_are_turned_too(message, code):
    assert worded(message, "a").code == code
