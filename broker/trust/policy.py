"""What the signatures of one document must be like: the kind's rule, the mode's profile and MO_SIGN made into one value."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from broker.document.finding import Finding, Severity
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.signing_rules import RoleNeed, SigningRule
from broker.trust.snapshot import TrustProfile, Weight
from broker.trust.suites import STRONG_SUITES, Suite

LENIENT: Final[Mapping[str, Weight]] = MappingProxyType(
    {"digest_unverified": "warning", "no_ess": "warning", "key_usage": "warning"}
)
"""Weights where nobody keeps a directory of trust: what РЭМД does in these cases was not seen."""
ANCHORED: Final[Mapping[str, Weight]] = MappingProxyType({"digest_unverified": "warning"})
"""Weights under a directory of trust: its keeper asked for strictness."""
HARD: Final = frozenset(
    {
        "not_base64",
        "malformed",
        "not_signed_data",
        "no_signer",
        "digest_mismatch",
        "bad_signature",
        "attached_mismatch",
    }
)
"""Findings no weight softens: the signature is not one of this document."""


class SignaturePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which signatures a document needs and how strictly they are judged.

    ``organization_required`` is MO_SIGN of dictionary 1520; ``personal_required`` counts medical workers; ``roles`` must be
    among them, a breach weighs ``role_severity``. ``weights`` by the code after ``signature.``. ``skew`` is how far a signing
    time may lie after the arrival. ``limit`` bounds the work.
    """

    organization_required: bool = True
    personal_required: int = 1
    roles: tuple[RoleNeed, ...] = ()
    role_severity: Severity = Severity.ERROR
    suites: frozenset[Suite] = STRONG_SUITES
    weights: Mapping[str, Weight] = LENIENT
    skew: timedelta = timedelta(minutes=5)
    limit: int = 64

    def weighed(self, findings: Iterable[Finding]) -> list[Finding]:
        """Give every finding its weight; drop what is switched off."""
        found = []
        for one in findings:
            code = one.code.partition(".")[2]
            weight = None if code in HARD else self.weights.get(code)
            if weight is None:
                found.append(one)
            elif weight != "off":
                found.append(msgspec.structs.replace(one, severity=Severity(weight)))
        return found

    def required(self, parts: Sequence[SignaturePart]) -> list[bool]:
        """Tell of each signature whether the kind demands it; where no needed role is present, of any worker's."""
        needed = {need.role for need in self.roles if need.least} | {""}
        roles = {part.role or "" for part in parts if part.kind is SignatureKind.PERSONAL}
        filled = bool(needed & roles)
        return [
            self.organization_required
            if part.kind is SignatureKind.ORGANIZATION
            else bool(self.personal_required)
            and (not filled or len(needed) == 1 or (part.role or "") in needed)
            for part in parts
        ]


def policy_of(
    rule: SigningRule, profile: TrustProfile, *, organization_required: bool, anchored: bool
) -> SignaturePolicy:
    """Return the policy of a kind in a mode; the rule's word on the organisation goes before the dictionary's."""
    organization = organization_required if rule.organization is None else rule.organization
    return SignaturePolicy(
        organization_required=organization,
        personal_required=rule.personal,
        roles=rule.roles,
        role_severity=rule.severity,
        suites=profile.suites,
        weights={**(ANCHORED if anchored else LENIENT), **profile.weights},
        skew=timedelta(seconds=profile.skew_seconds),
    )
