"""The native engine agrees with the plain one on thousands of spoilt documents, on our rules and on every pack at hand."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree
from mutation import mutants

from broker.samples.documents import KINDS
from broker.samples.people import Population
from broker.samples.sample import make_sample
from broker.validation.ruleset import RuleSet, RuleSetLibrary
from broker.validation.schematron.kept import EngineShop

pytestmark = pytest.mark.conformance

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MUTANTS = int(os.environ.get("INAYA_MUTANTS", "2000"))
"""Spoilt documents per rule set of ours; packs get a quarter, further packs (``INAYA_PACKS_DIR``) fifty."""
AT = datetime(2026, 6, 1, tzinfo=UTC)
POPULATION = Population(11, date(2026, 1, 1))
DOCUMENTS = {
    kind: make_sample(
        POPULATION,
        3,
        kind=kind,
        clinic=POPULATION.clinic(1),
        created_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    ).document()
    for kind in KINDS
}


def rule_sets() -> Iterator[tuple[RuleSet, int]]:
    places = [(ROOT / "schemas" / "semd", MUTANTS), (DATA / "packs", MUTANTS // 4)]
    if further := os.environ.get("INAYA_PACKS_DIR"):
        places.append((Path(further), 50))
    for place, count in places:
        yield from ((rules, count) for rules in RuleSetLibrary([place]).all())


SETS = list(rule_sets())


def documents(rules: RuleSet) -> list[bytes]:
    """Documents of the set's own kind, else those of all kinds we have."""
    found = [path.read_bytes() for path in sorted(Path(rules.home).rglob("*.xml"))]
    found += [path.read_bytes() for path in sorted(DATA.glob(f"samples/{rules.kind}_*.xml"))]
    found += [DOCUMENTS[rules.kind]] if rules.kind in DOCUMENTS else []
    return found or list(DOCUMENTS.values())


@pytest.mark.parametrize(("rules", "count"), SETS, ids=[f"{rules.kind}-{rules.source}" for rules, _ in SETS])
def test_both_engines_find_the_same(rules: RuleSet, count: int):
    engines = [EngineShop().engine(path.read_bytes()) for path in rules.schematron_paths()]
    expressions = sum(engine.assertions for engine in engines)
    assert sum(engine.untranslated for engine in engines) <= expressions / 1000
    known = documents(rules)
    for seed, document in enumerate(known):
        for root in mutants(document, -(-count // len(known)), seed):
            for engine in engines:
                fast, plain = engine.run(root, AT), engine.plain.run(root, AT)
                assert list(map(_plainly, fast.failures)) == list(map(_plainly, plain.failures)), (
                    etree.tostring(root)
                )


def _plainly(failure) -> tuple[str, int, str]:
    return failure.assertion.test, id(failure.element), failure.error
