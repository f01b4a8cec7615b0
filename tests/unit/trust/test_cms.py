"""Detached containers: what we make is good, and whatever arrives gets the right verdict."""

import base64
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import cms as asn1_cms
from trust_stand import (
    EVERYTHING,
    Container,
    ForeignDigests,
    ForeignSuite,
    Stand,
    children,
    indefinite,
    inspect,
    resigned,
)

from broker.trust import (
    MAX_CONTAINER,
    RSA_PROVIDER,
    SUITES,
    SignatureCode,
    Suite,
    decode_armoured,
    der,
    inspect_signers,
    sign_detached,
)
from broker.trust.verdict import REMD_CODES, TEXTS

CONTENT = "<ClinicalDocument>Проверка</ClinicalDocument>".encode()
SIGNING_TIME = "1.2.840.113549.1.9.5"
ESS_V2 = "1.2.840.113549.1.9.16.2.47"


@pytest.fixture(scope="session")
def stand(any_stand: Stand) -> Stand:
    """Everything here holds for every suite."""
    return any_stand


@pytest.fixture(scope="session")
def container(stand: Stand) -> bytes:
    return sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)


def test_a_good_container_tells_who_signed_and_when(stand: Stand, container: bytes) -> None:
    verdict = inspect(container, CONTENT)
    assert verdict.ok
    assert verdict.code is SignatureCode.OK
    assert verdict.suite is stand.suite
    assert verdict.remd_code is None
    assert verdict.signing_time == stand.now
    assert verdict.signer.snils == "99000000153"
    assert verdict.signer.inn == "990000000041"
    assert verdict.signer.ogrn == "1999900000010"
    assert verdict.signer.surname == "Невзаправдов"
    assert verdict.signer.given_name == "Пробирк Тестович"
    assert verdict.signer.common_name == "Невзаправдов Пробирк Тестович"
    assert verdict.signer.organization == "ООО «Выдуманная поликлиника»"
    assert verdict.signer.title == "врач-терапевт"
    assert verdict.serial == stand.doctor.serial
    assert "Учебный УЦ" in verdict.issuer
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before < stand.now < verdict.not_after
    assert verdict.key_usage == {"digital_signature", "content_commitment"}
    assert verdict.certificate == stand.doctor.certificate
    computed = "openssl-rsa/" if stand.suite is Suite.RSA_SHA256 else "openssl-gost/"
    assert verdict.provider.startswith(computed)


def test_equal_input_gives_equal_bytes_but_for_the_random_number_of_gost(
    stand: Stand, container: bytes
) -> None:
    again = sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)
    value = {Suite.RSA_SHA256: 0, Suite.GOST2012_256: 64, Suite.GOST2012_512: 128}[stand.suite]
    assert again[: len(again) - value] == container[: len(container) - value]


def test_an_independent_reader_finds_the_attributes_of_cades_bes(container: bytes) -> None:
    info = asn1_cms.ContentInfo.load(container, strict=True)["content"]["signer_infos"][0]
    names = {attribute["type"].native for attribute in info["signed_attrs"]}
    assert names == {"content_type", "signing_time", "message_digest", "signing_certificate_v2"}
    canonical = asn1_cms.CMSAttributes([item.copy() for item in info["signed_attrs"]]).dump(force=True)
    assert canonical == info["signed_attrs"].untag().dump()


def test_the_signing_time_is_kept_to_the_second_in_utc(stand: Stand) -> None:
    moscow = datetime(2026, 3, 2, 12, 30, 15, 987654, tzinfo=timezone(timedelta(hours=3)))
    raw = sign_detached(CONTENT, stand.doctor.signer, signing_time=moscow)
    assert inspect(raw, CONTENT).signing_time == datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)


def test_a_signing_time_after_2049_is_written_as_generalized_time(stand: Stand) -> None:
    later = datetime(2051, 1, 1, tzinfo=UTC)
    assert (
        inspect(sign_detached(CONTENT, stand.doctor.signer, signing_time=later), CONTENT).signing_time
        == later
    )


@pytest.mark.parametrize("content", [CONTENT + b" ", b"", CONTENT[:-1], b"other"])
def test_other_bytes_are_a_digest_mismatch(container: bytes, content: bytes) -> None:
    verdict = inspect(container, content)
    assert verdict.code is SignatureCode.DIGEST_MISMATCH
    assert verdict.remd_code == "DIGEST_MISMATCH"
    assert verdict.signer.snils, "who signed is told even when the verdict is bad"


def test_a_signature_value_of_another_key_is_refused(stand: Stand, container: bytes) -> None:
    forged = resigned(container, stand.organization.key_pem)
    verdict = inspect(forged, CONTENT)
    assert verdict.code is SignatureCode.BAD_SIGNATURE
    assert verdict.remd_code == "SIGNATURE_VERIFICATION_ERROR"


def test_a_swapped_certificate_of_the_same_key_is_refused(stand: Stand, container: bytes) -> None:
    """The expired certificate has the same key, so only signingCertificateV2 tells them apart."""
    box = Container.open(container)
    version, sid, *rest = children(box.infos[0])
    issuer, serial = children(sid)
    other = der.tlv(0x02, bytes([stand.expired.serial]))
    assert serial != other
    box.certificates = [stand.expired.certificate]
    box.infos = [der.sequence(version, der.sequence(issuer, other), *rest)]
    assert inspect(box.pack(), CONTENT).code is SignatureCode.ESS_MISMATCH


def test_a_swapped_certificate_of_another_key_is_refused(stand: Stand, container: bytes) -> None:
    box = Container.open(container)
    version, sid, *rest = children(box.infos[0])
    other = der.tlv(0x02, bytes([stand.organization.serial]))
    box.certificates = [stand.organization.certificate]
    box.infos = [der.sequence(version, der.sequence(children(sid)[0], other), *rest)]
    assert inspect(box.pack(), CONTENT).code is SignatureCode.BAD_SIGNATURE


def test_a_container_without_the_certificate_says_so(container: bytes) -> None:
    box = Container.open(container)
    box.certificates = []
    verdict = inspect(box.pack(), CONTENT)
    assert verdict.code is SignatureCode.NO_CERTIFICATE
    assert verdict.remd_code == "NO_END_ENTITY_CERTIFICATE"


def test_somebody_elses_certificate_alone_is_no_certificate(stand: Stand, container: bytes) -> None:
    box = Container.open(container)
    box.certificates = [stand.organization.certificate]
    assert inspect(box.pack(), CONTENT).code is SignatureCode.NO_CERTIFICATE


def test_two_signers_in_one_container_are_refused(stand: Stand, container: bytes) -> None:
    box = Container.open(container)
    second = Container.open(sign_detached(CONTENT, stand.organization.signer, signing_time=stand.now))
    box.certificates += second.certificates
    box.infos += second.infos
    verdict = inspect(box.pack(), CONTENT)
    assert verdict.code is SignatureCode.MULTIPLE_SIGNERS
    assert verdict.remd_code == "MULTIPLE_SIGNERS"


def test_each_of_several_signers_gets_a_verdict_of_its_own(stand: Stand, container: bytes) -> None:
    box = Container.open(container)
    second = Container.open(sign_detached(b"other bytes", stand.organization.signer, signing_time=stand.now))
    box.certificates += second.certificates
    box.infos += second.infos
    for raw in (box.pack(), indefinite(box.pack(), 2)):
        doctor, organization = inspect_signers(raw, CONTENT, provider=EVERYTHING)
        assert (doctor.code, doctor.signer.snils) == (SignatureCode.OK, "99000000153")
        assert (organization.code, organization.signer.inn_le) == (
            SignatureCode.DIGEST_MISMATCH,
            "9900000000",
        )
        assert inspect(raw, CONTENT).code is SignatureCode.MULTIPLE_SIGNERS
    assert inspect_signers(b"junk", CONTENT) == ()
    box.infos *= 20
    assert len(inspect_signers(box.pack(), CONTENT, provider=EVERYTHING)) == 16


@pytest.mark.parametrize("parameters", [b"", der.NULL])
def test_a_digest_algorithm_with_and_without_null_is_read(container: bytes, parameters: bytes) -> None:
    """Both are met in the field (RFC 5754 §2 for SHA-2; programs differ for Стрибог)."""
    box = Container.open(container)
    version, sid, digest, *rest = children(box.infos[0])
    algorithm = der.sequence(children(digest)[0], parameters)
    box.infos = [der.sequence(version, sid, algorithm, *rest)]
    box.algorithms = der.set_of(algorithm)
    assert inspect(box.pack(), CONTENT).ok


def test_every_name_of_a_signature_algorithm_met_in_the_field_is_read(stand: Stand, container: bytes) -> None:
    for oid in SUITES[stand.suite].signature_oids:
        box = Container.open(container)
        version, sid, digest, attributes, _, value = children(box.infos[0])
        box.infos = [der.sequence(version, sid, digest, attributes, der.sequence(der.oid(oid)), value)]
        assert inspect(box.pack(), CONTENT).ok, oid


def test_a_container_of_certificates_only_has_no_signer(container: bytes) -> None:
    box = Container.open(container)
    box.infos = []
    assert inspect(box.pack(), CONTENT).code is SignatureCode.NO_SIGNER


def test_cms_that_is_not_signed_data_is_told() -> None:
    plain = der.sequence(der.oid("1.2.840.113549.1.7.1"), der.context(0, der.octets(b"x")))
    assert inspect(plain, CONTENT).code is SignatureCode.NOT_SIGNED_DATA


def test_a_missing_signing_time_is_told(stand: Stand, container: bytes) -> None:
    raw = resigned(container, stand.doctor.key_pem, drop=SIGNING_TIME)
    assert inspect(raw, CONTENT).code is SignatureCode.NO_SIGNING_TIME


def test_a_missing_signing_certificate_attribute_is_told(stand: Stand, container: bytes) -> None:
    raw = resigned(container, stand.doctor.key_pem, drop=ESS_V2)
    assert inspect(raw, CONTENT).code is SignatureCode.NO_ESS


def test_a_container_without_signed_attributes_is_verified_over_the_content(
    stand: Stand, container: bytes
) -> None:
    """Plain PKCS#7: the value must fit the content; even then there is no signing time."""
    box = Container.open(container)
    version, sid, digest, _, algorithm, _ = children(box.infos[0])
    value = der.octets(stand.doctor.signer.sign(CONTENT))
    box.infos = [der.sequence(version, sid, digest, algorithm, value)]
    assert inspect(box.pack(), CONTENT).code is SignatureCode.NO_SIGNING_TIME
    assert inspect(box.pack(), CONTENT + b"!").code is SignatureCode.BAD_SIGNATURE


def test_a_doubled_signed_attribute_is_malformed(stand: Stand, container: bytes) -> None:
    time_again = der.sequence(der.oid(SIGNING_TIME), der.set_of(der.tlv(der.UTC_TIME, b"200101000000Z")))
    raw = resigned(container, stand.doctor.key_pem, add=time_again)
    assert inspect(raw, CONTENT).code is SignatureCode.MALFORMED


def test_a_content_type_that_is_not_the_signed_one_is_malformed(container: bytes) -> None:
    box = Container.open(container)
    box.content = der.sequence(der.oid("1.2.840.113549.1.9.16.1.4"))
    assert inspect(box.pack(), CONTENT).code is SignatureCode.MALFORMED


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (CONTENT, SignatureCode.ATTACHED),
        (b"<other/>", SignatureCode.ATTACHED_MISMATCH),
        (b"", SignatureCode.ATTACHED_MISMATCH),
    ],
)
def test_an_attached_signature_is_refused_in_words(
    container: bytes, inside: bytes, code: SignatureCode
) -> None:
    box = Container.open(container)
    box.content = der.sequence(der.oid("1.2.840.113549.1.7.1"), der.context(0, der.octets(inside)))
    assert inspect(box.pack(), CONTENT).code is code


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_ber_with_indefinite_lengths_is_read(container: bytes, depth: int) -> None:
    raw = indefinite(container, depth)
    assert raw.startswith(b"\x30\x80")
    assert inspect(raw, CONTENT).ok


def test_ber_signed_attributes_are_verified_in_their_der_form(container: bytes) -> None:
    """The signature covers the DER form even where the attributes travel with indefinite lengths (RFC 5652 §5.4)."""
    box = Container.open(container)
    version, sid, digest, attributes, algorithm, value = children(box.infos[0])
    box.infos = [der.sequence(version, sid, digest, indefinite(attributes, 3), algorithm, value)]
    assert inspect(box.pack(), CONTENT).ok
    assert inspect(box.pack(), b"x").code is SignatureCode.DIGEST_MISMATCH


def test_signed_attributes_in_another_order_are_verified_in_their_der_form(container: bytes) -> None:
    box = Container.open(container)
    version, sid, digest, attributes, algorithm, value = children(box.infos[0])
    shuffled = der.context(0, *reversed(children(attributes)))
    box.infos = [der.sequence(version, sid, digest, shuffled, algorithm, value)]
    assert inspect(box.pack(), CONTENT).ok


def test_an_unknown_algorithm_is_named_as_such(container: bytes) -> None:
    box = Container.open(container)
    version, sid, _, attributes, algorithm, value = children(box.infos[0])
    sha512 = der.sequence(der.oid("2.16.840.1.101.3.4.2.3"))
    box.infos = [der.sequence(version, sid, sha512, attributes, algorithm, value)]
    verdict = inspect(box.pack(), CONTENT)
    assert verdict.code is SignatureCode.UNKNOWN_ALGORITHM
    assert verdict.remd_code == "UNKNOWN_ALGORITHM"


def test_sha1_is_a_wrong_suite_unless_it_is_allowed(container: bytes) -> None:
    box = Container.open(container)
    version, sid, _, attributes, _, value = children(box.infos[0])
    sha1 = der.sequence(der.oid("1.3.14.3.2.26"))
    rsa = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
    box.infos = [der.sequence(version, sid, sha1, attributes, rsa, value)]
    assert inspect(box.pack(), CONTENT).code is SignatureCode.WRONG_SUITE
    allowed = inspect(box.pack(), CONTENT, suites=frozenset({Suite.RSA_SHA1}))
    assert allowed.code is SignatureCode.DIGEST_MISMATCH


def test_the_suite_cannot_be_downgraded_by_the_policy(stand: Stand, container: bytes) -> None:
    others = frozenset({Suite.RSA_SHA256, Suite.GOST2012_256, Suite.GOST2012_512} - {stand.suite})
    assert inspect(container, CONTENT, suites=others).code is SignatureCode.WRONG_SUITE


@pytest.mark.parametrize("suite", [Suite.GOST2012_256, Suite.GOST2012_512])
def test_gost_without_a_provider_is_read_and_said_to_be_unverified(stand: Stand, suite: Suite) -> None:
    signer = ForeignSuite(suite, stand.doctor.certificate)
    raw = sign_detached(CONTENT, signer, signing_time=stand.now, provider=ForeignDigests())
    verdict = inspect(raw, CONTENT, provider=RSA_PROVIDER)
    assert verdict.code is SignatureCode.DIGEST_UNVERIFIED
    assert not verdict.ok
    assert verdict.suite is suite
    assert verdict.signer.snils == "99000000153"
    assert verdict.signing_time == stand.now
    assert "не проверена" in verdict.text


def test_gost_is_verified_as_soon_as_a_provider_can(stand: Stand) -> None:
    provider = ForeignDigests()
    signer = ForeignSuite(Suite.GOST2012_256, stand.doctor.certificate)
    raw = sign_detached(CONTENT, signer, signing_time=stand.now, provider=provider)
    assert inspect(raw, CONTENT, provider=provider).ok
    assert inspect(raw, CONTENT + b" ", provider=provider).code is SignatureCode.DIGEST_MISMATCH


def test_signing_needs_a_provider_that_can_compute_the_digest(stand: Stand) -> None:
    signer = ForeignSuite(Suite.GOST2012_256, stand.doctor.certificate)
    with pytest.raises(ValueError, match="cannot sign"):
        sign_detached(CONTENT, signer, signing_time=stand.now, provider=RSA_PROVIDER)


def test_sha1_is_never_signed_with(stand: Stand) -> None:
    signer = ForeignSuite(Suite.RSA_SHA1, stand.doctor.certificate)
    with pytest.raises(ValueError, match="cannot sign"):
        sign_detached(CONTENT, signer, signing_time=stand.now)


@pytest.mark.parametrize(
    "junk", [b"", b"\x30", b"junk", b"\x00" * 100, b"<xml/>", b"\x30\x80" * 9000, CONTENT]
)
def test_anything_else_is_malformed(junk: bytes) -> None:
    verdict = inspect(junk, CONTENT)
    assert verdict.code is SignatureCode.MALFORMED
    assert verdict.remd_code == "SIGNATURE_DECODING_ERROR"


def test_a_truncated_container_is_malformed(container: bytes) -> None:
    for length in range(0, len(container), 37):
        assert inspect(container[:length], CONTENT).code is SignatureCode.MALFORMED


def test_a_huge_container_is_refused_without_reading(container: bytes) -> None:
    assert inspect(container + b"\x00" * MAX_CONTAINER, CONTENT).code is SignatureCode.TOO_LARGE


def test_a_container_full_of_signers_is_counted_and_refused() -> None:
    inner = der.tlv(der.SET, b"\x30\x00" * (MAX_CONTAINER // 4))
    signed = der.sequence(
        der.small_integer(1), der.set_of(), der.sequence(der.oid("1.2.840.113549.1.7.1")), inner
    )
    raw = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.context(0, signed))
    assert inspect(raw, CONTENT).code is SignatureCode.MULTIPLE_SIGNERS


def test_no_mutation_makes_inspect_raise_or_believe_a_changed_signer(container: bytes) -> None:
    dice = random.Random(20260302)
    for _ in range(1000):
        raw = bytearray(container)
        for _ in range(dice.choice((1, 1, 2, 4))):
            place = dice.randrange(len(raw))
            match dice.randrange(3):
                case 0:
                    raw[place] = dice.randrange(256)
                case 1:
                    del raw[place : place + dice.randrange(1, 30)]
                case _:
                    raw[place:place] = dice.randbytes(dice.randrange(1, 20))
        verdict = inspect(bytes(raw), CONTENT)
        if verdict.ok:
            assert verdict.signer.snils == "99000000153"
            assert verdict.certificate == Container.open(container).certificates[0]


def test_every_code_has_a_russian_text_and_every_bad_one_a_remd_code() -> None:
    speechless = {SignatureCode.OK, SignatureCode.NOT_CHECKED, SignatureCode.DIGEST_UNVERIFIED}
    for code in SignatureCode:
        assert TEXTS[code]
        assert (code in REMD_CODES) == (code not in speechless)


def armoured(raw: bytes, label: str) -> str:
    lines = base64.encodebytes(raw).decode()
    return f"-----BEGIN {label}-----\r\n{lines}-----END {label}-----\r\n"


def test_base64_is_read_with_line_breaks_armour_and_bom(container: bytes) -> None:
    plain = base64.b64encode(container).decode()
    assert decode_armoured(plain) == container
    assert decode_armoured(f"\ufeff{plain}") == container
    assert decode_armoured("\r\n".join(plain[i : i + 64] for i in range(0, len(plain), 64))) == container
    assert decode_armoured(armoured(container, "CMS")) == container
    assert decode_armoured(armoured(container, "PKCS7")) == container
    assert decode_armoured(armoured(container, "PKCS #7 SIGNED DATA")) == container


def test_a_pem_file_encoded_once_more_is_unwrapped(container: bytes) -> None:
    twice = base64.b64encode(armoured(container, "PKCS7").encode()).decode()
    assert decode_armoured(twice) == container


@pytest.mark.parametrize(
    "text", ["", "   ", "не base64", "AAA", "A===", "AA==AA==", "MII*", "-----BEGIN CMS-----"]
)
def test_what_is_not_base64_is_none(text: str) -> None:
    assert decode_armoured(text) is None


def test_truncated_base64_is_none_or_malformed(container: bytes) -> None:
    plain = base64.b64encode(container).decode()
    for cut in range(1, 9):
        raw = decode_armoured(plain[:-cut])
        assert raw is None or inspect(raw, CONTENT).code is SignatureCode.MALFORMED
