"""The report: every finding of every layer, in order and once, and what each layer did or why it was skipped."""

from collections.abc import Iterable
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Severity, blocks
from broker.validation.rendering.as_text import to_text

_ORDER: Final = {layer: place for place, layer in enumerate(Layer)}
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
        return to_text(self.findings, self.layers, self.rule_set)


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
