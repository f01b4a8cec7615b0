"""The report of ``inaya validate --format html``: one self-contained page without scripts."""

from collections.abc import Sequence
from html import escape
from typing import Final

from broker.document.finding import Finding, Severity
from broker.validation.report import Report

_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "li{margin:.8rem 0}.error{border-left:4px solid #b00020;padding-left:.8rem}"
    ".warning{border-left:4px solid #b36b00;padding-left:.8rem}small{color:#555}"
)


def page(title: str, reports: Sequence[tuple[str, bool, Report]]) -> str:
    """Return the page: a section per file with its verdict, findings and layers."""
    sections = "".join(_section(name, valid, report) for name, valid, report in reports)
    return (
        f'<!doctype html><html lang="ru"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{sections}</html>"
    )


def _section(name: str, valid: bool, report: Report) -> str:  # noqa: FBT001  a value of the row, not a switch
    items = "".join(_item(finding) for finding in report.findings)
    layers = "".join(
        f"<li>{escape(layer.value)}: {'проверен' if run.ran else 'пропущен — ' + escape(run.reason)}</li>"
        for layer, run in report.layers.items()
    )
    verdict = "годен" if valid else "не годен"
    return (
        f"<h2>{escape(name)} — {verdict}</h2><ol>{items}</ol><h3>Слои</h3><ul>{layers}</ul>"
        f"<p><small>{escape(report.rule_set)}</small></p>"
    )


def _item(finding: Finding) -> str:
    kind = "error" if finding.severity is Severity.ERROR else "warning"
    place = ""
    if finding.location is not None and finding.location.line:
        place = f"<br><small>строка {finding.location.line} {escape(finding.location.xpath)}</small>"
    fix = f"<br>Что сделать: {escape(finding.fix)}" if finding.fix else ""
    rule = f" [{escape(finding.rule)}]" if finding.rule else ""
    return f'<li class="{kind}"><b>{escape(finding.code)}</b>{rule}<br>{escape(finding.message)}{place}{fix}</li>'
