"""The recorded diff: each change with its rule, its place and both values, and what was seen but left as it is."""

from collections import Counter
from typing import Final

import msgspec
from lxml.etree import _Element as Element

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.markup import line_of, path_of

LISTED: Final = 1000
"""Changes of one rule, and findings of one code, that are listed one by one; the rest are counted."""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change: the rule that made it, where, in words, and both values; what may be personal is masked.

    ``before`` and ``after`` are absent where no value changed, ``after`` where one was dropped. ``count`` is above 1
    for changes that are not listed one by one.
    """

    rule: str
    message: str
    location: Location | None = None
    before: str | None = None
    after: str | None = None
    count: int = 1


class Diff:
    """Collects changes and findings of one document, and places them in its tree."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._reported: list[Finding] = []
        self._made: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._places: dict[Element, dict[Element, int]] = {}

    def locate(self, element: Element) -> Location:
        """Return the place of an element."""
        return Location(xpath=path_of(element, self._places), line=line_of(element))

    def is_full(self, rule: str) -> bool:
        """Tell whether further changes of the rule are only counted."""
        return self._made[rule] >= LISTED

    def count(self, rule: str) -> None:
        """Count a change that is not listed."""
        self._made[rule] += 1

    def add(self, change: Change) -> None:
        """List a change."""
        self._made[change.rule] += 1
        self._changes.append(change)

    def report(self, finding: Finding) -> None:
        """Tell what was seen and left; beyond the limit it is counted."""
        self._seen[finding.code] += 1
        if self._seen[finding.code] <= LISTED:
            self._reported.append(finding)

    def wants(self, code: str) -> bool:
        """Tell whether one more finding of this code would be listed; counts it when it would not."""
        if self._seen[code] < LISTED:
            return True
        self._seen[code] += 1
        return False

    def moved(self) -> None:
        """Forget counted places: elements were added or dropped."""
        self._places.clear()

    def __bool__(self) -> bool:
        return bool(self._made)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the changes as they were made, then what was only counted."""
        rest = [
            Change(rule=rule, message=f"И ещё таких же изменений: {made - LISTED}.", count=made - LISTED)
            for rule, made in self._made.items()
            if made > LISTED
        ]
        return (*self._changes, *rest)

    @property
    def reported(self) -> tuple[Finding, ...]:
        """Return what was seen and left, then how much more of it there is."""
        last = {finding.code: finding for finding in self._reported}
        rest = [
            msgspec.structs.replace(
                last[code], message=f"И ещё таких же мест: {seen - LISTED}.", location=None, value=None
            )
            for code, seen in self._seen.items()
            if seen > LISTED
        ]
        return (*self._reported, *rest)


def noticed(  # noqa: PLR0913 - a finding says that many things
    code: str,
    message: str,
    fix: str,
    location: Location | None = None,
    *,
    layer: Layer = Layer.BUSINESS,
    responsible: Responsible = Responsible.MIS,
    value: str | None = None,
    expected: str | None = None,
    source: Source = Source.SEEN,
    severity: Severity = Severity.WARNING,
) -> Finding:
    """Return a finding of the normaliser."""
    return Finding(
        layer=layer,
        severity=severity,
        code=code,
        message=message,
        fix=fix,
        location=location,
        value=value,
        expected=expected,
        responsible=responsible,
        source=source,
    )
