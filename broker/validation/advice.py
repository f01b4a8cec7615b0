"""Names and cures of elements: what is this place called among people, how is a fault there mended, and by whom?"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from lxml.etree import _Element as Element

from broker.document.finding import Responsible
from broker.document.markup import CDA

_FILE: Final = Path(__file__).with_name("elements.toml")
_H: Final = f"{{{CDA}}}"
_CODES: Final = {
    f"{_H}section": ("секция", re.compile(r"[A-Z_]{2,24}")),
    f"{_H}observation": ("поле", re.compile(r"\d{1,8}")),
}
"""What is named by its code: sections by 99.2.197, fields by 99.2.166; letters in a field's code might be a diagnosis."""
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
    exact = exact_advice(xpath, test)
    if exact is not None:
        return exact
    steps = _bare(xpath).split("/")
    for length in range(len(steps) - 1, max(0, len(steps) - _REACH), -1):
        found = _longest("/".join(steps[:length]))
        if found is not None:
            return found
    return None


def exact_advice(xpath: str, test: str = "") -> Advice | None:
    """Return the advice for the child a rule's test speaks of or for the place itself, not for what holds it."""
    place = _bare(xpath)
    holder, _, last = xpath.rpartition("/")
    numbered = _longest(f"{_bare(holder)}/{last}") if not test else None
    if numbered is not None and numbered.path.endswith("]"):
        return numbered
    for child in _mentioned(test):
        found = _longest(f"{place}/{child}")
        if found is not None:
            return found
    return _longest(place)


def whereabouts(element: Element) -> str:
    """Name the section and the field an element of the body stands in by their codes, empty outside the body."""
    found: dict[str, str] = {}
    for node in (element, *element.iterancestors()):
        name, form = _CODES.get(str(node.tag), ("", None))
        code = None if form is None else node.find(f"{_H}code")
        text = "" if code is None else code.get("code", "")
        if form is not None and form.fullmatch(text):
            found.setdefault(name, text)
    return ", ".join(f"{name} {found[name]}" for name in ("секция", "поле") if name in found)


def headed(message: str, element: Element, advice: Advice | None) -> str:
    """Put before a message where it is and what the place is called, in words."""
    parts = [part for part in (whereabouts(element), advice.name if advice else "") if part]
    if not parts:
        return message
    head = ", ".join(parts)
    first = message[:1].lower() if message[1:2].islower() or message[1:2] == " " else message[:1]
    return f"{head[0].upper()}{head[1:]}: {first}{message[1:]}"


def _bare(xpath: str) -> str:
    return _POSITION.sub("", xpath).strip("/")


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
