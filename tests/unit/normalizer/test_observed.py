"""What cannot be mended without inventing is told with its place and cure, and stays byte for byte."""

import pytest

from broker.document.finding import Severity
from broker.normalizer.changes import LISTED
from broker.normalizer.prepare import Prepared, prepare

HEAD = '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'


def seen(inner: str) -> tuple[bytes, Prepared]:
    content = f"{HEAD}{inner}</ClinicalDocument>".encode()
    made = prepare(content)
    assert isinstance(made, Prepared)
    return content, made


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        ("<streetAddressLine/>", "empty_element"),
        ("<streetAddressLine>  </streetAddressLine>", "empty_element"),
        ('<telecom value=""/>', "empty_attribute"),
        ('<code code=" "/>', "empty_attribute"),
        ('<effectiveTime value="2026-03-02T09:30:00"/>', "zone_missing"),
        ('<effectiveTime value="202603020930"/>', "zone_missing"),
        ('<value xsi:type="TS" value="2026-03-02 09:30"/>', "zone_missing"),
        ('<birthTime value="1990-03-02T00:00:00"/>', "day_wanted"),
        ('<birthTime value="199003020000+0300"/>', "day_wanted"),
        ('<birthTime value="02.03.1990"/>', "date_unreadable"),
        ('<birthTime value="1990-02-30"/>', "date_unreadable"),
        ('<telecom value="(495) 123-45-67"/>', "phone_unreadable"),
        ('<telecom value="8 (495) 123-45-67 доб. 12"/>', "phone_unreadable"),
        ('<id root="1.2.643.100.3" extension="112-233-445 9"/>', "snils_unreadable"),
        ("<family>ПРОБНЫЙ</family>", "name_case"),
        ("<given>пример</given>", "name_case"),
    ],
)
def test_what_would_have_to_be_invented_is_told_and_left(inner, code):
    content, made = seen(inner)
    assert made.content == content
    (finding,) = made.reported
    assert finding.code == f"normalise.{code}"
    assert finding.severity is Severity.WARNING
    assert finding.fix
    assert finding.location.xpath.startswith("/ClinicalDocument[1]/")
    assert finding.location.line == 1


@pytest.mark.parametrize(
    "inner",
    [
        '<postalCode nullFlavor="NI"/>',
        "<text>Осмотр<br/>проведён<table><tr><td/></tr></table></text>",
        '<effectiveTime value="20260302"/>',
        '<birthTime value="19900302"/>',
        '<birthTime value="1990"/>',
        '<effectiveTime value="202603020930+0300"/>',
        '<low value="5.5" unit="mm"/>',
        '<value xsi:type="PQ" value="12-34"/>',
        '<telecom value="mailto:doctor@example.ru"/>',
        "<family>Пробный-Образцов</family>",
        "<given>И.</given>",
        "<given>Ю</given>",
    ],
)
def test_what_is_in_order_is_not_told(inner):
    content, made = seen(inner)
    assert (made.content, made.reported) == (content, ())


def test_no_personal_value_is_repeated():
    _, made = seen(
        "<family>ПРОБНЫЙ</family><birthTime value='02.03.1990'/><telecom value='(495) 123-45-67'/>"
        '<id root="1.2.643.100.3" extension="112-233-445 9"/>'
    )
    told = repr(made.reported)
    assert len(made.reported) == 4
    for word in ("ПРОБНЫЙ", "1990", "123", "445"):
        assert word not in told


def test_a_thousand_places_are_listed_and_the_rest_is_counted():
    content = f"{HEAD}{'<family/>' * 1500}<a>{'<given/>' * 100}</a></ClinicalDocument>".encode()
    made = prepare(content)
    assert len(made.reported) == LISTED + 1
    assert made.reported[-1].message == "И ещё таких же мест: 600."
