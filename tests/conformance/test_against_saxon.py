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
from test_schematron_agreement import SETS, documents

from broker.validation.ruleset import RuleSet
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import Assertion, load
from broker.validation.schematron.native import NativeEngine

pytestmark = pytest.mark.conformance

AT = datetime(2026, 6, 1, tzinfo=UTC)
MUTANTS = int(os.environ.get("INAYA_SAXON_MUTANTS", "350"))
"""Spoilt documents per rule set: six sets at hand make two thousand."""


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
        self._numbers: dict[int, int] = {id(test.assertion): number for number, test in enumerate(every)}
        self.aborted = 0

    def agree(self, root: etree._Element) -> bool:
        """Compare; True when something failed."""
        run = self.engine.run(root, AT)
        ours = {(self._number(f.assertion), _place(f.element)) for f in run.failures if not f.error}
        unanswered = [failure for failure in run.failures if failure.error]
        if run.truncated:
            return True
        try:
            theirs = self.saxon.run(etree.tostring(root, encoding="UTF-8"))
        except SaxonAborted:
            self.aborted += 1
            assert unanswered, "Saxon gave up where we found an answer to everything"
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
    pairs = [Pair(processor, path) for path in rules.schematron_paths()]
    known = documents(rules)
    compared = failed = 0
    for seed, document in enumerate(known, 1000):
        for root in mutants(document, -(-MUTANTS // len(known)), seed):
            compared += 1
            verdicts = [pair.agree(root) for pair in pairs]
            failed += any(verdicts)
    with capsys.disabled():
        given_up = sum(pair.aborted for pair in pairs)
        sys.stdout.write(
            f"\n{rules.name}: {compared} documents, {failed} with failures, Saxon gave up on {given_up}\n"
        )
    assert failed > compared // 5
