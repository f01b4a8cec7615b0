"""What SaxonC once said of small rule files on spoilt documents, both our engines say without it; live where it is installed."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree
from mutation import mutants
from validation_stand import ROOT, Stand

from broker.validation.schematron.engine import Run
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import Assertion, load
from broker.validation.schematron.native import NativeEngine
from broker.validation.schematron.saxon import SaxonEngine, SaxonProcess

sys.path.append(str(ROOT / "tests" / "conformance"))
import record_verdicts

AT = datetime(2026, 6, 1, tzinfo=UTC)
VERDICTS = record_verdicts.OUT.read_text(encoding="utf-8").splitlines()
FILES = sorted(path.stem for path in record_verdicts.PLACE.glob("*.sch"))
LIVE = 12
"""Documents per official pack when SaxonC is installed; ``make conformance`` takes thousands."""


def numbered(engine: NativeEngine) -> dict[int, int]:
    """The number of each assertion in the file, by its identity: equal ones stand in several places."""
    tests: Iterator[Assertion] = (
        test.assertion for rule in engine.plain.program.rules() for test in rule.tests
    )
    return {id(assertion): number for number, assertion in enumerate(tests)}


def verdict(run: Run, numbers: dict[int, int]) -> str:
    """A run as the recording words it."""
    if any(failure.error for failure in run.failures):
        return "!"
    said = {(numbers[id(failure.assertion)], place(failure.element)) for failure in run.failures}
    return " ".join(f"{number}@{where}" for number, where in sorted(said))


def place(element: etree._Element | None) -> str:
    if element is None:
        return ""
    chain = [element, *element.iterancestors()]
    return "/".join(str(sum(1 for _ in one.itersiblings("*", preceding=True))) for one in reversed(chain))


def test_the_recording_is_of_these_files():
    assert VERDICTS[0] == f"# {record_verdicts.digest()}", "run tests/conformance/record_verdicts.py"
    assert len(VERDICTS) - 1 == len(FILES) * record_verdicts.SEEDS


@pytest.mark.parametrize("name", FILES)
def test_both_engines_say_what_saxon_said(name: str):
    content = (record_verdicts.PLACE / f"{name}.sch").read_bytes()
    document = (record_verdicts.PLACE / "document.xml").read_bytes()
    engine = EngineShop().engine(content)
    numbers = numbered(engine)
    recorded = [line.partition(": ")[2] for line in VERDICTS if line.startswith(f"{name} ")]
    for seed, said in enumerate(recorded):
        (root,) = mutants(document, 1, seed)
        assert verdict(engine.run(root, AT), numbers) == said, f"{name}, seed {seed}"
        assert verdict(engine.plain.run(root, AT), numbers) == said, f"{name}, seed {seed}, the plain form"


def test_the_recording_holds_documents_on_which_saxon_gave_up():
    assert sum(line.endswith("!") for line in VERDICTS) > record_verdicts.SEEDS // 20


@pytest.mark.skipif(
    find_spec("saxonche") is None,
    reason="NO SAXON: a live comparison on the official packs is left out (pip install 'inaya[saxon]')",
)
@pytest.mark.parametrize("kind", ["103", "194"])
def test_a_live_saxon_says_the_same_of_official_rules(official: Stand, kind: str):
    rules = official.library.for_document(kind)
    assert rules is not None
    content = rules.schematron_paths()[0].read_bytes()
    sample = next(Path(ROOT.parent, "shared", "data", "samples").glob(f"{kind}_*.xml")).read_bytes()
    ours, process = EngineShop().engine(content), SaxonProcess(seconds=120)
    theirs = SaxonEngine(load(content), process)
    for root in mutants(sample, LIVE, 777):
        fast, slow = ours.run(root, AT), theirs.run(root, AT)
        assert [(one.assertion.test, one.element, bool(one.error)) for one in fast.failures] == [
            (one.assertion.test, one.element, bool(one.error)) for one in slow.failures
        ]
    process.close()
