"""Profiles: how much does a rule count for this sender? A test credential is told of what would stop a real document.

A profile is the mode of a credential; its switches are data (``schemas/profiles.toml``), each with its reason. Where a rule
set has an override of its own, the more specific word wins: that on the rule before that on its layer, and of two
equally specific ones the rule set's, because it speaks of one kind of document.
"""

import difflib
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from broker.document.codes import load_codes
from broker.document.finding import Finding, Layer, Severity
from broker.document.submission import Mode
from broker.validation.business.rules import RULES as BUSINESS
from broker.validation.metadata.rules import RULES as METADATA
from broker.validation.ruleset import RuleSet, Weight

RULES: Final = (*BUSINESS, *METADATA)
"""Every named rule."""
_UNCHECKED: Final = "operator."
"""Start of the codes that say a layer could not judge: nobody can make a document checked by a switch."""
LAYERS: Final = (Layer.KIND, Layer.XSD, Layer.SCHEMATRON, Layer.NSI, Layer.BUSINESS, Layer.METADATA)
"""Layers whose rules may be weighed otherwise; bytes that cannot be read and signatures are no matter of taste."""
Reason = Annotated[str, msgspec.Meta(min_length=1)]


class ProfilesRefused(Exception):  # noqa: N818 - a verdict about a file, named as one
    """The file of profiles says what cannot be; the text says what, in Russian."""


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A different weight, under one profile, for one rule (the code of its findings) or for a whole layer."""

    profile: Mode
    severity: Weight
    reason: Reason
    rule: str | None = None
    layer: Layer | None = None


class RuleProfiles:
    """The switches of every profile."""

    def __init__(self, switches: Iterable[Switch] = ()) -> None:
        self._rules: dict[tuple[str, str], Weight] = {}
        self._layers: dict[tuple[str, Layer], Weight] = {}
        for switch in switches:
            if switch.rule is not None:
                self._rules[switch.profile, switch.rule] = switch.severity
            elif switch.layer is not None:
                self._layers[switch.profile, switch.layer] = switch.severity

    @classmethod
    def load(cls, path: Path) -> "RuleProfiles":
        """Read a file of profiles; raise ``ProfilesRefused`` naming the entry that is wrong."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            switches = msgspec.convert(data.get("switch", []), list[Switch])
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ProfilesRefused(f"{path.name}: {error}") from error
        for place, switch in enumerate(switches, 1):
            fault = _fault(switch, switches[: place - 1])
            if fault:
                raise ProfilesRefused(f"{path.name}: запись {place}: {fault}")
        return cls(switches)

    def weight(self, profile: str, finding: Finding, rules: RuleSet | None = None) -> Weight | None:
        """Return the weight somebody gave a finding's rule, None where nobody did."""
        if finding.code.startswith(_UNCHECKED):
            return None
        own = rules.override_of(finding.layer, finding.rule or finding.code) if rules is not None else None
        by_name = self._rules.get((profile, finding.code))
        if own is not None and own.rule is not None:
            return own.severity
        if by_name is not None:
            return by_name
        return own.severity if own is not None else self._layers.get((profile, finding.layer))


def weighed(finding: Finding, weight: Weight | None) -> Finding | None:
    """Return the finding with its weight, None when its rule is switched off."""
    if weight is None:
        return finding
    return None if weight is Weight.OFF else msgspec.structs.replace(finding, severity=Severity(weight.value))


@cache
def known_rules() -> frozenset[str]:
    """Return every name a switch may use: the named rules and the other codes of those layers."""
    codes = {card.id for card in load_codes() if card.id.partition(".")[0] in LAYERS}
    return frozenset(rule.name for rule in RULES) | codes


def _fault(switch: Switch, before: list[Switch]) -> str:
    if (switch.rule is None) == (switch.layer is None):
        return "укажите либо rule, либо layer"
    if switch.layer is not None and switch.layer not in LAYERS:
        return f"слой {switch.layer} профилем не переключается"
    if any(
        (one.profile, one.rule, one.layer) == (switch.profile, switch.rule, switch.layer) for one in before
    ):
        return f"{switch.rule or switch.layer} для профиля {switch.profile} указано дважды"
    if switch.rule is not None and switch.rule not in known_rules():
        near = difflib.get_close_matches(switch.rule, known_rules(), n=1)
        return f"правила {switch.rule} нет" + (f"; похоже, имелось в виду {near[0]}" if near else "")
    return ""
