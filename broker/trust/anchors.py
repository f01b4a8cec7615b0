"""A trust snapshot at work: judges chains by it and knows the rules of who signs. Kept by a process between documents."""

from datetime import datetime
from functools import cached_property

from broker.trust.chain import ChainVerdict, verify_chain
from broker.trust.provider import Provider
from broker.trust.signing_rules import SigningRules
from broker.trust.snapshot import CrlMode, TrustSnapshot
from broker.trust.verdict import SignatureVerdict


class Anchors:
    """The snapshot in force with the rules under it; ``named`` is False where nobody said what chains are judged by."""

    def __init__(self, snapshot: TrustSnapshot, shipped: SigningRules, *, named: bool = True) -> None:
        self.snapshot = snapshot
        self.rules = shipped.overlaid(snapshot.rules)
        self.named = named

    @cached_property
    def digest(self) -> str:
        """The snapshot's digest, empty where there is none."""
        return self.snapshot.digest if self.named else ""

    @property
    def anchored(self) -> bool:
        """Whether there is a directory of trust to judge chains by."""
        return self.snapshot.anchored

    def judge(
        self,
        verdict: SignatureVerdict,
        mode: str,
        at: datetime,
        checked_at: datetime | None = None,
        provider: Provider | None = None,
    ) -> ChainVerdict:
        """Judge the chain of a signature at the instant it was made, by revocation lists of the instant of the check."""
        crl = self.snapshot.profile(mode).crl
        return verify_chain(
            verdict,
            self.snapshot.roots,
            at,
            () if crl is CrlMode.OFF else self.snapshot.crls,
            intermediates=self.snapshot.intermediates,
            crl_required=crl is CrlMode.REQUIRED,
            lists_at=checked_at,
            provider=provider,
        )
