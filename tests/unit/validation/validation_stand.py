"""A stand for the validator: our own rule sets, our own samples, invented people; and what tests ask of a report."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from lxml import etree

from broker.document.facts import SignatureFacts, SubmissionFacts
from broker.document.finding import Layer
from broker.document.kind import KindCatalogue
from broker.document.markup import Markup, parse
from broker.document.submission import Metadata, PatientRef, SignatureKind
from broker.normalizer.cda import canonical
from broker.samples.people import Population
from broker.samples.sample import Sample, make_sample
from broker.validation.check import Validator
from broker.validation.report import Report
from broker.validation.ruleset import RuleSetLibrary

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
NAMES = {
    "h": "urn:hl7-org:v3",
    "identity": "urn:hl7-ru:identity",
    "address": "urn:hl7-ru:address",
    "fias": "urn:hl7-ru:fias",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
CREATED = datetime(2026, 6, 15, 10, 15, tzinfo=timezone(timedelta(hours=3)))
RECEIVED = CREATED + timedelta(hours=1)
Edit = Callable[[etree._Element], None]


def find(root: etree._Element, path: str) -> etree._Element:
    """The one element a path names."""
    return root.xpath(path, namespaces=NAMES)[0]


class Stand:
    """Documents made, changed, and judged by the product's own validator."""

    def __init__(self, *directories: Path) -> None:
        self.catalogue = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
        self.library = RuleSetLibrary(directories or [ROOT / "schemas" / "semd"])
        self.validator = Validator(self.library, self.catalogue)
        self.population = Population(5, date(2026, 6, 15))

    def sample(self, kind: str) -> Sample:
        clinic = self.population.clinic(1)
        return make_sample(self.population, 1, kind=kind, clinic=clinic, created_at=CREATED)

    def document(self, kind: str, *edits: Edit) -> bytes:
        root = etree.fromstring(self.sample(kind).document())
        for edit in edits:
            edit(root)
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

    def facts(self, kind: str, **changes: object) -> SubmissionFacts:
        """What a right sender says of the sample."""
        sample = self.sample(kind)
        said = {
            "local_uid": sample.local_uid,
            "created_at": CREATED.isoformat(),
            "department": sample.clinic.department,
            "patient": PatientRef(local_id=sample.patient.local_id),
            **changes,
        }
        doctor = sample.doctors[0]
        return SubmissionFacts(
            kind=kind,
            clinic=sample.clinic.oid,
            metadata=Metadata(**said),
            signatures=(
                SignatureFacts(
                    kind=SignatureKind.PERSONAL,
                    snils=doctor.snils,
                    local_id=doctor.local_id,
                    position=doctor.post.code,
                ),
                SignatureFacts(kind=SignatureKind.ORGANIZATION),
            ),
        )

    def judge(self, content: bytes, facts: SubmissionFacts, at: datetime = RECEIVED) -> Report:
        markup = parse(content)
        if not isinstance(markup, Markup):
            return self.validator.check_unreadable(markup, facts, at)
        document, said = canonical(markup, facts, self.catalogue)
        return self.validator.check(markup, document, facts, at).with_findings(said)


def codes(report: Report, layer: Layer) -> list[str]:
    """The codes of one layer's findings."""
    return [finding.code for finding in report.findings if finding.layer is layer]
