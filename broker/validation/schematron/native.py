"""The fast engine: whole parts of a document are asked at once whether they fail, the plain engine says how.

Rules that no question can hold are the plain engine's, pattern by pattern. A document on which XPath 3.1 would stop
somewhere is the plain engine's as a whole: only it knows where.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.descent import Descent, Failing
from broker.validation.schematron.engine import Engine, Run, Walk, is_nested
from broker.validation.schematron.functions import DynamicError, OutOfReach
from broker.validation.schematron.program import Program, RuleProgram
from broker.validation.schematron.questions import Questions, is_native
from broker.validation.schematron.tree import tree


class _Native(NamedTuple):
    """A rule that is asked: its pattern, and the rules of it that go before and may select the same nodes."""

    pattern: int
    rule: RuleProgram
    before: tuple[RuleProgram, ...]


class NativeEngine:
    """A Schematron file compiled; holds libxml2 objects, so it stays in its process."""

    note = ""

    def __init__(self, program: Program) -> None:
        self.plain = Engine(program)
        self.assertions = self.plain.assertions
        self.rules = self.plain.rules
        self.untranslated = self.plain.untranslated
        self._natives: list[_Native] = []
        self._left: dict[int, tuple[RuleProgram, ...]] = {}
        for place, pattern in enumerate(program.patterns):
            if all(is_native(rule) for rule in pattern):
                self._natives += [
                    _Native(place, rule, tuple(one for one in pattern[:turn] if _may_meet(one, rule)))
                    for turn, rule in enumerate(pattern)
                ]
            else:
                self._left[place] = pattern
        self.asked = sum(len(native.rule.tests) for native in self._natives)
        """Assertions asked together; the others are the plain engine's."""
        rules = [native.rule for native in self._natives]
        top = tree((number, rule.paths or ()) for number, rule in enumerate(rules) if rule.tests)
        self._descent = Descent(top, Questions(rules), self.plain.compiler)

    def run(self, root: Element, at: datetime) -> Run:
        """Check a document; ``at`` is the moment current-date() and its kin see."""
        if is_nested(root):
            return self.plain.run(root, at)
        try:
            failing = self._descent.failing(root)
        except (DynamicError, OutOfReach, etree.XPathError):
            return self.plain.run(root, at)
        return self._explained(failing, Walk(self.plain, root, at, nested=False))

    def _explained(self, failing: Sequence[Failing], walk: Walk) -> Run:
        """Let the plain engine say what fails where something does, and judge the patterns left to it."""
        found: dict[int, list[tuple[_Native, Element | None]]] = {}
        for number, element in failing:
            native = self._natives[number]
            found.setdefault(native.pattern, []).append((native, element))
        evaluated = self.asked
        for place in sorted({*found, *self._left}):
            if walk.is_full:
                break
            if place in self._left:
                before = walk.evaluated
                walk.pattern(self._left[place])
                evaluated += walk.evaluated - before
                continue
            for native, element in found[place]:
                if not walk.is_full and not any(element in walk.selected(rule) for rule in native.before):
                    walk.judge(native.rule, element)
        return walk.run()._replace(evaluated=evaluated)


def _may_meet(one: RuleProgram, other: RuleProgram) -> bool:
    """Tell whether two rules may select the same node, by the names their contexts end in."""
    if one.at_root or other.at_root:
        return one.at_root and other.at_root
    names, others = _last_names(one), _last_names(other)
    return "*" in names | others or bool(names & others)


def _last_names(rule: RuleProgram) -> set[str]:
    """Return the names of what a rule selects, "*" for what has no name."""
    tests = {path.steps[-1].test.partition("[")[0] for path in rule.paths or ()}
    return {"*" if test.endswith("*") else test for test in tests}
