"""The report for a program: the shapes of the contract, and beside each finding the element's name."""

from typing import Any

import msgspec

from broker.validation.rendering.entry import Entry, entries
from broker.validation.report import Report


def to_plain(report: Report) -> dict[str, Any]:
    """Return plain values: ``findings`` with ``element``, ``layers``, ``ruleSet``."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return plain | {"findings": [_named(entry) for entry in entries(report.findings)]}


def _named(entry: Entry) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(entry.finding)
    return plain | {"element": entry.element} if entry.element else plain
