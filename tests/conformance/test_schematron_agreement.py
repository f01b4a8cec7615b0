"""The native engine agrees with the plain one on thousands of spoilt documents, on our rules and on every pack at hand."""

import os
import sys
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
from broker.validation.schematron.load import SchematronRefused
from broker.validation.schematron.native import NativeEngine

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
    """Yield every rule set once, with how many documents it is worth."""
    places = [(ROOT / "schemas" / "semd", MUTANTS), (DATA / "packs", MUTANTS // 4)]
    if further := os.environ.get("INAYA_PACKS_DIR"):
        places.append((Path(further), 50))
    seen = set()
    for place, count in places:
        for rules in RuleSetLibrary([place]).all():
            if (rules.kind, rules.digest) not in seen:
                seen.add((rules.kind, rules.digest))
                yield rules, count


SETS = list(rule_sets())


def documents(rules: RuleSet) -> list[bytes]:
    """Documents of the set's own kind, else those of all kinds we have."""
    found = [path.read_bytes() for path in sorted(Path(rules.home).rglob("*.xml"))]
    found += [path.read_bytes() for path in sorted(DATA.glob(f"samples/{rules.kind}_*.xml"))]
    found += [DOCUMENTS[rules.kind]] if rules.kind in DOCUMENTS else []
    return found or list(DOCUMENTS.values())


def engines_of(rules: RuleSet) -> list[NativeEngine]:
    """Its engines; a set that says why it cannot be read is skipped here, and told of by the test of loading."""
    try:
        return [EngineShop().engine(path.read_bytes()) for path in rules.schematron_paths()]
    except SchematronRefused as error:
        pytest.skip(f"{rules.name} is refused: {error}")


def test_every_pack_loads_or_says_why_and_nearly_all_of_it_is_native(capsys: pytest.CaptureFixture[str]):
    """Of all expressions 99.9 % are translated; the rest are elementpath's, a file refused names the reason."""
    lines, reasons, expressions, untranslated = [], [], 0, 0
    for rules, _ in SETS:
        for path in rules.schematron_paths():
            try:
                engine = EngineShop().engine(path.read_bytes())
            except SchematronRefused as error:
                reasons.append(str(error))
                lines.append(f"{rules.name}: REFUSED: {error}")
                continue
            whole = engine.assertions + engine.rules
            expressions += whole
            untranslated += engine.untranslated
            lines.append(
                f"{rules.name}, {path.name}: {whole} expressions, {1 - engine.untranslated / whole:.3%} translated, "
                f"{engine.asked / max(engine.assertions, 1):.3%} of assertions asked together"
            )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert untranslated <= expressions / 1000
    assert all(len(reason) > 20 for reason in reasons), "a reason, not a word"


@pytest.mark.parametrize(("rules", "count"), SETS, ids=[f"{rules.kind}-{rules.source}" for rules, _ in SETS])
def test_both_engines_find_the_same(rules: RuleSet, count: int):
    engines = engines_of(rules)
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
