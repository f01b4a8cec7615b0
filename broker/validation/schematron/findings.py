"""From a failed assertion to a finding: the rule's own text, the place, the cure and who must apply it."""

from datetime import datetime

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.markup import Markup
from broker.validation.advice import advice_for
from broker.validation.report import LayerRun
from broker.validation.ruleset import RuleSet
from broker.validation.schematron.engine import Failure, Run
from broker.validation.schematron.port import SchematronEngine


def check(
    rules: RuleSet, engines: tuple[SchematronEngine, ...], markup: Markup, at: datetime
) -> tuple[tuple[Finding, ...], LayerRun]:
    """Run every Schematron of a rule set over a document; raise EngineUnavailable."""
    runs = [engine.run(markup.root, at) for engine in engines]
    found = tuple(_finding(rules, failure, markup) for run in runs for failure in run.failures)
    return found, _summary(engines, runs)


def _summary(engines: tuple[SchematronEngine, ...], runs: list[Run]) -> LayerRun:
    notes = {engine.note: None for engine in engines if engine.note}
    if any(run.truncated for run in runs):
        notes["показаны не все нарушения: их слишком много"] = None
    return LayerRun(
        ran=True,
        rules=sum(engine.assertions for engine in engines),
        evaluated=sum(run.evaluated for run in runs),
        fallback=sum(run.fallback for run in runs),
        note="; ".join(notes),
    )


def _finding(rules: RuleSet, failure: Failure, markup: Markup) -> Finding:
    assertion = failure.assertion
    severity, source = rules.verdict(seen=assertion.seen)
    element = markup.root if failure.element is None else failure.element
    location = markup.locate(element)
    if failure.error:
        return _unanswered(failure, location, severity, source)
    advice = advice_for(location.xpath, assertion.test)
    return Finding(
        layer=Layer.SCHEMATRON,
        severity=severity,
        code="schematron.assert_failed",
        rule=assertion.number,
        message=assertion.message or "Правило набора не выполнено.",
        location=location,
        fix=advice.fix if advice else _general_cure(assertion.number),
        responsible=advice.who if advice else Responsible.MIS,
        source=source,
        remd_code="VALIDATION_ERROR",
    )


def _general_cure(number: str) -> str:
    return f"Приведите элемент к требованию {number} руководства по реализации этого вида документа."


def _unanswered(failure: Failure, location: Location, severity: Severity, source: Source) -> Finding:
    """Word the case in which РЭМД's own processor would stop (XML_VALIDATION_ERROR)."""
    return Finding(
        layer=Layer.SCHEMATRON,
        severity=severity,
        code="schematron.dynamic_error",
        rule=failure.assertion.number,
        message=f"Правило нельзя вычислить на этом документе: {failure.assertion.message}",
        location=location,
        fix="Проверьте, что проверяемый элемент встречается один раз и его значение записано в нужной форме.",
        responsible=Responsible.MIS,
        source=source,
        remd_code="XML_VALIDATION_ERROR",
    )
