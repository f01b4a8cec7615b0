"""Whether anything fails, as one expression of XPath 1.0 for a whole part of the tree of contexts.

Of a good document one answer «no» says everything: libxml2 walks the shared ways once and nothing reaches Python. What
a family of conditions compares is looked up once, and what the tests of one rule count is counted in one look.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from broker.validation.schematron.program import RuleProgram
from broker.validation.schematron.terms import EXTENSION_PREFIX, TRUE
from broker.validation.schematron.tree import Node

_FAMILY: Final = 2
"""Conditions on one value from which on it is looked up once."""
_COUNTED: Final = 3
"""Tests that count values of one place from which on they are counted together."""
_NAME: Final = r"(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*"
_NAMES: Final = re.compile(rf"(?:{_NAME}/)*(?:@?{_NAME})")
"""A path from child to child, whose way back is as many parents."""
_ELEMENT: Final = re.compile(rf"(?:{_NAME}|(?:{_NAME}:)?\*)(?:\[|$)")
"""A step to elements, which alone can be walked from."""


def is_native(rule: RuleProgram) -> bool:
    """Tell whether a rule can be part of a question: translated throughout, from element to element, no variables."""
    return (
        rule.paths is not None
        and all(_is_element(step.test) for path in rule.paths for step in path.steps)
        and not rule.outer
        and not rule.values
        and all(test.text is not None and not test.wants_current for test in rule.tests)
    )


class Questions:
    """Asks whether rules, known by their numbers, fail; every one of them must be native."""

    def __init__(self, rules: Sequence[RuleProgram]) -> None:
        self._rules = rules

    def broken(self, number: int) -> str:
        """Ask whether a rule fails at the node it fires at; written anew each time, a process holds thousands of rules."""
        return _broken(self._rules[number])

    def below(self, node: Node) -> str:
        """Ask whether anything at or below a node of the tree fails; "" when nothing can."""
        families, others = _families(node)
        members = [text for number in node.rules if (text := self.broken(number))]
        for left, family in families.items():
            members += self._switched(left, family)
        for below in others:
            inner = self.below(below)
            members += [f"({below.condition.text} and {inner})"] if inner else []
        for step, below in node.steps.items():
            there = self.reached(step, below)
            members += [there] if there else []
        return any_of(members)

    def reached(self, step: str, node: Node) -> str:
        """Write the path to the nodes beyond a step at or below which anything fails; "" when nothing can.

        Where one family of conditions is all there is, the way goes by the value it compares, which spares a predicate.
        """
        families, others = _families(node)
        if len(families) == 1 and not others and not node.rules and not node.steps:
            ((left, family),) = families.items()
            found = self._switched(left, family)
            return f"{step}/{found[0]}/{_back(left)}" if found else ""
        inner = self.below(node)
        return f"{step}[{inner}]" if inner else ""

    def _switched(self, left: str, family: Iterable[Node]) -> list[str]:
        """Ask a family of conditions on one value: from the value back to the node for those it meets."""
        cases = []
        for below in family:
            inner = self.below(below)
            if inner:
                met = any_of([f".={literal}" for literal in below.condition.literals])
                cases.append(f"({met} and {_back(left)}[{inner}])")
        return [f"{left}[{any_of(cases)}]"] if cases else []


def _back(left: str) -> str:
    """Write the way from a value back to the node it was looked up from."""
    return "../" * left.count("/") + "parent::*"


def any_of(parts: Sequence[str]) -> str:
    """Join different questions with ``or`` as a balanced tree: libxml2 evaluates a long chain by recursion."""
    return _joined(list(dict.fromkeys(parts)), "or")


def _joined(parts: Sequence[str], word: str) -> str:
    if len(parts) <= 1:
        return parts[0] if parts else ""
    middle = len(parts) // 2
    return f"({_joined(parts[:middle], word)} {word} {_joined(parts[middle:], word)})"


def _broken(rule: RuleProgram) -> str:
    """Write that some assertion of a rule does not hold; "" when it has none."""
    together: dict[str, list[str]] = {}
    for test in rule.tests:
        if test.counted is not None and not test.assertion.report:
            together.setdefault(test.counted.values, []).append(str(test.text))
    together = {values: texts for values, texts in together.items() if len(set(texts)) >= _COUNTED}
    parts = [_counted(rule, values) for values in together]
    parts += [
        f"not({test.text})" if test.assertion.report else str(test.text)
        for test in rule.tests
        if test.counted is None or test.assertion.report or test.counted.values not in together
    ]
    whole = _joined([part for part in dict.fromkeys(parts) if part != TRUE], "and")
    if not whole:
        return ""
    return f"not(/self::node()[{whole}])" if rule.at_root else f"not({whole})"


def _counted(rule: RuleProgram, values: str) -> str:
    """Write that all tests that count values of one place hold: as one look sees it, or as each is written."""
    found = [(test.counted, str(test.text)) for test in rule.tests if not test.assertion.report]
    mine = [(one, text) for one, text in found if one is not None and one.values == values]
    wanted = ",".join(f"'{one.allowed}',{one.literal}" for one, _ in dict.fromkeys(mine))
    exactly = _joined([text for _, text in dict.fromkeys(mine)], "and")
    return f"({EXTENSION_PREFIX}:counted({values},{wanted}) or {exactly})"


def _families(node: Node) -> tuple[dict[str, list[Node]], list[Node]]:
    """Part the conditions at a node: those that compare one value with literals, by that value, and the rest."""
    grouped: dict[str, list[Node]] = {}
    others: list[Node] = []
    for below in node.conditions.values():
        if below.condition.left and _is_names(below.condition.left):
            grouped.setdefault(below.condition.left, []).append(below)
        else:
            others.append(below)
    for left in [left for left, members in grouped.items() if len(members) < _FAMILY]:
        others += grouped.pop(left)
    return grouped, others


@lru_cache(maxsize=4096)
def _is_names(path: str) -> bool:
    return _NAMES.fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _is_element(test: str) -> bool:
    return _ELEMENT.match(test) is not None
