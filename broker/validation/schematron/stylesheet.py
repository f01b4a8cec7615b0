"""A whole Schematron file as one stylesheet of XSLT 1.0 that names, for a document, every rule that fails and where.

Nested loops follow the tree of contexts, one condition per rule asks whether all its assertions hold, and a small
part of the tree is first asked in a single expression whether anything in it fails at all: of a good document nothing
ever reaches Python (measured forms: schematron_speed.md). It prints lines of ``number /path``, the path in places
among sibling elements.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from broker.validation.schematron.paths import Condition
from broker.validation.schematron.program import Program, RuleProgram
from broker.validation.schematron.terms import CURRENT
from broker.validation.schematron.tree import Node, tree

_ASKED_FIRST: Final = 60
"""Rules of a part of the tree that is small enough to be asked as a whole first."""
_FAMILY: Final = 3
"""Conditions on one value from which on it is looked up once."""
_XSLT: Final = "http://www.w3.org/1999/XSL/Transform"
_PATH: Final = (
    '<xsl:template name="path"><xsl:for-each select="ancestor-or-self::*"><xsl:text>/</xsl:text>'
    '<xsl:value-of select="count(preceding-sibling::*)"/></xsl:for-each><xsl:text>&#10;</xsl:text></xsl:template>'
)


def stylesheet(program: Program, rules: Sequence[RuleProgram]) -> str:
    """Write the stylesheet of those rules, numbered in order; every one of them must be translated throughout."""
    return _Writer(program, rules).text()


def is_native(rule: RuleProgram) -> bool:
    """Tell whether a rule can stand in the stylesheet: translated throughout, and without variables."""
    return (
        rule.paths is not None
        and not rule.outer
        and not rule.values
        and all(test.text is not None for test in rule.tests)
    )


class _Writer:
    def __init__(self, program: Program, rules: Sequence[RuleProgram]) -> None:
        self._prefixes = program.prefixes
        self._all = [_all_hold(rule) for rule in rules]
        self._currents = frozenset(
            number for number, rule in enumerate(rules) if any(test.wants_current for test in rule.tests)
        )
        self._tree = tree((number, rule.paths or ()) for number, rule in enumerate(rules) if rule.tests)
        self._names = 0

    def text(self) -> str:
        namespaces = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in self._prefixes.items())
        return (
            f'<xsl:stylesheet version="1.0" xmlns:xsl="{_XSLT}"{namespaces}>'
            f'<xsl:output method="text" encoding="UTF-8"/><xsl:template match="/">{self._part(self._tree)}'
            f"</xsl:template>{_PATH}</xsl:stylesheet>"
        )

    def _part(self, node: Node, *, asked: bool = False) -> str:
        """Write what is below a node; ``asked``: something below it is known to fail."""
        found = [self._judged(number) for number in node.rules]
        families, others = _families(node)
        for left, members in families.items():
            self._names += 1
            name = f"v{self._names}"
            found.append(f'<xsl:variable name="{name}" select={quoteattr(left)}/>')
            for condition, below in members:
                test = " or ".join(f"${name}={literal}" for literal in condition.literals)
                found.append(_if(test, self._part(below, asked=asked)))
        found += [_if(condition.text, self._part(below, asked=asked)) for condition, below in others]
        for step, below in node.steps.items():
            question = None
            if not asked and below.size <= _ASKED_FIRST:
                question = self._fails(below)
            if question is None:
                found.append(_each(step, self._part(below, asked=asked)))
            elif question:
                found.append(_each(f"{step}[{question}]", self._part(below, asked=True)))
        return "".join(found)

    def _judged(self, number: int) -> str:
        says = f"<xsl:text>{number} </xsl:text>" + '<xsl:call-template name="path"/>'
        return _if(f"not({self._all[number]})".replace(f"${CURRENT}", "current()"), says)

    def _fails(self, node: Node) -> str | None:
        """Write whether anything at or below a node fails: "" never, None when one expression cannot say it."""
        if self._currents.intersection(node.rules):
            return None
        families, others = _families(node)
        members = [f"not({self._all[number]})" for number in node.rules]
        ways = [(f"({condition.text} and ", ")", below) for condition, below in others]
        ways += [(f"{step}[", "]", below) for step, below in node.steps.items()]
        found = [self._each_fails(ways)]
        for left, family in families.items():
            asked = self._each_fails([(f"({one.text} and ", ")", below) for one, below in family])
            if asked:
                known = " or ".join(f".={literal}" for one, _ in family for literal in one.literals)
                asked = [f"({left}[{known}] and {_any_of(asked)})"]
            found.append(asked)
        for parts in found:
            if parts is None:
                return None
            members += parts
        return _any_of(list(dict.fromkeys(members))) if members else ""

    def _each_fails(self, ways: Sequence[tuple[str, str, Node]]) -> list[str] | None:
        """Write the question behind each way to a node: what stands before and after it."""
        found = []
        for before, after, below in ways:
            inner = self._fails(below)
            if inner is None:
                return None
            if inner:
                found.append(f"{before}{inner}{after}")
        return found


def _all_hold(rule: RuleProgram) -> str:
    """Write that all assertions of a rule hold at its node."""
    parts = dict.fromkeys(
        f"not({test.text})" if test.assertion.report else str(test.text) for test in rule.tests
    )
    return " and ".join(parts)


def _families(node: Node) -> tuple[dict[str, list[tuple[Condition, Node]]], list[tuple[Condition, Node]]]:
    """Part the conditions at a node: those that compare one value with literals, by that value, and the rest."""
    grouped: dict[str, list[tuple[Condition, Node]]] = {}
    others: list[tuple[Condition, Node]] = []
    for condition, below in node.conditions.items():
        if condition.left:
            grouped.setdefault(condition.left, []).append((condition, below))
        else:
            others.append((condition, below))
    for left in [left for left, members in grouped.items() if len(members) < _FAMILY]:
        others += grouped.pop(left)
    return grouped, others


def _any_of(parts: Sequence[str]) -> str:
    """Join with ``or`` as a balanced tree: libxml2 evaluates a long chain by recursion."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_any_of(parts[:middle])} or {_any_of(parts[middle:])})"


def _if(test: str, body: str) -> str:
    return f"<xsl:if test={quoteattr(test)}>{body}</xsl:if>" if body else ""


def _each(select: str, body: str) -> str:
    return f"<xsl:for-each select={quoteattr(select)}>{body}</xsl:for-each>" if body else ""
