"""XPath 3.1 to XPath 1.0: the same expression for libxml2, or a refusal; never an expression that means another thing.

Works on the syntax tree of elementpath's parser. Unprefixed element names get the prefix of ``urn:hl7-org:v3``;
attributes never get one. Comparisons with arrays and sequences become chains of ``or``. Every translated part carries
its type, because XPath 1.0 converts silently where XPath 3.1 would raise an error: what cannot be proven to mean the
same is refused and left to elementpath (schematron_speed.md, semd.md appendix E).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from elementpath.exceptions import ElementPathError
from elementpath.xpath31 import XPath31Parser

from broker.validation.schematron.load import SchematronRefused
from broker.validation.schematron.shape import alternatives, is_relative, selects_elements, union_parts
from broker.validation.schematron.terms import (
    CURRENT,
    DEFAULT_PREFIX,
    EXTENSION_PREFIX,
    TRUE,
    Scope,
    Term,
    Token,
    Type,
    Untranslatable,
    at_most_one,
    compared_numbers,
    quoted,
    reaches_out,
    with_current,
)

CODEPOINT: Final = "http://www.w3.org/2005/xpath-functions/collation/codepoint"


class Syntax:
    """A file's prefixes, and the translation of its expressions."""

    def __init__(self, namespaces: Mapping[str, str], default_namespace: str) -> None:
        self.namespaces = {**namespaces, "": default_namespace}
        self._parser = XPath31Parser(namespaces=self.namespaces, default_collation=CODEPOINT)

    def parse(self, expression: str) -> Token:
        """Return the syntax tree; an expression that is faulty, too deep or looks beyond the document is Untranslatable."""
        if reaches_out(expression):
            raise Untranslatable("looks beyond the document")
        try:
            return self._parser.parse(with_current(expression))
        except (ElementPathError, RecursionError) as error:
            raise Untranslatable("not parsed") from error

    def term(self, expression: str, scope: Scope) -> Term:
        """Translate an expression of any type."""
        return translated(self.parse(expression), scope)

    def variable(self, expression: str, scope: Scope, *, absolute: bool = False) -> Term:
        """Translate the value of a variable; nodes that lxml could not take back are refused.

        ``absolute`` refuses one that depends on where it is evaluated.
        """
        token = self.parse(expression)
        if absolute and is_relative(token):
            raise Untranslatable("a variable about the document node")
        term = translated(token, scope)
        if term.type is Type.TRUTH or (term.type is Type.NODES and not selects_elements(token)):
            raise Untranslatable("a variable of attributes or text nodes")
        return term

    def test(self, expression: str, scope: Scope) -> str:
        """Translate an expression that is used for its truth."""
        term = self.term(expression, scope)
        return term.text if term.type is Type.BOOLEAN else f"boolean({term.text})"


def translated(token: Token, scope: Scope) -> Term:
    """Translate a part of the tree."""
    handler = _HANDLERS.get(token.symbol)
    if handler is not None:
        return handler(token, scope)
    if token.label == "axis":
        return _axis(token, scope)
    if token.symbol in _COMPARISONS:
        return _comparison(token, scope)
    if token.symbol in _TEXT_FUNCTIONS:
        return _text_function(token, scope)
    raise Untranslatable(f"{token.symbol} has no counterpart")


def _nodes(term: Term) -> Term:
    if term.type is not Type.NODES:
        raise Untranslatable("nodes are needed")
    return term


# -- literals, names, steps ------------------------------------------------------------------------------------------


def _string(token: Token, _: Scope) -> Term:
    return Term(quoted(token.value), Type.STRING)


def _number(token: Token, _: Scope) -> Term:
    return Term(str(token.value), Type.NUMBER)


def _name(token: Token, _: Scope) -> Term:
    return Term(f"{DEFAULT_PREFIX}:{token.value}", Type.NODES)


def _prefixed(token: Token, scope: Scope) -> Term:
    prefix, local = token[0], token[1]
    if prefix.symbol == "*":
        return Term(f"*[local-name()={quoted(local.value)}]", Type.NODES)
    if local.symbol in {"(name)", "*"}:
        return Term(f"{prefix.value}:{local.value}", Type.NODES)
    if prefix.value == "fn":
        return translated(local, scope)
    raise Untranslatable(f"{token.value} is a foreign function")


def _wildcard(token: Token, scope: Scope) -> Term:
    if len(token):
        return _arithmetic(token, scope)
    return Term("*", Type.NODES)


def _attribute(token: Token, _: Scope) -> Term:
    name = token[0]
    if name.symbol == "*":
        return Term("@*", Type.NODES)
    if name.symbol == ":" and name[0].symbol == "(name)" and name[1].symbol == "(name)":
        return Term(f"@{name[0].value}:{name[1].value}", Type.NODES, single=True)
    if name.symbol == "(name)":
        return Term(f"@{name.value}", Type.NODES, single=True)
    raise Untranslatable(f"@{name.symbol} has no counterpart")


def _dot(_: Token, __: Scope) -> Term:
    return Term(".", Type.NODES, single=True)


def _parent(_: Token, __: Scope) -> Term:
    return Term("..", Type.NODES, single=True)


def _kind_test(token: Token, _: Scope) -> Term:
    if len(token):
        raise Untranslatable(f"{token.symbol} with an argument has no counterpart")
    return Term(f"{token.symbol}()", Type.NODES)


def _axis(token: Token, scope: Scope) -> Term:
    if token.symbol == "namespace":
        raise Untranslatable("the namespace axis is not used")
    test = _nodes(translated(token[0], scope))
    return Term(f"{token.symbol}::{test.text}", Type.NODES, single=token.symbol in {"parent", "self"})


def _variable(token: Token, scope: Scope) -> Term:
    name = str(token.value)
    if name not in scope:
        raise Untranslatable(f"${name} is not translated")
    if scope[name] is Type.ITEM:
        return Term(f"${name}", Type.NODES, single=True)
    return Term(f"${name}", scope[name], single=name == CURRENT)


_STEPS: Final = frozenset(
    {"(name)", ":", "*", "@", ".", "..", "[", "text", "node", "comment", "processing-instruction"}
)


def _path(token: Token, scope: Scope) -> Term:
    if not len(token):
        return Term("/", Type.NODES, single=True)
    step = token[-1]
    if step.symbol not in _STEPS and step.label != "axis":
        raise Untranslatable(f"a step cannot be {step.symbol}")
    right = _nodes(translated(step, scope))
    slash = "/descendant::" if token.symbol == "//" and _is_named(step, scope) else token.symbol
    if len(token) == 1:
        return Term(slash + right.text, Type.NODES)
    left = _nodes(translated(token[0], scope))
    single = left.single and right.single and token.symbol == "/"
    return Term(left.text + slash + right.text, Type.NODES, single)


def _is_named(step: Token, scope: Scope) -> bool:
    """Tell whether a step is a name with no position asked: libxml2 finds such descendants faster than by ``//``."""
    while step.symbol == "[":
        condition = translated(step[1], scope)
        if condition.type is Type.NUMBER or "position()" in condition.text or "last()" in condition.text:
            return False
        step = step[0]
    return bool(step.symbol == "(name)")


def _predicate(token: Token, scope: Scope) -> Term:
    if token.label == "array":
        raise Untranslatable("an array outside of a comparison")
    subject = _nodes(translated(token[0], scope))
    condition = translated(token[1], scope)
    spelled = {".": "self::node()", "..": "parent::node()"}.get(subject.text, subject.text)
    text = f"boolean({condition.text})" if condition.type is Type.TRUTH else condition.text
    single = subject.single or (token[1].symbol == "(integer)" and token[0].symbol in {"(name)", ":"})
    return Term(f"{spelled}[{text}]", Type.NODES, single)


def _parentheses(token: Token, scope: Scope) -> Term:
    if len(token) != 1 or token[0].symbol == ",":
        raise Untranslatable("a sequence outside of a comparison")
    inner = translated(token[0], scope)
    return inner if inner.text == TRUE else inner._replace(text=f"({inner.text})")


def _union(token: Token, scope: Scope) -> Term:
    parts = [_nodes(translated(part, scope)).text for part in union_parts(token)]
    return Term("(" + " | ".join(parts) + ")", Type.NODES)


# -- comparisons and logic -------------------------------------------------------------------------------------------

_COMPARISONS: Final = {
    "=": "=",
    "!=": "!=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "eq": "=",
    "ne": "!=",
}


def _comparison(token: Token, scope: Scope) -> Term:
    lefts, rights = _members(token[0], scope), _members(token[1], scope)
    if token.symbol in {"eq", "ne"} and not all(_is_one(term) for term in (*lefts, *rights)):
        raise Untranslatable("a value comparison of several nodes is an error")
    operator = _COMPARISONS[token.symbol]
    if at_most := at_most_one(lefts, operator, rights):
        return Term(at_most, Type.BOOLEAN)
    parts = [_compared(left, operator, right) for left in lefts for right in rights]
    if TRUE in parts:
        return Term(TRUE, Type.BOOLEAN)
    return Term("(" + " or ".join(parts) + ")" if parts else "false()", Type.BOOLEAN)


def _is_one(term: Term) -> bool:
    return term.single or term.type in {Type.STRING, Type.NUMBER}


def _members(token: Token, scope: Scope) -> list[Term]:
    """Return the items of one side: those of an array or a sequence, or the expression itself."""
    if token.label == "array" or (token.symbol == "(" and (not len(token) or token[0].symbol == ",")):
        return [item for part in token for item in _members(part, scope)]
    if token.symbol == ",":
        return [*_members(token[0], scope), *_members(token[1], scope)]
    return [translated(token, scope)]


def _compared(left: Term, operator: str, right: Term) -> str:
    """Compare two terms where both languages agree; a number against nodes goes through a checked conversion."""
    equality = operator in {"=", "!="}
    types = {left.type, right.type}
    if types in ({Type.NODES}, {Type.NODES, Type.STRING}, {Type.STRING}, {Type.BOOLEAN}) and equality:
        return f"{left.text}{operator}{right.text}"
    if types == {Type.NUMBER}:
        return compared_numbers(left.text, operator, right.text)
    if types == {Type.NODES, Type.NUMBER}:
        nodes = left if left.type is Type.NODES else right
        if nodes.single:
            number = f"{EXTENSION_PREFIX}:number({nodes.text})"
            pair = (number, right.text) if nodes is left else (left.text, number)
            return f"(boolean({nodes.text}) and {pair[0]}{operator}{pair[1]})"
    raise Untranslatable(f"{left.type.value} {operator} {right.type.value} differs between the versions")


_GROUP: Final = re.compile(r"\\\d")
"""A pattern that refers to a group of its own."""


def _any_match(token: Token, scope: Scope) -> Term | None:
    """Ask several patterns of one string at once."""
    parts = alternatives(token)
    if any(part.symbol != "matches" or len(part) != 2 or part[1].symbol != "(string)" for part in parts):
        return None
    if any(_GROUP.search(part[1].value) for part in parts):
        return None
    (text, *others) = dict.fromkeys(_as_text(part[0], scope) for part in parts)
    patterns = ",".join(quoted(part[1].value) for part in parts)
    return None if others else Term(f"{EXTENSION_PREFIX}:matches_any({text},{patterns})", Type.BOOLEAN)


def _logic(token: Token, scope: Scope) -> Term:
    if token.symbol == "or" and (together := _any_match(token, scope)):
        return together
    left, right = translated(token[0], scope), translated(token[1], scope)
    if token.symbol == "and" and TRUE in {left.text, right.text}:
        left, right = (right, left) if left.text == TRUE else (left, right)
        return Term(f"boolean({left.text})", Type.BOOLEAN) if left.type is not Type.BOOLEAN else left
    return Term(f"({left.text} {token.symbol} {right.text})", Type.BOOLEAN)


def _conditional(token: Token, scope: Scope) -> Term:
    condition, then, otherwise = (translated(part, scope) for part in token)
    if Type.NUMBER in {then.type, otherwise.type}:
        raise Untranslatable("a conditional that may be a number")
    text = f"((({condition.text}) and ({then.text})) or (not({condition.text}) and ({otherwise.text})))"
    both = then.type is Type.BOOLEAN and otherwise.type is Type.BOOLEAN
    return Term(text, Type.BOOLEAN if both else Type.TRUTH)


def _arithmetic(token: Token, scope: Scope) -> Term:
    terms = [translated(part, scope) for part in token]
    if any(term.type is not Type.NUMBER for term in terms):
        raise Untranslatable("arithmetic on what may not be a number")
    if len(terms) == 1:
        return Term(f"{token.symbol}{terms[0].text}", Type.NUMBER)
    return Term(f"({terms[0].text} {token.symbol} {terms[1].text})", Type.NUMBER)


# -- functions -------------------------------------------------------------------------------------------------------


def _count(token: Token, scope: Scope) -> Term:
    if token[0].symbol == "distinct-values" and len(token[0]) == 1 and token[0][0].symbol == "for":
        return _distinct(token[0][0], scope)
    argument = translated(token[0], scope)
    if argument.type is Type.BOOLEAN:
        return Term("1", Type.NUMBER)
    return Term(f"count({_nodes(argument).text})", Type.NUMBER)


def _running(token: Token, scope: Scope) -> tuple[str, str]:
    """Return what a ``for``, ``some`` or ``every`` runs over, and its variable's name as a literal."""
    if len(token) != 3 or not selects_elements(token[1]):
        raise Untranslatable("several variables, or one of attributes or text nodes")
    return _nodes(translated(token[1], scope)).text, quoted(str(token[0].value))


def _inside(token: Token, text: str) -> str:
    """Write an expression as a literal; it is evaluated for each node, where positions mean something else."""
    if "position()" in text or "last()" in text:
        raise Untranslatable(f"{token.symbol} with positions")
    return quoted(text)


def _quantified(token: Token, scope: Scope) -> Term:
    over, name = _running(token, scope)
    body = _inside(token, translated(token[2], {str(token[0].value): Type.ITEM}).text)
    return Term(f"{EXTENSION_PREFIX}:{token.symbol}({over},{name},{body})", Type.BOOLEAN)


def _distinct(token: Token, scope: Scope) -> Term:
    """Count the different strings made of nodes: ``for … return STRING``, or ``if (…) then STRING else ()``."""
    over, name = _running(token, scope)
    inner = {str(token[0].value): Type.ITEM}
    body, condition = token[2], "true()"
    if body.symbol == "if":
        if body[2].symbol != "(" or len(body[2]):
            raise Untranslatable("an alternative that is not empty")
        condition = translated(body[0], inner).text
        body = body[1]
    value = translated(body, inner)
    if value.type is not Type.STRING:
        raise Untranslatable("distinct values of what is no string")
    parts = ",".join((over, name, _inside(token, value.text), _inside(token, condition)))
    return Term(f"{EXTENSION_PREFIX}:distinct({parts})", Type.NUMBER)


def _not(token: Token, scope: Scope) -> Term:
    if token[0].symbol == "exists":  # not() asks that by itself
        return _empty(token[0], scope)
    return Term(f"not({translated(token[0], scope).text})", Type.BOOLEAN)


def _boolean(token: Token, scope: Scope) -> Term:
    return Term(f"boolean({translated(token[0], scope).text})", Type.BOOLEAN)


def _exists(token: Token, scope: Scope) -> Term:
    return Term(f"boolean({_nodes(translated(token[0], scope)).text})", Type.BOOLEAN)


def _empty(token: Token, scope: Scope) -> Term:
    return Term(f"not({_nodes(translated(token[0], scope)).text})", Type.BOOLEAN)


def _constant(token: Token, _: Scope) -> Term:
    return Term(f"{token.symbol}()", Type.BOOLEAN)


def _position(token: Token, _: Scope) -> Term:
    return Term(f"{token.symbol}()", Type.NUMBER)


def _as_text(token: Token, scope: Scope) -> str:
    """Translate an argument that must be one string at most: several nodes are an error in XPath 3.1."""
    term = translated(token, scope)
    if term.type is Type.STRING:
        return term.text
    if term.type is Type.NODES:
        return f"string({term.text})" if term.single else f"{EXTENSION_PREFIX}:one({term.text})"
    raise Untranslatable(f"{term.type.value} where a string is due")


_TEXT_FUNCTIONS: Final = {
    "string": (Type.STRING, 1),
    "string-length": (Type.NUMBER, 1),
    "normalize-space": (Type.STRING, 1),
    "concat": (Type.STRING, 99),
    "contains": (Type.BOOLEAN, 2),
    "starts-with": (Type.BOOLEAN, 2),
    "substring-before": (Type.STRING, 2),
    "substring-after": (Type.STRING, 2),
    "translate": (Type.STRING, 3),
}
"""Functions of strings that mean the same in both versions: their type and their greatest number of arguments."""


def _text_function(token: Token, scope: Scope) -> Term:
    kind, greatest = _TEXT_FUNCTIONS[token.symbol]
    if len(token) > greatest:
        raise Untranslatable("a collation is named")
    arguments = ",".join(_as_text(part, scope) for part in token)
    return Term(f"{token.symbol}({arguments})", kind)


def _substring(token: Token, scope: Scope) -> Term:
    bounds = [translated(part, scope) for part in token[1:]]
    if any(bound.type is not Type.NUMBER for bound in bounds):
        raise Untranslatable("a bound that may not be a number")
    arguments = ",".join([_as_text(token[0], scope), *(bound.text for bound in bounds)])
    return Term(f"substring({arguments})", Type.STRING)


_UNSURE: Final = re.compile(r"\[(?:[^\]\\]|\\.)*\\[SDWICP]")
"""A class that names what it is not by ``\\S`` and its kin: elementpath 5.1 joins such parts wrongly."""


def _matches(token: Token, scope: Scope) -> Term:
    if token[1].symbol == "(string)" and _UNSURE.search(token[1].value):
        raise SchematronRefused(f"the pattern {token[1].value} is left to engine = saxon")
    arguments = ",".join(_as_text(part, scope) for part in token)
    return Term(f"{EXTENSION_PREFIX}:matches({arguments})", Type.BOOLEAN)


def _node_name(token: Token, scope: Scope) -> Term:
    argument = translated(token[0], scope) if len(token) else Term("", Type.NODES, single=True)
    if argument.type is not Type.NODES or not argument.single:
        raise Untranslatable("the name of several nodes is an error")
    return Term(f"{token.symbol}({argument.text})", Type.STRING)


Handler: TypeAlias = Callable[[Token, Scope], Term]
_HANDLERS: Final[dict[str, Handler]] = {
    "(string)": _string,
    "(integer)": _number,
    "(decimal)": _number,
    "(name)": _name,
    ":": _prefixed,
    "*": _wildcard,
    "@": _attribute,
    ".": _dot,
    "..": _parent,
    "text": _kind_test,
    "node": _kind_test,
    "comment": _kind_test,
    "$": _variable,
    "/": _path,
    "//": _path,
    "[": _predicate,
    "(": _parentheses,
    "|": _union,
    "union": _union,
    "and": _logic,
    "or": _logic,
    "if": _conditional,
    "some": _quantified,
    "every": _quantified,
    "+": _arithmetic,
    "-": _arithmetic,
    "div": _arithmetic,
    "mod": _arithmetic,
    "count": _count,
    "not": _not,
    "boolean": _boolean,
    "exists": _exists,
    "empty": _empty,
    "true": _constant,
    "false": _constant,
    "position": _position,
    "last": _position,
    "substring": _substring,
    "matches": _matches,
    "name": _node_name,
    "local-name": _node_name,
}
