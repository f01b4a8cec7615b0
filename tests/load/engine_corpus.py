"""What the engine is measured on: rule sets with good and bad documents of theirs, and a hundred kinds made of a few.

Official packs come from ``INAYA_PACKS_DIR``, samples of theirs from ``INAYA_SAMPLES_DIR`` (else from ``samples`` beside the
packs): without them only our own rule sets are measured, and every goal about official kinds is named as not measured.
"""

import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from broker.samples.documents import KINDS
from broker.samples.people import Population
from broker.samples.sample import make_sample
from broker.validation.ruleset import RuleSet, RuleSetLibrary
from broker.validation.schematron.kept import EngineShop
from tests.load.house import SCHEMAS
from tests.mutation import mutants

AT: Final = datetime(2026, 6, 1, tzinfo=UTC)
OFFICIAL: Final = ("290", "194", "103")
FAULTS: Final = 20
"""Findings of a bad document, about."""
HUNDRED: Final = 100
SMALLEST_KB, LARGEST_KB = 11, 1044
"""Sizes of the 96 official Schematrons (semd.md §3): evenly spread in the logarithm, they average 227 KB as those do."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A document under a rule set; ``good``: nothing fails."""

    kind: str
    official: bool
    document: str
    good: bool
    rules: RuleSet
    content: bytes

    @property
    def name(self) -> str:
        """Name it in a table."""
        return f"{'official' if self.official else 'ours'} {self.kind}: {self.document}"


def packs_dir() -> Path | None:
    """Return where official packs are, when they are anywhere."""
    named = os.environ.get("INAYA_PACKS_DIR", "")
    return Path(named) if named and Path(named).is_dir() else None


def cases() -> list[Case]:
    """Return every case at hand, official kinds first."""
    return [*_official(), *_own()]


def _official() -> Iterator[Case]:
    packs = packs_dir()
    if packs is None:
        return
    samples = Path(os.environ.get("INAYA_SAMPLES_DIR", "") or packs.parent / "samples")
    library = RuleSetLibrary([packs])
    known = {kind: rules for kind in OFFICIAL if (rules := library.for_document(kind)) is not None}
    largest = next(iter(sorted(packs.glob(f"{OFFICIAL[0]}/**/*.xml"))), None)
    for kind, rules in known.items():
        found = largest if kind == OFFICIAL[0] else next(iter(sorted(samples.glob(f"{kind}_*.xml"))), None)
        if found is not None:
            said = "official sample" if found is largest else "synthetic document"
            yield _case(rules, f"{said}, {found.stat().st_size // 1024} KB", found.read_bytes(), good=True)
    for kind, rules in known.items():
        if largest is not None and kind != OFFICIAL[0]:
            yield _case(rules, f"the official sample of {OFFICIAL[0]}", largest.read_bytes(), good=False)


def _own() -> Iterator[Case]:
    population = Population(11, date(2026, 1, 1))
    clinic = population.clinic(1)
    created = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    for rules in RuleSetLibrary([SCHEMAS / "semd"]).all():
        if rules.kind in KINDS:
            content = make_sample(
                population, 3, kind=rules.kind, clinic=clinic, created_at=created
            ).document()
            yield _case(rules, "our sample", content, good=True)
            yield _case(rules, "our sample, spoilt", _spoilt(rules, content), good=False)


def _case(rules: RuleSet, document: str, content: bytes, *, good: bool) -> Case:
    official = rules.source.value == "official"
    return Case(
        kind=rules.kind, official=official, document=document, good=good, rules=rules, content=content
    )


def _spoilt(rules: RuleSet, content: bytes) -> bytes:
    """Spoil a document a little more until about twenty assertions fail."""
    shop = EngineShop()
    engines = [shop.engine(path.read_bytes()) for path in rules.schematron_paths()]
    for seed in range(200):
        (root,) = mutants(content, 1, seed)
        failures = [one for engine in engines for one in engine.run(root, AT).failures]
        if any(one.error for one in failures):  # SaxonC would give it up, and be fast at that
            continue
        content = etree.tostring(root, encoding="UTF-8")
        if len(failures) >= FAULTS:
            break
    return content


def hundred_kinds() -> list[bytes]:
    """Make a hundred different Schematrons of the official sizes out of those at hand.

    Patterns are drawn from the largest files by a seed until the size is met, with numbers in literals changed, so that no
    two kinds share an expression that names a code.
    """
    packs = packs_dir()
    library = RuleSetLibrary([packs] if packs else [SCHEMAS / "semd"])
    files = sorted(
        (path.read_bytes() for rules in library.all() for path in rules.schematron_paths()), key=len
    )
    dice = random.Random(20261126)
    made = []
    for turn in range(HUNDRED):
        wanted = SMALLEST_KB * (LARGEST_KB / SMALLEST_KB) ** (turn / (HUNDRED - 1)) * 1024
        made.append(_kind(files[-1 - turn % len(files)], files[-1], int(wanted), turn, dice))
    return made


def _kind(source: bytes, largest: bytes, wanted: int, turn: int, dice: random.Random) -> bytes:
    root = etree.fromstring(source if len(source) >= wanted else largest)
    patterns = list(root.iterchildren("{*}pattern"))
    for pattern in patterns:
        root.remove(pattern)
    size = len(etree.tostring(root, encoding="UTF-8"))
    dice.shuffle(patterns)
    for pattern in patterns:
        text = etree.tostring(pattern, encoding="UTF-8")
        if size >= wanted:
            break
        root.append(etree.fromstring(re.sub(rb"(?<=')(\d{3,5})(?=')", rb"\g<1>%d" % turn, text)))
        size += len(text)
    return etree.tostring(root, encoding="UTF-8")
