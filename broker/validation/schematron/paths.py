"""A rule's context as steps: what several rules share of their way through a document can then be walked once.

A condition that depends on positions stays in the step it counts in; every other one stands apart, with the value it
compares and the literals it compares it with, so that a family of such conditions can be looked up together.
"""

from typing import Final

import msgspec

from broker.validation.schematron.shape import selects_elements, union_parts
from broker.validation.schematron.terms import DEFAULT_PREFIX, Scope, Term, Token, Type, Untranslatable
from broker.validation.schematron.translate import Syntax, translated

_ANCHOR: Final = f"{DEFAULT_PREFIX}:ClinicalDocument"
_SPELLED: Final = {".": "self::node()", "..": "parent::node()"}
"""Abbreviations that take no predicate."""


class Condition(msgspec.Struct, frozen=True, array_like=True):
    """A predicate in XPath 1.0; where it is ``left`` = one of ``literals`` (written as such), it says so."""

    text: str
    left: str = ""
    literals: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One step: ``deep`` looks at all descendants, ``test`` names the nodes, all ``conditions`` must hold of them."""

    deep: bool
    test: str
    conditions: tuple[Condition, ...] = ()

    def text(self) -> str:
        """Write the step without the slashes before it."""
        test = _SPELLED.get(self.test, self.test) if self.conditions else self.test
        return test + "".join(f"[{condition.text}]" for condition in self.conditions)


class Path(msgspec.Struct, frozen=True, array_like=True):
    """One alternative of a context; a relative one matches anywhere, as a pattern of XSLT does."""

    absolute: bool
    steps: tuple[Step, ...]

    @property
    def at_top(self) -> bool:
        """Tell whether it begins at the document element, given that ``ClinicalDocument`` stands nowhere else."""
        first = self.steps[0]
        return not first.deep and (self.absolute or first.test == _ANCHOR)

    def anchored(self) -> str:
        """Write the path for documents with one ``ClinicalDocument``, at the top."""
        return ("/" if self.at_top else "//") + self._text()

    def floating(self) -> str:
        """Write the path for any document."""
        return ("/" if self.absolute and not self.steps[0].deep else "//") + self._text()

    def _text(self) -> str:
        first, *more = self.steps
        return first.text() + "".join(("//" if step.deep else "/") + step.text() for step in more)


def context_paths(syntax: Syntax, expression: str, scope: Scope) -> tuple[Path, ...]:
    """Translate a rule's context into the alternatives of its union; Untranslatable unless all select elements."""
    return tuple(_path(part, scope) for part in union_parts(syntax.parse(expression)))


def _path(token: Token, scope: Scope) -> Path:
    term = translated(token, scope)
    if term.type is not Type.NODES or not selects_elements(token):
        raise Untranslatable("the context does not select elements")
    head = token
    while head.symbol in {"/", "//"} and len(head) == 2:
        head = head[0]
    return Path(head.symbol in {"/", "//"}, tuple(_steps(token, scope)))


def _steps(token: Token, scope: Scope) -> list[Step]:
    if token.symbol not in {"/", "//"}:
        return [_step(token, scope, deep=False)]
    before = _steps(token[0], scope) if len(token) == 2 else []
    return [*before, _step(token[-1], scope, deep=token.symbol == "//")]


def _step(token: Token, scope: Scope, *, deep: bool) -> Step:
    predicates = []
    while token.symbol == "[" and token.label != "array":
        predicates.append(token[1])
        token = token[0]
    test = translated(token, scope).text
    terms = [(predicate, translated(predicate, scope)) for predicate in reversed(predicates)]
    counting = [place for place, (_, term) in enumerate(terms, 1) if _counts(term)]
    kept = counting[-1] if counting else 0
    for _, term in terms[:kept]:
        test = f"{_SPELLED.get(test, test)}[{_truth(term)}]"
    return Step(deep, test, tuple(_condition(predicate, term, scope) for predicate, term in terms[kept:]))


def _counts(term: Term) -> bool:
    """Tell whether a predicate may depend on the position of a node among those before it."""
    return term.type is Type.NUMBER or "position()" in term.text or "last()" in term.text


def _truth(term: Term) -> str:
    return f"boolean({term.text})" if term.type is Type.TRUTH else term.text


def _condition(token: Token, term: Term, scope: Scope) -> Condition:
    while token.symbol == "(" and len(token) == 1:
        token = token[0]
    if token.symbol == "=":
        left = translated(token[0], scope) if token[0].label != "array" and token[0].symbol != "(" else None
        right = _literals(token[1], scope)
        if left is not None and left.type is Type.NODES and right:
            return Condition(_truth(term), left.text, right)
    return Condition(_truth(term))


def _literals(token: Token, scope: Scope) -> tuple[str, ...]:
    """Return the literals of a string, an array or a sequence of nothing but strings; () for anything else."""
    if token.symbol == "(string)":
        return (translated(token, scope).text,)
    if token.label == "array" or token.symbol in {"(", ","}:
        found: list[str] = []
        for part in token:
            inner = _literals(part, scope)
            if not inner:
                return ()
            found += inner
        return tuple(found)
    return ()
