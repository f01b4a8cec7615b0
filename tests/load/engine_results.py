"""What the bench found of the Schematron engine, and which goals that reaches."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from tests.load.goal import Goal

AGAINST_SAXON: Final = {"290": 25, "194": 18, "103": 8}
"""Times faster than SaxonC on good documents of the official kinds.

Set against a SaxonC fed by SchXslt 1.9.1, so that form is held to them.
"""
BAD_AGAINST_SAXON: Final = {"194": 8, "103": 4}
"""The same with some twenty findings."""
WITH_SCHEMA: Final = 3.0
LARGEST_MB: Final = 30.0
HUNDRED_MB: Final = 350.0
FROM_CACHE_MS: Final = 50.0
TWO_PROCESSES: Final = 1.8
BESIDE_MS: Final = 20.0


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """One document under one rule set: medians in milliseconds, from bytes to what fails; ``floor`` is parse + XSD.

    ``saxon`` runs the product's own stylesheet, ``schxslt`` one as SchXslt 1.9.1 writes it, ``leaner`` as SchXslt writes
    it since 1.9.4. The ratios are medians of neighbouring turns, which a busy machine disturbs least.
    """

    name: str
    kind: str
    official: bool
    good: bool
    findings: int
    native: float
    plain: float
    floor: float
    saxon: float | None
    saxon_ratio: float | None
    schxslt: float | None
    schxslt_ratio: float | None
    leaner: float | None
    leaner_ratio: float | None
    floor_ratio: float


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One rule set: times in milliseconds; ``megabytes`` a fresh process takes for it, after a good and a bad document."""

    name: str
    assertions: int
    native_share: float
    translate: float
    load: float
    megabytes: float


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """95th percentiles in milliseconds, alone and beside the other: an examination, and the event loop's lateness."""

    examination_alone: float
    examination_beside: float
    loop_alone: float
    loop_beside: float


class EngineResults(msgspec.Struct, kw_only=True):
    """The whole section; ``skipped`` names what was not measured and why."""

    timed: list[Timed] = []
    kinds: list[Kind] = []
    hundred_megabytes: float = 0.0
    hundred_load: float = 0.0
    one_process: float = 0.0
    two_processes: float = 0.0
    two_to_one: float = 0.0
    beside: Beside | None = None
    skipped: list[str] = []

    def goals(self) -> list[Goal]:
        """Judge the section."""
        return [*self._times(), *self._sizes(), *self._company()]

    def _times(self) -> Iterator[Goal]:
        for one in self.timed:
            wanted = (AGAINST_SAXON if one.good else BAD_AGAINST_SAXON).get(one.kind)
            if one.official and one.schxslt_ratio is not None and wanted is not None:
                name = f"engine: times faster than SaxonC, as SchXslt 1.9.1 feeds it ({one.name})"
                yield Goal(name, one.schxslt_ratio, wanted)
            if one.official and one.good and one.kind == "290":
                yield Goal(
                    "engine: parse + XSD + Schematron against parse + XSD (official 290)",
                    one.floor_ratio,
                    WITH_SCHEMA,
                    at_least=False,
                )

    def _sizes(self) -> Iterator[Goal]:
        if self.kinds:
            largest = max(one.megabytes for one in self.kinds)
            slowest = max(one.load for one in self.kinds)
            yield Goal("engine: MB of the largest kind", largest, LARGEST_MB, at_least=False)
            yield Goal(
                "engine: ms from the disk cache, the slowest kind", slowest, FROM_CACHE_MS, at_least=False
            )
        if self.hundred_megabytes:
            yield Goal("engine: MB of a hundred kinds", self.hundred_megabytes, HUNDRED_MB, at_least=False)

    def _company(self) -> Iterator[Goal]:
        if self.two_to_one:
            yield Goal("engine: documents/s of two processes against one", self.two_to_one, TWO_PROCESSES)
        if self.beside is not None:
            it = self.beside
            grown = it.examination_beside - it.examination_alone
            yield Goal(
                "engine: ms a busy event loop adds to p95 of an examination", grown, BESIDE_MS, at_least=False
            )
            late = it.loop_beside - it.loop_alone
            yield Goal(
                "engine: ms examinations add to p95 of the loop's lateness", late, BESIDE_MS, at_least=False
            )

    def tables(self) -> Sequence[tuple[str, list[str], list[list[str]]]]:
        """Return titles, heads and rows."""
        timed = [
            [one.name, str(one.findings), _ms(one.native), _ms(one.plain), _ms(one.schxslt), _ms(one.leaner), _ms(one.saxon), _ms(one.floor),
             _times(one.schxslt_ratio), _times(one.leaner_ratio), _times(one.saxon_ratio), f"{one.floor_ratio:.2f}"]
            for one in self.timed
        ]  # fmt: skip
        kinds = [
            [one.name, str(one.assertions), f"{one.native_share:.2%}", f"{one.translate:.0f}", f"{one.load:.0f}",
             f"{one.megabytes:.1f}"]
            for one in self.kinds
        ]  # fmt: skip
        others = [
            ["a hundred kinds, MB beyond an empty process", f"{self.hundred_megabytes:.0f}"],
            ["a hundred kinds from the disk cache, s", f"{self.hundred_load / 1000:.2f}"],
            ["documents/s, one process", f"{self.one_process:.0f}"],
            ["documents/s, two processes", f"{self.two_processes:.0f}"],
        ]
        if self.beside is not None:
            others += [[name.replace("_", " ") + ", p95 ms", f"{value:.2f}"]
                       for name, value in msgspec.structs.asdict(self.beside).items()]  # fmt: skip
        return [
            (
                "Schematron engine: ms from bytes to what fails (parsing included; floor = parse + XSD)",
                ["rules and document", "findings", "native", "plain", "SaxonC, SchXslt 1.9.1", "since 1.9.4", "ours", "floor",
                 "1.9.1 : native", "1.9.4 : native", "ours : native", "all : floor"],
                timed,
            ),
            (
                "Schematron engine: rule sets",
                ["rules", "assertions", "native", "translate ms", "load ms", "MB"],
                kinds,
            ),
            ("Schematron engine: many kinds, many processes, a busy neighbour", ["", ""], others),
        ]  # fmt: skip


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
