"""What the bench found of signatures, and which goals that reaches."""

from typing import Final

import msgspec

from broker.trust import Suite
from tests.load.goal import Goal

AGAINST_OPENSSL: Final = 1.3
"""How much our verdict may cost against ``CMS_verify``: one signer of ГОСТ, known chain and list, a document of 147 KB."""
JUDGED: Final = 147 * 1024
"""Bytes of the document the goal speaks of."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One document: medians in milliseconds; ``ratio`` is the median of neighbouring turns; ``digest`` is a share of ours."""

    suite: str
    size: int
    ours: float
    openssl: float
    ratio: float
    digest: float
    sign: float


class SignatureResults(msgspec.Struct, kw_only=True):
    """The whole section; ``skipped`` names what was not measured and why."""

    provider: str = ""
    verdicts: list[Verdict] = []
    skipped: list[str] = []

    def goals(self) -> list[Goal]:
        """Judge the section: only ГОСТ has a goal."""
        return [
            Goal(
                f"signatures: our verdict against CMS_verify ({one.suite}, {one.size // 1024} KB)",
                one.ratio,
                AGAINST_OPENSSL,
                at_least=False,
            )
            for one in self.verdicts
            if one.suite == Suite.GOST2012_256 and one.size == JUDGED
        ]

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return titles, heads and rows."""
        rows = [
            [one.suite, f"{one.size / 1024:.0f}", f"{one.ours:.3f}", f"{one.openssl:.3f}", f"{one.ratio:.2f}",
             f"{one.digest:.3f}", f"{one.sign:.3f}"]
            for one in self.verdicts
        ]  # fmt: skip
        head = ["suite", "KB", "verdict ms", "CMS_verify ms", "ratio", "of it digest ms", "sign ms"]
        return [(f"Signatures: verdict with chain and revocation list ({self.provider})", head, rows)]
