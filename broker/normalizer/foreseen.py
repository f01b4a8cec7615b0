"""What normalising would change in a document that is signed already: told as warnings, nothing is touched.

One finding per rule: the first place and how many there are, because the cure is one setting of the МИС.
"""

import codecs
from typing import Final

from broker.document.finding import Finding, Location
from broker.document.markup import Markup
from broker.normalizer.changes import noticed
from broker.normalizer.edits import Edit, edits
from broker.normalizer.forms import is_plain, is_smooth
from broker.normalizer.masking import shown
from broker.normalizer.normalising import AS_SHIPPED, Normalising
from broker.normalizer.rules import CARDS, COMPOSING, Rule

_PROLOG: Final = 4096
_FIX: Final = (
    "Документ подписан и передаётся как есть. Исправьте выгрузку в МИС или приводите документ к норме до подписания "
    "(POST /api/v1/prepare)."
)


def would_normalise(markup: Markup, normalising: Normalising = AS_SHIPPED) -> tuple[Finding, ...]:
    """Return a warning for each safe rule that would change this document before it was signed."""
    found = [_of_bytes(rule) for rule in _byte_rules(markup) if rule in normalising.on]
    on = normalising.on
    smooth = False
    if markup.encoding == "utf-8" and is_plain(markup.content):
        on -= COMPOSING
        smooth = Rule.QUOTES not in on and is_smooth(markup.content)
    first: dict[Rule, Edit] = {}
    times: dict[Rule, int] = {}
    for edit in edits(markup.root, on, smooth=smooth):
        first.setdefault(edit.rule, edit)
        times[edit.rule] = times.get(edit.rule, 0) + 1
    return (*found, *(_of_value(markup, edit, times[rule]) for rule, edit in first.items()))


def _byte_rules(markup: Markup) -> list[Rule]:
    rules = []
    if markup.content.startswith(codecs.BOM_UTF8):
        rules.append(Rule.BOM)
    if markup.encoding != "utf-8":
        rules.append(Rule.ENCODING)
    if b"<?xml-stylesheet" in markup.content[:_PROLOG]:
        rules.append(Rule.STYLESHEET)
    return rules


def _of_bytes(rule: Rule) -> Finding:
    return _finding(rule, "", None, None)


def _of_value(markup: Markup, edit: Edit, times: int) -> Finding:
    element = edit.element
    local = str(element.tag).rpartition("}")[2]
    more = f" Таких мест: {times}." if times > 1 else ""
    return _finding(rule=edit.rule, more=more, location=markup.locate(element), edit=(local, edit))


def _finding(rule: Rule, more: str, location: Location | None, edit: tuple[str, Edit] | None) -> Finding:
    card = CARDS[rule]
    value = expected = None
    if edit is not None:
        local, made = edit
        value = shown(local, made.place, made.before)
        expected = None if made.after is None else shown(local, made.place, made.after)
    return noticed(
        f"normalise.{rule}",
        f"Не в принятой форме: {card.title}.{more}",
        _FIX,
        location,
        layer=card.layer,
        value=value,
        expected=expected,
        source=card.source,
    )
