"""Subjects of any string type and keys we cannot use."""

from datetime import timedelta

import pytest
from asn1crypto import parser
from trust_stand import Stand, children

from broker.trust import (
    ChainCode,
    SignatureCode,
    SignatureVerdict,
    der,
    new_key,
    verify_chain,
)
from broker.trust.certificate import READ_ERRORS, read_certificate, read_subject


def name_of(*fields: tuple[str, int, bytes]) -> bytes:
    return der.sequence(
        *(der.set_of(der.sequence(der.oid(oid), der.tlv(tag, value))) for oid, tag, value in fields)
    )


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (12, "Ёлкин-Придуманный".encode()),
        (30, "Ёлкин-Придуманный".encode("utf-16-be")),
        (28, "Ёлкин-Придуманный".encode("utf-32-be")),
        (20, "Ёлкин-Придуманный".encode("cp1251")),
        (20, "Ёлкин-Придуманный".encode()),
        (19, "Ёлкин-Придуманный".encode("cp1251")),
        (12, "  Ёлкин-Придуманный \n".encode()),
    ],
)
def test_a_name_of_any_string_type_is_read(tag: int, value: bytes) -> None:
    assert read_subject(name_of(("2.5.4.4", tag, value))).surname == "Ёлкин-Придуманный"


@pytest.mark.parametrize("tag", [12, 18, 19, 20, 22, 26])
def test_digits_of_any_string_type_are_read(tag: int) -> None:
    subject = read_subject(
        name_of(
            ("1.2.643.100.3", tag, b"99000000153"),
            ("1.2.643.100.1", tag, b"1999900000010"),
            ("1.2.643.100.5", tag, b"399990000000011"),
            ("1.2.643.3.131.1.1", tag, b"009900000000"),
            ("1.2.643.100.4", tag, b"9900000000"),
        )
    )
    assert subject.snils == "99000000153"
    assert subject.ogrn == "1999900000010"
    assert subject.ogrnip == "399990000000011"
    assert subject.inn == "009900000000"
    assert subject.inn_le == "9900000000"


def test_several_attributes_in_one_relative_name_are_read() -> None:
    pair = der.set_of(
        der.sequence(der.oid("2.5.4.3"), der.tlv(12, b"CN")),
        der.sequence(der.oid("1.2.643.100.3"), der.tlv(18, b"1")),
    )
    subject = read_subject(der.sequence(pair))
    assert (subject.common_name, subject.snils) == ("CN", "1")


def test_a_repeated_field_keeps_its_first_value() -> None:
    subject = read_subject(name_of(("2.5.4.10", 12, b"first"), ("2.5.4.10", 12, b"second")))
    assert subject.organization == "first"


def with_gost_key(certificate: bytes) -> bytes:
    """Replace the public key by one of ГОСТ 34.10-2012: well formed, useless to ``cryptography``."""
    tbs, algorithm, signature = children(certificate)
    fields = children(tbs)
    place = next(i for i, field in enumerate(fields) if b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" in field)
    parameters = der.sequence(der.oid("1.2.643.7.1.2.1.1.1"), der.oid("1.2.643.7.1.1.2.2"))
    key = der.tlv(0x03, b"\x00", der.octets(bytes(range(64))))
    fields[place] = der.sequence(der.sequence(der.oid("1.2.643.7.1.1.1.1"), parameters), key)
    return der.sequence(der.sequence(*fields), algorithm, signature)


def test_a_certificate_with_a_gost_key_is_read(stand: Stand) -> None:
    facts = read_certificate(with_gost_key(stand.doctor.certificate))
    assert facts.subject.snils == "99000000153"
    assert facts.serial == stand.doctor.serial
    assert facts.key_usage == {"digital_signature", "content_commitment"}


def test_a_name_longer_than_64_bytes_is_read_without_a_warning(stand: Stand) -> None:
    facts = read_certificate(stand.organization.certificate)
    assert facts.subject.organization == "ООО «Выдуманная поликлиника»"
    long = stand.ca.issue_organization(
        "Общество с ограниченной ответственностью «Очень длинно выдуманная поликлиника на краю света»",
        ogrn="1999900000010",
        inn_le="9900000000",
        not_before=stand.now,
        not_after=stand.now + timedelta(days=1),
        key=new_key(),
    )
    subject = read_certificate(long.certificate).subject
    assert len(subject.common_name) == 64
    assert subject.organization.endswith("на краю света»")


@pytest.mark.parametrize("junk", [b"", b"\x30\x00", b"junk" * 10, b"\x30\x82\xff\xff"])
def test_junk_is_no_certificate(junk: bytes) -> None:
    with pytest.raises(READ_ERRORS):
        read_certificate(junk)


def test_a_chain_to_a_gost_authority_is_said_to_be_unverified(stand: Stand) -> None:
    verdict = SignatureVerdict(code=SignatureCode.OK, certificate=stand.doctor.certificate)
    root = with_gost_key(stand.ca.certificate)
    chain = verify_chain(verdict, [root], stand.now)
    assert chain.code is ChainCode.CHAIN_UNVERIFIED
    assert "не проверена" in chain.text


def test_our_der_is_what_a_parser_reads() -> None:
    for size in (0, 1, 127, 128, 255, 256, 65535, 65536):
        encoded = der.octets(b"x" * size)
        assert parser.parse(encoded, strict=True)[4] == b"x" * size
