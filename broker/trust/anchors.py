"""A trust snapshot at work: judges chains by it and knows the rules of who signs. Kept by a process between documents."""

from datetime import datetime
from functools import cached_property

import msgspec

from broker.trust.chain import ChainVerdict, verify_chain
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

    def judge(self, verdict: SignatureVerdict, mode: str, at: datetime) -> ChainVerdict:
        """Judge the chain of a signature at the instant it was made."""
        crl = self.snapshot.profile(mode).crl
        extended = msgspec.structs.replace(
            verdict, extra_certificates=(*verdict.extra_certificates, *self.snapshot.intermediates)
        )
        lists = () if crl is CrlMode.OFF else self.snapshot.crls
        return verify_chain(extended, self.snapshot.roots, at, lists, crl_required=crl is CrlMode.REQUIRED)
