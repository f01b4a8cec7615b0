"""Every named rule speaks of a document that breaks it, and is silent about one that comes close and does not."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from hundred_faults import (
    CUST,
    DOC,
    EVENT,
    ORG,
    OTHER_UID,
    PAYER,
    P,
    Root,
    bare,
    drop,
    null,
    one,
    put,
    said,
    signed,
    twin,
    write,
)
from lxml import etree
from msgspec.structs import replace
from validation_stand import CREATED, NAMES, RECEIVED, Stand

from broker.document.codes import load_codes
from broker.document.facts import PreviousVersion, SubmissionFacts
from broker.document.finding import Finding, Layer, Severity, Source
from broker.document.kind import KindCatalogue
from broker.document.markup import parse
from broker.document.submission import PatientRef
from broker.normalizer.cda import canonical
from broker.validation.business.rule import Subject, apply
from broker.validation.check import Validator
from broker.validation.profiles import RULES

Edit = Callable[[Root], None]
Tell = Callable[[SubmissionFacts], SubmissionFacts]
CLINIC = "1.2.643.5.1.13.13.12.2.78.9001"
CARD = f"{P}/identity:IdentityDoc"
AUTHOR = "h:author/h:assignedAuthor"
GROUND = f"{PAYER}/identity:DocInfo"


def both(*edits: Edit) -> Edit:
    def edit(root: Root) -> None:
        for change in edits:
            change(root)

    return edit


def paid_by(code: str) -> Edit:
    return put(f"{PAYER}/h:code", "code", code)


def entrepreneur(*, licensed: bool) -> Edit:
    def edit(root: Root) -> None:
        props = one(root, f"{ORG}/identity:Props")
        props[0].tag, props[0].text = f"{{{NAMES['identity']}}}Ogrnip", "304500116000157"
        if not licensed:
            drop(f"{ORG}/h:id[2]")(root)

    return edit


def nothing(root: Root) -> None:
    """Leave the good document as it is."""


def version(number: int, *more: Edit) -> Edit:
    return both(put("h:versionNumber", "value", str(number)), *more)


def after(number: int, uid: str = OTHER_UID) -> Tell:
    return lambda facts: replace(facts, previous=PreviousVersion(local_uid=uid, version=number))


def of(clinic: str) -> Tell:
    return lambda facts: replace(facts, clinic=clinic)


def own_uid(stand: Stand, kind: str) -> str:
    return stand.sample(kind).local_uid


BUSINESS: dict[str, tuple[str, Edit, Edit]] = {
    "business.snils_form": ("306", put(f"{P}/h:id[2]", "extension", "1122334459"), put(f"{P}/h:id[2]", "extension", "112-233-445 95")),
    "business.snils_checksum": ("306", put(f"{AUTHOR}/h:id[2]", "extension", "11223344596"), put(f"{AUTHOR}/h:id[2]", "extension", "11223344595")),
    "business.ogrn": ("306", write("//identity:Props/identity:Ogrn", "7707083893"), write("//identity:Props/identity:Ogrn", "1027700132195")),
    "business.ogrnip": ("306", both(entrepreneur(licensed=True), write("//identity:Ogrnip", "304500116000158")), entrepreneur(licensed=True)),
    "business.inn": ("306", write(f"{DOC}//h:observation[h:code/@code='8085']/h:value", "7707083894"), write(f"{DOC}//h:observation[h:code/@code='8085']/h:value", "1027700132195")),
    "business.enp": ("306", write(f"{P}/identity:InsurancePolicy/identity:Number", "7700000000000001"), write(f"{P}/identity:InsurancePolicy/identity:Number", "77000000")),
    "business.snils_required": ("290", null(f"{P}/h:id[2]"), nothing),
    "business.patient_required": ("290", write(f"{P}/h:patient/h:name/h:family", ""), nothing),
    "business.given_required": ("290", write(f"{P}/h:patient/h:name/h:given", ""), null(f"{P}/h:patient/h:name/h:given", "UNK")),
    "business.patient_identified": ("306", both(null(f"{P}/h:id[2]"), null(CARD)), null(CARD)),
    "business.name_characters": ("306", write(f"{P}/h:patient/h:name/h:given", "Иван2"), write(f"{P}/h:patient/h:name/h:given", "Анна-Мария д’Арк")),
    "business.staff_name_characters": ("306", write(f"{AUTHOR}/h:assignedPerson/h:name/h:given", "«Иван»"), write(f"{AUTHOR}/h:assignedPerson/h:name/h:given", "Оглы (Алиев)")),
    "business.name_case": ("306", write(f"{P}/h:patient/h:name/h:family", "ИВАНОВ"), write(f"{P}/h:patient/h:name/h:family", "Ян")),
    "business.address_count": ("103", twin(f"{P}/h:addr", 2), twin(f"{P}/h:addr")),
    "business.address_type": ("103", drop(f"{P}/h:addr/address:Type"), null(f"{P}/h:addr/address:Type")),
    "business.address_street": ("103", write(f"{P}/h:addr/h:streetAddressLine", " "), null(f"{P}/h:addr/h:streetAddressLine")),
    "business.address_state": ("103", bare(f"{P}/h:addr/address:stateCode", "code"), null(f"{P}/h:addr/address:stateCode")),
    "business.postal_code": ("103", write(f"{P}/h:addr/h:postalCode", "12345"), null(f"{P}/h:addr/h:postalCode")),
    "business.fias_form": ("103", write(f"{P}/h:addr/fias:Address/fias:AOGUID", "77"), null(f"{P}/h:addr/fias:Address/fias:AOGUID")),
    "business.contact_form": ("103", put(f"{P}/h:telecom", "value", "8 900 0000000"), put(f"{P}/h:telecom", "value", "tel:8(900)000-00-00")),
    "business.mail_form": ("103", put(f"{P}/h:telecom", "value", "mailto:a@b"), put(f"{P}/h:telecom", "value", "mailto:a.b@c.ru")),
    "business.fax_form": ("103", put(f"{P}/h:telecom", "value", "fax:+7 495"), put(f"{P}/h:telecom", "value", "fax:8-495-1234567")),
    "business.contact_empty": ("103", put(f"{P}/h:telecom", "value", ""), null(f"{P}/h:telecom")),
    "business.date_form": ("306", put(f"{EVENT}/h:effectiveTime/h:low", "value", "15.06.2026"), put(f"{EVENT}/h:effectiveTime/h:low", "value", "20260615")),
    "business.date_impossible": ("306", put(f"{EVENT}/h:effectiveTime/h:low", "value", "202602300955+0300"), put(f"{EVENT}/h:effectiveTime/h:low", "value", "202402290955+0300")),
    "business.date_offset": ("306", put(f"{EVENT}/h:effectiveTime/h:low", "value", "202606150955"), put(f"{EVENT}/h:effectiveTime/h:low", "value", "20260615095500+0300")),
    "business.created_in_future": ("306", put("h:effectiveTime", "value", "202606151130+0300"), put("h:effectiveTime", "value", "202606151118+0300")),
    "business.birth_date": ("306", put(f"{P}/h:patient/h:birthTime", "value", "20260616"), put(f"{P}/h:patient/h:birthTime", "value", "20100101")),
    "business.issue_date": ("306", put(f"{CARD}/identity:IssueDate", "value", "20260616"), put(f"{CARD}/identity:IssueDate", "value", "20260615")),
    "business.service_after_creation": ("306", put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606151016+0300"), put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606151015+0300")),
    "business.service_period": ("306", put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606150900+0300"), both(put(f"{EVENT}/h:effectiveTime/h:low", "value", "20260615"), put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606150000+0300"))),
    "business.ground_missing": ("290", null(GROUND, "NA"), both(paid_by("8"), null(GROUND, "NA"))),
    "business.ground_needless": ("290", paid_by("8"), both(paid_by("12"), null(GROUND, "NAV"))),
    "business.ground_type": ("290", paid_by("3"), both(paid_by("3"), put(f"{GROUND}/identity:IdentityDocType", "code", "2"))),
    "business.policy_type": ("290", put(f"{GROUND}/identity:InsurancePolicyType", "code", "1"), both(paid_by("1"), put(f"{GROUND}/identity:InsurancePolicyType", "code", "1"))),
    "business.ground_period": ("290", put(f"{GROUND}/identity:effectiveTime/identity:high", "value", "20251231"), put(f"{GROUND}/identity:effectiveTime/identity:high", "value", "20260101")),
    "business.ground_expired": ("290", put(f"{GROUND}/identity:effectiveTime/identity:high", "value", "20260614"), put(f"{GROUND}/identity:effectiveTime/identity:high", "value", "20260615")),
    "business.policy_absent": ("290", both(paid_by("1"), null(f"{P}/identity:InsurancePolicy")), null(f"{P}/identity:InsurancePolicy")),
    "business.set_id_root": ("306", put("h:setId", "root", f"{CLINIC}.100.1.1.51"), put("h:setId", "root", f"{CLINIC}.100.1.2.50")),
    "business.oid_form": ("306", put("h:templateId", "root", "1.2.643.05"), put("h:templateId", "root", "1.2.643.5")),
    "business.document_root": ("306", put("h:id", "root", f"{CLINIC}.100.1.1.52"), put("h:id", "root", f"{CLINIC}.199.7.3.51")),
    "business.set_root": ("306", put("h:setId", "root", f"{CLINIC}.100.1.1.5"), put("h:setId", "root", f"{CLINIC}.199.7.3.50")),
    "business.patient_root": ("306", put(f"{P}/h:id[1]", "root", f"{CLINIC}.100.1.1.11"), put(f"{P}/h:id[1]", "root", f"{CLINIC}.199.7.3.10")),
    "business.staff_root": ("306", put(f"{AUTHOR}/h:id[1]", "root", f"{CLINIC}.100.1.1.71"), put(f"{AUTHOR}/h:id[1]", "root", f"{CLINIC}.199.7.3.70")),
    "business.local_root": ("306", put("h:id", "root", "1.2.643.5.1.13.13.12.2.77.1.100.1.1.51"), put("h:id", "root", f"{CLINIC}.199.7.3.51")),
    "business.patient_id": ("306", put(f"{P}/h:id[1]", "extension", " "), put(f"{P}/h:id[1]", "extension", "7")),
    "business.clinic_oid": ("306", put(f"{ORG}/h:id[1]", "root", "1.2.643.5.1"), put(f"{ORG}/h:id[1]", "root", "1.2.643.5.1.13.3.25.77.923")),
    "business.own_department": ("306", put(f"{ORG}/h:id[1]", "extension", "1.2.643.5.1.13.13.12.2.77.1.0.5"), put(f"{ORG}/h:id[1]", "extension", f"{CLINIC}.0.5")),
    "business.entrepreneur_licence": ("306", entrepreneur(licensed=False), entrepreneur(licensed=True)),
    "business.organization_name": ("306", write(f"{ORG}/h:name", " "), write(f"{ORG}/h:name", "ИП Пробный П. П.")),
}  # fmt: skip
METADATA: dict[str, tuple[str, Edit, Tell, Edit, Tell]] = {
    "business.one_clinic": ("306", put(f"{CUST}/h:id", "root", "1.2.643.5.1.13.13.12.2.77.1"), of(""), nothing, of("")),
    "metadata.local_uid_form": ("306", nothing, said(local_uid="17"), nothing, said(local_uid=None)),
    "metadata.local_uid_mismatch": ("306", nothing, said(local_uid=OTHER_UID), put("h:id", "extension", OTHER_UID.upper()), said(local_uid=OTHER_UID)),
    "metadata.local_uid_other_form": ("306", put("h:id", "extension", "17"), said(local_uid=OTHER_UID), put("h:id", "extension", "17"), said(local_uid=None)),
    "metadata.clinic_mismatch": ("306", nothing, of("1.2.643.5.1.13.13.12.2.77.1"), nothing, of("")),
    "metadata.created_at_form": ("306", nothing, said(created_at="15.06.2026"), nothing, said(created_at="2026-06-15T07:15:00Z")),
    "metadata.created_at_mismatch": ("306", nothing, said(created_at="2026-06-15T10:16:00+03:00"), nothing, said(created_at="2026-06-15T10:15:59+03:00")),
    "metadata.department_mismatch": ("306", put(f"{CUST}/h:id", "extension", f"{CLINIC}.0.7"), lambda facts: facts, nothing, said(department=None)),
    "metadata.department_not_in_document": ("306", bare(f"{ORG}/h:id[1]", "extension"), lambda facts: facts, bare(f"{ORG}/h:id[1]", "extension"), said(department=None)),
    "metadata.patient_mismatch": ("306", nothing, said(patient=PatientRef(local_id="other")), nothing, said(patient=PatientRef())),
    "metadata.title_mismatch": ("306", nothing, said(title="Справка"), nothing, said(title=" Медицинское   заключение ")),
    "metadata.pluggable_not_xml": ("306", nothing, said(pluggable_attributes="<a><b></a>"), nothing, said(pluggable_attributes="<a/>")),
    "metadata.payment_mismatch": ("306", nothing, said(payment_source="1"), nothing, said(payment_source="4")),
    "metadata.set_id_missing": ("306", version(2, bare("h:setId", "extension")), lambda facts: facts, bare("h:setId", "extension"), lambda facts: facts),
    "metadata.version_not_greater": ("306", nothing, after(1), version(2), after(1)),
    "metadata.version_gap": ("306", version(4), after(2), version(3), after(2)),
    "metadata.signer_not_in_document": ("306", nothing, signed(snils="11223344595", local_id="stranger"), nothing, signed(snils="", local_id="", certificate_snils="")),
    "metadata.signer_snils_mismatch": ("290", nothing, signed(snils="11223344595"), nothing, signed(snils="")),
    "metadata.signer_id_mismatch": ("290", nothing, signed(local_id="other"), nothing, signed(local_id="")),
    "metadata.signer_position_mismatch": ("306", nothing, signed(position="9999"), nothing, signed(position="")),
    "metadata.author_not_signed": ("306", nothing, signed(snils="11223344595", local_id="stranger"), nothing, signed(local_id="")),
    "metadata.legal_authenticator_not_signed": ("306", nothing, signed(snils="11223344595", local_id="stranger"), drop("h:legalAuthenticator"), signed(snils="11223344595", local_id="stranger")),
}  # fmt: skip
APART = {
    "metadata.version_same_id",
    "metadata.number_mismatch",
    "metadata.series_required",
    "metadata.new_version_forbidden",
}
"""Rules with a test of their own below."""


def found(stand: Stand, name: str, kind: str, edit: Edit, tell: Tell = lambda facts: facts) -> list[Finding]:
    report = stand.judge(stand.document(kind, edit), tell(stand.facts(kind)))
    return [finding for finding in report.findings if finding.code == name]


def test_every_rule_has_its_test():
    assert {*BUSINESS, *METADATA, *APART} == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", BUSINESS)
def test_a_rule_of_the_document_speaks_when_it_is_broken_and_only_then(stand, name):
    kind, wrong, right = BUSINESS[name]
    broken = found(stand, name, kind, wrong)
    assert broken
    assert all(finding.location.line for finding in broken)
    assert found(stand, name, kind, right) == []


@pytest.mark.parametrize("name", METADATA)
def test_a_rule_of_the_request_speaks_when_it_is_broken_and_only_then(stand, name):
    kind, wrong, says_wrong, right, says_right = METADATA[name]
    assert found(stand, name, kind, wrong, says_wrong)
    assert found(stand, name, kind, right, says_right) == []


def test_a_new_version_needs_a_new_id(stand):
    name = "metadata.version_same_id"
    assert found(stand, name, "306", version(2), after(1, own_uid(stand, "306")))
    assert found(stand, name, "306", version(2), after(1)) == []
    assert found(stand, name, "306", nothing, after(1, own_uid(stand, "306"))) == []


def test_the_same_document_again_is_no_version_at_all(stand):
    again = after(1, own_uid(stand, "306"))
    assert found(stand, "metadata.version_not_greater", "306", nothing, again) == []


@pytest.mark.parametrize(("field", "code"), [("document_number", "11003"), ("series", "11002")])
def test_series_and_number_are_compared_with_the_body(stand, field, code):
    def stated(root: Root) -> None:
        section = one(root, DOC)
        section.append(
            etree.fromstring(
                f'<entry xmlns="{NAMES["h"]}"><observation><code code="{code}"/><value>17</value></observation></entry>'
            )
        )

    name = "metadata.number_mismatch"
    assert found(stand, name, "306", stated, said(**{field: "18"}))
    assert found(stand, name, "306", stated, said(**{field: "17"})) == []


def changed_card(stand: Stand, **changes: object) -> Stand:
    other = Stand.__new__(Stand)
    other.__dict__.update(stand.__dict__)
    other.catalogue = KindCatalogue([replace(card, **changes) for card in stand.catalogue])
    other.validator = Validator(stand.library, other.catalogue)
    return other


def test_a_series_is_demanded_where_the_kind_demands_it(stand):
    strict = changed_card(stand, series_required=True)
    (finding,) = found(strict, "metadata.series_required", "306", nothing)
    assert finding.remd_code == "SERIES_REQUIRED"
    assert found(strict, "metadata.series_required", "306", nothing, said(series="АБ")) == []
    assert found(stand, "metadata.series_required", "306", nothing) == []


def test_a_new_version_is_refused_where_the_kind_has_none(stand):
    strict = changed_card(stand, new_versions=False)
    (finding,) = found(strict, "metadata.new_version_forbidden", "306", version(2))
    assert finding.remd_code == "RESTRICT_NEW_VERSION"
    assert found(strict, "metadata.new_version_forbidden", "306", nothing) == []
    assert found(stand, "metadata.new_version_forbidden", "306", version(2)) == []


def test_days_are_counted_in_the_offset_of_the_document(stand):
    """Half past midnight in Kamchatka is yesterday in Moscow: a visit of that day is not after its document."""
    early = both(
        put("h:effectiveTime", "value", "202606150030+1200"),
        put(f"{EVENT}/h:effectiveTime/h:low", "value", "20260615"),
        put(f"{EVENT}/h:effectiveTime/h:high", "value", "20260615"),
    )
    assert found(stand, "business.service_after_creation", "306", early) == []
    late = both(early, put(f"{EVENT}/h:effectiveTime/h:high", "value", "20260616"))
    assert found(stand, "business.service_after_creation", "306", late)


def test_a_crowd_of_performers_and_signatures_costs_no_time(stand):
    def crowd(root: Root) -> None:
        one(root, EVENT).extend(
            etree.fromstring(
                f'<performer xmlns="{NAMES["h"]}"><assignedEntity><id extension="{n}"/></assignedEntity></performer>'
            )
            for n in range(4000)
        )

    facts = stand.facts("103")
    signature = replace(facts.signatures[0], snils="", local_id="3999")
    markup = parse(stand.document("103", crowd))
    many = replace(facts, signatures=(signature,) * 64)
    document, _ = canonical(markup, many, stand.catalogue)
    subject = Subject(markup=markup, document=document, card=None, at=RECEIVED, facts=many)
    started = time.process_time()
    apply(RULES, subject)
    assert time.process_time() - started < 2


def test_clocks_may_differ_by_five_minutes(stand):
    content, facts = stand.document("306"), stand.facts("306")
    assert stand.judge(content, facts, CREATED - timedelta(minutes=4)).findings == ()
    assert RECEIVED > CREATED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_declared_in_full(rule):
    assert rule.name.partition(".")[0] == rule.layer
    assert rule.layer in {Layer.BUSINESS, Layer.METADATA}
    assert rule.weight is (Severity.WARNING if rule.source is Source.OWN else Severity.ERROR)
    assert rule.source is Source.OWN or rule.remd_code or rule.name == "metadata.created_at_form"
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.fix.endswith(".")
    assert len(rule.fix) >= 20
    assert rule.why


def test_no_two_rules_share_a_name_and_the_catalogue_of_codes_names_the_same_person():
    assert len({rule.name for rule in RULES}) == len(RULES)
    cards = {card.id: card.who for card in load_codes()}
    assert {rule.name: rule.who for rule in RULES if cards[rule.name] is not rule.who} == {}
