"""The rule book: which official rule sets and dictionaries are in force, since when, and what an operator changed in them.

A book is a value. Every act makes the next one out of the one before, so that any earlier state can be brought back.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import msgspec

from broker.document.finding import Finding, Layer
from broker.validation.ruleset import Weight
from broker.validation.schematron.port import EngineChoice


class PackEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One official rule set in force for a kind: ``digest`` names the stored pack.

    ``starts`` and ``ends`` (inclusive) bound the day a document was created; without one that side is open. ``engine`` is
    the operator's choice of who runs its Schematron.
    """

    kind: str
    digest: str
    starts: date | None = None
    ends: date | None = None
    engine: EngineChoice = EngineChoice.NATIVE


class DictionaryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of a dictionary the НСИ layer judges by; ``digest`` names the stored bytes."""

    oid: str
    version: str
    digest: str


class Switch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A different weight an operator gave a layer or one rule of it; without ``kind`` for every kind.

    ``rule`` is a rule's number (У1-12.1.5) or our finding code; ``profile`` is the mode of the credential, empty for both.
    """

    layer: Layer
    severity: Weight
    reason: str
    rule: str | None = None
    kind: str = ""
    profile: str = ""

    @property
    def target(self) -> tuple[str, str, str, str]:
        """Name what is switched: a second switch of the same target takes the place of the first."""
        return self.kind, self.profile, self.layer.value, self.rule or ""


class Weights:
    """The weights operators gave: the narrowest word decides, a rule before its layer, a kind before all, a mode before both."""

    def __init__(self, switches: Iterable[Switch] = ()) -> None:
        self._by_layer: dict[Layer, list[Switch]] = {}
        for switch in switches:
            self._by_layer.setdefault(switch.layer, []).append(switch)

    def of(self, kind: str, profile: str, finding: Finding) -> Weight | None:
        """Return the weight of a finding's rule, None where no operator gave any."""
        names = {None, finding.code, finding.rule}
        fitting = [
            one
            for one in self._by_layer.get(finding.layer, ())
            if one.rule in names and one.kind in {"", kind} and one.profile in {"", profile}
        ]
        if not fitting or finding.code.startswith("operator."):  # nobody makes a document checked by a switch
            return None
        return max(fitting, key=lambda s: (s.rule is not None, bool(s.kind), bool(s.profile))).severity


class Rulebook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything an operator put into force beside the rule sets shipped with the product."""

    packs: tuple[PackEntry, ...] = ()
    dictionaries: tuple[DictionaryEntry, ...] = ()
    switches: tuple[Switch, ...] = ()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the book; it covers the stored bytes through their digests."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def stored(self) -> frozenset[str]:
        """Return the digests of every stored thing the book needs."""
        packs = {entry.digest for entry in self.packs}
        return frozenset(packs | {entry.digest for entry in self.dictionaries})

    def with_pack(self, entry: PackEntry) -> "Rulebook":
        """Put a rule set into force; one of the same kind and first day gives way, earlier ones stay for their days."""
        others = (e for e in self.packs if (e.kind, e.starts) != (entry.kind, entry.starts))
        return msgspec.structs.replace(self, packs=tuple(sorted([*others, entry], key=_by_kind)))

    def without_pack(self, kind: str, digest: str) -> "Rulebook":
        """Take a rule set of a kind out of force."""
        left = tuple(e for e in self.packs if (e.kind, e.digest) != (kind, digest))
        return msgspec.structs.replace(self, packs=left)

    def with_dictionary(self, entry: DictionaryEntry) -> "Rulebook":
        """Add an edition of a dictionary; the same edition read anew gives way."""
        others = (e for e in self.dictionaries if (e.oid, e.version) != (entry.oid, entry.version))
        kept = sorted([*others, entry], key=lambda e: (e.oid, e.version))
        return msgspec.structs.replace(self, dictionaries=tuple(kept))

    def without_dictionary(self, oid: str, version: str) -> "Rulebook":
        """Leave an edition of a dictionary out."""
        left = tuple(e for e in self.dictionaries if (e.oid, e.version) != (oid, version))
        return msgspec.structs.replace(self, dictionaries=left)

    def with_switch(self, switch: Switch) -> "Rulebook":
        """Give a layer or a rule another weight."""
        others = (one for one in self.switches if one.target != switch.target)
        return msgspec.structs.replace(
            self, switches=tuple(sorted([*others, switch], key=lambda s: s.target))
        )

    def without_switch(self, target: tuple[str, str, str, str]) -> "Rulebook":
        """Give a layer or a rule its own weight back."""
        left = tuple(one for one in self.switches if one.target != target)
        return msgspec.structs.replace(self, switches=left)


class BookAct(StrEnum):
    """What made a revision of the book."""

    ACTIVATE = "activate"
    """A rule set was put into force."""
    DEACTIVATE = "deactivate"
    """A rule set was taken out of force."""
    DICTIONARIES = "dictionaries"
    """Editions of dictionaries were added or left out."""
    SWITCH = "switch"
    """A layer or a rule was given another weight, or its own back."""
    ROLLBACK = "rollback"
    """An earlier revision was brought back."""


class BookStatus(StrEnum):
    """Where a revision stands."""

    PROPOSED = "proposed"
    """Waits for a second operator."""
    ACTIVE = "active"
    """In force; there is one at most."""
    PAST = "past"
    """Was in force, kept for coming back to."""
    WITHDRAWN = "withdrawn"
    """Never came into force."""


def _by_kind(entry: PackEntry) -> tuple[int, str, date]:
    return len(entry.kind), entry.kind, entry.starts or date.min
