"""What the sender said of each signature, and the СНИЛС its certificate shows, for the checks of other rooms."""

from collections.abc import Sequence

from broker.document.facts import SignatureFacts
from broker.document.submission import SignaturePart
from broker.trust.verdict import SignatureVerdict


def signature_facts(
    parts: Sequence[SignaturePart], verdicts: Sequence[SignatureVerdict]
) -> tuple[SignatureFacts, ...]:
    """Return the facts of every signature, in order."""
    return tuple(_facts(*one) for one in zip(parts, verdicts, strict=True))


def _facts(part: SignaturePart, verdict: SignatureVerdict) -> SignatureFacts:
    signer = part.signer
    return SignatureFacts(
        kind=part.kind,
        role=part.role or "",
        snils=(signer.snils if signer else None) or "",
        local_id=(signer.local_id if signer else None) or "",
        position=(signer.position if signer else None) or "",
        speciality=(signer.speciality if signer else None) or "",
        department=(signer.department if signer else None) or "",
        certificate_snils=verdict.signer.snils,
    )
