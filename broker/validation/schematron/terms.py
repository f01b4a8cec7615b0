"""The words of a translation: what an expression yields, what stands for what, and when there is no counterpart."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

DEFAULT_PREFIX: Final = "_"
"""Prefix of unprefixed element names in translated expressions."""
EXTENSION_PREFIX: Final = "_x"
"""Prefix of our extension functions."""
CURRENT: Final = "_current"
"""Variable that stands for XSLT's current()."""

Token: TypeAlias = Any
"""A node of elementpath's syntax tree, whose own types are too loose to help."""
TRUE: Final = "true()"
_COUNT: Final = re.compile(r"count\((.*)\)", re.DOTALL)
_CURRENT_CALL: Final = re.compile(r"""('[^']*'|"[^"]*")|\bcurrent\(\s*\)""")
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*"|\(:.*?:\)""", re.DOTALL)
_OUTSIDE: Final = re.compile(
    r"(?<![\w@$.-])(?:doc|doc-available|document|collection|uri-collection|unparsed-text(?:-lines|-available)?|json-doc|"
    r"environment-variable|available-environment-variables|function-lookup|transform|load-xquery-module)\s*[(#]"
)


class Untranslatable(Exception):  # noqa: N818 - an expected outcome, not a fault
    """XPath 1.0 cannot say this, or not provably the same."""


class Type(Enum):
    """What an expression yields."""

    NODES = "nodes"
    """A set of nodes."""
    NUMBER = "number"
    """A number."""
    STRING = "string"
    """A string."""
    BOOLEAN = "boolean"
    """True or false, in both versions of the language."""
    ITEM = "item"
    """One node, of a variable that runs over some."""
    TRUTH = "truth"
    """Usable only for its effective boolean value (a conditional)."""


class Term(NamedTuple):
    """Translated text, its type, and whether it holds at most one node."""

    text: str
    type: Type
    single: bool = False


Scope: TypeAlias = Mapping[str, Type]
"""Types of the variables in sight."""


def reaches_out(expression: str) -> bool:
    """Tell whether an expression asks for files, addresses or the environment: rules judge a document by itself alone."""
    return _OUTSIDE.search(_QUOTED.sub(" ", expression)) is not None


def with_current(expression: str) -> str:
    """Write XSLT's current() as a variable, outside of string literals."""
    return _CURRENT_CALL.sub(lambda m: m[1] or f"${CURRENT}", expression)


def quoted(text: str) -> str:
    """Write a string literal of XPath 1.0, which has no escape for quotes."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    parts = (f"'{part}'" for part in text.split("'"))
    return "concat(" + ',"\'",'.join(parts) + ")"


def at_most_one(lefts: Sequence[Term], operator: str, rights: Sequence[Term]) -> str:
    """Write that a count is none or one, ``count(x)=[0,1]``, as one question; "" for any other comparison."""
    if operator != "=" or len(lefts) != 1 or sorted(term.text for term in rights) != ["0", "1"]:
        return ""
    if lefts[0].type is not Type.NUMBER or not _COUNT.fullmatch(lefts[0].text):
        return ""
    return f"({lefts[0].text}<=1)"


def compared_numbers(left: str, operator: str, right: str) -> str:
    """Compare two numbers; whether there is any node at all is known before they are counted."""
    if left.isdecimal() and right.isdecimal() and operator == "=" and int(left) == int(right):
        return TRUE
    counted = _COUNT.fullmatch(left)
    if counted and right == "0" and EXTENSION_PREFIX not in left:
        if operator == ">=":
            return TRUE
        if operator == "=":
            return f"not({counted[1]})"
    return f"{left}{operator}{right}"
