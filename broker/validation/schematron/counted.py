"""Tests that only count how often a value stands somewhere: many of one rule ask it of the same place, so one look will do.

``count(component[section/code/@code='ALL']) = 1`` demands of the values ``component/section/code/@code`` that ``ALL`` be
among them as often as allowed. Where a value is found once or never, that is exactly what the count is; a value found
more often may still stand in one element only, and is counted as written.
"""

import operator
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from broker.validation.schematron.terms import Scope, Token, Untranslatable
from broker.validation.schematron.translate import Syntax, translated

_OPERATORS: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NAMES: Final = frozenset({"(name)", ":"})


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """``values`` selects attributes; ``literal`` (as written) may be met as often as one of ``allowed``: "0", "1" or "01"."""

    values: str
    literal: str
    allowed: str


class _Count(NamedTuple):
    values: str
    literal: str
    allowed: frozenset[int]


def counted(syntax: Syntax, expression: str, scope: Scope) -> Counted | None:
    """Return what a test counts; None when it does anything else."""
    try:
        found = _count(syntax.parse(expression), scope)
    except Untranslatable:
        return None
    if found is None or not found.allowed:
        return None
    return Counted(found.values, found.literal, "".join(map(str, sorted(found.allowed))))


def _count(token: Token, scope: Scope) -> _Count | None:
    while token.symbol == "(" and len(token) == 1:
        token = token[0]
    if token.symbol in {"and", "or"}:
        left, right = _count(token[0], scope), _count(token[1], scope)
        if left is None or right is None or left[:2] != right[:2]:
            return None
        both = left.allowed & right.allowed if token.symbol == "and" else left.allowed | right.allowed
        return left._replace(allowed=both)
    if token.symbol not in _OPERATORS or token[0].symbol != "count" or token[1].symbol != "(integer)":
        return None
    place = _place(token[0][0], scope)
    if place is None:
        return None
    holds, bound = _OPERATORS[token.symbol], int(token[1].value)
    return _Count(*place, frozenset(number for number in (0, 1) if holds(number, bound)))


def _place(token: Token, scope: Scope) -> tuple[str, str] | None:
    """Return where values are looked for and the value itself, of ``names[names/@name='value']``."""
    before = ""
    if token.symbol == "/" and len(token) == 2 and _is_names(token[0]):
        before, token = f"{translated(token[0], scope).text}/", token[1]
    if token.symbol != "[" or token.label == "array" or not _is_names(token[0]):
        return None
    condition = token[1]
    while condition.symbol == "(" and len(condition) == 1:
        condition = condition[0]
    if condition.symbol != "=" or condition[1].symbol != "(string)" or not _is_attribute(condition[0]):
        return None
    values = f"{before}{translated(token[0], scope).text}/{translated(condition[0], scope).text}"
    return values, translated(condition[1], scope).text


def _is_names(token: Token) -> bool:
    """Tell whether a path goes from child to child by name and asks nothing on its way."""
    if token.symbol == "/":
        return len(token) == 2 and all(map(_is_names, token))
    return token.symbol == "(name)" or (token.symbol == ":" and all(p.symbol == "(name)" for p in token))


def _is_attribute(token: Token) -> bool:
    if token.symbol == "/" and len(token) == 2:
        return _is_names(token[0]) and _is_attribute(token[1])
    return (
        token.symbol == "@"
        and token[0].symbol in _NAMES
        and (token[0].symbol == "(name)" or _is_names(token[0]))
    )
