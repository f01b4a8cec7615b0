"""From a failed assertion to a finding: the rule's own text, the place, the cure and who must apply it."""

from datetime import datetime

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.markup import Markup
from broker.validation.advice import Advice, advice_for, exact_advice, headed
from broker.validation.cures import Cure, cure_of
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
    cure = None if failure.element is None else cure_of(assertion.test, element, report=assertion.report)
    if cure is not None:
        place = location if cure.place is None else markup.locate(cure.place)
        return _worded(failure, cure, place, severity, source)
    advice = advice_for(location.xpath, assertion.test)
    return Finding(
        layer=Layer.SCHEMATRON,
        severity=severity,
        code="schematron.assert_failed",
        rule=assertion.number,
        message=headed(
            assertion.message or "Правило набора не выполнено.",
            element,
            exact_advice(location.xpath, assertion.test),
        ),
        location=location,
        fix=advice.fix if advice else _general_cure(assertion.number),
        responsible=advice.who if advice else Responsible.MIS,
        source=source,
        remd_code="VALIDATION_ERROR",
    )


def _worded(failure: Failure, cure: Cure, location: Location, severity: Severity, source: Source) -> Finding:
    """Say what the element lacks before the rule's own text, which РЭМД would answer with."""
    assertion, element = failure.assertion, failure.element
    assert element is not None
    advice = None
    if not cure.whole:
        advice = exact_advice(location.xpath, "" if _is_own(cure, assertion.test) else assertion.test)
    return Finding(
        layer=Layer.SCHEMATRON,
        severity=severity,
        code="schematron.assert_failed",
        rule=assertion.number,
        message=f"{headed(cure.said, element, advice)} Правило: {assertion.message or assertion.number}",
        location=location,
        value=cure.value,
        expected=cure.expected,
        fix=_joined(cure, advice),
        responsible=Responsible.MIS if cure.technical or advice is None else advice.who,
        source=source,
        remd_code="VALIDATION_ERROR",
    )


def _is_own(cure: Cure, test: str) -> bool:
    """Tell whether the fault is in the element it is shown at, not in a child its test counts."""
    return cure.place is not None or not test.lstrip().startswith("count(") or "count(@" in test


def _joined(cure: Cure, advice: Advice | None) -> str:
    if advice is None:
        return cure.fix
    return advice.fix if cure.vague else f"{cure.fix} {advice.fix}"


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
