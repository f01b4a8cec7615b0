"""The way of a document, one literal list: normalise, validate, route. Steps are pure; workers at the rim run them.

``examine`` runs in compute processes: deterministic in the bytes, the rule-set digests, the trust snapshot and the instant.
``conclude`` runs beside the loop: it routes what was found good and words what is told to the partner.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pybase64

from broker.archive import SealedPart, StoredContent
from broker.compute.pool import ComputePool
from broker.delivery.term import Term as RegistrationTerm
from broker.delivery.term import Terms
from broker.document.canonical import CanonicalDocument
from broker.document.column import NUMBER, fitting, set_key
from broker.document.event import Draft, EventName
from broker.document.facts import PreviousVersion, SubmissionFacts
from broker.document.finding import Finding, Layer, blocks
from broker.document.kind import KindCatalogue
from broker.document.lifecycle import DocumentStatus
from broker.document.markup import Markup, parse
from broker.document.proof import SignatureProof, signed_at
from broker.document.submission import SignaturePart, SubmissionType
from broker.normalizer.cda import canonical
from broker.normalizer.foreseen import would_normalise
from broker.normalizer.normalising import AS_SHIPPED, Normalising, Term
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import Rule
from broker.partners.clinic import Clinic
from broker.routing.table import Subject, Table, decide
from broker.store.examination import Examined, LoadedDocument, Opening, rejected
from broker.store.tasks import Task
from broker.trust import (
    Anchors,
    Holder,
    SignatureExaminer,
    SignatureVerdict,
    Signed,
    SnapshotSpoilt,
    TrustSnapshot,
    load_signing_rules,
    prepare_trust,
    process_provider,
    read_snapshot,
    signature_facts,
)
from broker.validation.book_files import BookFiles
from broker.validation.check import RULES_UNREADABLE, Validator
from broker.validation.nsi import Dictionaries, DictionaryRefused, NsiRules
from broker.validation.profiles import RuleProfiles
from broker.validation.registry import RegistryChecks, RegistryClinic, check_registry
from broker.validation.report import LayerRun, Report
from broker.validation.rulebook import Rulebook, Weights
from broker.validation.ruleset import CompiledStore, RuleSetLibrary
from broker.validation.unjudged import TRUST_UNREADABLE, unjudged, waits_for

STEPS: Final = ("normalise", "validate", "route")
"""The list, as architecture.md tells it; the first two are ``examine``, the third is ``conclude``."""


class ExaminationInput(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``examine`` may depend on; ``at`` is when the document arrived, ``mode`` its sender's (test | production).

    ``previous`` is the version of its set before this one, None where there is none or nobody looked. ``holder`` is the
    clinic as its certificates must name it.
    """

    document_id: UUID
    type: str
    kind: str
    clinic: str
    region: str
    mcod: str
    local_uid: str
    at: datetime
    stored: StoredContent
    mode: str = "production"
    previous: PreviousVersion | None = None
    holder: Holder = Holder()


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What the bytes say and everything wrong with them; ``seconds`` of CPU it took.

    ``signatures`` is what is kept of each signature, ``trust`` the digest of the snapshot they were judged by.
    """

    document_id: UUID
    findings: tuple[Finding, ...]
    layers: dict[Layer, LayerRun]
    seconds: float
    canonical: CanonicalDocument | None = None
    rule_set: str = ""
    signatures: tuple[SignatureProof, ...] = ()
    trust: str = ""

    @property
    def passed(self) -> bool:
        """Tell whether nothing found blocks the document."""
        return not blocks(self.findings)

    @property
    def unjudged(self) -> bool:
        """Tell whether rules or trust that cannot be read left a part of the document unchecked."""
        return bool(self.waits_for)

    @property
    def waits_for(self) -> str:
        """Return the code of what could not be read, empty where everything could."""
        return waits_for(self.findings)


class Workshop:
    """What a compute process keeps between documents: compiled rule sets and the catalogue of kinds."""

    def __init__(
        self, schemas: Path, packs: Path | None, cache: Path | None = None, schematron: str = ""
    ) -> None:
        self._schemas, self._schematron = schemas, schematron
        self._directories = [schemas / "semd", *([packs] if packs else [])]
        self._store = CompiledStore(cache=cache)
        self._profiles = RuleProfiles.load(schemas / "profiles.toml")
        self._nsi_rules = NsiRules.load(schemas / "nsi" / "dictionaries.toml")
        self._signing = load_signing_rules(schemas / "signing.toml")
        self.registry_checks = RegistryChecks.load(schemas / "oms")
        self.book: str | None = None
        self.trust = Anchors(TrustSnapshot(anchored=False), self._signing)
        self._trust_path = ""
        self.open_book("")

    def open_book(self, path: str) -> None:
        """Work by a rule book from now on (empty: by what was shipped); what is compiled already stays so.

        Raises one of ``BOOK_TROUBLE`` for a book that is not there whole; the one before stays in force then.
        """
        if path == self.book:
            return
        files = BookFiles.read(Path(path)) if path else BookFiles(Rulebook(), Path())
        catalogue = files.kinds(KindCatalogue.load(self._schemas / "nsi" / "kinds.toml"))
        library = RuleSetLibrary(self._directories, files.rule_sets(), self._store, self._schematron)
        self.catalogue = catalogue
        self.dictionaries = Dictionaries.of_files(files.dictionaries(), self._nsi_rules)
        self.validator = Validator(
            library,
            self.catalogue,
            self.dictionaries,
            profiles=self._profiles,
            weights=Weights(files.book.switches),
        )
        self.book = path

    def open_trust(self, path: str) -> None:
        """Judge signatures by a written snapshot from now on (empty: chains are not judged and nothing is said of it).

        Raises one of ``TRUST_TROUBLE`` for a snapshot that is not there whole; the one before stays in force then.
        """
        if path != self._trust_path:
            snapshot = read_snapshot(Path(path)) if path else TrustSnapshot(anchored=False)
            self.trust, self._trust_path = Anchors(snapshot, self._signing, named=bool(path)), path


BOOK_TROUBLE: Final = (OSError, msgspec.DecodeError, DictionaryRefused)
"""What opening a book may raise."""
TRUST_TROUBLE: Final = (OSError, SnapshotSpoilt)
"""What opening a trust snapshot may raise."""


class InForce(msgspec.Struct, frozen=True):
    """What documents are judged by: the file of the rule book and that of the trust snapshot.

    An empty book: what was shipped with the product; no snapshot: chains are not judged, and nothing is said of it.
    """

    book: str = ""
    trust: str = ""


class Batch(msgspec.Struct, frozen=True):
    """Documents to examine by what is in force."""

    inputs: tuple[ExaminationInput, ...]
    in_force: InForce = InForce()


class _Process:
    workshop: Workshop | None = None


def prepare_process(schemas: str, packs: str, cache: str, engine: str = "", schematron: str = "") -> None:
    """Set this process up; called once by the pool. ``packs`` and ``cache`` may be empty; ``engine`` is that of ГОСТ.

    ``schematron`` names who runs the rules of every set, instead of what the set says: native | saxon.
    """
    prepare_trust(engine)
    _Process.workshop = Workshop(
        Path(schemas), Path(packs) if packs else None, Path(cache) if cache else None, schematron
    )


async def examined(pool: ComputePool, batch: Batch) -> list[Examination]:
    """Examine a batch in a compute process; raises what ``ComputePool.run`` raises.

    What comes back is packed: pickling values of so many small parts takes ten times as long.
    """
    return _MADE.decode(await pool.run(_examine_packed, batch))


def _examine_packed(batch: Batch) -> bytes:
    return msgspec.msgpack.encode(examine_all(batch))


_MADE: Final = msgspec.msgpack.Decoder(list[Examination])


def examine_all(batch: Batch) -> list[Examination]:
    """Examine a batch in this compute process."""
    workshop = _Process.workshop
    assert workshop is not None, "prepare_process comes first"
    try:
        workshop.open_book(batch.in_force.book)
    except BOOK_TROUBLE:
        return [_unjudged(one, RULES_UNREADABLE) for one in batch.inputs]
    try:
        workshop.open_trust(batch.in_force.trust)
    except TRUST_TROUBLE:
        return [_unjudged(one, TRUST_UNREADABLE) for one in batch.inputs]
    return [examine(one, workshop) for one in batch.inputs]


def _unjudged(one: ExaminationInput, code: str) -> Examination:
    """Say that rules or trust could not be read: the document is neither good nor bad and waits."""
    return Examination(document_id=one.document_id, findings=(unjudged(code),), layers={}, seconds=0.0)


def examine(one: ExaminationInput, workshop: Workshop) -> Examination:
    """Run the pure steps over one document; independent layers never hide one another."""
    started = time.process_time()
    if one.type == SubmissionType.OMS_REGISTRY:
        return _examine_registry(one, workshop, started)
    markup = parse(one.stored.content)
    parts = tuple(_part(part) for part in one.stored.signatures)
    examiner = _examiner(one, workshop)
    verdicts = examiner.inspect(parts, one.stored.content)
    facts = _facts(one, parts, verdicts)
    if isinstance(markup, tuple):
        report = workshop.validator.check_unreadable(markup, facts, one.at)
        document = None
    else:
        document, said = canonical(markup, facts, workshop.catalogue)
        report = workshop.validator.check(markup, document, facts, one.at).with_findings(said)
        report = report.with_findings(_foreseen(report, markup))
    about = Signed(parts=parts, verdicts=verdicts, received_at=one.at, holder=one.holder, document=document)
    said_of_signatures, proofs = examiner.judge(about)
    report = report.with_findings(
        said_of_signatures, layer=Layer.SIGNATURE, run=LayerRun(ran=True, evaluated=len(verdicts))
    )
    return Examination(
        document_id=one.document_id,
        findings=report.findings,
        layers=report.layers,
        rule_set=report.rule_set,
        canonical=document,
        seconds=time.process_time() - started,
        signatures=proofs,
        trust=workshop.trust.digest,
    )


def _foreseen(report: Report, markup: Markup) -> list[Finding]:
    """Say what would have been put in order before signing, where nothing else speaks of the place."""
    spoken = {finding.location for finding in report.findings if finding.location is not None}
    return [one for one in would_normalise(markup) if one.location not in spoken]


def _examine_registry(one: ExaminationInput, workshop: Workshop, started: float) -> Examination:
    metadata = one.stored.metadata
    report = check_registry(
        one.stored.content,
        clinic=RegistryClinic(oid=one.clinic, mcod=one.mcod, region=one.region),
        today=one.at.date(),
        tfoms=metadata.tfoms or "",
        period=metadata.period or "",
        corrects_package=metadata.corrects_package,
        checks=workshop.registry_checks,
    )
    return Examination(
        document_id=one.document_id,
        findings=tuple(report.findings),
        layers={
            Layer.XML: LayerRun(ran=True),
            Layer.XSD: LayerRun(ran=True),
            Layer.BUSINESS: LayerRun(ran=True),
        },
        seconds=time.process_time() - started,
    )


def _part(part: SealedPart) -> SignaturePart:
    data = part.broken or pybase64.b64encode_as_string(part.data)
    return SignaturePart(kind=part.kind, data=data, role=part.role, signer=part.signer, mchd=part.mchd)


def _examiner(one: ExaminationInput, workshop: Workshop) -> SignatureExaminer:
    card = workshop.catalogue.get(one.kind)
    return SignatureExaminer(
        workshop.trust,
        one.mode,
        one.kind,
        organization_required=card.mo_sign if card else True,
        provider=process_provider(),
    )


def _facts(
    one: ExaminationInput, parts: Sequence[SignaturePart], verdicts: Sequence[SignatureVerdict]
) -> SubmissionFacts:
    return SubmissionFacts(
        kind=one.kind,
        clinic=one.clinic,
        local_uid=one.stored.metadata.local_uid or "",
        metadata=one.stored.metadata,
        signatures=signature_facts(parts, verdicts),
        profile=one.mode,
        previous=one.previous,
    )


class PrepareOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Unsigned bytes to normalise, whose they are, and what was decided: by the operator and for this document.

    ``book`` is the file of the rule book, whose dictionaries and kinds the shims look into.
    """

    content: bytes
    normalising: Normalising = AS_SHIPPED
    partner: str = ""
    kind: str = ""
    without: frozenset[Rule] = frozenset()
    book: str = ""


def prepare_bytes(order: PrepareOrder) -> Prepared | tuple[Finding, ...]:
    """Normalise unsigned bytes in this compute process."""
    workshop = _Process.workshop
    assert workshop is not None, "prepare_process comes first"
    with contextlib.suppress(*BOOK_TROUBLE):  # what is unsigned may be normalised by the book before
        workshop.open_book(order.book)
    return prepare(
        order.content,
        order.normalising,
        partner=order.partner,
        card=workshop.catalogue.get(order.kind) if order.kind else None,
        names=partial(_term, workshop.dictionaries),
        without=order.without,
    )


def _term(dictionaries: Dictionaries, system: str, code: str) -> Term | None:
    """Return an entry of the newest edition held, as a shim writes it into a document."""
    found = dictionaries.entry(system, code)
    if found is None:
        return None
    edition, name = found
    return Term(system=system, code=code, version=edition.version, name=name, system_name=edition.full_name)


class Router(msgspec.Struct, frozen=True):
    """The active routing table and the destinations that exist, with their patience."""

    table: Table
    deadlines: Mapping[str, timedelta]
    modes: Mapping[str, str]
    terms: Terms | None = None

    def known(self, mode: str) -> frozenset[str]:
        """Return the destinations a document of this mode may reach."""
        return frozenset(name for name, its in self.modes.items() if its in {mode, "any"})


def conclude(
    document: LoadedDocument,
    task: Task,
    made: Examination,
    router: Router,
    clinic: Clinic | None,
    now: datetime,
    *,
    override: bool = False,
) -> Examined:
    """Turn an examination into what is written: refused with all findings, or validated and routed.

    ``override``: an operator sends in spite of findings.
    """
    report = Report(findings=made.findings, layers=made.layers, rule_set=made.rule_set)
    common: dict[str, Any] = {
        "document": document,
        "task": task,
        "at": now,
        "report": report,
        "canonical": made.canonical,
        "signatures": made.signatures,
        "trust": made.trust,
        **_order(document, made.canonical),
    }
    if not made.passed and not override:
        return Examined(status=DocumentStatus.REJECTED, drafts=(rejected(now, made.findings),), **common)
    validated = Draft(
        event=EventName.DOCUMENT_VALIDATED, at=now, status=DocumentStatus.VALIDATED, findings=made.findings
    )
    decision = decide(router.table, _subject(document, clinic), router.known(document.mode))
    if not decision.recipients:
        unroutable = Draft(
            event=EventName.DOCUMENT_UNROUTABLE,
            at=now,
            status=DocumentStatus.UNROUTABLE,
            detail={"explanation": decision.explanation},
        )
        return Examined(status=DocumentStatus.UNROUTABLE, drafts=(validated, unroutable), **common)
    recipients = [
        {"destination": r.destination, "required": r.required, "rule": r.rule} for r in decision.recipients
    ]
    routed = Draft(
        event=EventName.DOCUMENT_ROUTED,
        at=now,
        status=DocumentStatus.ROUTED,
        detail={"recipients": recipients, "explanation": decision.explanation},
    )
    openings = tuple(
        Opening(
            destination=r.destination,
            required=r.required,
            rule=r.rule,
            deadline_at=now + router.deadlines[r.destination],
            term=_registration_term(document, made, router, clinic) if r.registers else None,
        )
        for r in decision.recipients
    )
    return Examined(status=DocumentStatus.ROUTED, drafts=(validated, routed), openings=openings, **common)


def _registration_term(
    document: LoadedDocument, made: Examination, router: Router, clinic: Clinic | None
) -> RegistrationTerm | None:
    """Return by when the document must stand in РЭМД; where no signature tells its time, the clock starts at our door."""
    if router.terms is None:
        return None
    return router.terms.of(
        signed_at(made.signatures) or document.received_at,
        clinic=document.clinic,
        region=clinic.region if clinic else document.region,
        kind=document.kind,
    )


def _order(document: LoadedDocument, made: CanonicalDocument | None) -> dict[str, Any]:
    if made is None:
        return {"set_key": document.set_key, "version": document.version}
    return {
        "set_key": set_key(made.set_id.root, made.set_id.extension),
        "version": made.version,
        "document_number": fitting(made.document_number, NUMBER),
    }


def _subject(document: LoadedDocument, clinic: Clinic | None) -> Subject:
    return Subject(
        type=document.type,
        kind=document.kind,
        clinic=document.clinic,
        region=clinic.region if clinic else document.region,
        mode=document.mode,
        oms=clinic.oms if clinic else False,
        tfoms=(document.stored.metadata.tfoms or "").removeprefix("tfoms."),
    )


__all__ = [
    "STEPS",
    "Batch",
    "Examination",
    "Markup",
    "Router",
    "Workshop",
    "conclude",
    "examine",
    "examined",
]
