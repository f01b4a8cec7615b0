"""The signatures of a document looked at together: one given twice, or two that belong to different files."""

from collections.abc import Iterator, Sequence

from broker.document.finding import Finding, Responsible
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.findings import RESIGN
from broker.trust.suites import Suite
from broker.trust.verdict import SignatureVerdict
from broker.trust.wording import finding, name_of


def across(signatures: Sequence[SignaturePart], verdicts: Sequence[SignatureVerdict]) -> Iterator[Finding]:
    """Say which signer signed twice in the same role, and which signature is of another file."""
    seen: set[tuple[SignatureKind, str | None, bytes]] = set()
    digests: dict[Suite, bytes] = {}
    for number, (part, verdict) in enumerate(zip(signatures, verdicts, strict=True), start=1):
        key = (part.kind, part.role, verdict.certificate)
        if verdict.certificate and key in seen:
            yield finding(
                "duplicate",
                f"{name_of(number, part)}: этот подписант уже подписал документ в той же роли.",
                "Передавайте каждую подпись один раз.",
                remd_code="SIGNATURE_DUPLICATION",
                responsible=Responsible.MIS,
            )
        seen.add(key)
        if verdict.suite is None or not verdict.message_digest:
            continue
        if digests.setdefault(verdict.suite, verdict.message_digest) != verdict.message_digest:
            yield finding(
                "inconsistent_digests",
                f"{name_of(number, part)}: сделана по другому файлу, чем остальные подписи документа.",
                RESIGN,
                remd_code="INCONSISTENT_DIGESTS",
                responsible=Responsible.MIS,
            )
