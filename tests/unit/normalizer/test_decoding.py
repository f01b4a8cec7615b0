"""Bytes become UTF-8 that says so when it is known what they are; what cannot be told stays as it is."""

import pytest

from broker.document.markup import Markup, parse
from broker.normalizer.decoding import encoding_of, to_utf8
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import DEFAULT, Rule

TEXT = "Протокол консультации врача: жалоб нет, рекомендовано наблюдение. ПРИЁМ № 1"
BODY = f'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>{TEXT}</title></ClinicalDocument>'


def declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{BODY}'


def title_of(content: bytes) -> str:
    markup = parse(content)
    assert isinstance(markup, Markup)
    return markup.root.findtext("{urn:hl7-org:v3}title")


@pytest.mark.parametrize(
    ("content", "guessed"),
    [
        (declared("windows-1251").encode("cp1251"), False),
        (declared("Windows-1251").encode("cp1251"), False),
        (declared("KOI8-R").replace("№", "N").encode("koi8-r"), False),
        (declared("cp866").encode("cp866"), False),
        (declared("ISO-8859-5").encode("iso8859-5"), False),
        (declared("utf-16").encode("utf-16"), False),
        (declared("utf-16").encode("utf-16-le"), False),
        (declared("utf-16").encode("utf-16-be"), False),
        (BODY.encode("cp1251"), True),
        (
            BODY.upper()
            .replace("URN:HL7-ORG:V3", "urn:hl7-org:v3")
            .replace("XMLNS", "xmlns")
            .encode("cp1251"),
            True,
        ),
        (BODY.replace("№", "N").encode("koi8-r"), True),
        (declared("UTF-8").encode("cp1251"), True),
        (declared("windows-1251").encode(), False),
        (declared("KOI8-R").encode(), False),
    ],
)
def test_a_document_is_transcoded_declared_and_never_twice(content, guessed):
    decoded = to_utf8(content, DEFAULT)
    assert [change.rule for change in decoded.changes] == ["encoding"]
    assert [finding.code for finding in decoded.reported] == ["normalise.encoding_guessed"] * guessed
    text = decoded.content.decode()
    assert TEXT.replace("№", "N").lower() in text.replace("№", "N").lower()
    assert "encoding=" not in text or 'encoding="UTF-8"' in text
    assert to_utf8(decoded.content, DEFAULT).changes == ()


@pytest.mark.parametrize(
    "content",
    [
        BODY.encode()[:-60] + b"\xd0</title></ClinicalDocument>",  # UTF-8 cut inside a letter
        BODY.replace(TEXT, "Я").encode("cp1251"),  # one letter says nothing
        BODY.encode("cp866"),
        BODY.replace(TEXT, "Grüße an das Ärztehaus für Säuglinge").encode("latin-1"),
        declared("windows-1252").encode("cp1251"),
        BODY.encode("utf-32"),
        bytes(range(128, 256)) * 40,
    ],
)
def test_bytes_nobody_can_be_sure_of_are_left_and_refused(content):
    assert to_utf8(content, DEFAULT).content == content
    assert not isinstance(prepare(content), Prepared)


@pytest.mark.parametrize("front", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"\r\n ", b"\xef\xbb\xbf\n"])
def test_what_stands_before_the_declaration_goes(front):
    made = prepare(front + declared("UTF-8").encode())
    assert isinstance(made, Prepared)
    assert made.content == declared("UTF-8").encode()
    assert [change.rule for change in made.changes] == ["bom"]


def test_blanks_before_the_root_are_the_senders_own():
    content = b"\n " + BODY.encode()
    made = prepare(content)
    assert isinstance(made, Prepared)
    assert made.content == content


def test_without_the_rule_a_changed_document_keeps_its_encoding():
    content = declared("windows-1251").replace("<title>", '<id root=" 1.2.3"/><title>').encode("cp1251")
    made = prepare(content, without=frozenset({Rule.ENCODING}))
    assert isinstance(made, Prepared)
    assert [change.rule for change in made.changes] == ["blanks"]
    assert encoding_of(made.content) == ("cp1251", False)
    assert title_of(made.content) == TEXT
