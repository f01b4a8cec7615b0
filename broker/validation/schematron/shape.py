"""What an expression is made of, told by elementpath's syntax tree alone: no translation is needed to see it."""

from typing import Final

from broker.validation.schematron.terms import Token

_OF_CONTEXT: Final = frozenset(
    {"(name)", ":", "*", "@", ".", "..", "text", "node", "comment", "position", "last"}
)


def is_relative(token: Token) -> bool:
    """Tell whether an expression may depend on the node it is evaluated at."""
    if token.symbol in {"/", "//"}:
        return len(token) == 2 and is_relative(token[0])
    if token.symbol == "[" and token.label != "array":
        return is_relative(token[0])
    if token.symbol == "$":
        return False
    bare = token.label == "function" and not len(token) and token.symbol not in {"true", "false"}
    named = token.symbol in _OF_CONTEXT and not (token.symbol == "*" and len(token))
    return bare or named or token.label == "axis" or any(is_relative(part) for part in token)


def selects_elements(token: Token) -> bool:
    """Tell whether a path ends in elements, the only nodes lxml hands back as nodes."""
    if token.symbol in {"|", "union"}:
        return selects_elements(token[0]) and selects_elements(token[1])
    while token.symbol in {"/", "//", "[", "("} and len(token):
        token = token[0] if token.symbol in {"[", "("} else token[-1]
    return token.symbol not in {"@", "attribute", "text", "comment", "node", "processing-instruction"}


def union_parts(token: Token) -> list[Token]:
    """Return the alternatives of a union."""
    if token.symbol in {"|", "union"}:
        return [*union_parts(token[0]), *union_parts(token[1])]
    return [token]


def alternatives(token: Token) -> list[Token]:
    """Return what is joined by ``or``."""
    while token.symbol == "(" and len(token) == 1:
        token = token[0]
    return [*alternatives(token[0]), *alternatives(token[1])] if token.symbol == "or" else [token]
