"""The plain engine: rules in order, first matching rule of a pattern per node, one XPath per assertion.

An assertion that XPath 1.0 cannot state goes to elementpath, and is counted; none is ever skipped. An expression that
XPath 3.1 would refuse to evaluate yields a failure of its own kind instead of stopping the document.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.markup import CDA
from broker.validation.schematron.fallback import Fallback
from broker.validation.schematron.functions import Compiler, DynamicError, OutOfReach
from broker.validation.schematron.load import Assertion
from broker.validation.schematron.program import Program, RuleProgram, Test, Value, of_document
from broker.validation.schematron.terms import CURRENT
from broker.validation.schematron.translate import Syntax

MAX_FAILURES: Final = 500
"""Failures of one document after which the engine stops looking."""
_MANY_ROOTS: Final = etree.XPath("boolean(/*/descendant::h:ClinicalDocument)", namespaces={"h": CDA})
Values: TypeAlias = dict[str, Any]


class Failure(NamedTuple):
    """An assertion that does not hold at a node (None = the document); ``error`` names why it has no answer."""

    assertion: Assertion
    element: Element | None
    error: str = ""


class Run(NamedTuple):
    """What one document met: failures, rules that fired, assertions evaluated, those left to elementpath."""

    failures: tuple[Failure, ...]
    fired: int
    evaluated: int
    fallback: int
    truncated: bool


class Engine:
    """A program ready to run; holds libxml2 objects, so it stays in its process. Expressions compile when first met."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.syntax = Syntax(program.namespaces, CDA)
        self.compiler = Compiler(program.prefixes)
        tests = [test for rule in program.rules() for test in rule.tests]
        self.rules = sum(len(pattern) for pattern in program.patterns)
        self.assertions = len(tests)
        self.untranslated = sum(test.text is None for test in tests) + sum(
            rule.paths is None for rule in program.rules()
        )

    def run(self, root: Element, at: datetime) -> Run:
        """Check a document; ``at`` is the moment current-date() and its kin see."""
        return Walk(self, root, at).over(self.program.patterns)


def is_nested(root: Element) -> bool:
    """Tell whether a ``ClinicalDocument`` stands within another element."""
    return bool(_MANY_ROOTS(root))


class Walk:
    """One document on its way through the patterns."""

    def __init__(self, engine: Engine, root: Element, at: datetime, *, nested: bool | None = None) -> None:
        self._engine = engine
        self._root = root
        self._fallback = Fallback(root, engine.syntax, at)
        self._nested = is_nested(root) if nested is None else nested
        self.failures: list[Failure] = []
        self._selected: dict[int, frozenset[Any]] = {}
        self._fired = 0
        self.evaluated = 0
        self._left = 0

    @property
    def is_full(self) -> bool:
        """Tell whether so much has failed that nobody looks any further."""
        return len(self.failures) >= MAX_FAILURES

    def over(self, patterns: Sequence[Sequence[RuleProgram]]) -> Run:
        """Let every pattern judge."""
        for rules in patterns:
            self.pattern(rules)
            if self.is_full:
                break
        return self.run()

    def run(self) -> Run:
        """Sum up."""
        failures = tuple(self.failures[:MAX_FAILURES])
        return Run(failures, self._fired, self.evaluated, self._left, self.is_full)

    def pattern(self, rules: Sequence[RuleProgram]) -> None:
        """Let one pattern judge: of its rules the first that selects a node."""
        seen: set[Any] = set()
        for rule in rules:
            for node in self.nodes(rule):
                if self.is_full:
                    return
                if len(rules) > 1:
                    if node in seen:
                        continue
                    seen.add(node)
                self.judge(rule, node)

    def selected(self, rule: RuleProgram) -> frozenset[Any]:
        """Return the nodes a rule selects, looked for once."""
        key = id(rule)
        if key not in self._selected:
            self._selected[key] = frozenset(self.nodes(rule))
        return self._selected[key]

    def nodes(self, rule: RuleProgram) -> Iterator[Any]:
        """Yield the nodes a rule selects: None for the document, elements, or those of elementpath's own tree."""
        if rule.at_root:
            yield None
            return
        if rule.paths is not None:
            text = " | ".join(p.floating() if self._nested else p.anchored() for p in rule.paths)
            select = self._engine.compiler.compiled(text)
            try:
                found = cast("list[Element]", select(self._root, **self._values(rule.outer, self._root)))
            except (DynamicError, OutOfReach):  # at some node: which others match, only XPath 3.1 can tell
                found = None
            if found is not None:
                yield from found
                return
        self._left += 1
        for node in self._fallback.select(rule.context, [value.variable for value in rule.outer]):
            yield getattr(node, "elem", node)

    def judge(self, rule: RuleProgram, node: Any) -> None:
        """Evaluate a rule's assertions at a node."""
        self._fired += 1
        values = self._values(rule.outer, self._root)
        values |= self._values(rule.values, self._root if node is None else node, values)
        for test in rule.tests:
            self.evaluated += 1
            try:
                holds = self._holds(rule, test, node, values)
            except DynamicError as error:
                self.failures.append(Failure(test.assertion, _element(node), str(error)))
                continue
            if holds == test.assertion.report:
                self.failures.append(Failure(test.assertion, _element(node)))

    def _holds(self, rule: RuleProgram, test: Test, node: Any, values: Values) -> bool:
        if test.text is None:
            return self._slowly(rule, test, node)
        known = {**values, CURRENT: [node]} if test.wants_current else values
        ask = self._engine.compiler.compiled(of_document(test.text) if rule.at_root else test.text)
        try:
            return bool(ask(self._root if node is None else node, **known))
        except etree.XPathError as error:
            raise DynamicError("the expression cannot be evaluated") from error
        except OutOfReach:
            return self._slowly(rule, test, node)

    def _slowly(self, rule: RuleProgram, test: Test, node: Any) -> bool:
        self._left += 1
        outer, own = ([one.variable for one in values] for values in (rule.outer, rule.values))
        return self._fallback.truth(test.assertion.test, node, outer, own)

    def _values(self, variables: tuple[Value, ...], node: Element, known: Values | None = None) -> Values:
        found: Values = dict(known or {})
        for value in variables:
            if value.text is not None:
                found[value.variable.name] = self._engine.compiler.compiled(value.text)(node, **found)
        return found


def _element(node: Any) -> Element | None:
    """Return the element a failure is shown at: the node itself, or the one that holds the attribute or text."""
    if node is None or isinstance(node, etree._Element):  # noqa: SLF001 - lxml names its element type so
        return node
    parent = getattr(node, "parent", None)
    return getattr(parent, "elem", None)
