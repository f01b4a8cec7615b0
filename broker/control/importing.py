"""Keeping what operators import: packs with what their self-test said, dictionaries put into force together."""

from collections.abc import Sequence
from typing import Final

import msgspec

from broker.adapter_kit.clock import Clock
from broker.control.rules import Outcome, RuleDesk
from broker.store.rules import Artefact, Form, RuleStore
from broker.validation.nsi import Dictionary
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

    async def dictionaries(
        self, found: Sequence[Dictionary], *, source: str, reason: str, actor: str
    ) -> DictionariesKept:
        """Keep editions of dictionaries and judge by them from now on; those of one import come into force together."""
        new = await self._store.keep((_artefact(one, source) for one in found), actor, self._clock.now())
        entries = [DictionaryEntry(oid=d.oid, version=d.version, digest=d.digest) for d in found]
        return DictionariesKept(len(new), await self._desk.dictionaries(entries, reason=reason, actor=actor))


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
