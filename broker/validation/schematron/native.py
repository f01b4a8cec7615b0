"""The fast engine: one stylesheet names what fails, the plain engine says how; of a good document nothing is left to say.

Rules the stylesheet cannot hold are the plain engine's, pattern by pattern. A document on which XPath 3.1 would stop
somewhere is the plain engine's as a whole: only it knows where; so is one whose elements have thousands of children.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.engine import Engine, Run, Walk, is_nested
from broker.validation.schematron.functions import DynamicError, OutOfReach
from broker.validation.schematron.program import Program, RuleProgram
from broker.validation.schematron.stylesheet import is_native, stylesheet

_SEALED: Final = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]  # the stubs leave it out
_WIDE: Final = etree.XPath("boolean(//*[*[1000]])")
"""A place is counted among siblings: thousands of them, failing each, would take the square of their number."""
Place = tuple[int, ...]
"""Where an element stands: its number among its siblings, from the document down; () is the document."""


class _Native(NamedTuple):
    """A rule in the stylesheet: its pattern, and the rules of it that go before."""

    pattern: int
    rule: RuleProgram
    before: tuple[RuleProgram, ...]


class NativeEngine:
    """A Schematron file compiled; holds libxml2 objects, so it stays in its process."""

    def __init__(self, program: Program, text: str | None = None) -> None:
        """Compile a program; ``text`` is its stylesheet when it was kept."""
        self.plain = Engine(program)
        self.assertions = self.plain.assertions
        self.rules = self.plain.rules
        self.untranslated = self.plain.untranslated
        self._natives: list[_Native] = []
        self._left: dict[int, tuple[RuleProgram, ...]] = {}
        for place, pattern in enumerate(program.patterns):
            if all(is_native(rule) for rule in pattern):
                self._natives += [_Native(place, rule, pattern[:turn]) for turn, rule in enumerate(pattern)]
            else:
                self._left[place] = pattern
        self._native_assertions = sum(len(native.rule.tests) for native in self._natives)
        self.text = text if text is not None else stylesheet(program, [n.rule for n in self._natives])
        parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
        self._transform = etree.XSLT(
            etree.fromstring(self.text.encode(), parser),
            extensions=self.plain.compiler.functions,
            access_control=_SEALED,
        )

    def run(self, root: Element, at: datetime) -> Run:
        """Check a document; ``at`` is the moment current-date() and its kin see."""
        if is_nested(root) or _WIDE(root):
            return self.plain.run(root, at)
        try:
            lines = str(self._transform(root))
        except (DynamicError, OutOfReach, etree.XSLTError):
            return self.plain.run(root, at)
        return self._explained(self._found(lines), Walk(self.plain, root, at), root)

    def _explained(
        self, found: Mapping[int, Sequence[tuple[_Native, Place]]], walk: Walk, root: Element
    ) -> Run:
        """Let the plain engine say what fails where the stylesheet found something, and judge the patterns left to it."""
        evaluated = self._native_assertions
        for place in sorted({*found, *self._left}):
            if walk.is_full:
                break
            if place in self._left:
                before = walk.evaluated
                walk.pattern(self._left[place])
                evaluated += walk.evaluated - before
                continue
            for native, at in found[place]:
                element = _at(root, at[1:]) if at else None
                if not walk.is_full and not any(element in walk.selected(rule) for rule in native.before):
                    walk.judge(native.rule, element)
        return walk.run()._replace(evaluated=evaluated)

    def _found(self, lines: str) -> dict[int, list[tuple[_Native, Place]]]:
        """Read what the stylesheet printed: by pattern, in the order of its rules and of the document."""
        said: set[tuple[int, Place]] = set()
        for line in lines.splitlines():
            number, _, path = line.partition(" ")
            said.add((int(number), tuple(map(int, path.split("/")[1:]))))
        found: dict[int, list[tuple[_Native, Place]]] = {}
        for turn, place in sorted(said):
            native = self._natives[turn]
            found.setdefault(native.pattern, []).append((native, place))
        return found


def _at(root: Element, place: Place) -> Element:
    """Return the element at a place below the root."""
    for turn in place:
        root = next(itertools.islice(root.iterchildren("*"), turn, None))
    return root
