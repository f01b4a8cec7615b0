"""Unsigned input is normalised safely, each change is recorded, and doing it twice changes nothing more."""

import hashlib

import pytest

from broker.document.markup import Markup, parse
from broker.normalizer.prepare import Prepared, prepare

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
