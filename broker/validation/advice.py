"""Names and cures of elements: what is this place called among people, how is a fault there mended, and by whom?"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from broker.document.finding import Responsible

_FILE: Final = Path(__file__).with_name("elements.toml")
_POSITION: Final = re.compile(r"\[\d+\]")
_LITERAL: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\[\]]*\]")
_STEPS: Final = re.compile(
    r"(?<![@\w$:./-])(?:[A-Za-z]\w*:)?[A-Za-z]\w*(?:/(?:[A-Za-z]\w*:)?[A-Za-z]\w*)*(?![\w:(-])"
)
_WORDS: Final = frozenset(
    {"and", "or", "if", "then", "else", "some", "every", "in", "satisfies", "return", "for"}
)
_REACH: Final = 3
"""How many steps up an ancestor's entry still speaks of the place."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One element: its Russian name, the cure and who must apply it."""

    path: str
    name: str
    fix: str
    who: Responsible = Responsible.MIS


@cache
def _entries() -> dict[str, Advice]:
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {entry.path: entry for entry in msgspec.convert(data["element"], list[Advice])}


def advice_for(xpath: str, test: str = "") -> Advice | None:
    """Return the advice for a place, preferring the child a rule's test speaks of to the place itself."""
    place = _POSITION.sub("", xpath).strip("/")
    for child in _mentioned(test):
        found = _longest(f"{place}/{child}")
        if found is not None:
            return found
    steps = place.split("/")
    for length in range(len(steps), max(0, len(steps) - _REACH), -1):
        found = _longest("/".join(steps[:length]))
        if found is not None:
            return found
    return None


def _longest(place: str) -> Advice | None:
    steps = place.split("/")
    for start in range(len(steps)):
        found = _entries().get("/".join(steps[start:]))
        if found is not None:
            return found
    return None


def _mentioned(test: str) -> list[str]:
    """Return the element paths a test names, without what stands in quotes and predicates."""
    bare, before = test, ""
    while bare != before:
        before, bare = bare, _LITERAL.sub("", bare)
    return [found for found in _STEPS.findall(bare) if found not in _WORDS]
