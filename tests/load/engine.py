"""The Schematron engine measured: beside SaxonC, the plain form and the floor of parsing and XSD, in interleaved turns.

``python -m tests.load.engine`` runs it alone; ``make bench`` runs it in a process of its own, because SaxonC, where it is
installed (``pip install 'inaya[saxon]'``), stays in the process that has loaded it.
"""

import argparse
import atexit
import importlib
import importlib.util
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from lxml import etree

from broker.compute.garbage import collect_rarely
from broker.validation.schematron.engine import Run
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import SchematronFile, load
from broker.validation.schematron.native import NativeEngine
from broker.validation.schematron.xslt import stylesheet
from tests.load.engine_beside import beside, throughput
from tests.load.engine_corpus import AT, OFFICIAL, Case, cases, hundred_kinds
from tests.load.engine_results import EngineResults, Kind, Timed
from tests.load.report import goal_table, table
from tests.load.schxslt_form import schxslt_form

WARM: Final = 40
"""Documents SaxonC is given first: its first runs are several times slower."""


class Size(msgspec.Struct, frozen=True):
    """How much of everything."""

    turns: int
    warm: int
    seconds: float
    rounds: int


FAILED: Final = "</svrl:failed-assert>|</svrl:successful-report>"
"""Ends each failure SVRL tells of."""
WHOLE: Final = Size(turns=60, warm=WARM, seconds=3.0, rounds=4)
QUICK: Final = Size(turns=5, warm=2, seconds=0.3, rounds=1)


def say(text: str) -> None:
    """Tell the person at the terminal what goes on."""
    sys.stderr.write(f"engine: {text}\n")
    sys.stderr.flush()


def measure(size: Size) -> EngineResults:
    """Run the whole section."""
    results = EngineResults()
    found = cases()
    if not any(case.official for case in found):
        results.skipped.append(
            f"no INAYA_PACKS_DIR: official kinds {', '.join(OFFICIAL)} and the goals about them"
        )
    if importlib.util.find_spec("saxonche") is None:
        results.skipped.append("saxonche is not installed: SaxonC and every goal against it")
    with tempfile.TemporaryDirectory() as cache:
        say("translating, loading, memory")
        known: dict[str, list[Case]] = {}
        for case in found:
            known.setdefault(case.rules.digest, []).append(case)
        results.kinds = [_kind(same, Path(cache)) for same in known.values()]
        say("a hundred kinds")
        for content in hundred_kinds():
            EngineShop(Path(cache) / "hundred").engine(content)
        results.hundred_megabytes, results.hundred_load = _in_fresh_process(_hundred, Path(cache) / "hundred")
        say("one process and two, a busy neighbour")
        largest = found[0]
        one, two, ratio = throughput(largest, size.seconds, size.rounds)
        results.one_process, results.two_processes, results.two_to_one = one, two, ratio
        results.beside = beside(largest, size.seconds, size.rounds)
    with _opened_saxon() as processor:
        for case in found:
            say(case.name)
            results.timed.append(_timed(case, processor, size))
    return results


class _Nothing:
    """Stands where SaxonC is not installed."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _opened_saxon() -> Any:
    if importlib.util.find_spec("saxonche") is None:
        return _Nothing()
    return importlib.import_module("saxonche").PySaxonProcessor(license=False)


def _timed(case: Case, processor: Any, size: Size) -> Timed:
    """Measure one case in turns: each form once, again and again."""
    engines = [EngineShop().engine(path.read_bytes()) for path in case.rules.schematron_paths()]
    path = case.rules.schema_path()
    assert path is not None
    schema = etree.XMLSchema(file=str(path))
    runs: list[Run] = [engine.run(etree.fromstring(case.content), AT) for engine in engines]
    failures = sum(len(run.failures) for run in runs)
    forms: dict[str, Callable[[], object]] = {
        "native": lambda: _judged(case.content, [engine.run for engine in engines]),
        "plain": lambda: _judged(case.content, [engine.plain.run for engine in engines]),
        "floor": lambda: schema.validate(etree.fromstring(case.content)),
        "all": lambda: _examined(case.content, schema, [engine.run for engine in engines]),
    }
    if processor is not None:
        forms |= {
            "saxon": _saxon(processor, case, stylesheet),
            "schxslt": _saxon(processor, case, partial(schxslt_form, reads_itself=True)),
            "leaner": _saxon(processor, case, partial(schxslt_form, reads_itself=False)),
        }
        for _ in range(size.warm):
            for name, marks in (("saxon", "\n"), ("schxslt", FAILED), ("leaner", FAILED)):
                said = forms[name]()
                assert isinstance(said, str)
                if (n := len(re.findall(marks, said))) != failures:
                    raise AssertionError(f"{case.name}: {name} finds {n}, native {failures}")
    turns: dict[str, list[float]] = {name: [] for name in forms}
    for form in forms.values():
        form()
    collect_rarely()  # as every compute process does when it is ready
    dice = random.Random(case.name)
    for _ in range(size.turns):
        for name in dice.sample(list(forms), len(forms)):  # who comes after SaxonC finds cold caches
            started = time.perf_counter()
            forms[name]()
            turns[name].append((time.perf_counter() - started) * 1000)

    def against(name: str) -> float | None:
        ratios = [theirs / ours for theirs, ours in zip(turns.get(name, ()), turns["native"], strict=False)]
        return statistics.median(ratios) if ratios else None

    return Timed(
        name=case.name,
        kind=case.kind,
        official=case.official,
        good=case.good,
        findings=failures,
        native=statistics.median(turns["native"]),
        plain=statistics.median(turns["plain"]),
        floor=statistics.median(turns["floor"]),
        saxon=statistics.median(turns["saxon"]) if "saxon" in turns else None,
        saxon_ratio=against("saxon"),
        schxslt=statistics.median(turns["schxslt"]) if "schxslt" in turns else None,
        schxslt_ratio=against("schxslt"),
        leaner=statistics.median(turns["leaner"]) if "leaner" in turns else None,
        leaner_ratio=against("leaner"),
        floor_ratio=statistics.median(
            whole / floor for whole, floor in zip(turns["all"], turns["floor"], strict=True)
        ),
    )


def _examined(content: bytes, schema: etree.XMLSchema, judges: list[Callable[..., Run]]) -> list[Run]:
    root = etree.fromstring(content)
    schema.validate(root)
    return [judge(root, AT) for judge in judges]


def _judged(content: bytes, judges: list[Callable[..., Run]]) -> list[Run]:
    root = etree.fromstring(content)
    return [judge(root, AT) for judge in judges]


def _median_of(work: Callable[[], object], turns: int) -> float:
    found = []
    for _ in range(turns):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found)


def _saxon(processor: Any, case: Case, write: Callable[[SchematronFile], str]) -> Callable[[], object]:
    """Return what lets SaxonC judge the document: parse and transform, as text, counted only in the warm-up."""
    room = Path(tempfile.mkdtemp(prefix="inaya-bench-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    made = []
    for number, path in enumerate(case.rules.schematron_paths()):
        written = room / f"{number}.xsl"
        written.write_text(write(load(path.read_bytes())), encoding="utf-8")
        made.append(processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(written)))
    text = case.content.decode()

    def judge() -> str:
        node = processor.parse_xml(xml_text=text)
        return "".join(executable.transform_to_string(xdm_node=node) or "" for executable in made)

    return judge


def _kind(same: list[Case], cache: Path) -> Kind:
    """Measure one rule set: translated anew, loaded from the cache, and what a fresh process takes for it."""
    contents = [path.read_bytes() for path in same[0].rules.schematron_paths()]
    shop = EngineShop(cache)
    started = time.perf_counter()
    engines = [shop.engine(content) for content in contents]
    translated = (time.perf_counter() - started) * 1000
    expressions = sum(engine.assertions + engine.rules for engine in engines)
    given = (cache, contents, [case.content for case in same])
    megabytes, loading = _in_fresh_process(_one_kind, given)
    return Kind(
        name=same[0].name.partition(":")[0],
        assertions=sum(engine.assertions for engine in engines),
        native_share=1 - sum(engine.untranslated for engine in engines) / expressions,
        translate=translated,
        load=loading,
        megabytes=megabytes,
    )


def _in_fresh_process(work: Callable[[Any], tuple[float, float]], given: Any) -> tuple[float, float]:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, [given])


def _private() -> float:
    return float(psutil.Process().memory_full_info().uss) / 2**20


def _one_kind(given: tuple[Path, list[bytes], list[bytes]]) -> tuple[float, float]:
    """Load a rule set and let it judge its documents; return MB taken and milliseconds of loading (median of five)."""
    cache, contents, documents = given
    EngineShop(cache).engine(b'<schema xmlns="http://purl.oclc.org/dsdl/schematron"/>')
    roots = [etree.fromstring(document) for document in documents]
    collect_rarely()
    before = _private()
    engines = [EngineShop(cache).engine(content) for content in contents]
    for root in roots:
        for engine in engines:
            engine.run(root, AT)
    taken = _private() - before
    return taken, _median_of(lambda: [EngineShop(cache).engine(content) for content in contents], 5)


def _hundred(cache: Path) -> tuple[float, float]:
    """Load every kind there is in a cache; return MB taken and milliseconds."""
    EngineShop(cache).engine(b'<schema xmlns="http://purl.oclc.org/dsdl/schematron"/>')
    contents = hundred_kinds()
    collect_rarely()
    roots = [etree.fromstring(case.content) for case in cases()[:2]]
    before = _private()
    started = time.perf_counter()
    engines: list[NativeEngine] = [EngineShop(cache).engine(content) for content in contents]
    loading = (time.perf_counter() - started) * 1000
    for engine in engines:
        for root in roots:
            engine.run(root, AT)
    return _private() - before, loading


def main() -> None:
    """Measure and print; ``--json`` writes the results for the whole bench instead."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.engine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--json", type=Path, help="where the results go as JSON")
    arguments = parser.parse_args()
    results = measure(QUICK if arguments.quick else WHOLE)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(results))
        return
    blocks = [f"machine: {os.cpu_count()} cores, load {', '.join(f'{one:.1f}' for one in os.getloadavg())}"]
    blocks += [f"## {title}\n\n{table(head, rows)}" for title, head, rows in results.tables()]
    blocks += ["## Goals", goal_table(results.goals())]
    blocks += [f"NOT MEASURED: {why}" for why in results.skipped]
    sys.stdout.write("\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    main()
