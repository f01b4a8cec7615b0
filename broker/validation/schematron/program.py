"""A Schematron file translated: every expression as XPath 1.0 where that means the same, and marked where it does not.

Translating takes the engine's longest time and depends on nothing but the file, so a program can be kept and reused.
It holds text only; who runs it compiles it.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from lxml import etree

from broker.document.markup import CDA
from broker.validation.schematron.counted import Counted, counted
from broker.validation.schematron.functions import NAMESPACE, OVER_NODES, Compiler
from broker.validation.schematron.load import Assertion, Rule, SchematronFile, SchematronRefused, Variable
from broker.validation.schematron.paths import Path, context_paths
from broker.validation.schematron.terms import (
    CURRENT,
    DEFAULT_PREFIX,
    EXTENSION_PREFIX,
    Scope,
    Type,
    Untranslatable,
    with_current,
)
from broker.validation.schematron.translate import Syntax

ROOT: Final = "/"
"""Context of rules about the document as a whole."""

_UNTRANSLATED: Final = (Untranslatable, etree.XPathSyntaxError, RecursionError)
"""What leaves an expression to XPath 3.1; one thousands of operators long cannot be walked over."""
_NOT_OF_DOCUMENT: Final = (f"${CURRENT}", *(f"{EXTENSION_PREFIX}:{name}(" for name in OVER_NODES))
"""What cannot be said at the document node, which lxml hands to nobody."""


class Value(msgspec.Struct, frozen=True, array_like=True):
    """A variable; ``text`` is None when XPath 1.0 cannot say it."""

    variable: Variable
    text: str | None


class Test(msgspec.Struct, frozen=True, array_like=True):
    """An assertion's expression as a truth; ``text`` is None when XPath 1.0 cannot say it; ``counted`` says what it counts."""

    assertion: Assertion
    text: str | None
    counted: Counted | None = None

    @property
    def wants_current(self) -> bool:
        """Tell whether it asks for the node its rule fired at from within a predicate."""
        return self.text is not None and f"${CURRENT}" in self.text


class RuleProgram(msgspec.Struct, frozen=True, array_like=True):
    """A rule: ``paths`` is None when its context is left to XPath 3.1; a rule about the document has none."""

    context: str
    paths: tuple[Path, ...] | None
    outer: tuple[Value, ...]
    values: tuple[Value, ...]
    tests: tuple[Test, ...]

    @property
    def at_root(self) -> bool:
        """Tell whether the rule is about the document as a whole."""
        return self.context == ROOT


class Program(msgspec.Struct, frozen=True, array_like=True):
    """A file's prefixes and its patterns, each a sequence of rules of which the first that fires judges a node."""

    namespaces: dict[str, str]
    patterns: tuple[tuple[RuleProgram, ...], ...]

    @property
    def prefixes(self) -> dict[str, str]:
        """Prefixes of translated expressions."""
        return {**self.namespaces, DEFAULT_PREFIX: CDA, EXTENSION_PREFIX: NAMESPACE}

    def rules(self) -> Iterator[RuleProgram]:
        """Yield every rule."""
        for pattern in self.patterns:
            yield from pattern


def of_document(text: str) -> str:
    """Write a test of the document node, which cannot be handed to lxml, as a question that any node can be asked."""
    return f"boolean(/self::node()[{text}])"


def translate(file: SchematronFile) -> Program:
    """Translate a file; what cannot be translated, or not provably to the same meaning, is marked.

    SchematronRefused names what not even elementpath could be asked.
    """
    return _Translator(file).program()


def _used(outer: tuple[Variable, ...], rule: Rule) -> tuple[Variable, ...]:
    """Return the variables of file and pattern a rule speaks of, or those speak of in their turn."""
    said = [rule.context, *(one.value for one in rule.variables), *(item.test for item in rule.assertions)]
    used: list[Variable] = []
    for variable in reversed(outer):
        if any(re.search(rf"\${re.escape(variable.name)}(?![\w.-])", text) for text in said):
            used.append(variable)
            said.append(variable.value)
    return tuple(reversed(used))


class _Translator:
    def __init__(self, file: SchematronFile) -> None:
        self._file = file
        self._syntax = Syntax(file.namespaces, CDA)
        self._compiler = Compiler(Program(file.namespaces, ()).prefixes)

    def program(self) -> Program:
        file = self._file
        patterns = tuple(
            tuple(self._rule(rule, (*file.variables, *pattern.variables)) for rule in pattern.rules)
            for pattern in file.patterns
        )
        return Program(file.namespaces, patterns)

    def _rule(self, rule: Rule, outer: tuple[Variable, ...]) -> RuleProgram:
        scope: dict[str, Type] = {CURRENT: Type.NODES}
        context = rule.context.strip()
        if f"${CURRENT}" in with_current(context):
            raise SchematronRefused(f"line {rule.line}: current() in a context is left to engine = saxon")
        outer_values = tuple(self._value(one, scope, of_document=True) for one in _used(outer, rule))
        at_root = context == ROOT
        paths = () if at_root else self._paths(context, scope)
        values = tuple(self._value(variable, scope) for variable in rule.variables)
        native = not rule.variables if at_root else paths is not None
        tests = tuple(
            self._test(item, scope, at_root=at_root) if native else Test(item, None)
            for item in rule.assertions
        )
        return RuleProgram(context, paths, outer_values, values, tests)

    def _value(self, variable: Variable, scope: dict[str, Type], *, of_document: bool = False) -> Value:
        """Translate a variable and put it in scope; one that is not translated hides any namesake.

        One of file or pattern is about the document node, which cannot be handed to lxml: relative ones are left.
        """
        scope.pop(variable.name, None)
        try:
            term = self._syntax.variable(variable.value, scope, absolute=of_document)
            self._compiler.compiled(term.text)
        except _UNTRANSLATED:
            return Value(variable, None)
        scope[variable.name] = term.type
        return Value(variable, term.text)

    def _paths(self, context: str, scope: Scope) -> tuple[Path, ...] | None:
        try:
            paths = context_paths(self._syntax, context, scope)
            for path in paths:
                self._compiler.compiled(path.anchored())
                self._compiler.compiled(path.floating())
        except _UNTRANSLATED:
            return None
        return paths

    def _test(self, assertion: Assertion, scope: Scope, *, at_root: bool) -> Test:
        try:
            text = self._syntax.test(assertion.test, scope)
            if at_root and any(word in text for word in _NOT_OF_DOCUMENT):
                return Test(assertion, None)
            self._compiler.compiled(of_document(text) if at_root else text)
            return Test(assertion, text, None if at_root else counted(self._syntax, assertion.test, scope))
        except _UNTRANSLATED:
            return Test(assertion, None)
