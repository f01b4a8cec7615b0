"""Every message libxml2 has for an invalid document is turned into Russian, with a cure; none of its values is taken over."""

import pytest
from test_xsd_layer import HEAD

from broker.document.finding import Severity, Source
from broker.document.markup import Markup, parse
from broker.validation.xsd import Schema, findings
from broker.validation.xsd_messages import worded

SUBJECT = "Element '{urn:hl7-org:v3}a'"
MESSAGES = {
    "[facet 'length'] The value 'secret' has a length of '6'; this differs from the allowed length of '3'.": "wrong_length",
    "[facet 'minLength'] The value 'secret' has a length of '6'; this underruns the allowed minimum length of '9'.": "too_short",
    "[facet 'maxLength'] The value 'secret' has a length of '6'; this exceeds the allowed maximum length of '3'.": "too_long",
    "[facet 'enumeration'] The value 'secret' is not an element of the set {'N', 'R'}.": "not_in_list",
    "[facet 'pattern'] The value 'secret' is not accepted by the pattern '[0-9]+'.": "pattern",
    "[facet 'minInclusive'] The value 'secret' is less than the minimum value allowed ('3').": "out_of_range",
    "[facet 'maxInclusive'] The value 'secret' is greater than the maximum value allowed ('3').": "out_of_range",
    "[facet 'minExclusive'] The value 'secret' must be greater than '3'.": "out_of_range",
    "[facet 'maxExclusive'] The value 'secret' must be less than '3'.": "out_of_range",
    "[facet 'totalDigits'] The value 'secret' has more digits than are allowed ('3').": "too_many_digits",
    "[facet 'fractionDigits'] The value 'secret' has more fractional digits than are allowed ('3').": "too_many_digits",
    "[facet 'whiteSpace'] The value 'secret' is not facet-valid.": "bad_value",
    "The value is not facet-valid.": "bad_value",
    "'secret' is not a valid value of the atomic type 'xs:int'.": "bad_value",
    "'secret' is not a valid value of the union type '{urn:hl7-org:v3}real'.": "bad_value",
    "'secret' is not a valid value of the list type '{urn:hl7-org:v3}set_cs'.": "bad_value",
    "'secret' is not a valid value of the local atomic type.": "bad_value",
    "The character content is not a valid value of the atomic type 'xs:int'.": "bad_value",
    "The value 'secret' of simple type 'xs:ID' is not a valid 'xs:NCName'.": "bad_value",
    "This element is not expected.": "unexpected_element",
    "This element is not expected. Expected is one of ( {urn:hl7-org:v3}b, {urn:hl7-org:v3}c ).": "unexpected_element",
    "Missing child element(s). Expected is ( {urn:hl7-org:v3}b ).": "missing_element",
    "Missing child element(s). Expected is one of ( {urn:hl7-org:v3}b, {urn:hl7-org:v3}c ).": "missing_element",
    "Character content is not allowed, because the content type is empty.": "text_forbidden",
    "Character content other than whitespace is not allowed because the content type is 'element-only'.": "text_forbidden",
    "Element content is not allowed, because the content type is empty.": "elements_forbidden",
    "Element content is not allowed, because the content type is a simple type definition.": "elements_forbidden",
    "Element content is not allowed, because the type definition is simple.": "elements_forbidden",
    "The content must not contain element nodes since there is a fixed value constraint.": "elements_forbidden",
    "The attribute 'secret' is not allowed.": "attribute_forbidden",
    "The attribute 'value' is required but missing.": "attribute_missing",
    "The value 'secret' does not match the fixed value constraint 'RU'.": "fixed_value",
    "The initial value 'secret' does not match the fixed value constraint 'RU'.": "fixed_value",
    "The actual value 'secret' does not match the fixed value constraint 'RU'.": "fixed_value",
    "No matching global declaration available for the validation root.": "root",
    "The document has no document element.": "root",
    "No matching global element declaration available, but demanded by the strict wildcard.": "unknown_element",
    "No matching global attribute declaration available, but demanded by the strict wildcard.": "attribute_forbidden",
    "The type definition is absent.": "unknown_element",
    "The type definition is abstract.": "type_missing",
    "The element declaration is abstract.": "type_missing",
    "The QName value 'secret' of the xsi:type attribute does not resolve to a type definition.": "type_unknown",
    "The type definition 'secret', specified by xsi:type, is blocked or not validly derived from the type definition of the element declaration.": "type_forbidden",
    "The element is not 'nillable'.": "nil_forbidden",
    "The element cannot be 'nilled' because there is a fixed value constraint defined for it.": "nil_forbidden",
    "Neither character nor element content is allowed because the element is 'nilled'.": "nil_forbidden",
    "Duplicate key-sequence ['secret'] in unique identity-constraint 'one'.": "not_unique",
    "More than one match found for key-sequence ['secret'] of keyref 'one'.": "not_unique",
    "No match found for key-sequence ['secret'] of keyref 'one'.": "reference_broken",
    "Not all fields of key identity-constraint 'one' evaluate to a node.": "key_incomplete",
    "The XPath '@secret' of a field of key identity-constraint 'one' evaluates to a node-set with more than one member.": "key_incomplete",
    "The XPath '@secret' of a field of key identity-constraint 'one' does evaluate to a node of non-simple type.": "key_incomplete",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_turned_into_russian(message):
    wording = worded(f"{SUBJECT}: {message}", "a")
    assert wording.code == f"xsd.{MESSAGES[message]}"
    assert wording.message.endswith(".")
    assert wording.fix.endswith(".")
    told = f"{wording.message} {wording.fix} {wording.expected}"
    assert "{" not in told
    if "attribute 'secret'" not in message:
        assert "secret" not in told


SCHEMA = f"""{HEAD}<xs:element name="ClinicalDocument"><xs:complexType><xs:sequence>
<xs:element name="exact" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="above" minOccurs="0"><xs:simpleType><xs:restriction base="xs:int"><xs:minExclusive value="3"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="digits" minOccurs="0"><xs:simpleType><xs:restriction base="xs:decimal"><xs:totalDigits value="3"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="part" minOccurs="0"><xs:simpleType><xs:restriction base="xs:decimal"><xs:fractionDigits value="1"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="full" type="xs:string" minOccurs="0"/>
<xs:element name="key" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:attribute name="id"/></xs:complexType></xs:element>
<xs:any namespace="##other" minOccurs="0" processContents="strict"/>
</xs:sequence></xs:complexType><xs:key name="one"><xs:selector xpath="h:key"/><xs:field xpath="@id"/></xs:key></xs:element></xs:schema>""".replace(
    "<xs:schema ", '<xs:schema xmlns:h="urn:hl7-org:v3" ', 1
)
BODIES = {
    "<exact>secret</exact>": "wrong_length",
    "<above>3</above>": "out_of_range",
    "<digits>12345</digits>": "too_many_digits",
    "<part>1.25</part>": "too_many_digits",
    '<full xsi:nil="true"/>': "nil_forbidden",
    '<key id="secret"/><key id="secret"/>': "not_unique",
    "<key/>": "key_incomplete",
    '<x xmlns="urn:else"/>': "unknown_element",
}


@pytest.mark.parametrize("body", BODIES)
def test_libxml2_says_what_we_expect_it_to_say(tmp_path, body):
    (tmp_path / "CDA.xsd").write_text(SCHEMA, encoding="utf-8")
    markup = parse(
        f'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{body}</ClinicalDocument>'.encode()
    )
    assert isinstance(markup, Markup)
    found = findings(Schema(tmp_path / "CDA.xsd", tmp_path), markup, (Severity.ERROR, Source.SEEN))
    assert [f.code for f in found] == [f"xsd.{BODIES[body]}"]
    assert "secret" not in f"{found[0].message}{found[0].fix}{found[0].expected}"
