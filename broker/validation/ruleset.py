"""Rule sets as data: what checks a kind of document, where it comes from, how much its word counts, and since when.

A rule set is a directory: ours with a ``ruleset.toml``, an official pack in the layouts in which packs are found.
It is identified by the SHA-256 of its files; what official rules or facts marked *seen* say blocks, our guesses warn.
"""

import re
import tomllib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from broker.document.finding import Layer, Severity, Source
from broker.validation import pack_layout
from broker.validation.schematron.kept import EngineShop
from broker.validation.schematron.load import SchematronRefused
from broker.validation.schematron.port import EngineChoice, SchematronEngine
from broker.validation.xsd import Schema, SchemaRefused

MANIFEST: Final = "ruleset.toml"
_KIND: Final = re.compile(r"\d{1,4}")
KEPT: Final = 24
"""Compiled rule sets a process keeps: the largest official ones take about 20 MB each."""


class Weight(StrEnum):
    """What an override makes of a rule."""

    ERROR = "error"
    """Blocks the document."""
    WARNING = "warning"
    """Told, not blocking."""
    OFF = "off"
    """Not told."""


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A different weight for a layer, or for one rule of it (its number or our finding code), with the reason."""

    layer: Layer
    severity: Weight
    reason: str
    rule: str | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """From when till when (inclusive) the rules of a pack apply, and the weights an operator gave them."""

    starts: date | None = None
    ends: date | None = None
    override: tuple[Override, ...] = ()


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One rule set: ``xsd`` and ``schematron`` are paths inside ``home``; ``digest`` covers every file used.

    ``source`` is ``official`` or ``own``; in an own set ``xsd_source = "seen"`` and assertions marked
    ``role="seen"`` state facts seen in official material and block. ``activated``: an operator put it into force by name,
    so it goes before one that merely lies in a directory.
    """

    kind: str
    title: str = ""
    edition: str = ""
    guide: str = ""
    source: Source = Source.OWN
    xsd: str | None = None
    xsd_source: Source = Source.OWN
    schematron: tuple[str, ...] = ()
    schematron_version: str = ""
    engine: EngineChoice = EngineChoice.NATIVE
    starts: date | None = None
    ends: date | None = None
    override: tuple[Override, ...] = ()
    activated: bool = False
    home: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Name the set in a report: whose it is, for which kind, which bytes."""
        whose = "официальный" if self.source is Source.OFFICIAL else "наша редакция"
        version = f", Schematron {self.schematron_version}" if self.schematron_version else ""
        return f"вид {self.kind}, {whose}{version}, {self.digest[:12]}"

    @classmethod
    def from_directory(cls, directory: Path) -> "RuleSet":
        """Read a directory with a manifest; msgspec.ValidationError names a wrong field."""
        data = tomllib.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        found = msgspec.convert(_kebab(data), cls)
        return _sealed(found, directory)

    @classmethod
    def from_pack(cls, directory: Path, kind: str, terms: "Terms | None" = None) -> "RuleSet":
        """Read an official pack as it lies: repository archive, or ``<kind>.sch`` beside ``<kind>/CDA.xsd``.

        ``terms`` add dates and overrides; without them a manifest beside the pack does. The files themselves are taken
        unchanged.
        """
        extra: dict[str, Any] = {}
        if terms is not None:
            extra = msgspec.to_builtins(terms, builtin_types=(date,))
        elif (directory / MANIFEST).exists():
            extra = _kebab(tomllib.loads((directory / MANIFEST).read_text(encoding="utf-8")))
        paths = [path.relative_to(directory).as_posix() for path in _files(directory)]
        schematron = pack_layout.schematrons_of(paths, kind)
        rules = [(path, (directory / path).read_bytes()) for path in schematron]
        readme = pack_layout.readme_among(paths)
        text = (directory / readme).read_text(encoding="utf-8-sig", errors="replace") if readme else ""
        found = {
            "title": pack_layout.title_of(text) or directory.name,
            "guide": next(filter(None, (pack_layout.template_of(content) for _, content in rules)), ""),
            "schematron-version": pack_layout.version_of(*rules[0]) if rules else "",
            **extra,
            "kind": kind,
            "source": "official",
            "xsd": pack_layout.schema_of(paths, kind),
            "schematron": schematron,
        }
        return _sealed(msgspec.convert(found, cls), directory)

    def schema_path(self) -> Path | None:
        """Return the root schema's path."""
        return Path(self.home, self.xsd) if self.xsd else None

    def schematron_paths(self) -> tuple[Path, ...]:
        """Return the Schematron files' paths."""
        return tuple(Path(self.home, path) for path in self.schematron)

    def in_force(self, day: date) -> bool:
        """Tell whether the set applies to a document created on the day."""
        return (self.starts is None or self.starts <= day) and (self.ends is None or day <= self.ends)

    def verdict(self, *, seen: bool) -> tuple[Severity, Source]:
        """Return how much a failed rule counts by itself, and where it comes from."""
        if self.source is Source.OFFICIAL:
            return Severity.ERROR, Source.OFFICIAL
        return (Severity.ERROR, Source.SEEN) if seen else (Severity.WARNING, Source.OWN)

    def override_of(self, layer: Layer, rule: str) -> Override | None:
        """Return what somebody said of a rule: the override of the rule itself, else of its layer."""
        fitting = [o for o in self.override if o.layer is layer and o.rule in {None, rule}]
        return max(fitting, key=lambda o: o.rule is not None) if fitting else None

    def weight(self, layer: Layer, rule: str) -> Weight | None:
        """Return the weight somebody gave a rule, None where nobody did."""
        override = self.override_of(layer, rule)
        return None if override is None else override.severity


def _sealed(found: RuleSet, directory: Path) -> RuleSet:
    return msgspec.structs.replace(found, home=str(directory), digest=digest_of(directory))


def digest_of(directory: Path) -> str:
    """Return the SHA-256 over the names and bytes of the files rules are made of."""
    return pack_layout.digest_of_files(
        (path.relative_to(directory).as_posix(), path.read_bytes())
        for path in _files(directory)
        if path.suffix.lower() in pack_layout.RULE_FILES
    )


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _kebab(data: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in data.items()}


class Compiled:
    """A rule set ready to judge: libxml2 objects, so it stays in its process.

    A part that cannot be compiled is absent, and its fault says why: the other part still judges.
    """

    def __init__(self, rules: RuleSet, shop: EngineShop | None = None) -> None:
        shop = shop or EngineShop()
        self.rules = rules
        self.schema: Schema | None = None
        self.schema_fault = ""
        self.engines: tuple[SchematronEngine, ...] = ()
        self.schematron_fault = ""
        path = rules.schema_path()
        try:
            self.schema = None if path is None else Schema(path, Path(rules.home))
        except SchemaRefused as error:
            self.schema_fault = f"схема набора правил не читается: {error}"
        try:
            self.engines = tuple(
                shop.chosen(file.read_bytes(), rules.engine) for file in rules.schematron_paths()
            )
        except (SchematronRefused, OSError) as error:
            self.schematron_fault = f"Schematron набора правил не читается: {error}"


class RuleSetLibrary:
    """Every rule set this process knows: the right one for a document, compiled when first needed.

    Own sets lie at ``<directory>/<kind>/<edition>/ruleset.toml``, official packs at ``<directory>/<kind>/``; for one
    kind an official pack overrides our own set, and one an operator activated any other. A directory that is missing is an
    empty one. ``engine`` runs every set, whatever it names itself.
    """

    def __init__(
        self,
        directories: Sequence[Path] = (),
        activated: Iterable[RuleSet] = (),
        store: "CompiledStore | None" = None,
        engine: str = "",
    ) -> None:
        self._store = store or CompiledStore()
        self._engine = engine
        self._sets: dict[str, list[RuleSet]] = {}
        for directory in directories:
            for rules in _under(directory):
                self._sets.setdefault(rules.kind, []).append(rules)
        for rules in activated:
            self._sets.setdefault(rules.kind, []).append(rules)

    def __len__(self) -> int:
        return sum(len(sets) for sets in self._sets.values())

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds that have a rule set."""
        return tuple(self._sets)

    def all(self) -> tuple[RuleSet, ...]:
        """Return every rule set."""
        return tuple(rules for sets in self._sets.values() for rules in sets)

    def for_document(self, kind: str, created: date | None = None) -> RuleSet | None:
        """Return the set in force for a kind on a creation day: official before own, the latest start first.

        Without a day the latest set answers.
        """
        fitting = [r for r in self._sets.get(kind, ()) if created is None or r.in_force(created)]
        return max(fitting, key=_rank) if fitting else None

    def compiled(self, rules: RuleSet) -> Compiled:
        """Return a compiled set, compiling it on first use."""
        return self._store.get(msgspec.structs.replace(rules, engine=self._engine) if self._engine else rules)


class CompiledStore:
    """Compiled rule sets of a process: the ``kept`` last used stay in memory; ``cache`` is where translated rules outlive it.

    It outlives a library, so that a change of the rule book compiles only what is new.
    """

    def __init__(self, kept: int = KEPT, cache: Path | None = None) -> None:
        self._shop = EngineShop(cache)
        self._kept = kept
        self._compiled: OrderedDict[tuple[str, str, str], Compiled] = OrderedDict()

    def get(self, rules: RuleSet) -> Compiled:
        """Return a compiled set, compiling it on first use."""
        key = (
            rules.digest,
            rules.kind,
            rules.engine,
        )  # kinds that share a pack share its digest, not its rules
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = Compiled(rules, self._shop)
            if len(self._compiled) > self._kept:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return found


def _rank(rules: RuleSet) -> tuple[bool, bool, date, str]:
    return rules.source is Source.OFFICIAL, rules.activated, rules.starts or date.min, rules.edition


def _under(root: Path) -> Iterable[RuleSet]:
    """Yield the sets of one directory: those with a manifest of their own, and packs named by their kind."""
    if not root.is_dir():
        return
    for directory in sorted(path for path in root.iterdir() if path.is_dir() and _KIND.fullmatch(path.name)):
        editions = sorted(path.parent for path in directory.glob(f"*/{MANIFEST}"))
        if editions:
            yield from (RuleSet.from_directory(edition) for edition in editions)
        elif any(directory.rglob("*.sch")) or any(directory.rglob("CDA.xsd")):
            yield RuleSet.from_pack(directory, directory.name)
