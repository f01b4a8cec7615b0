"""The routing table as data, the decision it makes, and the check that refuses a table which could register twice.

For each (clinic, kind, region) exactly one registrar of РЭМД is chosen: ``direct`` or ``gis:<profile>``. A registry for
ТФОМС goes to the fund it names and nowhere else; no СЭМД goes to ТФОМС.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from broker.document.submission import SubmissionType

FUND: Final = "tfoms."
"""How destinations that are funds begin; the rest is the code the registry names."""
REMD: Final = "remd"


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions that must all hold; an empty list holds always. ``oms`` asks whether the clinic works in ОМС."""

    types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    clinics: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    oms: bool | None = None
    tfoms: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line: where to send what the conditions describe.

    ``destination`` may hold ``{region}`` or ``{tfoms}``; ``registers`` says that this recipient registers in РЭМД
    (РЭМД itself, or a ГИС that registers on the clinic's behalf).
    """

    name: str
    destination: str
    when: When = When()
    required: bool = True
    registers: bool = False


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All lines; every line that fits adds a recipient, the first one for the same destination wins."""

    rules: tuple[Rule, ...] = ()


class TableRefusedError(Exception):
    """A table that could register twice or misroute a registry is not put into force; ``problems`` say why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision looks at."""

    type: str
    kind: str
    clinic: str
    region: str
    mode: str
    oms: bool
    tfoms: str = ""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A chosen recipient and the rule that chose it."""

    destination: str
    required: bool
    rule: str
    registers: bool = False


class Decision(msgspec.Struct, frozen=True):
    """Recipients, and in words why each rule did or did not choose."""

    recipients: tuple[Recipient, ...]
    explanation: tuple[str, ...]


def _misses(rule: Rule, subject: Subject) -> str:
    """Return the first condition that fails, in words, or an empty string."""
    when = rule.when
    if when.types and subject.type not in when.types:
        return f"тип {subject.type} не из {', '.join(when.types)}"
    if not when.types and subject.type != SubmissionType.SEMD:
        return "правило касается только СЭМД"
    if when.kinds and subject.kind not in when.kinds:
        return f"вид {subject.kind} не перечислен"
    if when.regions and subject.region not in when.regions:
        return f"регион {subject.region} не перечислен"
    if when.clinics and subject.clinic not in when.clinics:
        return "клиника не перечислена"
    if when.modes and subject.mode not in when.modes:
        return f"режим {subject.mode} не перечислен"
    if when.oms is not None and when.oms != subject.oms:
        return "признак работы в ОМС не совпадает"
    if when.tfoms and subject.tfoms not in when.tfoms:
        return f"фонд {subject.tfoms or '—'} не перечислен"
    return ""


def _may_carry(destination: str, subject: Subject) -> bool:
    """Tell whether the kind of recipient fits: a registry goes to the fund it names, a СЭМД to no fund."""
    if subject.type == SubmissionType.OMS_REGISTRY:
        return destination == f"{FUND}{subject.tfoms}"
    return not destination.startswith(FUND)


def decide(table: Table, subject: Subject, known: frozenset[str]) -> Decision:
    """Choose recipients among the ``known`` destinations of the subject's mode and explain every rule."""
    chosen: dict[str, Recipient] = {}
    explanation = []
    for rule in table.rules:
        miss = _misses(rule, subject)
        destination = rule.destination.replace("{region}", subject.region).replace("{tfoms}", subject.tfoms)
        if not miss and not _may_carry(destination, subject):
            miss = (
                f"{destination} не для этого: реестр уходит только в названный фонд, СЭМД в фонды не уходят"
            )
        if not miss and destination not in known:
            miss = f"направление {destination} не настроено для режима {subject.mode}"
        if not miss and destination in chosen:
            miss = f"{destination} уже выбрано правилом «{chosen[destination].rule}»"
        if not miss and rule.registers and any(r.registers for r in chosen.values()):
            miss = "регистратор РЭМД уже выбран другим правилом"
        if miss:
            explanation.append(f"«{rule.name}»: нет — {miss}.")
            continue
        chosen[destination] = Recipient(
            destination=destination, required=rule.required, rule=rule.name, registers=rule.registers
        )
        explanation.append(f"«{rule.name}»: да → {destination}.")
    return Decision(tuple(chosen.values()), tuple(explanation))


def _overlap(first: Sequence[str], second: Sequence[str]) -> bool:
    return not first or not second or bool(set(first) & set(second))


def check_table(table: Table, known: frozenset[str] | None = None) -> list[str]:
    """Return why a table may not be activated, in Russian; empty when it may.

    Two rules that register in РЭМД and could meet on one document are refused, whatever their order. Without ``known`` destinations
    their names are not looked at.
    """
    problems = []
    registrars = [rule for rule in table.rules if rule.registers]
    for number, first in enumerate(registrars):
        for second in registrars[number + 1 :]:
            a, b = first.when, second.when
            meet = (
                _overlap(a.kinds, b.kinds)
                and _overlap(a.regions, b.regions)
                and _overlap(a.clinics, b.clinics)
                and _overlap(a.modes, b.modes)
                and (a.oms is None or b.oms is None or a.oms == b.oms)
            )
            if meet and first.destination != second.destination:
                problems.append(
                    f"Правила «{first.name}» и «{second.name}» могут зарегистрировать один документ дважды: "
                    "разведите их по видам, регионам или клиникам."
                )
    for rule in table.rules:
        problems += [f"Правило «{rule.name}»: {problem}" for problem in _check_destination(rule, known)]
    names = [rule.name for rule in table.rules]
    problems += [
        f"Имя правила «{name}» повторяется." for name in sorted({n for n in names if names.count(n) > 1})
    ]
    return problems


def _check_destination(rule: Rule, known: frozenset[str] | None) -> list[str]:
    """Return why a rule may not name its destination."""
    problems = []
    plain = rule.destination.replace("{region}", "").replace("{tfoms}", "")
    if re.search(r"[{}]", plain):
        problems.append("в направлении подставляются только {region} и {tfoms}.")
    elif known is not None and plain == rule.destination and rule.destination not in known:
        problems.append(f"направление {rule.destination} не настроено.")
    if rule.destination.startswith(FUND):
        if rule.when.types != (SubmissionType.OMS_REGISTRY,):
            problems.append('в ТФОМС уходят только реестры: укажите types = ["oms-registry"].')
        named = rule.destination.removeprefix(FUND)
        if named != "{tfoms}" and rule.when.tfoms != (named,):
            problems.append(
                "реестр уходит в тот фонд, который в нём назван: укажите tfoms.{tfoms} или условие tfoms."
            )
    elif SubmissionType.OMS_REGISTRY in rule.when.types:
        problems.append("реестр уходит только в фонд, а это направление — не фонд.")
    if rule.destination == REMD and not rule.registers:
        problems.append("РЭМД сам регистрирует документ: укажите registers = true.")
    return problems
