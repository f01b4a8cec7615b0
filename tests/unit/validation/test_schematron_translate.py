"""XPath 3.1 becomes XPath 1.0 that means the same, or is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from broker.validation.schematron.fallback import Fallback
from broker.validation.schematron.functions import NAMESPACE, Compiler, DynamicError
from broker.validation.schematron.terms import CURRENT, EXTENSION_PREFIX, Type, Untranslatable
from broker.validation.schematron.translate import Syntax

SYNTAX = Syntax({"identity": "urn:hl7-ru:identity", "xsi": "urn:xsi"}, "urn:hl7-org:v3")
PREFIXES = {
    "_": "urn:hl7-org:v3",
    "identity": "urn:hl7-ru:identity",
    "xsi": "urn:xsi",
    EXTENSION_PREFIX: NAMESPACE,
}
SCOPE = {CURRENT: Type.NODES}
ROOT = etree.fromstring("""<doc xmlns="urn:hl7-org:v3" xmlns:identity="urn:hl7-ru:identity" code="1" n="5" empty="">
<a x="1">one</a><a x="2">two</a><b y="x"><c/></b><identity:Ogrn>123</identity:Ogrn><name>it's</name></doc>""")
AT = datetime(2026, 1, 1, tzinfo=UTC)

TRANSLATIONS = {
    "@code=['1','3']": "(@code='1' or @code='3')",
    "count(a)=[0,1]": "(count(_:a)<=1)",
    "a[@x='1']/identity:b//c": "boolean(_:a[(@x='1')]/identity:b/descendant::_:c)",
    "count(@use!='')=[0,1]": "true()",
    "if (@a) then @a!='' else (not(@a))": "(((@a) and ((@a!=''))) or (not(@a) and ((not(@a)))))",
    "empty(a) or exists(b)": "(not(_:a) or boolean(_:b))",
    "..[a]": "boolean(parent::node()[_:a])",
    "ancestor::section/@id": "boolean(ancestor::_:section/@id)",
    "*:foo": "boolean(*[local-name()='foo'])",
    "substring(@root, string-length(@root) - 2)='.51'": (
        "(substring(string(@root),(string-length(string(@root)) - 2))='.51')"
    ),
    "matches(@root,'^1')": "_x:matches(string(@root),'^1')",
    "matches(a,'^1')": "_x:matches(_x:one(_:a),'^1')",
    "@n = 5": "((boolean(@n) and _x:number(@n)=5))",
    "some $x in a satisfies $x='1'": "_x:some(_:a,'x',\"($x='1')\")",
    "count(distinct-values(for $x in a return concat($x/@b,'|'))) = 1": (
        "(_x:distinct(_:a,'x',\"concat(string($x/@b),'|')\",'true()')=1)"
    ),
    "name='it''s'": '(_:name="it\'s")',
}


@pytest.mark.parametrize("expression", TRANSLATIONS)
def test_an_expression_is_written_in_the_older_language(expression):
    assert SYNTAX.test(expression, SCOPE) == TRANSLATIONS[expression]


@pytest.mark.parametrize(
    "expression",
    [
        "some $x in @a satisfies $x='1'",
        "some $x in a, $y in b satisfies $x=$y",
        "some $x in a satisfies $x=$unknown",
        "every $x in a satisfies position()=1",
        "count(distinct-values(for $x in a return $x/b)) = 1",
        "count(distinct-values(for $x in a return if ($x/@b) then string($x/@b) else 'none')) = 1",
        "for $x in a return $x",
        "a/string()",
        "a/(b|c)",
        "distinct-values(a)",
        "@code!=('816' or '12013')",
        "@value > 'a'",
        "a = 5",
        "a eq '1'",
        "'1' = 1",
        "@a < @b",
        "xs:date(@value) > xs:date('2020-01-01')",
        "@a + 1",
        "$unknown",
        "(1, 2)",
        "element(a)",
        "sum(a)",
        "not valid (",
    ],
)
def test_what_cannot_be_proven_the_same_is_refused(expression):
    with pytest.raises(Untranslatable):
        SYNTAX.test(expression, SCOPE)


def native(expression: str, node: etree._Element) -> bool:
    text = SYNTAX.test(expression, SCOPE)
    return bool(
        etree.XPath(text, namespaces=PREFIXES, extensions=Compiler(PREFIXES).functions)(
            node, **{CURRENT: [node]}
        )
    )


SAMPLES = [
    "@code=['1','3']",
    "@code=('2','3')",
    "@code!='1'",
    "@missing!='1'",
    "@missing='1'",
    "not(@missing)",
    "count(a)=[0,1]",
    "count(a)=2",
    "a/@x='2'",
    "a/@x!='2'",
    "count(a[@x=['2','3']])=1",
    "if (@missing) then @missing!='' else (not(@missing))",
    "if (@code='1') then count(a)=2 else count(a)=1",
    "@empty",
    "@empty!=''",
    "string-length(@empty)",
    "normalize-space(name)='it''s'",
    'name="it\'s"',
    "matches(@code,'^[0-9]$')",
    "matches(@missing,'^$')",
    "matches(identity:Ogrn,'^\\d{3}$')",
    "matches(@code,'A','i')",
    "substring(@code,1,1)='1'",
    "starts-with(name,'it')",
    "contains(name,'zz')",
    "count(*)=5",
    "count(//a)=2",
    "a[1]/@x='1'",
    "a[last()]/@x='2'",
    "(a|b)[1]/@x='1'",
    "b/c/..[@y='x']",
    "@n=5",
    "@n>4",
    "@n!=5",
    "@missing!=5",
    "@empty=5",
    "@missing=5",
    "matches(a,'one')",
    "normalize-space(a)='one'",
    "local-name(b)='b'",
    "count(@code='1')=1",
    "empty(d) and exists(a)",
    "boolean(a)",
    "'text'",
    "''",
    "0",
    "count(a)",
    "count(d)",
]


@pytest.mark.parametrize("expression", SAMPLES)
def test_a_translation_agrees_with_the_newer_language(expression):
    try:
        expected: object = Fallback(ROOT, SYNTAX, AT).truth(expression, ROOT, ())
    except DynamicError:
        expected = DynamicError
    try:
        found: object = native(expression, ROOT)
    except Untranslatable:
        return
    except DynamicError:
        found = DynamicError
    assert found == expected


def test_current_is_the_node_of_the_rule():
    node = ROOT[0]
    assert native("count(../a[@x=current()/@x])=1", node)
    assert SYNTAX.term("'current()'", SCOPE).text == "'current()'"


OPERANDS = st.sampled_from(["@code", "@missing", "@empty", "a", "a/@x", "d", "'1'", "''", "name", "b/@y"])
TESTS = st.recursive(
    st.one_of(
        st.builds("{}={}".format, OPERANDS, OPERANDS),
        st.builds("{}!={}".format, OPERANDS, OPERANDS),
        st.builds("{}=['1','x']".format, OPERANDS),
        st.builds("count({})=[0,2]".format, OPERANDS.filter(lambda o: "'" not in o)),
        st.builds("not({})".format, OPERANDS),
    ),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not({})".format, inner),
        st.builds("(if ({}) then {} else {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(TESTS)
def test_any_combination_agrees_with_the_newer_language(expression):
    assert native(expression, ROOT) == Fallback(ROOT, SYNTAX, AT).truth(expression, ROOT, ())
