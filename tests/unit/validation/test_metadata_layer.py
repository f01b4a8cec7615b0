"""What the sender says is compared with the document; every seen comparison blocks, ours warn."""

from datetime import timedelta

import msgspec
import pytest
from validation_stand import CREATED, RECEIVED, codes, find

from broker.document.facts import SignatureFacts
from broker.document.finding import Layer, Severity
from broker.document.submission import PatientRef, SignatureKind

OTHER = "018f5e1c-0000-4000-8000-000000000001"


def of(report, code):
    (finding,) = [f for f in report.findings if f.code == code]
    return finding


def judge(stand, kind="306", *edits, facts=None, **said):
    return stand.judge(stand.document(kind, *edits), facts or stand.facts(kind, **said))


def with_(facts, **changes):
    return msgspec.structs.replace(facts, **changes)


@pytest.mark.parametrize(
    ("said", "code", "severity", "remd"),
    [
        ({"local_uid": OTHER}, "metadata.local_uid_mismatch", Severity.ERROR, "VALIDATION_ERROR"),
        ({"local_uid": "42"}, "metadata.local_uid_form", Severity.ERROR, "VALIDATION_ERROR"),
        (
            {"created_at": "2026-06-15T10:16:00+03:00"},
            "metadata.created_at_mismatch",
            Severity.ERROR,
            "VALIDATION_ERROR",
        ),
        (
            {"created_at": "2026-06-15T10:15:00"},
            "metadata.created_at_form",
            Severity.ERROR,
            "VALIDATION_ERROR",
        ),
        ({"department": "1.2.3"}, "metadata.department_mismatch", Severity.ERROR, "VALIDATION_ERROR"),
        (
            {"patient": PatientRef(local_id="nobody")},
            "metadata.patient_mismatch",
            Severity.ERROR,
            "VALIDATION_ERROR",
        ),
        ({"title": "Другое"}, "metadata.title_mismatch", Severity.WARNING, None),
        ({"payment_source": "12"}, "metadata.payment_mismatch", Severity.WARNING, None),
        (
            {"pluggable_attributes": "<!DOCTYPE a><a/>"},
            "metadata.pluggable_not_xml",
            Severity.ERROR,
            "INVALID_PLUGGABLE_ATTRS",
        ),
    ],
)
def test_a_difference_between_the_request_and_the_document_is_told(stand, said, code, severity, remd):
    finding = of(judge(stand, **said), code)
    assert finding.severity is severity
    assert finding.layer is Layer.METADATA
    assert finding.remd_code == remd
    assert finding.fix


@pytest.mark.parametrize(
    "said",
    [
        {"created_at": (CREATED.astimezone(RECEIVED.tzinfo) + timedelta(seconds=30)).isoformat()},
        {"created_at": "2026-06-15T07:15:00Z"},
        {"created_at": "2026-06-15T17:15:00+10:00"},
        {"title": "Медицинское  заключение"},
        {"patient": None},
        {"department": None},
        {"local_uid": None},
    ],
)
def test_the_same_said_otherwise_or_not_at_all_is_no_difference(stand, said):
    assert judge(stand, **said).findings == ()


def test_a_local_uid_in_capitals_is_the_same(stand):
    assert judge(stand, local_uid=stand.sample("306").local_uid.upper()).findings == ()


def test_another_clinic_is_told_for_every_place_that_names_one(stand):
    facts = with_(stand.facts("306"), clinic="1.2.643.5.1.13.13.12.2.77.1")
    report = judge(stand, facts=facts)
    places = {f.location.xpath.split("/")[2] for f in report.findings if f.code == "metadata.clinic_mismatch"}
    assert {"recordTarget[1]", "custodian[1]"} <= places


def test_an_id_that_is_no_uuid_only_warns(stand):
    report = judge(stand, "306", lambda root: find(root, "h:id").set("extension", "42"))
    assert of(report, "metadata.local_uid_other_form").severity is Severity.WARNING


@pytest.mark.parametrize(
    ("changes", "code", "remd"),
    [
        ({"position": "9999"}, "metadata.signer_position_mismatch", "INVALID_DOCTOR_INFO"),
        ({"local_id": "nobody"}, "metadata.signer_id_mismatch", "INVALID_DOCTOR_ID"),
        ({"snils": "11223344595"}, "metadata.signer_snils_mismatch", "INVALID_DOCTOR_SNILS"),
    ],
)
def test_a_signer_unlike_the_person_in_the_document_is_told(stand, changes, code, remd):
    facts = stand.facts("306")
    first = msgspec.structs.replace(facts.signatures[0], **changes)
    report = judge(stand, facts=with_(facts, signatures=(first, facts.signatures[1])))
    assert of(report, code).remd_code == remd


def test_a_signer_nobody_in_the_document_is_like_is_told_once_as_a_doubt(stand):
    stranger = SignatureFacts(kind=SignatureKind.PERSONAL, certificate_snils="11223344595")
    report = judge(stand, facts=with_(stand.facts("306"), signatures=(stranger,)))
    assert of(report, "metadata.signer_not_in_document").severity is Severity.WARNING
    assert of(report, "metadata.legal_authenticator_not_signed").remd_code == "LEGAL_AUTHENTICATOR_NOT_FOUND"


def test_an_absent_signer_is_matched_by_the_certificate(stand):
    doctor = stand.sample("306").doctors[0]
    known = SignatureFacts(kind=SignatureKind.PERSONAL, certificate_snils=doctor.snils)
    assert judge(stand, facts=with_(stand.facts("306"), signatures=(known,))).findings == ()


def test_a_signature_nobody_is_known_of_says_nothing(stand):
    unknown = SignatureFacts(kind=SignatureKind.PERSONAL)
    assert judge(stand, facts=with_(stand.facts("306"), signatures=(unknown,))).findings == ()


def test_a_kind_with_a_series_demands_it(stand):
    facts = with_(stand.facts("306"), kind="58")
    assert of(judge(stand, facts=facts), "metadata.series_required").remd_code == "SERIES_REQUIRED"
    numbered = with_(facts, metadata=msgspec.structs.replace(facts.metadata, series="45"))
    assert "metadata.series_required" not in codes(judge(stand, facts=numbered), Layer.METADATA)


def test_a_kind_without_new_versions_refuses_one(stand):
    facts = with_(stand.facts("306"), kind="230")
    report = judge(stand, "306", lambda root: find(root, "h:versionNumber").set("value", "2"), facts=facts)
    assert of(report, "metadata.new_version_forbidden").remd_code == "RESTRICT_NEW_VERSION"
