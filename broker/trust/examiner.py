"""The signatures of one document from bytes to findings: what each is, whom it belongs to, what is kept of it.

Two steps, because between them the document is read: ``inspect`` looks at the containers alone, ``judge`` holds them against
the document, the clinic and the snapshot.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding
from broker.document.proof import SignatureProof
from broker.document.submission import Mode, SignaturePart
from broker.trust.anchors import Anchors
from broker.trust.chain import ChainVerdict
from broker.trust.chain_findings import chain_finding, unchecked
from broker.trust.findings import inspect_all, of_container, presence, too_many
from broker.trust.holder import Holder, holder_findings
from broker.trust.policy import SignaturePolicy, policy_of
from broker.trust.provider import RSA_PROVIDER, Provider
from broker.trust.together import across
from broker.trust.validity import validity_findings
from broker.trust.verdict import SignatureVerdict
from broker.trust.wording import name_of


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A document's signatures with their verdicts, when it arrived, and what they are held against.

    ``document`` is None where the bytes cannot be read.
    """

    parts: Sequence[SignaturePart]
    verdicts: Sequence[SignatureVerdict]
    received_at: datetime | None = None
    holder: Holder = Holder()
    document: CanonicalDocument | None = None


class SignatureExaminer:
    """Judges the signatures of one kind in one mode."""

    def __init__(
        self,
        anchors: Anchors,
        mode: str,
        kind: str,
        *,
        organization_required: bool = True,
        provider: Provider = RSA_PROVIDER,
    ) -> None:
        self._anchors = anchors
        self._mode = mode
        self._provider = provider
        self.policy = policy_of(
            anchors.rules.of(kind),
            anchors.snapshot.profile(mode),
            organization_required=organization_required,
            anchored=anchors.anchored,
        )

    def inspect(self, parts: Sequence[SignaturePart], content: bytes) -> list[SignatureVerdict]:
        """Return one verdict per signature over exactly these bytes, in order."""
        return inspect_all(parts, content, self.policy, self._provider)

    def judge(self, signed: Signed) -> tuple[list[Finding], tuple[SignatureProof, ...]]:
        """Return everything wrong with the signatures, and what is kept of each."""
        chains = [self._chain(verdict, signed) for verdict in signed.verdicts]
        findings = judge_signatures(signed, self.policy)
        pairs = zip(signed.parts, signed.verdicts, chains, strict=True)
        for number, (part, verdict, chain) in enumerate(pairs, start=1):
            if chain is not None and not chain.ok:
                findings += self.policy.weighed(chain_finding(name_of(number, part), verdict, chain))
        if self._says_unchecked(signed):
            findings += self.policy.weighed([unchecked()])
        required = self.policy.required(signed.parts)
        rows = zip(signed.parts, signed.verdicts, chains, required, strict=True)
        return findings, tuple(_proof(*row) for row in rows)

    def _chain(self, verdict: SignatureVerdict, signed: Signed) -> ChainVerdict | None:
        at = verdict.signing_time or signed.received_at
        if not self._anchors.anchored or not verdict.certificate or at is None:
            return None
        return self._anchors.judge(verdict, self._mode, at, signed.received_at, self._provider)

    def _says_unchecked(self, signed: Signed) -> bool:
        named, anchored = self._anchors.named, self._anchors.anchored
        return named and not anchored and self._mode == Mode.PRODUCTION and bool(signed.parts)


def _proof(
    part: SignaturePart,
    verdict: SignatureVerdict,
    chain: ChainVerdict | None,
    required: bool,  # noqa: FBT001  one of a row of facts
) -> SignatureProof:
    return SignatureProof(
        kind=part.kind,
        role=part.role or "",
        code=verdict.code.value,
        suite=verdict.suite.value if verdict.suite else "",
        signing_time=verdict.signing_time,
        provider=verdict.provider,
        certificate=hashlib.sha256(verdict.certificate).hexdigest() if verdict.certificate else "",
        chain=chain.code.value if chain is not None else "",
        required=required,
    )


def judge_signatures(signed: Signed, policy: SignaturePolicy) -> list[Finding]:
    """Return everything wrong with the signatures but for their chains."""
    if len(signed.parts) > policy.limit:
        return policy.weighed([too_many(len(signed.parts), policy.limit)])
    return policy.weighed(_all(signed, policy))


def _all(signed: Signed, policy: SignaturePolicy) -> Iterator[Finding]:
    yield from presence(signed.parts, policy)
    for number, (part, verdict) in enumerate(zip(signed.parts, signed.verdicts, strict=True), start=1):
        name = name_of(number, part)
        yield from of_container(name, verdict, policy)
        yield from holder_findings(name, part, verdict, signed.holder, signed.document)
        yield from validity_findings(name, part, verdict, signed.received_at, policy.skew, signed.document)
    yield from across(signed.parts, signed.verdicts)


def signature_findings(
    signatures: Sequence[SignaturePart],
    content: bytes,
    policy: SignaturePolicy = SignaturePolicy(),  # noqa: B008  a frozen value
    *,
    received_at: datetime | None = None,
    provider: Provider = RSA_PROVIDER,
) -> tuple[list[Finding], list[SignatureVerdict]]:
    """Judge every signature over the exact content bytes, knowing nothing but them; one verdict each, in order.

    ``received_at`` is when the submission arrived, for signing times that lie in the future.
    """
    verdicts = inspect_all(signatures, content, policy, provider)
    signed = Signed(parts=signatures, verdicts=verdicts, received_at=received_at)
    return judge_signatures(signed, policy), verdicts
