"""Our engine and SaxonC find the same on thousands of spoilt documents; where Saxon gives up, we name the rule it gave up at."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from mutation import mutants
from saxon import Said, Saxon, SaxonAborted
from test_schematron_agreement import SETS, documents, engines_of

from broker.validation.ruleset import RuleSet
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import Assertion, load
from broker.validation.schematron.native import NativeEngine

pytestmark = pytest.mark.conformance

AT = datetime(2026, 6, 1, tzinfo=UTC)
WHOLE = int(os.environ.get("INAYA_SAXON_MUTANTS", "2100"))
"""Spoilt documents over all rule sets together, and no fewer than fifty for each."""


@pytest.fixture(scope="session")
def processor() -> Iterator[Any]:
    saxonche = pytest.importorskip(
        "saxonche",
        reason="NO SAXON: agreement with it is not proven by this run (pip install 'inaya[saxon]')",
    )
    with saxonche.PySaxonProcessor(license=False) as opened:
        yield opened


class Pair:
    """A Schematron file under both engines."""

    def __init__(self, processor: Any, path: Path) -> None:
        file = load(path.read_bytes())
        self.saxon = Saxon(processor, file)
        self.engine: NativeEngine = EngineShop().engine(path.read_bytes())
        every = [
            item for pattern in self.engine.plain.program.patterns for rule in pattern for item in rule.tests
        ]
        self._rules = {id(test.assertion): test.assertion.number for test in every}
        self._numbers: dict[int, int] = {id(test.assertion): number for number, test in enumerate(every)}
        self.aborted: list[str] = []

    def agree(self, root: etree._Element, name: str) -> bool:
        """Compare; True when something failed."""
        run = self.engine.run(root, AT)
        ours = {(self._number(f.assertion), _place(f.element)) for f in run.failures if not f.error}
        unanswered = [failure for failure in run.failures if failure.error]
        if run.truncated:
            return True
        try:
            theirs = self.saxon.run(etree.tostring(root, encoding="UTF-8"))
        except SaxonAborted:
            assert unanswered, "Saxon gave up where we found an answer to everything"
            rules_at_fault = sorted({self._rules[id(one.assertion)] for one in unanswered})
            self.aborted.append(f"{name}: {', '.join(rules_at_fault)}")
            return True
        assert not unanswered, [failure.assertion.test for failure in unanswered]
        assert ours == theirs, self.told(ours ^ theirs)
        return bool(theirs)

    def told(self, difference: set[Said]) -> list[str]:
        """Name the assertions two engines differ about."""
        tests = [test for rule in self.engine.plain.program.rules() for test in rule.tests]
        return [f"{tests[number].assertion.test} at {place}" for number, place in sorted(difference)]

    def _number(self, assertion: Assertion) -> int:
        return self._numbers[id(assertion)]


def _place(element: etree._Element | None) -> str:
    if element is None:
        return ""
    chain = [element, *element.iterancestors()]
    return "/".join(str(sum(1 for _ in one.itersiblings("*", preceding=True))) for one in reversed(chain))


@pytest.mark.parametrize("rules", [rules for rules, _ in SETS], ids=[f"{r.kind}-{r.source}" for r, _ in SETS])
def test_the_engine_finds_what_saxon_finds(
    processor: Any, rules: RuleSet, capsys: pytest.CaptureFixture[str]
):
    engines_of(rules)
    pairs = [Pair(processor, path) for path in rules.schematron_paths()]
    known = documents(rules)
    wanted = max(50, -(-WHOLE // len(SETS)))
    compared = failed = 0
    for seed, document in enumerate(known, 1000):
        for turn, root in enumerate(mutants(document, -(-wanted // len(known)), seed)):
            compared += 1
            verdicts = [pair.agree(root, f"seed {seed}, document {turn}") for pair in pairs]
            failed += any(verdicts)
    aborted = [line for pair in pairs for line in pair.aborted]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{rules.name}: {compared} documents, {failed} with failures, Saxon gave up on {len(aborted)}\n"
        )
        sys.stdout.writelines(f"  gave up, we name the rule: {line}\n" for line in aborted)
    assert failed > compared // 5
