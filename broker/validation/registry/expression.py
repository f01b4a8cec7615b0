"""The language of rule conditions, close to how Q015 writes them: ``USL_OK in {1, 2} and not (NPR_MO or NPR_DATE)``.

Three-valued: a comparison with an absent element is unknown; a condition applies only when true, a check fails only when
false, so one missing element is reported once, by the rule that demands it. A bare name asks for presence; ``has`` asks
whether a value is among several and is never unknown. Numbers compare as numbers, dates and codes as text.
"""

import operator
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, Protocol

from broker.validation.registry.shape import Ref, Shape

Value = str | Decimal
Values = Sequence[Value]
Truth = bool | None


class Scene(Protocol):
    """Where an expression is evaluated: a node of a registry on a day."""

    def texts(self, ref: Ref) -> list[str]:
        """Return the non-empty texts a name reaches."""
        ...

    def count(self, ref: Ref) -> int:
        """Return how many elements a name reaches."""
        ...

    def file_part(self, part: str) -> str:
        """Return a part of the file's name: TYPE, Pi, Ni, Pp, Np, YY, MM."""
        ...

    @property
    def today(self) -> date:
        """Return the day of checking."""
        ...


Term = Callable[[Scene], Values]
Test = Callable[[Scene], Truth]


class ExpressionError(ValueError):
    """A rule's expression cannot be read."""


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)|(?P<op><=|>=|<>|[=<>~(){},+-]))"
)
_COMPARE: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_AFTER_TERM: Final = frozenset({*_COMPARE, "<>", "in", "has", "~", "+", "-"})


def compile_test(text: str, context: str, shape: Shape) -> Test:
    """Turn the text of a condition standing at a context into a function; raise ``ExpressionError`` or ``UnknownNameError``."""
    parser = _Parser(text, context, shape)
    test = parser.either()
    parser.end()
    return test


def number(value: Value) -> Decimal | None:
    """Return the value as a finite number, or None."""
    return value if isinstance(value, Decimal) else _parsed(value)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Decimal | None:
    """Parse once what repeats in every case: codes, tariffs, dates that are no numbers."""
    try:
        parsed = Decimal(text.strip())
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() else None


def iso_date(text: Value) -> date | None:
    """Return a date written ГГГГ-ММ-ДД, or None."""
    try:
        return date.fromisoformat(str(text)) if len(str(text)) == 10 else None
    except ValueError:
        return None


def _pair(left: Value, right: Value) -> tuple[Value, Value]:
    """Bring two values to one kind: numbers if both are, text otherwise."""
    one, two = number(left), number(right)
    return (one, two) if one is not None and two is not None else (str(left), str(right))


def _some(left: Values, right: Values, compare: Callable[[Value, Value], bool]) -> bool:
    for one in left:
        for two in right:
            if compare(*_pair(one, two)):
                return True
    return False


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, context: str, shape: Shape) -> None:
        self.source = text
        self.context = context
        self.shape = shape
        self.tokens = _tokens(text)
        self.place = 0

    def end(self) -> None:
        if self.place != len(self.tokens):
            raise ExpressionError(f"left over in {self.source!r}: {self.tokens[self.place :]}")

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if not token or (expected and token not in expected):
            raise ExpressionError(f"{expected or 'a value'} expected in {self.source!r}, not {token!r}")
        self.place += 1
        return token

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() == "or":
            self.take()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda scene: _or([test(scene) for test in tests])

    def both(self) -> Test:
        tests = [self.single()]
        while self.peek() == "and":
            self.take()
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else lambda scene: _and([test(scene) for test in tests])

    def single(self) -> Test:
        if self.peek() == "not":
            self.take()
            inner = self.single()
            return lambda scene: _not(inner(scene))
        if self.peek() == "(":
            mark = self.place
            self.take()
            test = self.either()
            self.take(")")
            if self.peek() not in _AFTER_TERM:
                return test
            self.place = mark  # a bracket of arithmetic, not of logic
        return self.comparison()

    def comparison(self) -> Test:
        start = self.peek()
        left = self.sum()
        verb = self.peek()
        match verb:
            case "=" | "<" | "<=" | ">" | ">=":
                self.take()
                return _comparison(left, self.sum(), _COMPARE[verb])
            case "<>":
                self.take()
                equal = _comparison(left, self.sum(), operator.eq)
                return lambda scene: _not(equal(scene))
            case "in":
                self.take()
                return _comparison(left, self.set(), operator.eq)
            case "has":
                self.take()
                wanted = self.sum()
                return lambda scene: _some(left(scene), wanted(scene), operator.eq)
            case "~":
                self.take()
                return _matches(left, self.take().strip("'"))
            case _:
                return self.presence(start)

    def presence(self, name: str) -> Test:
        if not name[:1].isalpha():
            raise ExpressionError(f"a name expected in {self.source!r}, not {name!r}")
        ref = self.shape.ref(self.context, name)
        return lambda scene: scene.count(ref) > 0

    def set(self) -> Term:
        self.take("{")
        members = [self.sum()]
        while self.take(",", "}") == ",":
            members.append(self.sum())
        return lambda scene: [value for member in members for value in member(scene)]

    def sum(self) -> Term:
        term = self.term()
        while self.peek() in {"+", "-"}:
            term = _arithmetic(term, operator.add if self.take() == "+" else operator.sub, self.term())
        return term

    def term(self) -> Term:
        word = self.take()
        if word.startswith("'") or word[0].isdigit():
            constant = [word.strip("'")]
            return lambda _scene: constant
        if word == "(":
            inner = self.sum()
            self.take(")")
            return inner
        if word == "today":
            return lambda scene: [scene.today.isoformat()]
        if word.startswith("FILE."):
            part = word.removeprefix("FILE.")
            return lambda scene: [text] if (text := scene.file_part(part)) else []
        if self.peek() == "(":
            return self.call(word)
        if not word[0].isalpha():
            raise ExpressionError(f"a value expected in {self.source!r}, not {word!r}")
        ref = self.shape.ref(self.context, word)
        return lambda scene: scene.texts(ref)

    def call(self, name: str) -> Term:
        self.take("(")
        if name == "count":
            ref = self.shape.ref(self.context, self.take())
            self.take(")")
            return lambda scene: [Decimal(scene.count(ref))]
        arguments = [self.sum()]
        while self.take(",", ")") == ",":
            arguments.append(self.sum())
        function = _FUNCTIONS.get(name)
        if function is None or function[0] != len(arguments):
            raise ExpressionError(f"no function {name} of {len(arguments)} in {self.source!r}")
        return lambda scene: function[1](*(argument(scene) for argument in arguments))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"cannot read {text[place:]!r}")
        tokens.append(match[0].strip())
        place = match.end()
    return tokens


def _or(truths: list[Truth]) -> Truth:
    if True in truths:
        return True
    return None if None in truths else False


def _and(truths: list[Truth]) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _comparison(left: Term, right: Term, compare: Callable[[Value, Value], bool]) -> Test:
    def test(scene: Scene) -> Truth:
        one, two = left(scene), right(scene)
        return _some(one, two, compare) if one and two else None

    return test


def _matches(left: Term, pattern: str) -> Test:
    compiled = re.compile(pattern)

    def test(scene: Scene) -> Truth:
        values = left(scene)
        return all(compiled.fullmatch(str(value)) for value in values) if values else None

    return test


def _arithmetic(left: Term, operation: Callable[[Decimal, Decimal], Decimal], right: Term) -> Term:
    def term(scene: Scene) -> Values:
        one, two = _total(left(scene)), _total(right(scene))
        return [] if one is None or two is None else [operation(one, two)]

    return term


def _total(values: Values) -> Decimal | None:
    numbers = [number(value) for value in values]
    known = [value for value in numbers if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(numbers) else None


def _sum(values: Values) -> Values:
    total = _total(values)
    return [] if total is None else [total]


def _zero(values: Values) -> Values:
    return [_total(values) or Decimal(0)] if values else [Decimal(0)]


def _each_date(values: Values, part: Callable[[date], int]) -> Values:
    return [Decimal(part(day)) for day in map(iso_date, values) if day is not None]


def _age(birth: Values, at: Values) -> Values:
    """Full years between two dates."""
    born, day = (next((iso_date(value) for value in values), None) for values in (birth, at))
    if born is None or day is None:
        return []
    return [Decimal(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))]


_FUNCTIONS: Final[dict[str, tuple[int, Callable[..., Values]]]] = {
    "sum": (1, _sum),
    "zero": (1, _zero),
    "last": (1, lambda values: [str(value)[-1:] for value in values]),
    "year": (1, lambda values: _each_date(values, lambda day: day.year)),
    "month": (1, lambda values: _each_date(values, lambda day: day.month)),
    "yy": (1, lambda values: [text[-2:] for text in map(str, values)]),
    "age": (2, _age),
}
