"""What the bench found of signatures, and which goals that reaches."""

from typing import Final

import msgspec

from broker.trust import Suite
from tests.load.goal import Goal

AGAINST_OPENSSL: Final = 1.3
"""How much our verdict may cost against ``CMS_verify``: one signer of ГОСТ, known chain and list, a document of 147 KB."""
POSTED: Final = 300.0
"""registerDocument messages per second of our CPU at least, signed by ГОСТ."""
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


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """Sending registerDocument: CPU milliseconds of ours each, and how many a second were sent meanwhile."""

    suite: str
    count: int
    cpu_ms: float
    per_second: float


class SignatureResults(msgspec.Struct, kw_only=True):
    """The whole section; ``skipped`` names what was not measured and why."""

    provider: str = ""
    verdicts: list[Verdict] = []
    posted: list[Posted] = []
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
        ] + [
            Goal(
                f"registerDocument signed and posted per second of CPU ({one.suite})",
                1000 / one.cpu_ms,
                POSTED,
            )
            for one in self.posted
            if one.suite == Suite.GOST2012_256
        ]

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return titles, heads and rows."""
        rows = [
            [one.suite, f"{one.size / 1024:.0f}", f"{one.ours:.3f}", f"{one.openssl:.3f}", f"{one.ratio:.2f}",
             f"{one.digest:.3f}", f"{one.sign:.3f}"]
            for one in self.verdicts
        ]  # fmt: skip
        head = ["suite", "KB", "verdict ms", "CMS_verify ms", "ratio", "of it digest ms", "sign ms"]
        sent = [
            [
                one.suite,
                str(one.count),
                f"{one.cpu_ms:.2f}",
                f"{1000 / one.cpu_ms:.0f}",
                f"{one.per_second:.0f}",
            ]
            for one in self.posted
        ]
        return [
            (f"Signatures: verdict with chain and revocation list ({self.provider})", head, rows),
            (
                "Signatures: registerDocument built, signed, posted",
                ["suite", "sent", "CPU ms each", "per second of CPU", "per second"],
                sent,
            ),
        ]
