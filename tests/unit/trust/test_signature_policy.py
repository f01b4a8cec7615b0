"""Who must sign what, and whose certificate may: role rules, the dictionary's MO_SIGN, the clinic's card, МЧД."""

import base64
import csv
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from trust_stand import ForeignDigests, ForeignSuite, Stand

from broker.document.canonical import CanonicalDocument, Organization, Person, PersonName
from broker.document.finding import Finding, Severity, Source
from broker.document.kind import KIND_SYSTEM, KindCatalogue
from broker.document.proof import SignatureProof, signed_at
from broker.document.submission import Mchd, SignatureKind, SignaturePart, Signer
from broker.trust import (
    Anchors,
    ChainCode,
    ChainVerdict,
    Holder,
    Issued,
    RoleNeed,
    SignatureCode,
    SignatureExaminer,
    SignatureVerdict,
    Signed,
    SignerSubject,
    SigningRule,
    SigningRules,
    Suite,
    TrustProfile,
    TrustSnapshot,
    load_signing_rules,
    sign_detached,
)
from broker.trust.attorney import attorney_findings
from broker.trust.chain_findings import chain_finding
from broker.trust.holder import holder_findings, organization_inn
from broker.trust.naming import same_organization, unlike_name
from broker.trust.policy import policy_of
from broker.trust.signing_rules import PositionControl, SigningRulesRefused, role_name
from broker.trust.validity import validity_findings
from broker.validation.nsi import files_of, kinds_from, read_all

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT.parent / "shared" / "data" / "nsi" / "nsi_1520_v12.85.csv"
CONTENT = b"<ClinicalDocument/>"
CARD = Holder(title="ООО «Выдуманная поликлиника»", ogrn="1999900000010", inn="9900000000")
GUID = "6b0b5a7e-0000-4000-8000-0000000000aa"
ENTREPRENEUR = Holder(title="ИП Невзаправдов", ogrn="399990000000019", inn="990000000041")


def unanchored(
    *rules: SigningRule, mode_profile: TrustProfile | None = None, anchored: bool = False
) -> Anchors:
    profiles = {"production": mode_profile} if mode_profile else {}
    return Anchors(TrustSnapshot(anchored=anchored, profiles=profiles, rules=rules), SigningRules())


def a_part(
    stand: Stand, issued: Issued, kind: SignatureKind = SignatureKind.PERSONAL, **changes: object
) -> SignaturePart:
    raw = sign_detached(CONTENT, issued.signer, signing_time=stand.now)
    part = SignaturePart(kind=kind, data=base64.b64encode(raw).decode(), role="AUTHOR")
    return msgspec.structs.replace(
        part, **({"role": None} if kind is SignatureKind.ORGANIZATION else {}) | changes
    )


def judged(
    stand: Stand, *parts: SignaturePart, anchors: Anchors | None = None, kind: str = "306", **about: object
) -> tuple[list[Finding], tuple[SignatureProof, ...]]:
    examiner = SignatureExaminer(anchors or unanchored(), "production", kind)
    verdicts = examiner.inspect(parts, CONTENT)
    signed = Signed(parts=parts, verdicts=verdicts, received_at=stand.now, **about)  # type: ignore[arg-type]  # fields by name
    return examiner.judge(signed)


def codes(findings: list[Finding]) -> list[str]:
    return [
        one.code.removeprefix("signature.") for one in findings if one.code != "signature.chain_unchecked"
    ]


def both(stand: Stand, **changes: object) -> tuple[SignaturePart, SignaturePart]:
    return (
        a_part(stand, stand.doctor, **changes),
        a_part(stand, stand.organization, SignatureKind.ORGANIZATION),
    )


# who must sign


def test_a_kind_takes_the_organisation_from_the_dictionary_unless_the_rule_says_otherwise():
    rule = SigningRule(kinds=("306",), reason="приказ", organization=False)
    plain = SigningRules().of("306")
    assert policy_of(plain, TrustProfile(), organization_required=True, anchored=True).organization_required
    assert not policy_of(
        plain, TrustProfile(), organization_required=False, anchored=True
    ).organization_required
    assert not policy_of(
        rule, TrustProfile(), organization_required=True, anchored=True
    ).organization_required


@pytest.mark.skipif(not PUBLISHED.exists(), reason="НЕ ПРОВЕРЕНО: нет опубликованного справочника 1520")
def test_the_published_dictionary_says_of_every_kind_whether_the_organisation_signs():
    reading = read_all(files_of(PUBLISHED), oid=KIND_SYSTEM, version="12.85")
    catalogue = KindCatalogue(kinds_from(reading.dictionaries[0]))
    with PUBLISHED.open(encoding="utf-8-sig", newline="") as file:
        wanted = {row["OID"]: row["MO_SIGN"] == "Да" for row in csv.DictReader(file, delimiter=";")}
    known = {card.code: card.mo_sign for card in catalogue}
    assert {code: known[code] for code in wanted if code in known} == {
        c: wanted[c] for c in wanted if c in known
    }
    assert len(known) > 250
    assert list(known.values()).count(False) == 1


def test_an_operators_rule_takes_the_place_of_the_shipped_one_for_its_kinds_alone():
    shipped = load_signing_rules(ROOT / "schemas" / "signing.toml")
    own = SigningRule(kinds=("306",), reason="приказ", roles=(RoleNeed(role="COMMISSIONER", least=2),))
    rules = shipped.overlaid([own])
    assert rules.of("306") is own
    assert [need.role for need in rules.of("103").roles] == ["CHAIRMAN"]
    assert rules.of("290").roles == ()


def test_the_shipped_rules_only_warn_of_roles_because_the_dictionary_of_them_is_not_public(stand: Stand):
    anchors = Anchors(
        TrustSnapshot(anchored=False), load_signing_rules(ROOT / "schemas" / "signing.toml"), named=False
    )
    findings, _ = judged(stand, *both(stand), anchors=anchors)
    assert codes(findings) == ["role_missing"]
    assert (findings[0].severity, findings[0].source) == (Severity.WARNING, Source.OWN)


def test_a_commission_needs_its_chairman_and_its_members(stand: Stand):
    rule = SigningRule(
        kinds=("306",),
        reason="приказ",
        severity=Severity.ERROR,
        roles=(RoleNeed(role="CHAIRMAN", most=1), RoleNeed(role="COMMISSIONER", least=2)),
    )
    findings, proofs = judged(stand, *both(stand, role="CHAIRMAN"), anchors=unanchored(rule))
    assert codes(findings) == ["role_missing"]
    assert (findings[0].value, findings[0].expected) == ("0", "не меньше 2")
    assert "COMMISSIONER (член комиссии)" in findings[0].message
    assert [one.required for one in proofs] == [True, True]
    assert role_name("SECRETARY") == "SECRETARY"


def test_a_role_nobody_named_may_be_the_needed_one(stand: Stand):
    rule = SigningRule(kinds=("306",), reason="приказ", roles=(RoleNeed(role="CHAIRMAN"),))
    assert codes(judged(stand, *both(stand, role=None), anchors=unanchored(rule))[0]) == []


@pytest.mark.parametrize(
    ("control", "severity"),
    [
        (PositionControl.STRICT, Severity.ERROR),
        (PositionControl.LOOSE, Severity.WARNING),
        (PositionControl.OFF, None),
    ],
)
def test_a_post_is_held_against_the_role_as_strictly_as_the_rule_says(
    stand: Stand, control: PositionControl, severity: Severity | None
):
    need = RoleNeed(role="AUTHOR", control=control, positions=("109", "80"))
    rule = SigningRule(kinds=("306",), reason="приказ", roles=(need,))
    for position, wanted in (("7", severity), ("80", None), (None, None)):
        findings, _ = judged(stand, *both(stand, signer=Signer(position=position)), anchors=unanchored(rule))
        assert [one.severity for one in findings if one.code == "signature.position_unlike_role"] == (
            [wanted] if wanted else []
        )


def test_a_role_that_is_no_mnemonic_is_refused(tmp_path: Path):
    path = tmp_path / "signing.toml"
    path.write_text(
        '[[rule]]\nkinds = ["306"]\nreason = "x"\n[[rule.roles]]\nrole = "председатель"\n', encoding="utf-8"
    )
    with pytest.raises(SigningRulesRefused, match="role"):
        load_signing_rules(path)


# weights


def test_a_weight_of_the_profile_softens_or_silences_a_finding(stand: Stand):
    part = a_part(stand, stand.stranger)
    own = a_part(stand, stand.organization, SignatureKind.ORGANIZATION)
    for weight, wanted in (("error", [Severity.ERROR]), ("warning", [Severity.WARNING]), ("off", [])):
        anchors = unanchored(mode_profile=TrustProfile(weights={"snils_absent": weight}))
        findings, _ = judged(stand, part, own, anchors=anchors)
        assert [one.severity for one in findings if one.code == "signature.snils_absent"] == wanted


def test_no_weight_softens_a_signature_of_other_bytes():
    profile = TrustProfile(weights={"digest_mismatch": "off"})
    policy = policy_of(SigningRules().of("306"), profile, organization_required=True, anchored=True)
    wrong = SignatureVerdict(code=SignatureCode.DIGEST_MISMATCH)
    examiner = SignatureExaminer(unanchored(mode_profile=profile), "production", "306")
    parts = [SignaturePart(kind=SignatureKind.PERSONAL, data="")]
    found, _ = examiner.judge(Signed(parts=parts, verdicts=[wrong]))
    assert [one.severity for one in found if one.code == "signature.digest_mismatch"] == [Severity.ERROR]
    assert policy.weights["digest_mismatch"] == "off"


def test_suites_of_the_mode_alone_are_taken(stand: Stand):
    anchors = unanchored(mode_profile=TrustProfile(suites=frozenset({Suite.GOST2012_256})))
    findings, _ = judged(stand, *both(stand), anchors=anchors)
    assert codes(findings) == ["wrong_suite", "wrong_suite"]
    assert (findings[0].value, findings[0].expected) == ("RSA_SHA256", "GOST2012_256")


def test_without_a_directory_a_production_document_is_told_that_chains_were_not_judged(stand: Stand):
    findings, proofs = judged(stand, *both(stand))
    assert [(one.code, one.severity) for one in findings] == [("signature.chain_unchecked", Severity.WARNING)]
    assert [one.chain for one in proofs] == ["", ""]
    blocking = unanchored(mode_profile=TrustProfile(weights={"chain_unchecked": "error"}))
    assert judged(stand, *both(stand), anchors=blocking)[0][0].severity is Severity.ERROR


def test_gost_nobody_here_computes_warns_the_operator_under_a_directory_too(stand: Stand):
    signer = ForeignSuite(Suite.GOST2012_256, stand.doctor.certificate)
    raw = sign_detached(CONTENT, signer, signing_time=stand.now, provider=ForeignDigests())
    gost = SignaturePart(kind=SignatureKind.PERSONAL, data=base64.b64encode(raw).decode(), role="AUTHOR")
    findings, proofs = judged(stand, gost, both(stand)[1])
    assert codes(findings) == ["digest_unverified"]
    assert proofs[0].code == "DIGEST_UNVERIFIED"
    verdict = SignatureVerdict(code=SignatureCode.OK, certificate=stand.doctor.certificate)
    [told] = chain_finding("Подпись № 1", verdict, ChainVerdict(ChainCode.CHAIN_UNVERIFIED))
    assert (told.code, told.severity) == ("signature.chain_unverified", Severity.WARNING)


def test_every_verdict_on_a_chain_has_words_unless_another_check_tells_it(stand: Stand):
    verdict = SignatureVerdict(code=SignatureCode.OK, certificate=stand.doctor.certificate)
    silent = {
        (code, depth)
        for code in ChainCode
        for depth in (0, 1)
        if not list(chain_finding("Подпись № 1", verdict, ChainVerdict(code, depth)))
    }
    assert silent == {
        (ChainCode.OK, 0),
        (ChainCode.OK, 1),
        (ChainCode.CERT_EXPIRED, 0),
        (ChainCode.NOT_YET_VALID, 0),
    }


# whose certificate


def test_the_clinics_own_certificates_fit_its_card(stand: Stand):
    assert codes(judged(stand, *both(stand), holder=CARD)[0]) == []


def test_a_workers_certificate_of_another_employer_only_warns(stand: Stand):
    other = msgspec.structs.replace(CARD, ogrn="1027700000000")
    findings, _ = judged(stand, *both(stand), holder=other)
    assert [(one.code, one.severity) for one in findings if "employer" in one.code] == [
        ("signature.employer_mismatch", Severity.WARNING)
    ]


@pytest.mark.parametrize(
    ("subject", "inn"),
    [
        (SignerSubject(inn_le="9900000000"), "9900000000"),
        (SignerSubject(inn="009900000000"), "9900000000"),
        (SignerSubject(inn="9900000000"), "9900000000"),
        (SignerSubject(inn="990000000041"), ""),
        (SignerSubject(inn="990000000041", ogrnip="399990000000019"), "990000000041"),
        (SignerSubject(inn="990000000041", inn_le="9900000000"), "9900000000"),
        (SignerSubject(), ""),
    ],
)
def test_the_inn_of_an_organisation_is_read_from_whichever_field_holds_it(subject: SignerSubject, inn: str):
    assert organization_inn(subject) == inn


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ООО «Ромашка-Тест»", 'ООО "РОМАШКА-ТЕСТ"', True),
        ("Общество с ограниченной ответственностью «Ромашка»", "ООО Ромашка", True),
        ("НЕПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО «Ёлка»", "АО «Елка»", True),
        ("ПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО «Ёлка»", "АО «Елка»", False),
        ("ООО «Ромашка»", "ООО «Ромашка плюс»", False),
        ("ГБУЗ «Больница»", "ООО «Больница»", False),
    ],
)
def test_names_of_organisations_differ_in_more_than_quotes_and_case(one: str, other: str, *, same: bool):
    assert same_organization(one, other) is same


NAME = PersonName(family="Невзаправдов-Тестов", given="Пробирк", patronymic="Тестович")


@pytest.mark.parametrize(
    ("subject", "wrong"),
    [
        (SignerSubject(surname="НЕВЗАПРАВДОВ-ТЕСТОВ", given_name="Пробирк Тестович"), []),
        (SignerSubject(surname="Невзаправдов - Тестов", given_name="Пробирк"), []),
        (SignerSubject(common_name="Невзаправдов-Тестов Пробирк Тестович"), []),
        (SignerSubject(surname="Другой", given_name="Пробирк Тестович"), ["surname_mismatch"]),
        (SignerSubject(surname="Невзаправдов-Тестов", given_name="Колбин Тестович"), ["given_name_mismatch"]),
        (
            SignerSubject(surname="Невзаправдов-Тестов", given_name="Пробирк Колбович"),
            ["patronymic_mismatch"],
        ),
        (SignerSubject(common_name="Другой Колбин Тестович"), ["surname_mismatch", "given_name_mismatch"]),
        (SignerSubject(common_name="ООО «Ромашка»", organization="ООО «Ромашка»"), []),
        (SignerSubject(), []),
    ],
)
def test_a_persons_name_is_compared_part_by_part(subject: SignerSubject, wrong: list[str]):
    assert [code for _, code in unlike_name(subject, NAME)] == wrong


def test_a_signer_found_by_his_id_is_held_against_the_document_too(stand: Stand):
    document = CanonicalDocument(
        local_uid="1",
        kind="306",
        clinic="1",
        author=Person(local_id="7001", name=PersonName(family="Совсем-Другой", given="Пробирк")),
    )
    findings, _ = judged(stand, *both(stand, signer=Signer(local_id="7001")), document=document)
    assert codes(findings) == ["surname_mismatch"]
    assert "Другой" not in repr(findings)


def test_a_document_without_a_card_of_the_clinic_is_held_against_its_own_ogrn(stand: Stand):
    document = CanonicalDocument(
        local_uid="1", kind="306", clinic="1", organization=Organization(ogrn="1027700000000")
    )
    assert "ogrn_mismatch" in codes(judged(stand, *both(stand), document=document)[0])


def test_another_name_with_the_same_ogrn_only_warns(stand: Stand):
    renamed = msgspec.structs.replace(CARD, title="ООО «Иначе названная»")
    findings, _ = judged(stand, *both(stand), holder=renamed)
    assert [(one.code, one.severity) for one in findings if "organization" in one.code] == [
        ("signature.organization_mismatch", Severity.WARNING)
    ]


# МЧД

EMPLOYEE = SignerSubject(common_name="Невзаправдов Пробирк", snils="99000000153")


@pytest.mark.parametrize(
    ("mchd", "subject", "inn", "wanted"),
    [
        (None, SignerSubject(organization="ООО"), CARD.inn, []),
        (None, EMPLOYEE, CARD.inn, ["attorney_missing"]),
        (Mchd(number=GUID, principal_inn=CARD.inn), EMPLOYEE, CARD.inn, []),
        (Mchd(number=GUID, principal_inn="009900000000"), EMPLOYEE, CARD.inn, []),
        (Mchd(number=GUID, principal_inn="7700000000"), EMPLOYEE, CARD.inn, ["attorney_principal"]),
        (Mchd(number=GUID, principal_inn="7700000000"), EMPLOYEE, "", []),
        (Mchd(number=GUID), EMPLOYEE, CARD.inn, ["attorney_principal_absent"]),
        (Mchd(number="12-34", principal_inn=CARD.inn), EMPLOYEE, CARD.inn, ["attorney_number"]),
        (
            Mchd(number=GUID, principal_inn="990000000049"),
            EMPLOYEE,
            ENTREPRENEUR.inn,
            ["attorney_principal"],
        ),
    ],
)
def test_a_power_of_attorney_is_judged_by_form_presence_and_principal(
    mchd: Mchd | None, subject: SignerSubject, inn: str, wanted: list[str]
):
    found = list(attorney_findings("Подпись № 2 (организации)", mchd, subject, inn))
    assert [one.code.removeprefix("signature.") for one in found] == wanted
    assert ENTREPRENEUR.inn not in repr(found)


# what is kept


def test_the_clock_of_the_term_starts_at_the_last_required_signature(stand: Stand):
    def proof(minutes: int, *, required: bool = True) -> SignatureProof:
        at = stand.now + timedelta(minutes=minutes)
        return SignatureProof(kind=SignatureKind.PERSONAL, code="OK", signing_time=at, required=required)

    assert signed_at([proof(1), proof(5), proof(9, required=False)]) == stand.now + timedelta(minutes=5)
    assert signed_at([]) is None


@pytest.mark.parametrize(
    ("needed", "roles", "required"),
    [
        ((), ["AUTHOR", "DOCTOR"], [True, True, True]),
        (("CHAIRMAN",), ["CHAIRMAN", "SECRETARY"], [True, False, True]),
        (("CHAIRMAN",), ["AUTHOR", "SECRETARY"], [True, True, True]),
        (("CHAIRMAN",), [None, "SECRETARY"], [True, False, True]),
        (("CHAIRMAN", "COMMISSIONER"), ["COMMISSIONER", "CHAIRMAN"], [True, True, True]),
    ],
)
def test_required_is_a_signature_in_a_needed_role_or_any_workers_where_none_holds_one(
    needed: tuple[str, ...], roles: list[str | None], required: list[bool]
):
    rule = SigningRule(kinds=("306",), reason="приказ", roles=tuple(RoleNeed(role=role) for role in needed))
    parts = [SignaturePart(kind=SignatureKind.PERSONAL, data="", role=role) for role in roles]
    parts.append(SignaturePart(kind=SignatureKind.ORGANIZATION, data=""))
    assert (
        policy_of(rule, TrustProfile(), organization_required=True, anchored=True).required(parts) == required
    )
    free = policy_of(rule, TrustProfile(), organization_required=False, anchored=True)
    assert free.required(parts)[-1] is False


def test_what_is_kept_names_no_person(stand: Stand):
    _, proofs = judged(stand, *both(stand), holder=CARD)
    kept = msgspec.json.encode(proofs).decode()
    for secret in ("Невзаправдов", "99000000153", "поликлиника", "Главный"):
        assert secret not in kept


# what nobody writes but somebody may send


def test_an_entrepreneurs_name_is_not_shown_though_it_is_an_organisations(stand: Stand):
    card = msgspec.structs.replace(CARD, title="ИП Невзаправдов Пробирк", ogrn="")
    findings, _ = judged(stand, *both(stand), holder=card)
    [told] = [one for one in findings if one.code == "signature.organization_mismatch"]
    assert told.expected is None
    assert told.value == "ООО «Выдуманная поликлиника»"


def test_a_field_of_a_certificate_with_signs_nobody_prints_is_shown_without_them(stand: Stand):
    subject = SignerSubject(organization="ГБУЗ\x00\u202e «Чужая»\x07", ogrn="1\x002")
    verdict = SignatureVerdict(
        code=SignatureCode.OK, signer=subject, certificate=stand.organization.certificate
    )
    part = SignaturePart(kind=SignatureKind.ORGANIZATION, data="")
    shown = [one.value for one in holder_findings("Подпись № 1", part, verdict, CARD, None)]
    assert shown == ["12", "ГБУЗ «Чужая»"]


@pytest.mark.parametrize("day", [(9999, 12, 31), (1, 1, 1), (2026, 3, 2)])
@pytest.mark.parametrize("offset", [-12, 0, 14])
def test_a_document_of_the_end_of_the_calendar_is_judged_all_the_same(
    stand: Stand, day: tuple[int, int, int], offset: int
):
    at = datetime(*day, tzinfo=timezone(timedelta(hours=offset)))
    at = at.replace(hour=23, minute=59) if at.year == 9999 else at
    for text in (f"{at:%Y%m%d}", f"{at:%Y%m%d%H%M}+0000"):
        document = CanonicalDocument(local_uid="1", kind="306", clinic="1", created_at=at, created_text=text)
        found = codes(judged(stand, *both(stand), document=document)[0])
        wanted = {9999: "created_after_certificate", 1: "created_before_certificate"}.get(at.year)
        assert found == [wanted] * 2 if wanted else found == []


def test_a_day_of_creation_is_as_good_as_any_moment_of_it(stand: Stand):
    verdict = SignatureVerdict(
        code=SignatureCode.OK, not_before=stand.now, not_after=stand.now + timedelta(days=9), certificate=b"-"
    )
    part = SignaturePart(kind=SignatureKind.PERSONAL, data="")
    midnight = stand.now.replace(hour=0, minute=0)
    for text, wanted in (("20260302", []), ("202603020000+0000", ["signature.created_before_certificate"])):
        document = CanonicalDocument(
            local_uid="1", kind="306", clinic="1", created_at=midnight, created_text=text
        )
        found = validity_findings("Подпись № 1", part, verdict, stand.now, timedelta(0), document)
        assert [one.code for one in found] == wanted
