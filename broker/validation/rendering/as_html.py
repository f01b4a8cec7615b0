"""The report for a person in a browser: one self-contained file, readable without scripts, printable, everything escaped.

With the document's bytes it shows the document beside the findings, linked both ways; those hold personal data, so whoever
asks for them must be whoever handed the document over.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from broker.validation.rendering.as_text import in_order
from broker.validation.rendering.entry import Entry, entries, summary
from broker.validation.rendering.source import source_of
from broker.validation.rendering.words import LAYERS, WHO
from broker.validation.report import Report

_MOST: Final = 300
"""Findings on a page; of the others their number is told."""
_LONGEST: Final = 1_500
"""Characters of one text of a finding."""
_LONGEST_PATH: Final = 600


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One document's part of a page; ``content`` None leaves the document out."""

    name: str
    report: Report
    content: bytes | None = None


def to_html(title: str, parts: Sequence[Part]) -> str:
    """Return the whole page."""
    sections = [fragment(part, key=f"d{number}-") for number, part in enumerate(parts, 1)]
    return _environment().get_template("page.html").render(title=title, sections=sections, style=style())


def fragment(part: Part, key: str = "") -> str:
    """Return a document's part alone, to stand in a page that has the style; ``key`` begins every id in it."""
    told = entries(part.report.findings)
    source = source_of(part.content, told) if part.content is not None else None
    shown = told[:_MOST]
    return (
        _environment()
        .get_template("report.html")
        .render(
            key=key,
            name=part.name,
            blocked=part.report.blocked,
            summary=summary(part.report.findings),
            groups=_groups(shown),
            left=len(told) - len(shown),
            layers=_layers(part.report),
            slow=any(run.fallback for run in part.report.layers.values()),
            rule_set=part.report.rule_set,
            source=source,
            places=source.places if source else {},
            shown=frozenset(entry.number for entry in shown),
        )
    )


@cache
def style() -> str:
    """Return the style sheet."""
    return files("broker.validation.rendering").joinpath("report.css").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """Return the Content-Security-Policy a served page needs: its own style, known by its digest, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _groups(shown: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return the findings by who must mend them."""
    made = [(name, [one for one in shown if one.finding.responsible is who]) for who, name in WHO.items()]
    return [(name, found) for name, found in made if found]


def _layers(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": LAYERS[layer],
            "run": run,
            "found": sum(finding.layer is layer for finding in report.findings),
        }
        for layer, run in in_order(report.layers)
    ]


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("broker.validation.rendering"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"cut": _cut, "path": lambda text: _cut(text, _LONGEST_PATH)}
    return made
