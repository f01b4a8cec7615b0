"""A shim works for the partner and kind it was written down for, mends one state, and tells what it lacks."""

from pathlib import Path

import pytest

from broker.document.kind import KIND_SYSTEM, SEMD_SYSTEM, KindCatalogue
from broker.document.markup import Markup, parse
from broker.normalizer.normalising import Normalising, Shim, Term
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import ShimRule

CATALOGUE = KindCatalogue.load(Path(__file__).parents[3] / "schemas" / "nsi" / "kinds.toml")
HEAD = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:identity="urn:hl7-ru:identity" xmlns:address="urn:hl7-ru:address">'
)
KIND = Term(
    system=KIND_SYSTEM,
    code="290",
    version="12.66",
    name="Протокол консультации (CDA) Редакция 7",
    system_name="Электронные медицинские документы",
)
GUIDE = Term(system=SEMD_SYSTEM, code="13", version="2.3", name="Протокол консультации")
TYPE_CODE = (
    '<code code="5" codeSystem="1.2.643.5.1.13.13.11.1522" codeSystemVersion="4.1" displayName="Старое"/>'
)


def a_document(inner: str) -> bytes:
    return f"{HEAD}{inner}</ClinicalDocument>".encode()


def a_shim(rule: ShimRule, **changes) -> Shim:
    fields = {"kinds": ("290", "119"), "partners": ("vendor-alpha",), "reason": "Заявка партнёра."}
    return Shim(rule=rule, **(fields | changes))


def shimmed(
    content: bytes, *shims: Shim, kind="290", partner="vendor-alpha", terms=(), names=None
) -> Prepared:
    made = prepare(
        content,
        Normalising(shims=shims, terms=terms),
        partner=partner,
        card=CATALOGUE.get(kind),
        names=names,
    )
    assert isinstance(made, Prepared)
    return made


def root_of(made: Prepared):
    markup = parse(made.content)
    assert isinstance(markup, Markup)
    return markup.root


GIVEN = "<name><family>Пробный</family>\n <given>Пример</given>\n <given>Примерович</given>\n</name>"
CASES = {
    ShimRule.TYPE_ID: '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>',
    ShimRule.SECOND_GIVEN: GIVEN,
    ShimRule.EXTENSION_TYPES: '<templateId root="1.2.643.5.1.13.13.15.13.7"/>'
    '<identity:Ogrn xsi:type="ST">1257790000016</identity:Ogrn><value xsi:type="ST">текст</value>',
    ShimRule.KIND_CODE: TYPE_CODE,
    ShimRule.DICTIONARY_NAMES: f'<code code="290" codeSystem="{KIND_SYSTEM}" codeSystemVersion="12.1" displayName="?"/>',
}


@pytest.mark.parametrize("rule", CASES)
def test_a_shim_changes_what_it_was_permitted_once_and_says_why(rule):
    made = shimmed(a_document(CASES[rule]), a_shim(rule), terms=(KIND, GUIDE))
    assert {change.rule for change in made.changes} == {rule.value}
    assert all(change.message.endswith("Основание: Заявка партнёра.") for change in made.changes)
    assert all(change.location.xpath.startswith("/ClinicalDocument[1]/") for change in made.changes)
    again = shimmed(made.content, a_shim(rule), terms=(KIND, GUIDE))
    assert (again.content, again.changes) == (made.content, ())


@pytest.mark.parametrize("rule", CASES)
@pytest.mark.parametrize(("partner", "kind"), [("vendor-beta", "290"), ("", "290"), ("vendor-alpha", "306")])
def test_a_shim_of_somebody_else_changes_nothing(rule, partner, kind):
    content = a_document(CASES[rule])
    assert shimmed(content, a_shim(rule), partner=partner, kind=kind, terms=(KIND, GUIDE)).content == content
    assert shimmed(content).content == content


def test_the_second_given_becomes_the_patronymic_under_the_documents_own_prefix():
    made = shimmed(a_document(GIVEN), a_shim(ShimRule.SECOND_GIVEN))
    wanted = GIVEN.replace(
        "<given>Примерович</given>", "<identity:Patronymic>Примерович</identity:Patronymic>"
    )
    assert wanted in made.content.decode()
    assert "Примерович" not in repr(made.changes)


@pytest.mark.parametrize(
    "name",
    [
        "<name><given>Пример</given></name>",
        "<name><given>А</given><given>Б</given><given>В</given></name>",
        "<name><given>А</given><given>Б</given><identity:Patronymic>В</identity:Patronymic></name>",
        "<name><given>А</given><given/></name>",
        '<name><given>А</given><given nullFlavor="NI"/></name>',
        '<name><given>А</given><given qualifier="CL">Б</given></name>',
    ],
)
def test_a_given_name_that_may_be_something_else_stays(name):
    content = a_document(name)
    assert shimmed(content, a_shim(ShimRule.SECOND_GIVEN)).content == content


ALIASES = {"1.2.643.5.1.13.13.14.5.9.4": "1.2.643.5.1.13.2.7.5.1.5.9.4"}
OLD_TEMPLATE = a_document(f'<templateId root="{next(iter(ALIASES))}"/>')


def test_a_former_template_is_replaced_by_one_the_kind_accepts():
    made = shimmed(OLD_TEMPLATE, a_shim(ShimRule.TEMPLATE_ALIAS, aliases=ALIASES), kind="119")
    assert root_of(made)[0].get("root") == "1.2.643.5.1.13.2.7.5.1.5.9.4"
    (change,) = made.changes
    assert (change.before, change.after) == next(iter(ALIASES.items()))


def test_a_template_the_kind_does_not_accept_is_never_written():
    made = shimmed(OLD_TEMPLATE, a_shim(ShimRule.TEMPLATE_ALIAS, aliases=ALIASES), kind="290")
    assert made.content == OLD_TEMPLATE
    (finding,) = made.reported
    assert finding.code == "normalise.shim_impossible"
    assert finding.responsible == "operator"


def test_types_of_extensions_go_from_documents_of_the_guides_and_nowhere_else():
    made = shimmed(a_document(CASES[ShimRule.EXTENSION_TYPES]), a_shim(ShimRule.EXTENSION_TYPES))
    text = made.content.decode()
    assert "<identity:Ogrn>" in text
    assert '<value xsi:type="ST">' in text


def test_types_of_extensions_are_added_to_documents_before_the_guides():
    inner = (
        '<templateId root="1.2.643.5.1.13.2.7.5.1.5.9.4"/><identity:Props><identity:Ogrn>1257790000016</identity:Ogrn>'
        '</identity:Props><address:Type code="1"/><identity:IssueDate value="20110106"/><identity:Series nullFlavor="NA"/>'
    )
    made = shimmed(a_document(inner), a_shim(ShimRule.EXTENSION_TYPES), kind="119")
    text = made.content.decode()
    assert '<identity:Ogrn xsi:type="ST">' in text
    assert '<address:Type code="1" xsi:type="CD"/>' in text
    assert '<identity:IssueDate value="20110106" xsi:type="TS"/>' in text
    assert '<identity:Series nullFlavor="NA"/>' in text
    assert "<identity:Props>" in text


def test_the_type_of_a_document_is_replaced_by_its_kind_with_the_guides_number():
    made = shimmed(a_document(TYPE_CODE), a_shim(ShimRule.KIND_CODE), terms=(KIND, GUIDE))
    (code,) = root_of(made)
    assert dict(code.attrib) == {
        "code": "290",
        "codeSystem": KIND_SYSTEM,
        "codeSystemVersion": "12.66",
        "codeSystemName": "Электронные медицинские документы",
        "displayName": "Протокол консультации (CDA) Редакция 7",
    }
    (translation,) = code
    assert (translation.get("code"), translation.get("codeSystem")) == ("13", SEMD_SYSTEM)
    assert translation.get("codeSystemVersion") == "2.3"


@pytest.mark.parametrize(
    ("terms", "missing"), [((), KIND_SYSTEM), ((KIND,), SEMD_SYSTEM), ((GUIDE,), KIND_SYSTEM)]
)
def test_an_entry_that_is_not_known_is_asked_for_and_not_guessed(terms, missing):
    content = a_document(TYPE_CODE)
    made = shimmed(content, a_shim(ShimRule.KIND_CODE), terms=terms)
    assert made.content == content
    (finding,) = made.reported
    assert missing in finding.message


def test_a_code_of_another_type_stays():
    content = a_document(TYPE_CODE.replace('code="5"', 'code="7"'))
    made = shimmed(content, a_shim(ShimRule.KIND_CODE), terms=(KIND, GUIDE))
    assert (made.content, made.reported) == (content, ())


def test_a_dictionary_in_force_is_asked_before_what_the_operator_wrote_down():
    fresh = Term(system=KIND_SYSTEM, code="290", version="12.85", name="Из НСИ")
    content = a_document(CASES[ShimRule.DICTIONARY_NAMES])
    made = shimmed(
        content,
        a_shim(ShimRule.DICTIONARY_NAMES),
        terms=(KIND,),
        names=lambda system, code: fresh if (system, code) == (KIND_SYSTEM, "290") else None,
    )
    assert root_of(made)[0].get("codeSystemVersion") == "12.85"
    assert root_of(made)[0].get("displayName") == "Из НСИ"
