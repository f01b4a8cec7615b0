"""Who must sign a kind of document beside the organisation: roles and posts, as data.

Dictionary 1.2.643.5.1.13.13.99.2.42 is not public, so these are our rules (``schemas/signing.toml``) and the operator's over
them (``signing.toml`` in the directory of trust). Role mnemonics are of 1.2.643.5.1.13.13.99.2.368, posts of 11.1002.
"""

import tomllib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from broker.document.finding import Severity

EVERY: Final = "*"
"""Stands for every kind no rule names."""
Mnemonic = Annotated[str, Meta(pattern="^[A-Z_]{2,40}$")]
Digits = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]
Kind = Annotated[str, Meta(pattern=r"^([0-9]{1,5}|\*)$")]


_ROLES: Final = {
    "DOCTOR": "врач",
    "HEAD_DOCTOR": "главный врач",
    "CHAIRMAN": "председатель",
    "COMMISSIONER": "член комиссии",
    "AUTHOR": "автор документа",
}
"""Names of 99.2.368 that were seen (remd.md §5)."""


def role_name(role: str) -> str:
    """Return a role's mnemonic, with its Russian name where we know it."""
    return f"{role} ({_ROLES[role]})" if role in _ROLES else role


class PositionControl(StrEnum):
    """How posts are compared with those a role is for (99.2.42: проверять / не строгий / не проверять)."""

    STRICT = "strict"
    """Another post blocks the document."""
    LOOSE = "loose"
    """Another post is told."""
    OFF = "off"
    """Not compared."""


class RoleNeed(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="kebab"
):
    """A role among the personal signatures: at least ``least`` and at most ``most`` (0: any number) of them.

    ``positions`` are codes of 1.2.643.5.1.13.13.11.1002 people in this role may hold.
    """

    role: Mnemonic
    least: Annotated[int, Meta(ge=0, le=30)] = 1
    most: Annotated[int, Meta(ge=0, le=30)] = 0
    control: PositionControl = PositionControl.OFF
    positions: tuple[Digits, ...] = ()


class SigningRule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="kebab"
):
    """Who signs these kinds; ``severity`` is what a breach does, ``reason`` where the rule comes from.

    ``organization`` None: as MO_SIGN of dictionary 1520 says. ``personal`` counts personal signatures of any role.
    """

    kinds: tuple[Kind, ...]
    reason: Annotated[str, Meta(min_length=1)]
    severity: Severity = Severity.WARNING
    organization: bool | None = None
    personal: Annotated[int, Meta(ge=0, le=30)] = 1
    roles: tuple[RoleNeed, ...] = ()


PLAIN: Final = SigningRule(
    kinds=(EVERY,), reason="Хотя бы один медицинский работник", severity=Severity.ERROR
)
"""What holds where no rule says anything."""


class SigningRulesRefused(Exception):  # noqa: N818  a verdict about a file, named as one
    """The file of rules says what cannot be; the text says what, in Russian."""


class SigningRules:
    """The rules in force by kind: a later one about the same kind takes the place of an earlier one."""

    def __init__(self, rules: Iterable[SigningRule] = ()) -> None:
        self.rules = tuple(rules)
        self._by_kind = {kind: rule for rule in self.rules for kind in rule.kinds}

    def of(self, kind: str) -> SigningRule:
        """Return the rule of a kind, else that of every kind."""
        return self._by_kind.get(kind) or self._by_kind.get(EVERY) or PLAIN

    def overlaid(self, rules: Iterable[SigningRule]) -> "SigningRules":
        """Return these rules with an operator's above them."""
        return SigningRules((*self.rules, *rules))


def load_signing_rules(path: Path) -> SigningRules:
    """Read a file of rules; raise ``SigningRulesRefused`` naming what is wrong, ``OSError`` when it is not there."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = msgspec.convert(data.get("rule", []), tuple[SigningRule, ...])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SigningRulesRefused(f"{path.name}: {error}") from error
    unknown = sorted(set(data) - {"rule"})
    if unknown:
        raise SigningRulesRefused(f"{path.name}: неизвестный раздел {unknown[0]}")
    _refuse_twice(path.name, rules)
    return SigningRules(rules)


def _refuse_twice(name: str, rules: tuple[SigningRule, ...]) -> None:
    seen: set[str] = set()
    for place, rule in enumerate(rules, 1):
        for kind in rule.kinds:
            if kind in seen:
                raise SigningRulesRefused(f"{name}: правило {place}: вид {kind} указан дважды")
            seen.add(kind)
        for need in rule.roles:
            if need.control is not PositionControl.OFF and not need.positions:
                raise SigningRulesRefused(
                    f"{name}: правило {place}: у роли {need.role} должности сверяются, но не названы"
                )
