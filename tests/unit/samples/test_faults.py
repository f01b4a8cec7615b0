"""Every fault of the catalogue does to a submission what its line says, judged by the product's own checks."""

import base64
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broker.document.facts import SignatureFacts, SubmissionFacts
from broker.document.finding import Finding, Layer, Severity, blocks
from broker.document.kind import KindCatalogue
from broker.document.markup import parse
from broker.document.submission import Submission
from broker.normalizer.cda import canonical
from broker.samples.documents import KINDS
from broker.samples.fault import Fault, Outcome
from broker.samples.faults import BY_ID, FAULTS, faults_for
from broker.samples.people import Clinic, Doctor, Population
from broker.samples.registers import registers_of
from broker.samples.sample import Sample, make_sample
from broker.samples.selftest import CREATED, ROOT
from broker.samples.submission import make_submission
from broker.trust import ThrowAwayCa, new_key
from broker.trust.cms import sign_detached
from broker.trust.examiner import signature_findings
from broker.validation.check import Validator
from broker.validation.ruleset import RuleSetLibrary

CATALOGUE = Path(__file__).resolve().parents[3] / "schemas" / "nsi" / "kinds.toml"
RECEIVED = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


class Stand:
    """Our checks and a throw-away authority, as the pipeline would use them."""

    def __init__(self) -> None:
        self.catalogue = KindCatalogue.load(CATALOGUE)
        self.validator = Validator(RuleSetLibrary([ROOT]), self.catalogue)
        self.key = new_key()
        self.authority = ThrowAwayCa.create(datetime(2026, 1, 1, tzinfo=UTC), key=self.key)

    def sign(self, content: bytes, signer: Doctor | Clinic) -> bytes:
        life = {"not_before": RECEIVED - timedelta(days=90), "not_after": RECEIVED + timedelta(days=90)}
        if isinstance(signer, Doctor):
            issued = self.authority.issue_person(
                signer.name,
                snils=signer.snils,
                organization="ООО",
                ogrn="1027700132195",
                post=signer.post.name,
                key=self.key,
                **life,
            )
        else:
            issued = self.authority.issue_organization(
                signer.name, ogrn=signer.ogrn, inn_le=signer.inn, key=self.key, **life
            )
        return sign_detached(content, issued.signer, signing_time=RECEIVED)

    def findings(self, submission: Submission) -> list[Finding]:
        """All findings of all layers on a submission."""
        content = base64.b64decode(submission.content.data)
        facts = facts_of(submission)
        markup = parse(content)
        if isinstance(markup, tuple):
            report, said = self.validator.check_unreadable(markup, facts, RECEIVED), ()
        else:
            document, said = canonical(markup, facts, self.catalogue)
            report = self.validator.check(markup, document, facts, RECEIVED)
        signatures, _ = signature_findings(submission.signatures, content, received_at=RECEIVED)
        return [*report.findings, *said, *signatures]


def facts_of(submission: Submission) -> SubmissionFacts:
    return SubmissionFacts(
        kind=submission.kind or "",
        clinic=submission.clinic,
        local_uid=submission.metadata.local_uid or "",
        metadata=submission.metadata,
        signatures=tuple(
            SignatureFacts(
                kind=part.kind,
                role=part.role or "",
                snils=part.signer.snils or "",
                local_id=part.signer.local_id or "",
                position=part.signer.position or "",
                department=part.signer.department or "",
            )
            if part.signer
            else SignatureFacts(kind=part.kind)
            for part in submission.signatures
        ),
    )


@pytest.fixture(scope="module")
def stand() -> Stand:
    return Stand()


def a_sample(kind: str, number: int = 3) -> Sample:
    population = Population(11, date(2026, 6, 15))
    return make_sample(population, number, kind=kind, clinic=population.clinic(1), created_at=CREATED)


def told(findings: list[Finding]) -> list[tuple[str, ...]]:
    return [(f.layer, f.severity, f.code, f.rule or "", f.message[:160]) for f in findings]


CASES = [
    pytest.param(fault, kind, id=f"{fault.id}-{kind}") for fault in FAULTS for kind in sorted(fault.kinds)
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_submission_without_a_fault_meets_no_objection(stand, kind):
    findings = stand.findings(make_submission(a_sample(kind), stand.sign))
    assert told([finding for finding in findings if finding.severity is Severity.ERROR]) == []


@pytest.mark.parametrize(
    ("fault", "kind"), [c for c in CASES if c.values[0].expected.outcome is Outcome.REJECTED]
)
def test_a_fault_we_can_see_blocks_the_document_in_the_layer_the_catalogue_names(stand, fault, kind):
    findings = stand.findings(make_submission(a_sample(kind), stand.sign, fault))
    assert (fault.expected.layer, fault.expected.severity) in {(f.layer, f.severity) for f in findings}, told(
        findings
    )


@pytest.mark.parametrize(
    ("fault", "kind"), [c for c in CASES if c.values[0].expected.outcome is not Outcome.REJECTED]
)
def test_a_fault_we_only_doubt_or_cannot_see_lets_the_document_pass(stand, fault, kind):
    findings = stand.findings(make_submission(a_sample(kind), stand.sign, fault))
    assert not blocks(findings), told(findings)
    if fault.expected.layer is not None:
        assert (fault.expected.layer, Severity.WARNING) in {(f.layer, f.severity) for f in findings}


def test_three_faults_in_three_layers_come_back_in_one_answer(stand):
    sample = a_sample("306")
    chosen = [BY_ID[name] for name in ("xsd-wrong-order", "ogrn-empty", "metadata-patient")]

    def edit(root):
        for fault in chosen[:2]:
            fault.edit(root)

    together = Fault(
        id="three",
        description="три ошибки",
        expected=chosen[0].expected,
        edit=edit,
        request=chosen[2].request,
    )
    findings = stand.findings(make_submission(sample, stand.sign, together))
    assert {Layer.XSD, Layer.SCHEMATRON, Layer.METADATA} <= {f.layer for f in findings if blocks([f])}


def test_ids_are_unique_and_every_fault_speaks_russian_and_makes_a_change():
    assert len(BY_ID) == len(FAULTS)
    for fault in FAULTS:
        changes = [fault.alter, fault.edit, fault.corrupt, fault.request]
        assert sum(change is not None for change in changes) + fault.signs_other_bytes == 1, fault.id
        assert any("а" <= letter <= "я" for letter in fault.description.lower())
        assert fault.kinds


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_had_for_every_kind(outcome):
    for kind in KINDS:
        assert faults_for(kind, outcome)


def test_a_faulty_submission_differs_from_the_right_one_and_is_the_same_each_time(stand):
    def nothing(content: bytes, signer: Doctor | Clinic) -> bytes:
        return content[:16]

    for fault in FAULTS:
        kind = fault.kinds[0]
        right = make_submission(a_sample(kind), nothing)
        once = make_submission(a_sample(kind), nothing, fault)
        assert once == make_submission(a_sample(kind), nothing, fault)
        assert once != right or fault.signs_other_bytes, fault.id


def test_what_only_the_registers_know_really_differs_from_them():
    sample = a_sample("290")
    registers = registers_of([sample])
    worker = registers.workers[sample.doctors[0].snils]
    altered = {f.id: f.alter(sample) for f in FAULTS if f.expected.outcome is Outcome.REFUSED and f.alter}
    patient = altered["remd-patient-unlike-gip"].patient
    assert registers.people[patient.snils].gender != patient.gender
    assert worker.post != altered["remd-post-unlike-frmr"].doctors[0].post.code
    assert altered["remd-doctor-unknown"].doctors[0].snils not in registers.workers
    department = altered["remd-department-unknown"].clinic.department
    assert department not in registers.clinics[sample.clinic.oid]
