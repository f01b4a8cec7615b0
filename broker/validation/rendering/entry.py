"""What a report says of each finding in every form: its number, the element's name among people, whose rule it is; and the sum."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.validation.advice import advice_for
from broker.validation.rendering.words import LAYERS, SOURCES, WHO


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, numbered from 1 in the report's order; ``element`` is empty when nobody has named the place."""

    number: int
    finding: Finding
    element: str
    origin: str

    @property
    def is_error(self) -> bool:
        """Tell whether it blocks."""
        return self.finding.severity is Severity.ERROR

    @property
    def layer(self) -> str:
        """Return the layer's name."""
        return LAYERS[self.finding.layer]

    @property
    def who(self) -> str:
        """Return who must act."""
        return WHO[self.finding.responsible]

    @property
    def line(self) -> int:
        """Return the line, 0 when unknown."""
        return self.finding.location.line if self.finding.location else 0

    @property
    def rule(self) -> str:
        """Return the rule's number unless the message says it."""
        rule = self.finding.rule or ""
        return "" if rule in self.finding.message else rule

    @property
    def rejection(self) -> str:
        """Say which code РЭМД answers with, or would; empty when none is known."""
        if not self.finding.remd_code:
            return ""
        said = "код РЭМД" if self.finding.layer is Layer.REGISTRY else "РЭМД ответил бы"
        return f"{said}: {self.finding.remd_code}"

    @property
    def case(self) -> str:
        """Say which case of a registry for ТФОМС it is about; empty for a document."""
        named = {"запись": self.finding.n_zap, "случай": self.finding.id_case, "услуга": self.finding.sl_id}
        return ", ".join(f"{name} {number}" for name, number in named.items() if number)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How much is wrong and how much of it each must mend."""

    errors: int
    warnings: int
    whose: tuple[tuple[Responsible, int], ...]

    def __str__(self) -> str:
        """Say it in one sentence."""
        if not self.errors and not self.warnings:
            return "Замечаний нет."
        shares = ", ".join(f"{WHO[who]} — {count}" for who, count in self.whose)
        return f"Ошибок: {self.errors}, предупреждений: {self.warnings}; исправляют: {shares}."


_POSITION: Final = re.compile(r"\[\d+\]")
_NOT_BLOCKING: Final = "наша оценка, не блокирует"


def entries(findings: Iterable[Finding]) -> tuple[Entry, ...]:
    """Give findings, which are in order, their numbers and their elements' names."""
    return tuple(
        Entry(
            number=number,
            finding=finding,
            element=_element(finding.location.xpath) if finding.location else "",
            origin=_origin(finding),
        )
        for number, finding in enumerate(findings, 1)
    )


def summary(findings: Iterable[Finding]) -> Summary:
    """Count findings."""
    counted = dict.fromkeys(WHO, 0)
    errors = total = 0
    for finding in findings:
        counted[finding.responsible] += 1
        errors += finding.severity is Severity.ERROR
        total += 1
    whose = tuple((who, count) for who, count in counted.items() if count)
    return Summary(errors=errors, warnings=total - errors, whose=whose)


def _origin(finding: Finding) -> str:
    if finding.source is Source.OWN and finding.severity is Severity.WARNING:
        return _NOT_BLOCKING
    return SOURCES[finding.source]


def _element(xpath: str) -> str:
    """Return what people call a place, ``внутри: …`` when only an ancestor has a name."""
    found = advice_for(xpath)
    if found is None:
        return ""
    exact = f"/{_POSITION.sub('', xpath).strip('/')}".endswith(f"/{found.path}")
    return found.name if exact else f"внутри: {found.name}"
