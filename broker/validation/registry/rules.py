"""The rule catalogue: federal codes of ФЛК as data (``rules.toml``), compiled once and run over a registry.

A rule stands at a context (``SL``), speaks of an element (``P_CEL``), may have a condition (``when``) and has exactly one
check: ``present``, ``absent``, ``values``, ``mask``, ``date`` or ``that`` (an expression).
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.validation.registry.expression import Test, Truth, compile_test, iso_date, number
from broker.validation.registry.node import Node
from broker.validation.registry.package import Registry
from broker.validation.registry.shape import PERSON, Ref, Shape

MONEY: Final = r"\d{1,15}\.\d{2}"
_FILE_PARTS: Final = {
    "Pi": "source_kind",
    "Ni": "source",
    "Pp": "receiver_kind",
    "Np": "receiver",
    "YY": "year",
    "MM": "month",
}
_KEYS: Final = {"ZAP": "N_ZAP", "Z_SL": "IDCASE", "SL": "SL_ID"}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the catalogue; ``types`` are the first letters of main files it holds for, ``because`` ends the message.

    ``severity`` and ``source`` are given only where a rule is less than an error seen in Q015.
    """

    code: str
    at: str
    element: str
    when: str = ""
    present: bool = False
    absent: bool = False
    values: tuple[str, ...] = ()
    mask: str = ""
    date: bool = False
    that: str = ""
    types: str = "HCTD"
    because: str = ""
    message: str = ""
    fix: str = ""
    who: Responsible = Responsible.CLINIC
    severity: Severity = Severity.ERROR
    source: Source = Source.SEEN
    seen: str = "Q015"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The catalogue as written: tables owner → field → code for the three commonest checks, then rules in full."""

    titles: dict[str, str]
    shown: list[str]
    required: dict[str, dict[str, str]]
    dates: dict[str, dict[str, str]]
    money: dict[str, dict[str, str]]
    rule: list[Rule]


class Spot(msgspec.Struct, frozen=True):
    """A node of a registry on a day: what expressions are evaluated against."""

    registry: Registry
    node: Node
    today: date

    def _starts(self, ref: Ref) -> list[Node]:
        """Climb, then cross to the other file where the name demands it."""
        node = self._climb(ref.up)
        if not (ref.joined or ref.other_root):
            return [node]
        in_person = next(reversed([*self.node.above()])).tag == PERSON
        if ref.other_root:
            return [self.registry.main if in_person else self.registry.person]
        if in_person:
            return self.registry.cases.get(node.text("ID_PAC"), [])
        id_pac = next(iter(node.texts(("PACIENT", "ID_PAC"))), "")
        return self.registry.persons.get(id_pac, [])

    def _climb(self, up: int) -> Node:
        node = self.node
        for _ in range(up):
            assert node.parent is not None
            node = node.parent
        return node

    def texts(self, ref: Ref) -> list[str]:
        """Return the texts of the filled leaves a name reaches."""
        if not (ref.joined or ref.other_root):
            return self._climb(ref.up).texts(ref.down)  # nearly every name: no list of one start
        return [text for start in self._starts(ref) for text in start.texts(ref.down)]

    def count(self, ref: Ref) -> int:
        """Return how many filled elements a name reaches."""
        if not (ref.joined or ref.other_root):
            return self._climb(ref.up).count(ref.down)
        return sum(start.count(ref.down) for start in self._starts(ref))

    def file_part(self, part: str) -> str:
        """Return a part of the main file's name; empty when the name breaks the grammar."""
        name = self.registry.name
        return "" if name is None else str(getattr(name, _FILE_PARTS[part]))


class _Compiled(msgspec.Struct, frozen=True):
    rule: Rule
    ref: Ref
    when: Test | None
    broken: Callable[[Spot], str | None]
    """Returns None when all is well, else the value to blame (empty when there is none)."""


class Catalogue:
    """Compiled rules by the place they stand at."""

    def __init__(
        self, rules: list[Rule], shape: Shape, titles: dict[str, str], shown: frozenset[str]
    ) -> None:
        self.rules = rules
        self._shape = shape
        self._titles = titles
        self._shown = shown
        self._by_context: dict[str, list[_Compiled]] = {}
        for rule in rules:
            self._by_context.setdefault(rule.at, []).append(_compile(rule, shape))

    @classmethod
    def load(cls, path: Path, shape: Shape) -> "Catalogue":
        """Read ``rules.toml``; raise ``msgspec.ValidationError``, ``ExpressionError`` or ``UnknownNameError`` naming the fault."""
        file = msgspec.toml.decode(path.read_bytes(), type=_File)
        tables = [
            *_table(
                file.required, lambda code, at, element: Rule(code=code, at=at, element=element, present=True)
            ),
            *_table(
                file.dates,
                lambda code, at, element: Rule(
                    code=code, at=at, element=element, date=True, who=Responsible.MIS
                ),
            ),
            *_table(
                file.money,
                lambda code, at, element: Rule(
                    code=code, at=at, element=element, mask=MONEY, who=Responsible.MIS
                ),
            ),
        ]
        return cls([*tables, *file.rule], shape, file.titles, frozenset(file.shown))

    def check(self, registry: Registry, today: date, limit: int) -> list[Finding]:
        """Run every rule that holds for this type of file; stop after ``limit`` findings."""
        findings: list[Finding] = []
        kind = registry.name.type[0] if registry.name else "H"
        for context, rules in self._by_context.items():
            holding = [rule for rule in rules if kind in rule.rule.types]
            for node in self._nodes(registry, context):
                spot = Spot(registry, node, today)
                for rule in holding:
                    if rule.when is not None and rule.when(spot) is not True:
                        continue
                    value = rule.broken(spot)
                    if value is not None:
                        findings.append(self._finding(rule, spot, value))
                if len(findings) >= limit:
                    return findings[:limit]
        return findings

    def _nodes(self, registry: Registry, context: str) -> Iterator[Node]:
        path = self._shape.paths[context]
        return (registry.person if path[0] == PERSON else registry.main).walk(path[1:])

    def _finding(self, rule: _Compiled, spot: Spot, value: str) -> Finding:
        row = rule.rule
        n_zap, id_case, sl_id = case_ids(spot.registry, spot.node)
        xpath, line = spot.node.location(rule.ref.down)
        return Finding(
            layer=Layer.BUSINESS,
            severity=row.severity,
            code="oms.rule_failed",
            rule=row.code,
            message=row.message or self._message(row),
            fix=row.fix or _fix(row),
            responsible=row.who,
            source=row.source,
            location=Location(xpath=xpath, line=line),
            value=value[:40] if value and row.element in self._shown else None,
            expected=", ".join(row.values) or None,
            n_zap=n_zap,
            id_case=id_case,
            sl_id=sl_id,
        )

    def _message(self, row: Rule) -> str:
        title = self._titles.get(row.element)
        name = f"{row.element} ({title})" if title else row.element
        reason = row.because if row.because.startswith(":") else f" {row.because}".rstrip()
        if row.present:
            return f"Не заполнен обязательный элемент {name}{reason}."
        if row.absent:
            return f"Элемент {name} должен отсутствовать{reason}."
        if row.values:
            return f"Недопустимое значение элемента {name}{reason}."
        if row.mask or row.date:
            return f"Неверный формат элемента {name}{reason}."
        return f"Значение элемента {name} не согласовано с другими{reason}."


def _fix(row: Rule) -> str:
    if row.present:
        return f"Заполните {row.element} и передайте пакет заново."
    if row.absent:
        return f"Уберите {row.element} или исправьте значение, от которого зависит его наличие."
    if row.values:
        return f"Укажите одно из значений: {', '.join(row.values)}."
    if row.date:
        return "Запишите дату в виде ГГГГ-ММ-ДД."
    if row.mask == MONEY:
        return "Запишите сумму с двумя знаками после точки, например 1200.00."
    return f"Исправьте {row.element}."


def case_ids(registry: Registry, node: Node) -> tuple[str | None, str | None, str | None]:
    """Return N_ZAP, IDCASE and SL_ID of the case a node belongs to; a person belongs to the first case that names them."""
    if node.tag == "PERS":
        cases = registry.cases.get(node.text("ID_PAC"), [])
        return (cases[0].text("N_ZAP") or None if cases else None), None, None
    found: dict[str, str] = {}
    for step in node.above():
        field = _KEYS.get(step.tag)
        if field and (text := step.text(field)):
            found[field] = text[:36]
    return found.get("N_ZAP"), found.get("IDCASE"), found.get("SL_ID")


def _table(table: dict[str, dict[str, str]], build: Callable[[str, str, str], Rule]) -> Iterator[Rule]:
    for at, fields in table.items():
        for element, code in fields.items():
            yield build(code, at, element)


def _compile(rule: Rule, shape: Shape) -> _Compiled:
    ref = shape.ref(rule.at, rule.element)
    when = compile_test(rule.when, rule.at, shape) if rule.when else None
    return _Compiled(rule, ref, when, _check_of(rule, ref, shape))


def _check_of(rule: Rule, ref: Ref, shape: Shape) -> Callable[[Spot], str | None]:
    checks = [
        bool(check) for check in (rule.present, rule.absent, rule.values, rule.mask, rule.date, rule.that)
    ]
    if checks.count(True) != 1:
        raise ValueError(f"{rule.code} at {rule.at}: exactly one check expected")
    if rule.present:
        return lambda spot: None if spot.count(ref) else ""
    if rule.absent:
        return lambda spot: "" if spot.count(ref) else None
    if rule.values:
        return partial(_outside, ref=ref, allowed=frozenset(map(_plain, rule.values)))
    if rule.date:
        return lambda spot: next((text for text in spot.texts(ref) if iso_date(text) is None), None)
    if rule.mask:
        test = compile_test(f"{rule.element} ~ '{rule.mask}'", rule.at, shape)
    else:
        test = compile_test(rule.that, rule.at, shape)
    return partial(_false, ref=ref, test=test)


def _outside(spot: Spot, *, ref: Ref, allowed: frozenset[str]) -> str | None:
    return next((text for text in spot.texts(ref) if _plain(text) not in allowed), None)


def _plain(text: str) -> str:
    """Write a number one way (``01`` and ``1`` are the same value), leave the rest."""
    value = number(text)
    return text if value is None else str(value.normalize())


def _false(spot: Spot, *, ref: Ref, test: Test) -> str | None:
    truth: Truth = test(spot)
    return next(iter(spot.texts(ref)), "") if truth is False else None
