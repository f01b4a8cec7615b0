"""Unsigned input is normalised safely, each change is recorded, and doing it twice changes nothing more."""

import hashlib
import time

import pytest

from broker.document.markup import MAX_CONTENT, Markup, parse
from broker.normalizer.normalising import Normalising
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import DEFAULT, Rule

BODY = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{extra}>'
    '<!-- kept --><id root="{root}" extension="1"/><id root="1.2.643.100.3" extension="{snils}"/>'
    '<telecom value="{phone}"/><title>{title}</title><empty/></ClinicalDocument>'
)
CLEAN = {"extra": "", "root": "1.2.3", "snils": "11223344595", "phone": "tel:+74951234567", "title": "Привет"}


def a_body(**changes: str) -> str:
    return BODY.format(**{**CLEAN, **changes})


def rules(content: bytes) -> list[str]:
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    return [change.rule for change in prepared.changes]


def test_a_clean_document_keeps_its_bytes():
    content = a_body().encode()
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    assert prepared.content == content
    assert prepared.digest == hashlib.sha256(content).hexdigest()
    assert prepared.changes == ()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xef\xbb\xbf" + a_body().encode(), "bom"),
        (('<?xml version="1.0" encoding="windows-1251"?>' + a_body()).encode("cp1251"), "encoding"),
        (a_body().encode("cp1251"), "encoding"),
        (('<?xml version="1.0" encoding="utf-16"?>' + a_body()).encode("utf-16"), "encoding"),
        (a_body(title="и\u0306").encode(), "nfc"),
        (b'<?xml-stylesheet href="a.xsl"?>' + a_body().encode(), "stylesheet"),
        (a_body(extra=' xsi:schemaLocation="urn:hl7-org:v3 CDA.xsd"').encode(), "schema_location"),
        (a_body(root=" 1.2.3\u00a0").encode(), "blanks"),
        (a_body(snils="112-233-445 95").encode(), "snils"),
        (a_body(phone="8 (495) 123-45-67").encode(), "phone"),
        (a_body(phone="tel:+7 495 123 45 67").encode(), "phone"),
    ],
)
def test_a_safe_change_is_made_once_and_recorded(content, rule):
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    assert [change.rule for change in prepared.changes] == [rule]
    again = prepare(prepared.content)
    assert isinstance(again, Prepared)
    assert again.changes == ()
    assert again.content == prepared.content
    markup = parse(prepared.content)
    assert isinstance(markup, Markup)
    assert markup.root.find("{urn:hl7-org:v3}id").get("root") == "1.2.3"
    assert b"<!-- kept -->" in prepared.content


@pytest.mark.parametrize(
    "phone", ["", "tel:123", "mailto:a@b.ru", "+7 495 123-45-67 доб. 12", "tel:+15551234567", "123-45-67"]
)
def test_a_contact_nobody_can_be_sure_of_stays(phone):
    assert rules(a_body(phone=phone).encode()) == []


def test_nothing_is_invented_for_what_is_empty():
    prepared = prepare(a_body(snils="", phone="").encode())
    assert isinstance(prepared, Prepared)
    assert prepared.content == a_body(snils="", phone="").encode()


def test_an_unreadable_document_is_refused_with_its_findings():
    (finding,) = prepare(b"<!DOCTYPE a><a/>")
    assert finding.code == "xml.doctype_forbidden"


def test_changes_repeat_no_personal_value():
    prepared = prepare(a_body(snils="112-233-445 95", phone="8 (495) 123-45-67").encode())
    assert isinstance(prepared, Prepared)
    told = " ".join(change.message for change in prepared.changes)
    assert "445" not in told
    assert "123" not in told


def changes(content: bytes, **options):
    prepared = prepare(content, **options)
    assert isinstance(prepared, Prepared)
    return prepared.changes


def test_a_change_names_its_rule_its_place_and_both_values():
    (change,) = changes(a_body(root=" 1.2.3").encode())
    assert change.rule == "blanks"
    assert change.location.xpath == "/ClinicalDocument[1]/id[1]"
    assert change.location.line == 1
    assert (change.before, change.after) == (" 1.2.3", "1.2.3")


def test_values_that_may_be_personal_are_shown_by_their_form_only():
    snils, phone = changes(a_body(snils="112-233-445 95", phone="8 (495) 123-45-67").encode())
    assert (snils.before, snils.after) == ("•••-•••-••• ••", "•••••••••••")
    assert (phone.before, phone.after) == ("• (•••) •••-••-••", "tel:+•••••••••••")


@pytest.mark.parametrize(
    ("inner", "open_value"),
    [
        ('<effectiveTime value="2026-03-02"/>', "2026-03-02"),
        ('<birthTime value="1990-03-02"/>', "••••-••-••"),
        ('<value code=" I10"/>', " •••"),
        ('<code code=" 290"/>', " 290"),
        ('<id root="1.2" extension=" 500001"/>', " ••••••"),
        ('<id root="1.2" extension=" 1.2.643.5.1"/>', " 1.2.643.5.1"),
        ("<family> Пробный</family>", " •••••••"),
    ],
)
def test_codes_oids_and_times_of_the_document_are_shown_and_the_rest_is_not(inner, open_value):
    (change,) = changes(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{inner}</ClinicalDocument>'.encode())
    assert change.before == open_value


def test_a_long_value_is_shown_in_part():
    (change,) = changes(a_body(root=" 1" + ".2" * 500).encode())
    assert len(change.before) == 121


def test_a_mark_behind_a_bracket_never_eats_the_bracket():
    """Composed as one text, «>» and U+0338 would become «≯»."""
    content = a_body(title="\u0338Прием", root=" 1.2.3").encode()
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    assert "<title>\u0338Прием</title>" in prepared.content.decode()


@pytest.mark.parametrize("left_out", [rule for rule in Rule if rule in DEFAULT])
def test_a_rule_left_out_for_one_document_changes_nothing(left_out):
    content = (
        b"\xef\xbb\xbf"
        + (
            '<?xml-stylesheet href="a.xsl"?>'
            + a_body(
                extra=' xsi:schemaLocation="a b"',
                root=" 1.2.3",
                snils="112-233-445 95",
                phone="8 (495) 123-45-67",
                title="Прие\u0308м\u00a0врача",
            ).replace("<empty/>", '<effectiveTime value="2026-03-02"/>')
        ).encode()
    )
    if left_out is Rule.ENCODING:
        content = a_body().encode("cp1251")
        assert prepare(content, without=frozenset({left_out}))[0].code == "xml.encoding"
        return
    everything = {change.rule for change in changes(content)}
    assert everything == DEFAULT - {Rule.ENCODING}
    assert {change.rule for change in changes(content, without=frozenset({left_out}))} == everything - {
        left_out
    }


def test_quotes_change_only_where_an_operator_wants_it():
    content = a_body().replace("<empty/>", '<code displayName="“Ромашка” «Плюс»"/>').encode()
    assert changes(content) == ()
    prepared = prepare(content, Normalising(on=DEFAULT | {Rule.QUOTES}))
    assert isinstance(prepared, Prepared)
    assert "&quot;Ромашка&quot; «Плюс»" in prepared.content.decode()


def test_comments_sections_of_characters_and_other_instructions_are_kept():
    around = "<!-- до --><?mis build=1?>{}<!-- после -->"
    content = around.format(a_body(root=" 1.2.3", title="<![CDATA[a < b]]>")).encode()
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    text = prepared.content.decode()
    for kept in ("<!-- до -->", "<?mis build=1?>", "<!-- kept -->", "<![CDATA[a < b]]>", "<!-- после -->"):
        assert kept in text


def test_a_changed_document_is_declared_in_utf8_and_keeps_the_rest_of_its_declaration():
    content = b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>" + a_body(root=" 1.2.3").encode()
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    assert prepared.content.startswith(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Clin')


@pytest.mark.parametrize("where", ["<empty/>", "</ClinicalDocument>"])
def test_a_document_with_a_signature_inside_is_refused_untouched(where):
    signature = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    (finding,) = prepare(a_body(root=" 1.2.3").replace(where, signature + where).encode())
    assert finding.code == "normalise.signed_inside"
    assert finding.severity == "error"
    assert finding.fix


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "xml.empty"),
        (b"   ", "xml.empty"),
        (b"\xef\xbb\xbf", "xml.empty"),
        (b"PK\x03\x04", "xml.not_xml"),
        (b"<a" * 10, "xml.malformed"),
        (b"<a>" * 300 + b"</a>" * 300, "xml.too_deep"),
        (b"<a>" + b"<b/>" * 10_001 + b"</a>", "xml.too_many_nodes"),
        (b"<a>" + b"<b/>" * 250_001 + b"</a>", "xml.too_many_nodes"),
        (b"<a>&x;</a>", "xml.malformed"),
        (b"<a>" + b"\x00" + b"</a>", "xml.bad_character"),
        (b"<a>" + b" " * MAX_CONTENT + b"</a>", "xml.too_large"),
        ("<a>Привет".encode("cp1251") + b"\xcf\xf0\xe8\xe2\xe5\xf2" * 2_000_000 + b"</a>", "xml.too_large"),
        (b'<?xml version="1.0" encoding="nothing"?><a/>', "xml.encoding"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_in_words_and_costs_little(content, code):
    started = time.process_time()
    found = prepare(content)
    assert not isinstance(found, Prepared)
    assert [finding.code for finding in found] == [code]
    assert found[0].fix
    assert time.process_time() - started < 5


def test_a_document_of_twenty_mebibytes_is_prepared_in_seconds():
    picture = "QUJD" * (4 * 1024 * 1024)
    content = a_body(root=" 1.2.3", title=picture).encode()
    started = time.process_time()
    prepared = prepare(content)
    assert isinstance(prepared, Prepared)
    assert [change.rule for change in prepared.changes] == ["blanks"]
    assert time.process_time() - started < 10
