"""Lets documents' bytes go, when the rule allows it: all there are at night, or one a person names.

Where a clinic keeps its own files and has an endpoint, it must first hand the very file out: what was never seen to be
served is not let go.
"""

from collections import Counter
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from broker.adapter_kit import Clock
from broker.archive.retention import Case, Go, Keep, Terms, Why, judge
from broker.files.endpoint import ClinicFiles, NotHanded, question_of
from broker.store.files import PURGE, FileStore, Weighed
from broker.store.room import Portion, Room
from broker.telemetry.log import log
from broker.telemetry.metrics import PURGED

AT_ONCE: Final = 500
FAULTS: Final = 3
"""After so many files a clinic did not hand out, it is not asked for more in this round."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a round saw: documents kept and gone (or that would go) by reason, and after which id it goes on."""

    kept: Counter[str]
    gone: Counter[str]
    after: UUID | None


class Keeper:
    """Weighs documents and lets their bytes go."""

    def __init__(
        self, store: FileStore, clinics: ClinicFiles, room: Room, clock: Clock, terms: Terms
    ) -> None:
        self._store = store
        self._clinics = clinics
        self._room = room
        self._clock = clock
        self._terms = terms

    async def round(self, after: UUID, faults: Counter[str], *, dry: bool, by: str = PURGE) -> Tally:
        """Weigh the next documents after an id; ``faults`` counts by clinic what it did not hand out, over a whole walk."""
        now = self._clock.now()
        found = await self._store.walk(after, AT_ONCE, now)
        kept: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        for one in found:
            verdict = judge(one.case, now, self._terms)
            if isinstance(verdict, Go) and verdict.depth == one.depth:
                continue
            if isinstance(verdict, Go):
                verdict = await self._carried_out(one, verdict, now, faults, dry=dry, by=by)
            (gone if isinstance(verdict, Go) else kept)[verdict.why] += 1
        return Tally(kept=kept, gone=gone, after=found[-1].id if len(found) == AT_ONCE else None)

    async def one(self, document: UUID, *, dry: bool, by: str) -> Keep | Go | None:
        """Weigh one document, and let its bytes go if the rule allows it; None: unknown, or nothing is left of it."""
        now = self._clock.now()
        for weighed in await self._store.walk(UUID(int=document.int - 1), 1, now, only=document):
            verdict = judge(weighed.case, now, self._terms)
            if isinstance(verdict, Keep) or verdict.depth == weighed.depth:
                return verdict
            return await self._carried_out(weighed, verdict, now, Counter(), dry=dry, by=by)
        return None

    async def _carried_out(
        self, one: Weighed, going: Go, now: datetime, faults: Counter[str], *, dry: bool, by: str
    ) -> Go | Keep:
        if dry:
            return going
        async with self._room.hold(Portion((one.id,), one.size)):
            if going.why is Why.CLINIC and one.endpoint and not await self._is_served(one, now, faults):
                return Keep(Why.UNSERVED)
            gone = await self._store.let_go(one.id, self._still, now, by=by)
        if gone is None:
            return Keep(Why.UNFINISHED)
        PURGED.labels(gone.why).inc()
        return gone

    def _still(self, case: Case) -> Go | None:
        verdict = judge(case, self._clock.now(), self._terms)
        return verdict if isinstance(verdict, Go) else None

    async def _is_served(self, one: Weighed, now: datetime, faults: Counter[str]) -> bool:
        """Have the clinic hand the file out once while we still have it ourselves."""
        if faults[one.clinic] >= FAULTS:
            return False
        endpoint, holding = await self._store.endpoint(one.clinic), await self._store.holding(one.id)
        if endpoint is None or holding is None:
            return False
        handed = await self._clinics.ask(endpoint, question_of(one.local_uid, holding, now), holding.size)
        if isinstance(handed, NotHanded):
            faults[one.clinic] += 1
            log().warning("purge.clinic_does_not_serve", clinic=one.clinic, why=handed.why)
            return False
        return True
