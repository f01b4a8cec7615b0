"""What an operator decided about normalising: rules switched on and off, shims of partners, entries of dictionaries.

Read from ``normalising.toml`` beside the rule sets; without that file every rule works as its card says.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from broker.normalizer.rules import DEFAULT, Rule, ShimRule

FILE: Final = "normalising.toml"
_Some = Annotated[tuple[str, ...], Meta(min_length=1)]
_Said = Annotated[str, Meta(min_length=1)]


class NormalisingUnusable(ValueError):  # noqa: N818  names what the matter is
    """The file cannot be read; the text is Russian and names the field."""


class Term(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """An entry of a dictionary as documents write it: edition, name of the dictionary, name of the entry."""

    system: _Said
    code: _Said
    version: _Said
    name: _Said
    system_name: str = ""


Names: TypeAlias = Callable[[str, str], Term | None]
"""Given a dictionary's OID and a code, returns the entry in the edition in force, or None."""


class Shim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One permission: this rule, for these kinds (codes of …11.1520) of these partners, because of this.

    ``aliases`` are the templateId roots ``template_alias`` replaces, old to new.
    """

    rule: ShimRule
    kinds: _Some
    partners: _Some
    reason: _Said
    aliases: dict[str, str] = {}


class Normalising(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions in force."""

    on: frozenset[Rule] = DEFAULT
    shims: tuple[Shim, ...] = ()
    terms: tuple[Term, ...] = ()

    def shims_for(self, partner: str, kind: str) -> tuple[Shim, ...]:
        """Return the shims for a kind of a partner, in the order written; none for somebody nobody named."""
        return tuple(shim for shim in self.shims if partner in shim.partners and kind in shim.kinds)

    def term(self, system: str, code: str) -> Term | None:
        """Return the entry the operator wrote down: what there is of dictionaries without НСИ."""
        return next((term for term in self.terms if (term.system, term.code) == (system, code)), None)


AS_SHIPPED: Final = Normalising()
"""Every rule as its card says, no shims."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rules: dict[Rule, bool] = {}
    shim: tuple[Shim, ...] = ()
    term: tuple[Term, ...] = ()


def load_normalising(path: Path) -> Normalising:
    """Read the decisions; a file that is not there decides nothing; raise ``NormalisingUnusable``."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        file = msgspec.convert(data, _File)
    except FileNotFoundError:
        return AS_SHIPPED
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise NormalisingUnusable(f"{path.name} не прочитан: {error}") from error
    for shim in file.shim:
        if (shim.rule is ShimRule.TEMPLATE_ALIAS) != bool(shim.aliases):
            raise NormalisingUnusable(f"{path.name}: aliases нужны правилу template_alias, и только ему")
    on = (DEFAULT | {rule for rule, wanted in file.rules.items() if wanted}) - {
        rule for rule, wanted in file.rules.items() if not wanted
    }
    return Normalising(on=on, shims=file.shim, terms=file.term)


class UnknownRules(msgspec.Struct, frozen=True):
    """Names that are no rule's."""

    names: tuple[str, ...]


def rules_named(texts: list[str]) -> frozenset[Rule] | UnknownRules:
    """Read lists of names separated by commas; a name that is no rule's is told, never passed over."""
    known = {rule.value for rule in Rule}
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    unknown = tuple(dict.fromkeys(name for name in names if name not in known))
    return UnknownRules(unknown) if unknown else frozenset(Rule(name) for name in names)
