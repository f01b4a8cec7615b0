"""The report for a person at a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from broker.document.finding import Finding, Layer
from broker.validation.rendering.entry import Entry, entries, summary
from broker.validation.rendering.words import LAYERS

if TYPE_CHECKING:  # the report itself offers this form
    from broker.validation.report import LayerRun


def to_text(findings: Sequence[Finding], layers: "Mapping[Layer, LayerRun]", rule_set: str) -> str:
    """Return the lines of a report: the sum, every finding, every layer, the rule set."""
    lines = [str(summary(findings))]
    for entry in entries(findings):
        lines += _lines(entry)
    lines += [f"{LAYERS[layer]}: {_run_text(run)}" for layer, run in in_order(layers)]
    if rule_set:
        lines.append(f"Набор правил: {rule_set}.")
    return "\n".join(lines)


def in_order(layers: "Mapping[Layer, LayerRun]") -> "list[tuple[Layer, LayerRun]]":
    """Return what each layer did, in the order of layers; a stored report has forgotten it."""
    return [(layer, layers[layer]) for layer in Layer if layer in layers]


def _run_text(run: "LayerRun") -> str:
    """Say what a layer did, or why it did nothing."""
    if not run.ran:
        return f"пропущено: {run.reason}"
    counts = f", проверок {run.evaluated} (правил {run.rules})" if run.rules else ""
    slow = f", из них медленным способом {run.fallback}" if run.fallback else ""
    return f"проверено{counts}{slow}{'; ' + run.note if run.note else ''}"


def _lines(entry: Entry) -> list[str]:
    finding = entry.finding
    kind = "ОШИБКА" if entry.is_error else "предупреждение"
    rule = f" [{entry.rule}]" if entry.rule else ""
    lines = [f"{entry.number}. {kind} · {entry.layer} · {finding.code}{rule}", f"   {finding.message}"]
    place = _place_text(entry)
    if entry.case:
        lines.append(f"   Случай: {entry.case}")
    if place:
        lines.append(f"   Где: {place}")
    if finding.value is not None:
        lines.append(f"   Значение: {finding.value}")
    if finding.expected:
        lines.append(f"   Ожидается: {finding.expected}")
    if finding.fix:
        lines.append(f"   Что сделать: {finding.fix}")
    if entry.rejection:
        lines.append(f"   {entry.rejection[0].upper()}{entry.rejection[1:]}")
    lines.append(f"   Кто исправляет: {entry.who}; {entry.origin}.")
    return lines


def _place_text(entry: Entry) -> str:
    """Say where a fault is: line and position, the element's name and path."""
    location = entry.finding.location
    if location is None:
        return ""
    column = f", позиция {location.column}" if location.column else ""
    parts = [f"строка {location.line}{column}" if location.line else "", entry.element, location.xpath]
    return ", ".join(part for part in parts[:2] if part) + (f" {parts[2]}" if parts[2] else "")
