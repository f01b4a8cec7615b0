"""The validator: every layer that can judge a document does, none hides another, and the rest say why they cannot."""

from collections import Counter
from datetime import datetime
from typing import Final

import msgspec

from broker.document.canonical import CanonicalDocument
from broker.document.facts import SubmissionFacts
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.kind import KindCatalogue
from broker.document.markup import Markup
from broker.validation import kinds, nsi, xsd
from broker.validation.business.rule import Subject, apply
from broker.validation.business.rules import RULES as BUSINESS
from broker.validation.metadata.rules import RULES as METADATA
from broker.validation.profiles import RuleProfiles, weighed
from broker.validation.report import LayerRun, Report, ordered, skipped
from broker.validation.rulebook import Weights
from broker.validation.ruleset import Compiled, RuleSet, RuleSetLibrary, Weight
from broker.validation.schematron import findings as schematron
from broker.validation.schematron.port import EngineUnavailable

NO_TREE: Final = "документ не читается как XML"
NO_SIGNATURES: Final = "подписи проверяются отдельно"
RULES_UNREADABLE: Final = "operator.rules_unreadable"
"""Code of the finding of a layer whose rules cannot be read."""


class Validator:
    """Checks documents against the rule sets of a library, the kinds of a catalogue and the dictionaries of a shelf."""

    def __init__(
        self,
        library: RuleSetLibrary,
        catalogue: KindCatalogue,
        dictionaries: nsi.Dictionaries | None = None,
        *,
        profiles: RuleProfiles | None = None,
        weights: Weights | None = None,
    ) -> None:
        self._library = library
        self._catalogue = catalogue
        self._dictionaries = dictionaries if dictionaries is not None else nsi.Dictionaries()
        self._profiles = profiles or RuleProfiles()
        self._weights = weights or Weights()

    def check(
        self, markup: Markup, canonical: CanonicalDocument, facts: SubmissionFacts, at: datetime
    ) -> Report:
        """Check a document that can be read; ``at`` is when it was handed over."""
        day = kinds.created_day(canonical, at)
        rules = self._library.for_document(canonical.kind, day) or self._library.for_document(canonical.kind)
        card = self._catalogue.get(canonical.kind)
        subject = Subject(markup=markup, document=canonical, card=card, at=at, facts=facts)
        found: list[Finding] = list(markup.warnings)
        layers: dict[Layer, LayerRun] = {Layer.XML: LayerRun(ran=True)}
        layers[Layer.KIND] = LayerRun(ran=True) if canonical.kind else skipped("вид документа не указан")
        found += kinds.check(canonical, markup, self._catalogue, at)
        found += self._by_rules(markup, canonical, rules, at, layers)
        guide = card.guide if card else ""
        coded, layers[Layer.NSI] = nsi.check(markup, self._dictionaries, guide)
        said, layers[Layer.BUSINESS] = apply(BUSINESS, subject)
        compared, layers[Layer.METADATA] = apply(METADATA, subject)
        layers[Layer.SIGNATURE] = skipped(NO_SIGNATURES)
        found += [*coded, *said, *compared]
        return Report(
            findings=ordered(self._weighed(found, canonical.kind, facts.profile, rules, layers)),
            layers=layers,
            rule_set=rules.name if rules is not None else "",
        )

    def _weighed(
        self,
        found: list[Finding],
        kind: str,
        profile: str,
        rules: RuleSet | None,
        layers: dict[Layer, LayerRun],
    ) -> list[Finding]:
        """Give every finding the weight its rule has for this sender, and tell of what is switched off.

        The operator's word goes before what rule sets and profiles say.
        """

        def weight(one: Finding) -> Weight | None:
            return self._weights.of(kind, profile, one) or self._profiles.weight(profile, one, rules)

        judged = [(one, weighed(one, weight(one))) for one in found]
        for layer, count in Counter(one.layer for one, kept in judged if kept is None).items():
            run = layers[layer]
            note = "; ".join(part for part in (run.note, f"замечаний снято настройкой: {count}") if part)
            layers[layer] = msgspec.structs.replace(run, note=note)
        return [kept for _, kept in judged if kept is not None]

    def check_unreadable(self, findings: tuple[Finding, ...], facts: SubmissionFacts, at: datetime) -> Report:
        """Report a document that cannot be read, and the stated kind, which needs no tree."""
        known = self._catalogue.get(facts.kind)
        about_kind = (kinds.unknown(facts.kind),) if facts.kind and known is None else ()
        layers = {
            layer: skipped(NO_TREE) for layer in (Layer.XSD, Layer.SCHEMATRON, Layer.BUSINESS, Layer.METADATA)
        }
        return Report(
            findings=ordered([*findings, *about_kind]),
            layers={
                Layer.XML: LayerRun(ran=True),
                Layer.KIND: LayerRun(ran=True, note=f"на {at:%d.%m.%Y}") if facts.kind else skipped(NO_TREE),
                Layer.XSD: layers[Layer.XSD],
                Layer.SCHEMATRON: layers[Layer.SCHEMATRON],
                Layer.NSI: skipped(NO_TREE if len(self._dictionaries) else nsi.NO_DICTIONARIES),
                Layer.BUSINESS: layers[Layer.BUSINESS],
                Layer.METADATA: layers[Layer.METADATA],
                Layer.SIGNATURE: skipped(NO_SIGNATURES),
            },
        )

    def _by_rules(
        self,
        markup: Markup,
        canonical: CanonicalDocument,
        rules: RuleSet | None,
        at: datetime,
        layers: dict[Layer, LayerRun],
    ) -> list[Finding]:
        """Apply the kind's rule set: schema and Schematron, each on its own."""
        if rules is None:
            reason = f"для вида {canonical.kind or 'без кода'} нет набора правил"
            layers[Layer.XSD] = layers[Layer.SCHEMATRON] = skipped(reason)
            return []
        compiled = self._library.compiled(rules)
        found, layers[Layer.XSD] = _by_schema(compiled, markup)
        failed, layers[Layer.SCHEMATRON] = _by_schematron(compiled, markup, at)
        return [*found, *failed]


def _unreadable(layer: Layer, compiled: Compiled, fault: str) -> tuple[tuple[Finding, ...], LayerRun]:
    """Say that a layer could not judge: a document nobody has checked does not pass for a good one."""
    finding = Finding(
        layer=layer,
        severity=Severity.ERROR,
        code=RULES_UNREADABLE,
        message=f"Документ не проверен, набор правил не читается: {compiled.rules.name}.",
        fix="Оператор исправит набор правил; менять и отправлять документ заново не нужно.",
        responsible=Responsible.OPERATOR,
        source=Source.OWN,
    )
    return (finding,), skipped(fault)


def _by_schema(compiled: Compiled, markup: Markup) -> tuple[tuple[Finding, ...], LayerRun]:
    if compiled.schema_fault:
        return _unreadable(Layer.XSD, compiled, compiled.schema_fault)
    if compiled.schema is None:
        return (), skipped("в наборе правил нет схемы")
    verdict = compiled.rules.verdict(seen=compiled.rules.xsd_source is Source.SEEN)
    found = xsd.findings(compiled.schema, markup, verdict)
    truncated = "показаны не все нарушения: их слишком много" if len(found) >= xsd.MAX_FAULTS else ""
    note = "; ".join(part for part in (compiled.schema.note, truncated) if part)
    return found, LayerRun(ran=True, rules=1, evaluated=1, note=note)


def _by_schematron(compiled: Compiled, markup: Markup, at: datetime) -> tuple[tuple[Finding, ...], LayerRun]:
    if compiled.schematron_fault:
        return _unreadable(Layer.SCHEMATRON, compiled, compiled.schematron_fault)
    if not compiled.engines:
        return (), skipped("в наборе правил нет Schematron")
    try:
        return schematron.check(compiled.rules, compiled.engines, markup, at)
    except EngineUnavailable as error:
        return _unreadable(Layer.SCHEMATRON, compiled, str(error))
