"""The fast engine: one stylesheet names what fails, the plain engine says how; of a good document nothing is left to say.

Rules the stylesheet cannot hold are the plain engine's, pattern by pattern. A document on which XPath 3.1 would stop
somewhere is the plain engine's as a whole: only it knows where.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.engine import MAX_FAILURES, Engine, Failure, Run, Walk, is_nested
from broker.validation.schematron.functions import DynamicError
from broker.validation.schematron.program import Program, RuleProgram
from broker.validation.schematron.stylesheet import is_native, stylesheet

_SEALED: Final = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]  # the stubs leave it out
Place = tuple[int, ...]
"""Where an element stands: its number among its siblings, from the document down; () is the document."""


class _Native:
    """A rule in the stylesheet: its pattern, and the rules of it that go before."""

    __slots__ = ("before", "pattern", "rule", "turn")

    def __init__(self, pattern: int, turn: int, rule: RuleProgram, before: tuple[RuleProgram, ...]) -> None:
        self.pattern = pattern
        self.turn = turn
        self.rule = rule
        self.before = before


class NativeEngine:
    """A Schematron file compiled; holds libxml2 objects, so it stays in its process."""

    def __init__(self, program: Program, text: str | None = None) -> None:
        """Compile a program; ``text`` is its stylesheet when it was kept."""
        self.plain = Engine(program)
        self.assertions = self.plain.assertions
        self.rules = self.plain.rules
        self.untranslated = self.plain.untranslated
        self._natives: list[_Native] = []
        self._left: list[tuple[int, tuple[RuleProgram, ...]]] = []
        for place, pattern in enumerate(program.patterns):
            if all(is_native(rule) for rule in pattern):
                self._natives += [
                    _Native(place, turn, rule, pattern[:turn]) for turn, rule in enumerate(pattern)
                ]
            else:
                self._left.append((place, pattern))
        self.native_assertions = sum(len(native.rule.tests) for native in self._natives)
        self.text = text if text is not None else stylesheet(program, [n.rule for n in self._natives])
        parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
        self._transform = etree.XSLT(
            etree.fromstring(self.text.encode(), parser),
            extensions=self.plain.compiler.functions,
            access_control=_SEALED,
        )

    def run(self, root: Element, at: datetime) -> Run:
        """Check a document; ``at`` is the moment current-date() and its kin see."""
        if is_nested(root):
            return self.plain.run(root, at)
        try:
            lines = str(self._transform(root))
        except (DynamicError, etree.XSLTError):
            return self.plain.run(root, at)
        by_pattern: dict[int, list[Failure]] = {}
        walk = Walk(self.plain, root, at)
        for native, element in self._found(lines, root):
            if not any(element in set(walk.nodes(earlier)) for earlier in native.before):
                by_pattern.setdefault(native.pattern, []).extend(walk.judged(native.rule, element))
        for place, pattern in self._left:
            walk.pattern(pattern)
            by_pattern[place] = walk.taken()
        failures = [failure for place in sorted(by_pattern) for failure in by_pattern[place]]
        truncated = len(failures) >= MAX_FAILURES
        run = walk.run()
        return Run(
            tuple(failures[:MAX_FAILURES]),
            run.fired,
            run.evaluated + self.native_assertions,
            run.fallback,
            truncated,
        )

    def _found(self, lines: str, root: Element) -> Iterator[tuple[_Native, Element | None]]:
        """Read what the stylesheet printed, in the order of the rules and of the document."""
        said: set[tuple[int, Place]] = set()
        for line in lines.splitlines():
            number, _, path = line.partition(" ")
            said.add((int(number), tuple(int(turn) for turn in path.split("/")[1:])))
        for rule, place in sorted(said):
            yield self._natives[rule], _at(root, place[1:]) if place else None


def _at(root: Element, place: Place) -> Element:
    """Return the element at a place below the root."""
    for turn in place:
        root = next(itertools.islice(root.iterchildren("*"), turn, None))
    return root
