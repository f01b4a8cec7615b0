"""The signatures of a submission as findings: every fault in words, with who mends it and the answer it prevents."""

import base64
from datetime import timedelta

import pytest
from trust_stand import ForeignDigests, ForeignSuite, Stand, resigned

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.submission import SignatureKind, SignaturePart, Signer
from broker.trust import (
    Issued,
    RoleNeed,
    SignatureCode,
    SignaturePolicy,
    SignatureVerdict,
    Suite,
    sign_detached,
    signature_findings,
)
from broker.trust.findings import _ADVICE

CONTENT = "<ClinicalDocument>Проверка</ClinicalDocument>".encode()


def part(
    stand: Stand,
    issued: Issued,
    kind: SignatureKind = SignatureKind.PERSONAL,
    *,
    content: bytes = CONTENT,
    role: str | None = "AUTHOR",
    snils: str | None = None,
    moved: timedelta = timedelta(0),
) -> SignaturePart:
    raw = sign_detached(content, issued.signer, signing_time=stand.now + moved)
    return SignaturePart(
        kind=kind,
        data=base64.b64encode(raw).decode(),
        role=role if kind is SignatureKind.PERSONAL else None,
        signer=Signer(snils=snils) if snils else None,
    )


def doctors(stand: Stand, **changes: object) -> SignaturePart:
    return part(stand, stand.doctor, **changes)


def clinics(stand: Stand, **changes: object) -> SignaturePart:
    return part(stand, stand.organization, SignatureKind.ORGANIZATION, **changes)


def findings_of(stand: Stand, *parts: SignaturePart, policy: SignaturePolicy | None = None) -> list[Finding]:
    return signature_findings(parts, CONTENT, policy or SignaturePolicy(), received_at=stand.now)[0]


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    assert finding.layer is Layer.SIGNATURE
    assert finding.message
    assert finding.fix
    return finding


def test_a_document_signed_by_doctor_and_clinic_has_no_finding(stand: Stand) -> None:
    findings, verdicts = signature_findings(
        [doctors(stand, snils="990-000-001 53"), clinics(stand)], CONTENT, received_at=stand.now
    )
    assert findings == []
    assert [verdict.code for verdict in verdicts] == [SignatureCode.OK] * 2
    assert verdicts[0].signer.snils == "99000000153"


def test_an_unsigned_document_is_told_once(stand: Stand) -> None:
    finding = only(findings_of(stand))
    assert (finding.code, finding.remd_code) == ("signature.missing", "NO_SIGNATURE")
    assert finding.responsible is Responsible.CLINIC


def test_a_kind_that_needs_no_signature_may_have_none(stand: Stand) -> None:
    policy = SignaturePolicy(organization_required=False, personal_required=0)
    assert findings_of(stand, policy=policy) == []


def test_a_missing_signature_of_the_clinic_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, doctors(stand)))
    assert finding.code == "signature.organization_missing"
    assert finding.remd_code == "ORG_SIGNATURE_OCCURRENCE_MISMATCH"
    assert findings_of(stand, doctors(stand), policy=SignaturePolicy(organization_required=False)) == []


def test_a_missing_signature_of_a_medical_worker_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, clinics(stand)))
    assert (finding.code, finding.remd_code) == ("signature.personal_missing", "ROLE_OCCURRENCE_MISMATCH")


def test_a_missing_role_is_told(stand: Stand) -> None:
    policy = SignaturePolicy(roles=(RoleNeed(role="AUTHOR"), RoleNeed(role="CHAIRMAN")))
    finding = only(findings_of(stand, doctors(stand), clinics(stand), policy=policy))
    assert (finding.code, finding.expected) == ("signature.role_missing", "CHAIRMAN")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("это не base64", "signature.not_base64"),
        ("QUJ", "signature.not_base64"),
        ("", "signature.not_base64"),
        (base64.b64encode(b"junk").decode(), "signature.malformed"),
    ],
)
def test_broken_base64_and_broken_containers_are_told(stand: Stand, data: str, code: str) -> None:
    broken = SignaturePart(kind=SignatureKind.PERSONAL, data=data, role="AUTHOR")
    finding = only(findings_of(stand, broken, clinics(stand)))
    assert finding.code == code
    assert finding.remd_code == "SIGNATURE_DECODING_ERROR"
    assert finding.responsible is Responsible.MIS
    assert finding.severity is Severity.ERROR
    assert finding.message.startswith("Подпись № 1 (медработника, роль AUTHOR):")


def test_truncated_base64_is_told(stand: Stand) -> None:
    whole = doctors(stand)
    cut = SignaturePart(kind=whole.kind, data=whole.data[:-101], role=whole.role)
    assert only(findings_of(stand, cut, clinics(stand))).remd_code == "SIGNATURE_DECODING_ERROR"


def test_a_signature_over_other_bytes_is_told_and_so_is_that_they_differ(stand: Stand) -> None:
    findings = findings_of(stand, doctors(stand), clinics(stand, content=b"other"))
    assert {(finding.code, finding.remd_code) for finding in findings} == {
        ("signature.digest_mismatch", "DIGEST_MISMATCH"),
        ("signature.inconsistent_digests", "INCONSISTENT_DIGESTS"),
    }
    assert all(finding.message.startswith("Подпись № 2 (организации)") for finding in findings)


def test_a_certificate_that_had_run_out_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, part(stand, stand.expired), clinics(stand)))
    assert finding.code == "signature.certificate_expired"
    assert finding.remd_code == "DOC_DATE_MISMATCH_CERT_NOT_AFTER"
    assert finding.severity is Severity.ERROR


def test_a_certificate_that_ran_out_after_signing_is_good_while_it_is_checked_in_time(stand: Stand) -> None:
    parts = [part(stand, stand.expired, moved=timedelta(days=-30)), clinics(stand, moved=timedelta(days=-30))]
    assert signature_findings(parts, CONTENT, received_at=stand.now - timedelta(days=29))[0] == []


def test_a_workers_certificate_that_ran_out_before_the_document_came_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, part(stand, stand.expired, moved=timedelta(days=-30)), clinics(stand)))
    assert finding.code == "signature.certificate_expired_since"
    assert finding.remd_code == "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT"


def test_signing_before_the_certificate_began_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, doctors(stand, moved=timedelta(days=-400)), clinics(stand)))
    assert finding.remd_code == "DOC_DATE_MISMATCH_CERT_NOT_BEFORE"


def test_a_signing_time_in_the_future_is_told_but_clocks_may_differ(stand: Stand) -> None:
    assert findings_of(stand, doctors(stand, moved=timedelta(minutes=5)), clinics(stand)) == []
    finding = only(findings_of(stand, doctors(stand, moved=timedelta(minutes=6)), clinics(stand)))
    assert finding.code == "signature.time_in_future"


def test_a_signer_other_than_stated_is_told_with_the_snils_masked(stand: Stand) -> None:
    finding = only(findings_of(stand, doctors(stand, snils="99000000254"), clinics(stand)))
    assert finding.code == "signature.snils_mismatch"
    assert finding.remd_code == "VALUE_MISMATCH_METADATA_AND_CERTIFICATE"
    assert (finding.value, finding.expected) == ("*********54", "*********53")


def test_a_personal_certificate_without_snils_only_warns(stand: Stand) -> None:
    finding = only(findings_of(stand, part(stand, stand.stranger), clinics(stand)))
    assert (finding.code, finding.severity) == ("signature.snils_absent", Severity.WARNING)


def test_the_same_signature_twice_is_told(stand: Stand) -> None:
    finding = only(findings_of(stand, doctors(stand), doctors(stand), clinics(stand)))
    assert (finding.code, finding.remd_code) == ("signature.duplicate", "SIGNATURE_DUPLICATION")
    two_roles = [doctors(stand), doctors(stand, role="CHAIRMAN"), clinics(stand)]
    assert findings_of(stand, *two_roles) == []


def test_gost_without_a_provider_warns_the_operator_or_blocks_as_the_policy_says(stand: Stand) -> None:
    signer = ForeignSuite(Suite.GOST2012_256, stand.doctor.certificate)
    raw = sign_detached(CONTENT, signer, signing_time=stand.now, provider=ForeignDigests())
    gost = SignaturePart(kind=SignatureKind.PERSONAL, data=base64.b64encode(raw).decode(), role="AUTHOR")
    finding = only(findings_of(stand, gost, clinics(stand)))
    assert finding.code == "signature.digest_unverified"
    assert finding.severity is Severity.WARNING
    assert finding.responsible is Responsible.OPERATOR
    assert finding.source is Source.OWN
    strict = SignaturePolicy(weights={"digest_unverified": "error"})
    assert only(findings_of(stand, gost, clinics(stand), policy=strict)).severity is Severity.ERROR


def test_plain_cms_without_signing_certificate_warns(stand: Stand) -> None:
    raw = sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)
    plain = resigned(raw, stand.doctor.key_pem, drop="1.2.840.113549.1.9.16.2.47")
    given = SignaturePart(kind=SignatureKind.PERSONAL, data=base64.b64encode(plain).decode(), role="AUTHOR")
    finding = only(findings_of(stand, given, clinics(stand)))
    assert (finding.code, finding.severity) == ("signature.no_ess", Severity.WARNING)


def test_too_many_signatures_are_not_even_read(stand: Stand) -> None:
    junk = SignaturePart(kind=SignatureKind.PERSONAL, data="x")
    findings, verdicts = signature_findings([junk] * 65, CONTENT)
    assert only(findings).code == "signature.too_many"
    assert [verdict.code for verdict in verdicts] == [SignatureCode.NOT_CHECKED] * 65


def test_no_finding_holds_a_name_or_a_whole_snils(stand: Stand) -> None:
    parts = [
        doctors(stand, snils="99000000254", content=b"other", moved=timedelta(days=-400)),
        part(stand, stand.expired, role="CHAIRMAN"),
        clinics(stand, content=b"other"),
    ]
    text = " ".join(map(repr, findings_of(stand, *parts)))
    for secret in ("Невзаправдов", "99000000153", "99000000254", "поликлиника"):
        assert secret not in text


def test_every_bad_code_has_an_advice() -> None:
    assert set(_ADVICE) == set(SignatureCode) - {SignatureCode.OK, SignatureCode.NOT_CHECKED}
    assert SignatureVerdict(code=SignatureCode.MALFORMED).text
