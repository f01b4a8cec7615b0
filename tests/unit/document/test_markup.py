"""A document is read in every encoding that is named, and an element's place is told as people tell it."""

import pytest

from broker.document.finding import Location
from broker.document.markup import MAX_ATTRIBUTE, Markup, parse, path_of

TEXT = "<a><b>Привет</b></a>"
ENCODINGS = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": f"<?xml version='1.0' encoding='utf-16'?>{TEXT}".encode("utf-16"),
    "UTF-16 without a byte order mark": f"<?xml version='1.0' encoding='utf-16'?>{TEXT}".encode("utf-16-le"),
    "windows-1251": f"<?xml version='1.0' encoding='windows-1251'?>{TEXT}".encode("cp1251"),
    "KOI8-R": f"<?xml version='1.0' encoding='koi8-r'?>{TEXT}".encode("koi8-r"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_named_encoding_is_read(name):
    markup = parse(ENCODINGS[name])
    assert isinstance(markup, Markup)
    assert markup.root.findtext("b") == "Привет"
    assert markup.content == ENCODINGS[name]


def test_a_byte_order_mark_wins_over_a_wrong_declaration_and_is_told():
    markup = parse(b"\xef\xbb\xbf" + f"<?xml version='1.0' encoding='windows-1251'?>{TEXT}".encode())
    assert isinstance(markup, Markup)
    assert markup.root.findtext("b") == "Привет"
    assert [warning.code for warning in markup.warnings] == ["xml.encoding_conflict"]


def test_bytes_that_break_utf8_are_located_by_line_and_column():
    (finding,) = parse(b"<?xml version='1.0' encoding='UTF-8'?>\n<a>\n ab\xcf</a>")
    assert finding.code == "xml.encoding"
    assert finding.location == Location(line=3, column=4)


def test_broken_markup_is_located_by_line_and_column():
    (finding,) = parse(b"<a>\n  <b></c>\n</a>")
    assert finding.code == "xml.malformed"
    assert finding.location is not None
    assert finding.location.line == 2
    assert "Строка 2" in finding.message


def test_no_value_hides_behind_a_comment():
    markup = parse("<a><b>Ива<!-- x -->нов</b></a>".encode())
    assert isinstance(markup, Markup)
    assert markup.root.findtext("b") == "Иванов"


def test_a_name_of_hostile_length_is_cut_in_a_place():
    markup = parse(b"<a><" + b"b" * 40_000 + b"/></a>")
    assert isinstance(markup, Markup)
    assert len(markup.locate(markup.root[0]).xpath) < 120


def test_a_doctype_inside_cdata_is_text():
    assert isinstance(parse(b"<a><![CDATA[<!DOCTYPE a>]]></a>"), Markup)


def test_a_place_is_named_with_the_usual_prefixes_and_positions():
    markup = parse(
        b'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:i="urn:hl7-ru:identity">'
        b"<id/><x/><id>\n<i:Props/><i:Props><foreign xmlns='urn:else'/></i:Props></id></ClinicalDocument>"
    )
    assert isinstance(markup, Markup)
    second = markup.root[2][1]
    assert markup.locate(second) == Location(xpath="/ClinicalDocument[1]/id[2]/identity:Props[2]", line=2)
    assert path_of(second[0]) == "/ClinicalDocument[1]/id[2]/identity:Props[2]/foreign[1]"


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
@pytest.mark.parametrize("before", [0, 1, MAX_ATTRIBUTE - 5, MAX_ATTRIBUTE, 3 * MAX_ATTRIBUTE + 7])
def test_an_attribute_is_measured_wherever_it_stands(quote, encoding, before):
    def document(length):
        head = f"<?xml version='1.0' encoding='{encoding}'?>"
        return f"{head}<a>{'я' * before}<b c={quote}{'я' * length}{quote}/></a>".encode(encoding)

    assert isinstance(parse(document(MAX_ATTRIBUTE)), Markup)
    (refused,) = parse(document(MAX_ATTRIBUTE + 1))
    assert refused.code == "xml.attribute_too_long"


def test_a_long_text_between_quotes_is_no_long_attribute():
    assert isinstance(parse(b'<a b="1">' + b"x" * 3 * MAX_ATTRIBUTE + b'<c d="1"/></a>'), Markup)
