"""A glance at the header yields the document's identity, and empty values on anything odd."""

import time

import pytest

from broker.document.canonical import InstanceId
from broker.normalizer.header import HEADS, Peek, peek

CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><!-- <id root="9.51" extension="hidden"/> -->
<templateId root="1.2"/><id root="1.2.99" extension="other"/><id root="1.2.51" extension="doc"/>
<setId root="1.2.50" extension="set"/><versionNumber value="3"/>
<recordTarget><patientRole><id root="1.2.51" extension="not-this"/></patientRole></recordTarget></ClinicalDocument>"""
SEEN = Peek(
    document_id=InstanceId(root="1.2.51", extension="doc"),
    set_id=InstanceId(root="1.2.50", extension="set"),
    version=3,
)


@pytest.mark.parametrize(
    "content",
    [CDA.encode(), b"\xef\xbb\xbf" + CDA.encode(), CDA.replace("UTF-8", "utf-16").encode("utf-16")],
    ids=["UTF-8", "byte order mark", "UTF-16"],
)
def test_the_identity_is_read_in_any_encoding(content):
    assert peek(content) == SEEN


def test_the_first_id_stands_in_where_none_has_the_suffix():
    assert peek(CDA.replace("1.2.51", "1.2.7").encode()).document_id.extension == "other"


@pytest.mark.parametrize("length", [1500, 2000, 20_000])
def test_an_identity_behind_long_comments_is_found(length: int):
    assert peek(CDA.replace("<templateId", f"<!-- {'x' * length} --><templateId").encode()) == SEEN


def test_what_follows_the_header_need_not_be_well_formed():
    assert peek(CDA.encode().replace(b"</patientRole>", b" " * 5000 + b"<<<")) == SEEN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x00" * 100_000,
        b"<a>" * 100_000,
        b"<!DOCTYPE a [<!ENTITY e 'x'>]>" + CDA.encode(),
        b"%PDF-1.7",
        b"\xff\xfe\x00",
        b"<ClinicalDocument><id root='1.51' extension='no namespace'/></ClinicalDocument>",
        b" " * (HEADS[-1] + 1) + CDA.encode(),
    ],
)
def test_anything_odd_is_empty(content):
    assert peek(content) == Peek()


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "9" * 40])
def test_a_version_that_is_no_number_is_none(value):
    assert peek(CDA.replace('value="3"', f'value="{value}"').encode()).version == 0


def test_a_large_document_costs_no_more_than_its_head():
    large = CDA.encode().replace(b"</patientRole>", b"x" * 15_000_000 + b"</patientRole>")
    started = time.process_time()
    assert peek(large) == SEEN
    assert time.process_time() - started < 0.2
