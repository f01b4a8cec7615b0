"""Keeping what operators import: packs with what their self-test said, dictionaries put into force together."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from broker.adapter_kit.clock import Clock
from broker.control.rules import Outcome, RuleDesk
from broker.store.rules import Artefact, Form, RuleStore
from broker.validation.nsi import Dictionary
from broker.validation.packs import Pack, SelfTest
from broker.validation.rulebook import DictionaryEntry

_TITLE: Final = 300


class DictionariesKept(msgspec.Struct, frozen=True):
    """What came of an import: how many editions were new to the store, and the change of the book."""

    new: int
    outcome: Outcome


class Importing:
    """Keeps imports; what is new in the store is journalled there."""

    def __init__(self, store: RuleStore, desk: RuleDesk, clock: Clock) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock

    async def pack(self, pack: Pack, tested: SelfTest, *, source: str, actor: str) -> bool:
        """Keep a pack with what its self-test said; nothing is judged by it yet. Tell whether it is new to the store."""
        versions = {edition.schematron_version for edition in pack.editions if edition.schematron_version}
        artefact = Artefact(
            digest=pack.digest,
            form=Form.PACK,
            name=pack.guide,
            version=", ".join(sorted(versions)),
            title=pack.title[:_TITLE],
            source=source,
            summary=_summary(pack, tested),
            body=pack.to_bytes(),
        )
        return bool(await self._store.keep([artefact], actor, self._clock.now()))

    async def dictionaries(
        self, found: Sequence[Dictionary], *, source: str, reason: str, actor: str
    ) -> DictionariesKept:
        """Keep editions of dictionaries and judge by them from now on; those of one import come into force together."""
        new = await self._store.keep((_artefact(one, source) for one in found), actor, self._clock.now())
        entries = [DictionaryEntry(oid=d.oid, version=d.version, digest=d.digest) for d in found]
        return DictionariesKept(len(new), await self._desk.dictionaries(entries, reason=reason, actor=actor))


def _summary(pack: Pack, tested: SelfTest) -> dict[str, Any]:
    """Say of a pack what lists, pages and activation look at."""
    editions = [
        {
            "kind": edition.kind,
            "schematronVersion": edition.schematron_version,
            "faults": [fault for fault in (edition.schema_fault, edition.schematron_fault) if fault],
        }
        for edition in tested.editions
    ]
    return {
        "editions": editions,
        "findings": msgspec.to_builtins(pack.findings),
        "broken": not tested.compiles,
        "doubts": pack.blocked or tested.contradicts,
        "lines": list(tested.lines()),
    }


def _artefact(one: Dictionary, source: str) -> Artefact:
    return Artefact(
        digest=one.digest,
        form=Form.DICTIONARY,
        name=one.oid,
        version=one.version,
        title=one.full_name[:_TITLE],
        source=source,
        summary={"rows": one.size, "columns": list(one.columns), "key": one.key, "name": one.name},
        body=one.to_bytes(),
    )
