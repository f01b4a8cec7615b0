"""What is a pack worth? It is compiled, and the documents it brings along are judged by its own schema and Schematron.

A rule of a hostile pack may run without end or take all memory (a catastrophic regular expression, a range of a billion
numbers, a schema of groups that double forty times), and nothing inside this process can stop it: run the test in a
process that is ended when it takes too long. The official packs at hand take 0.1 to 0.8 seconds of CPU, the largest
Schematron that is let in 2 seconds and 90 MB: 60 seconds and 1 GiB are the bounds to give. What goes in and comes out
can be pickled.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from broker.document.canonical import Code
from broker.document.finding import Finding, Layer, Source
from broker.document.kind import SEMD_SYSTEM, KindCatalogue
from broker.document.markup import CDA, Markup, parse
from broker.validation import xsd
from broker.validation.packs.contradiction import contradictions, schema_files
from broker.validation.packs.outcome import shown_name
from broker.validation.packs.pack import Edition, Pack
from broker.validation.ruleset import Compiled, RuleSet, Terms
from broker.validation.schematron import findings as schematron

MAX_SAMPLES: Final = 64
"""Samples of one pack that are judged; official packs bring along one to five."""
SHOWN: Final = 5
"""Findings of one layer that are kept of each sample."""
_H: Final = f"{{{CDA}}}"
Clock = Callable[[], float]


class EditionTest(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind's rules compile: a fault is empty when the part is good; ``untranslated`` expressions are left to XPath 3.1.

    ``impossible`` names attributes that one demands and the other forbids; ``compile_ms`` is CPU time.
    """

    kind: str
    schema: bool
    schema_fault: str = ""
    schema_note: str = ""
    schematron_version: str = ""
    schematron_fault: str = ""
    rules: int = 0
    assertions: int = 0
    untranslated: int = 0
    compile_ms: int = 0
    impossible: tuple[str, ...] = ()

    @property
    def compiles(self) -> bool:
        """Tell whether every part the pack has for the kind compiles."""
        return not self.schema_fault and not self.schematron_fault

    @property
    def native_share(self) -> float:
        """Return the share of expressions the fast engine runs, 0 to 1."""
        total = self.assertions + self.rules
        return 1.0 if not total else 1 - self.untranslated / total


class SampleTest(msgspec.Struct, frozen=True, kw_only=True):
    """One document of the pack under one kind's rules; None means that the part did not judge.

    ``findings`` are the first of each layer, personal values masked; ``reason`` says why nothing judged it.
    """

    file: str
    kind: str = ""
    reason: str = ""
    schema_faults: int | None = None
    schematron_faults: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def contradictory(self) -> bool:
        """Tell whether schema and Schematron disagree about the document."""
        judged = self.schema_faults is not None and self.schematron_faults is not None
        return judged and bool(self.schema_faults) != bool(self.schematron_faults)


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """All editions and all samples of a pack."""

    digest: str
    editions: tuple[EditionTest, ...]
    samples: tuple[SampleTest, ...]

    @property
    def compiles(self) -> bool:
        """Tell whether everything compiles; a pack that does not judges nobody."""
        return all(edition.compiles for edition in self.editions)

    @property
    def contradicts(self) -> bool:
        """Tell whether schema and Schematron of some kind disagree, by a sample or in themselves."""
        return any(edition.impossible for edition in self.editions) or any(
            sample.contradictory for sample in self.samples
        )

    def to_builtins(self) -> Any:
        """Return the test as JSON would hold it."""
        return msgspec.to_builtins(self)

    def lines(self) -> tuple[str, ...]:
        """Render the test for a person at a terminal."""
        told = [line for edition in self.editions for line in _edition_lines(edition)]
        told += [line for sample in self.samples for line in _sample_lines(sample)]
        if not self.samples:
            told.append("Примеров документов в пакете нет: правила проверены только на сборку.")
        return tuple(told)


def self_test(
    pack: Pack, catalogue: KindCatalogue, at: datetime, *, clock: Clock = time.process_time
) -> SelfTest:
    """Compile a pack in a directory of its own and let it judge its samples; ``at`` is what current-date() sees."""
    with TemporaryDirectory(prefix="inaya-pack-") as room:
        home = Path(room, "pack")
        pack.write(home)
        compiled: dict[str, Compiled] = {}
        editions = []
        for edition in pack.editions:
            started = clock()
            compiled[edition.kind] = Compiled(RuleSet.from_pack(home, edition.kind, Terms()))
            editions.append(_edition(edition, compiled[edition.kind], pack, clock() - started))
        samples = [
            test
            for path in pack.samples()[:MAX_SAMPLES]
            for test in _samples(path, pack.files[path], compiled, pack.editions, catalogue, at)
        ]
        return SelfTest(digest=pack.digest, editions=tuple(editions), samples=tuple(samples))


def _edition(edition: Edition, compiled: Compiled, pack: Pack, seconds: float) -> EditionTest:
    schemas = schema_files(edition.xsd, pack.files) if edition.xsd else ()
    texts = [pack.files[path] for path in edition.schematron]
    return EditionTest(
        kind=edition.kind,
        schema=edition.xsd is not None,
        schema_fault=compiled.schema_fault,
        schema_note=compiled.schema.note if compiled.schema else "",
        schematron_version=edition.schematron_version,
        schematron_fault=compiled.schematron_fault,
        rules=sum(engine.rules for engine in compiled.engines),
        assertions=sum(engine.assertions for engine in compiled.engines),
        untranslated=sum(engine.untranslated for engine in compiled.engines),
        compile_ms=round(seconds * 1000),
        impossible=tuple(str(one) for one in contradictions(schemas, texts)),
    )


def _samples(
    path: str,
    content: bytes,
    compiled: dict[str, Compiled],
    editions: Sequence[Edition],
    catalogue: KindCatalogue,
    at: datetime,
) -> list[SampleTest]:
    """Judge a document by the rules of every kind of the pack it may belong to."""
    markup = parse(content)
    file = shown_name(path)
    if not isinstance(markup, Markup):
        return [SampleTest(file=file, reason=f"не читается: {markup[0].message}")]
    if markup.root.tag != f"{_H}ClinicalDocument":
        return [SampleTest(file=file, reason="это не документ CDA")]
    kinds = _kinds(markup, editions, catalogue)
    if not kinds:
        return [SampleTest(file=file, reason="по templateId и коду это документ другого вида")]
    return [_judged(file, kind, markup, compiled[kind], at) for kind in kinds]


def _kinds(markup: Markup, editions: Sequence[Edition], catalogue: KindCatalogue) -> tuple[str, ...]:
    """Return the kinds of the pack a document may belong to, by its code, its SEMD number and its templateId."""
    root = markup.root
    template = _attribute(markup, f"{_H}templateId", "root")
    code = Code(_attribute(markup, f"{_H}code", "code"), _attribute(markup, f"{_H}code", "codeSystem"))
    numbers = [
        one.get("code", "")
        for one in root.iterfind(f"{_H}code/{_H}translation")
        if one.get("codeSystem") == SEMD_SYSTEM
    ]
    number = numbers[0] if numbers else (code.code if code.system == SEMD_SYSTEM else "")
    derived = catalogue.derive(code, number, template)
    own = tuple(edition.kind for edition in editions if edition.kind in derived)
    return own or tuple(edition.kind for edition in editions if template and template in edition.templates)


def _attribute(markup: Markup, path: str, name: str) -> str:
    element = markup.root.find(path)
    return "" if element is None else element.get(name, "")


def _judged(file: str, kind: str, markup: Markup, compiled: Compiled, at: datetime) -> SampleTest:
    by_schema: tuple[Finding, ...] | None = None
    by_rules: tuple[Finding, ...] | None = None
    if compiled.schema is not None:
        verdict = compiled.rules.verdict(seen=compiled.rules.xsd_source is Source.SEEN)
        by_schema = xsd.findings(compiled.schema, markup, verdict)
    if compiled.engines:
        by_rules, _ = schematron.check(compiled.rules, compiled.engines, markup, at)
    return SampleTest(
        file=file,
        kind=kind,
        reason="" if by_schema is not None or by_rules is not None else "правила не собираются",
        schema_faults=None if by_schema is None else len(by_schema),
        schematron_faults=None if by_rules is None else len(by_rules),
        findings=((by_schema or ())[:SHOWN] + (by_rules or ())[:SHOWN]),
    )


def _edition_lines(edition: EditionTest) -> list[str]:
    version = f" {edition.schematron_version}" if edition.schematron_version else ""
    schema = "нет" if not edition.schema else edition.schema_fault or edition.schema_note or "собирается"
    told = [f"Вид {edition.kind}: схема — {schema}."]
    if edition.schematron_fault:
        told.append(f"   Schematron{version}: {edition.schematron_fault}.")
    elif edition.assertions:
        told.append(
            f"   Schematron{version}: правил {edition.rules}, проверок {edition.assertions}, "
            f"быстрым способом {edition.native_share:.2%}, медленным {edition.untranslated} выражений, "
            f"сборка {edition.compile_ms} мс."
        )
    else:
        told.append("   Schematron: нет.")
    if edition.impossible:
        told.append(
            "   ПРОТИВОРЕЧИЕ схемы и Schematron, документ с таким элементом не пройдёт обоих: "
            + "; ".join(edition.impossible[:10])
            + ". Ослабьте один из слоёв с указанием причины."
        )
    return told


def _sample_lines(sample: SampleTest) -> list[str]:
    if sample.reason:
        return [f"Пример {sample.file}: не проверялся — {sample.reason}"]
    schema, rules = _count(sample.schema_faults), _count(sample.schematron_faults)
    told = [f"Пример {sample.file} (вид {sample.kind}): схема — {schema}, Schematron — {rules}."]
    if sample.contradictory:
        passed, failed = ("схему", "Schematron") if not sample.schema_faults else ("Schematron", "схему")
        told.append(f"   ПРОТИВОРЕЧИЕ: пример проходит {passed} и не проходит {failed}.")
    for finding in sample.findings:
        line = finding.location.line if finding.location else 0
        layer = "схема" if finding.layer is Layer.XSD else "Schematron"
        told.append(f"   {layer}, строка {line}: {finding.message}")
    return told


def _count(faults: int | None) -> str:
    if faults is None:
        return "не проверялась"
    return "без замечаний" if not faults else f"замечаний {faults}"
