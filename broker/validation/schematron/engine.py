"""The plain engine: rules in order, first matching rule of a pattern per node, one XPath per assertion.

An assertion that XPath 1.0 cannot state goes to elementpath, and is counted; none is ever skipped. An expression that
XPath 3.1 would refuse to evaluate yields a failure of its own kind instead of stopping the document.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.markup import CDA
from broker.validation.schematron.fallback import Fallback
from broker.validation.schematron.functions import EXTENSIONS, NAMESPACE, DynamicError
from broker.validation.schematron.load import Assertion, Rule, SchematronFile, Variable
from broker.validation.schematron.translate import (
    CURRENT,
    DEFAULT_PREFIX,
    EXTENSION_PREFIX,
    Syntax,
    Type,
    Untranslatable,
)

MAX_FAILURES: Final = 500
"""Failures of one document after which the engine stops looking."""
_MANY_ROOTS: Final = etree.XPath("boolean(//h:ClinicalDocument[ancestor::*])", namespaces={"h": CDA})
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


class _Test(NamedTuple):
    assertion: Assertion
    native: etree.XPath | None
    wants_current: bool


class _Value(NamedTuple):
    variable: Variable
    native: etree.XPath | None


class _Rule(NamedTuple):
    """A compiled rule; ``anchored`` and ``floating`` are None when the context goes to elementpath."""

    rule: Rule
    at_root: bool
    anchored: etree.XPath | None
    floating: etree.XPath | None
    outer: tuple[_Value, ...]
    values: tuple[_Value, ...]
    tests: tuple[_Test, ...]


class Engine:
    """A Schematron file compiled; holds libxml2 objects, so it stays in its process and is rebuilt from the file."""

    def __init__(self, file: SchematronFile) -> None:
        self._syntax = Syntax(file.namespaces, CDA)
        self._prefixes = {**file.namespaces, DEFAULT_PREFIX: CDA, EXTENSION_PREFIX: NAMESPACE}
        self._cache: dict[str, etree.XPath] = {}
        self._patterns = tuple(
            tuple(self._rule(rule, (*file.variables, *pattern.variables)) for rule in pattern.rules)
            for pattern in file.patterns
        )
        tests = [test for rules in self._patterns for rule in rules for test in rule.tests]
        self.rules = sum(len(rules) for rules in self._patterns)
        self.assertions = len(tests)
        self.untranslated = sum(test.native is None for test in tests) + sum(
            rule.anchored is None and not rule.at_root for rules in self._patterns for rule in rules
        )

    def run(self, root: Element, at: datetime) -> Run:
        """Check a document; ``at`` is the moment current-date() and its kin see."""
        return _Walk(self._syntax, root, at).over(self._patterns)

    # -- compiling ---------------------------------------------------------------------------------------------------

    def _rule(self, rule: Rule, outer: tuple[Variable, ...]) -> _Rule:
        scope: dict[str, Type] = {CURRENT: Type.NODES}
        outer_values = tuple(self._value(variable, scope) for variable in outer)
        at_root = rule.context.strip() == "/"
        anchored, floating = (None, None) if at_root else self._context(rule.context, scope)
        values = tuple(self._value(variable, scope) for variable in rule.variables)
        native = anchored is not None or (at_root and not rule.variables)
        tests = tuple(self._test(item, scope, native=native, at_root=at_root) for item in rule.assertions)
        return _Rule(rule, at_root, anchored, floating, outer_values, values, tests)

    def _value(self, variable: Variable, scope: dict[str, Type]) -> _Value:
        """Compile a variable and put it in scope; one that is not translated hides any namesake."""
        scope.pop(variable.name, None)
        try:
            term = self._syntax.variable(variable.value, scope)
            compiled = self._compiled(term.text)
        except (Untranslatable, etree.XPathSyntaxError):
            return _Value(variable, None)
        scope[variable.name] = term.type
        return _Value(variable, compiled)

    def _context(
        self, context: str, scope: Mapping[str, Type]
    ) -> tuple[etree.XPath | None, etree.XPath | None]:
        try:
            parts = self._syntax.contexts(context, scope)
            anchored = self._compiled(" | ".join(_anchored(part) for part in parts))
            return anchored, self._compiled(" | ".join(_floating(part) for part in parts))
        except (Untranslatable, etree.XPathSyntaxError):
            return None, None

    def _test(self, assertion: Assertion, scope: Mapping[str, Type], *, native: bool, at_root: bool) -> _Test:
        """Compile a test; the document node cannot be handed to lxml, so tests of ``/`` run inside a predicate."""
        left = _Test(assertion, None, wants_current=False)
        if not native:
            return left
        try:
            text = self._syntax.test(assertion.test, scope)
            wants_current = f"${CURRENT}" in text
            if at_root and wants_current:
                return left
            compiled = self._compiled(f"boolean(/self::node()[{text}])" if at_root else text)
        except (Untranslatable, etree.XPathSyntaxError):
            return left
        return _Test(assertion, compiled, wants_current)

    def _compiled(self, text: str) -> etree.XPath:
        if text not in self._cache:
            self._cache[text] = etree.XPath(
                text, namespaces=self._prefixes, extensions=EXTENSIONS, smart_strings=False
            )
        return self._cache[text]


def _anchored(part: str) -> str:
    root = f"{DEFAULT_PREFIX}:ClinicalDocument"
    if part == root or part.startswith((f"{root}/", f"{root}[")):
        return f"/{part}"
    return _floating(part)


def _floating(part: str) -> str:
    return part if part.startswith("/") else f"//{part}"


class _Walk:
    """One document on its way through the patterns."""

    def __init__(self, syntax: Syntax, root: Element, at: datetime) -> None:
        self._root = root
        self._fallback = Fallback(root, syntax, at)
        self._nested = bool(_MANY_ROOTS(root))
        self._failures: list[Failure] = []
        self._fired = 0
        self._evaluated = 0
        self._left = 0

    def over(self, patterns: tuple[tuple[_Rule, ...], ...]) -> Run:
        for rules in patterns:
            self._pattern(rules)
            if len(self._failures) >= MAX_FAILURES:
                break
        failures = tuple(self._failures[:MAX_FAILURES])
        return Run(failures, self._fired, self._evaluated, self._left, len(self._failures) >= MAX_FAILURES)

    def _pattern(self, rules: tuple[_Rule, ...]) -> None:
        seen: set[Any] = set()
        for rule in rules:
            for node in self._nodes(rule):
                if len(self._failures) >= MAX_FAILURES:
                    return
                if len(rules) > 1:
                    if node in seen:
                        continue
                    seen.add(node)
                self._fired += 1
                self._judge(rule, node)

    def _nodes(self, rule: _Rule) -> Iterator[Any]:
        if rule.at_root:
            yield None
            return
        select = rule.floating if self._nested else rule.anchored
        if select is not None:
            yield from cast("list[Element]", select(self._root, **self._values(rule.outer, self._root)))
            return
        self._left += 1
        for node in self._fallback.select(rule.rule.context, [value.variable for value in rule.outer]):
            yield getattr(node, "elem", node)

    def _judge(self, rule: _Rule, node: Any) -> None:
        values = self._values(rule.outer, self._root)
        values |= self._values(rule.values, self._root if node is None else node, values)
        for test in rule.tests:
            self._evaluated += 1
            try:
                holds = self._holds(rule, test, node, values)
            except DynamicError as error:
                self._failures.append(Failure(test.assertion, _element(node), str(error)))
                continue
            if holds == test.assertion.report:
                self._failures.append(Failure(test.assertion, _element(node)))

    def _holds(self, rule: _Rule, test: _Test, node: Any, values: Values) -> bool:
        if test.native is None:
            self._left += 1
            variables = [value.variable for value in (*rule.outer, *rule.values)]
            return self._fallback.truth(test.assertion.test, node, variables)
        known = {**values, CURRENT: [node]} if test.wants_current else values
        try:
            return bool(test.native(self._root if node is None else node, **known))
        except etree.XPathError as error:
            raise DynamicError("the expression cannot be evaluated") from error

    def _values(self, variables: tuple[_Value, ...], node: Element, known: Values | None = None) -> Values:
        found: Values = dict(known or {})
        for value in variables:
            if value.native is not None:
                found[value.variable.name] = value.native(node, **found)
        return found


def _element(node: Any) -> Element | None:
    """Return the element a failure is shown at: the node itself, or the one that holds the attribute or text."""
    if node is None or isinstance(node, etree._Element):  # noqa: SLF001 - lxml names its element type so
        return node
    parent = getattr(node, "parent", None)
    return getattr(parent, "elem", None)
