"""The report: every finding of every layer, in order and once, and what each layer did or why it was skipped."""

from collections.abc import Iterable
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Responsible, Severity, Source, blocks

_ORDER: Final = {layer: place for place, layer in enumerate(Layer)}
_TITLES: Final = {
    Layer.XML: "Чтение XML",
    Layer.KIND: "Вид документа",
    Layer.XSD: "Схема (XSD)",
    Layer.SCHEMATRON: "Правила (Schematron)",
    Layer.NSI: "Справочники НСИ",
    Layer.BUSINESS: "Контрольные числа и формы",
    Layer.METADATA: "Заявка и документ",
    Layer.SIGNATURE: "Подписи",
    Layer.POLICY: "Правила оператора",
    Layer.REGISTRY: "Ответ государственной системы",
}
_WHO: Final = {
    Responsible.CLINIC: "клиника",
    Responsible.MIS: "разработчик МИС",
    Responsible.OPERATOR: "оператор",
    Responsible.DESTINATION: "государственная система",
}
_SOURCES: Final = {
    Source.OFFICIAL: "официальное правило",
    Source.SEEN: "правило из открытых источников",
    Source.OWN: "наша проверка",
}
_OPEN: Final = frozenset(
    {
        "code",
        "codeSystem",
        "codeSystemVersion",
        "codeSystemName",
        "nullFlavor",
        "root",
        "use",
        "type",
        "typeCode",
        "classCode",
        "moodCode",
    }
)
"""Attributes whose values say nothing of a person."""
_OPEN_VALUES: Final = frozenset({"versionNumber", "effectiveTime", "low", "high"})
_LONGEST: Final = 120


class LayerRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One layer's part: it ran, or ``reason`` says why it was skipped.

    ``rules`` it has, ``evaluated`` of them (each wherever it applies), ``fallback`` evaluations by the slow engine; ``note`` is for people.
    """

    ran: bool
    reason: str = ""
    note: str = ""
    rules: int = 0
    evaluated: int = 0
    fallback: int = 0


def skipped(reason: str) -> LayerRun:
    """Name a layer that did not run, and why."""
    return LayerRun(ran=False, reason=reason)


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All findings and all layers; ``rule_set`` names the pack in force with its digest, empty when there was none."""

    findings: tuple[Finding, ...] = ()
    layers: dict[Layer, LayerRun] = {}
    rule_set: str = ""

    @property
    def blocked(self) -> bool:
        """Tell whether the document must not go on."""
        return blocks(self.findings)

    def with_findings(
        self, findings: Iterable[Finding], *, layer: Layer | None = None, run: LayerRun | None = None
    ) -> "Report":
        """Return the report with more findings, ordered and once each; a ``layer`` named has run."""
        layers = dict(self.layers)
        if layer is not None:
            layers[layer] = run or LayerRun(ran=True)
        return Report(
            findings=ordered([*self.findings, *findings]),
            layers=dict(sorted(layers.items(), key=_by_order)),
            rule_set=self.rule_set,
        )

    def to_text(self) -> str:
        """Render the report for a person at a terminal."""
        errors = sum(finding.severity is Severity.ERROR for finding in self.findings)
        lines = [f"Ошибок: {errors}, предупреждений: {len(self.findings) - errors}."]
        for place, finding in enumerate(self.findings, 1):
            lines += _finding_lines(place, finding)
        lines += [f"{_TITLES[layer]}: {_run_text(run)}" for layer, run in self.layers.items()]
        if self.rule_set:
            lines.append(f"Набор правил: {self.rule_set}.")
        return "\n".join(lines)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings once each: what blocks first, then by layer and place."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=_finding_key))


def shown(element: str, attribute: str, value: str) -> str | None:
    """Return a value as a report may show it: codes and OIDs as they are, whatever may be personal as its length."""
    local = element.rpartition(":")[2]
    private_code = local == "value" and attribute == "code"
    if (attribute in _OPEN and not private_code) or (attribute == "value" and local in _OPEN_VALUES):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    return "(пусто)" if not value.strip() else f"(скрыто, знаков: {len(value)})"


def _finding_key(finding: Finding) -> tuple[int, int, int, str, str]:
    line = finding.location.line if finding.location else 0
    return (
        finding.severity is Severity.WARNING,
        _ORDER[finding.layer],
        line,
        finding.code,
        finding.rule or "",
    )


def _by_order(item: tuple[Layer, LayerRun]) -> int:
    return _ORDER[item[0]]


def _finding_lines(place: int, finding: Finding) -> list[str]:
    kind = "ОШИБКА" if finding.severity is Severity.ERROR else "предупреждение"
    rule = f" [{finding.rule}]" if finding.rule and finding.rule not in finding.message else ""
    lines = [f"{place}. {kind} · {_TITLES[finding.layer]} · {finding.code}{rule}", f"   {finding.message}"]
    if finding.location and finding.location.line:
        lines.append(f"   Где: строка {finding.location.line} {finding.location.xpath}".rstrip())
    if finding.value is not None:
        lines.append(f"   Значение: {finding.value}")
    if finding.expected:
        lines.append(f"   Ожидается: {finding.expected}")
    if finding.fix:
        lines.append(f"   Что сделать: {finding.fix}")
    lines.append(f"   Кто исправляет: {_WHO[finding.responsible]}; {_origin(finding)}.")
    return lines


def _origin(finding: Finding) -> str:
    if finding.source is Source.OWN and finding.severity is Severity.WARNING:
        return "наша оценка, не блокирует"
    return _SOURCES[finding.source]


def _run_text(run: LayerRun) -> str:
    if not run.ran:
        return f"пропущено: {run.reason}"
    counts = f", проверок {run.evaluated} (правил {run.rules})" if run.rules else ""
    slow = f", из них медленным способом {run.fallback}" if run.fallback else ""
    return f"проверено{counts}{slow}{'; ' + run.note if run.note else ''}"
