"""Walks over all documents once a night and lets go the bytes nobody may ask for any more, or that their clinic keeps."""

from collections import Counter
from datetime import date

from broker.adapter_kit.clock import Clock
from broker.files.keeping import Keeper
from broker.store.files import START, FileStore
from broker.telemetry.log import log
from broker.work.loop import Loop


class PurgeWorker:
    """Starts at an hour (UTC; None: never) and goes on until all were weighed; doing it twice changes nothing."""

    def __init__(
        self, keeper: Keeper, store: FileStore, clock: Clock, hour: int | None, every: float
    ) -> None:
        self.loop = Loop("purge", self._work, idle=every)
        self._keeper = keeper
        self._store = store
        self._clock = clock
        self._hour = hour
        self._walked: date | None = None
        self._after = START
        self._faults: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()

    async def _work(self) -> int:
        now = self._clock.now()
        if self._hour is None or now.hour < self._hour or self._walked == now.date():
            return 0
        if self._after == START:
            await self._store.drop_returned(now)
        tally = await self._keeper.round(self._after, self._faults, dry=False)
        self._gone += tally.gone
        if tally.after is not None:
            self._after = tally.after
            return 1
        log().info("purge.walked", gone=dict(self._gone), clinics_not_serving=len(self._faults))
        self._walked, self._after = now.date(), START
        self._faults, self._gone = Counter(), Counter()
        return 0
