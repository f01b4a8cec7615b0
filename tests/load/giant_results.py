"""What documents of 20 MB made of the processes, as values: they are printed as a table, judged and kept as JSON."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from tests.load.goal import Goal
from tests.load.meter import Resident

PEAK: Final = 450.0
BACK: Final = 50.0
"""Megabytes a process may grow to, and may be larger afterwards than before."""


class Giants(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found: megabytes of the largest process of each part before, at the peak and afterwards."""

    count: int
    seconds: float
    asked_again: int
    sizes: dict[str, Resident]

    def goals(self) -> Iterator[Goal]:
        """Judge the processes of the house."""
        ours = [its for part, its in self.sizes.items() if part.split()[0] in {"serve", "work"}]
        name = f"{self.count} documents of 20 MB"
        yield Goal(
            f"{name}: MB of the largest process at its peak",
            max(its.peak for its in ours),
            PEAK,
            at_least=False,
        )
        grown = max(its.after - its.before for its in ours)
        yield Goal(f"{name}: MB a process keeps afterwards", grown, BACK, at_least=False)

    def tables(self) -> list[tuple[str, Sequence[str], list[list[str]]]]:
        """Return what is printed."""
        rows = [
            [part, str(its.processes), *(f"{size:.0f}" for size in (its.before, its.peak, its.after))]
            for part, its in sorted(self.sizes.items())
        ]
        title = f"{self.count} documents of 20 MB in {self.seconds:.0f} s ({self.asked_again} times asked to come again)"
        return [(title, ["part", "processes", "MB before", "at the peak", "afterwards"], rows)]
