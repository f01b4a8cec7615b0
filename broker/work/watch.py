"""Watches what no single delivery can see: channels that fell silent, answers that found their attempt, how long things wait."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from broker.adapter_kit.clock import Clock
from broker.delivery.state import Policy
from broker.store.channels import RUNGS, ChannelStore, Patience
from broker.telemetry.log import log
from broker.telemetry.metrics import AWAITED, INBOUND_SILENT
from broker.work.loop import Loop

COUNT_EVERY: Final = 30.0
"""Seconds at least between two counts of ages and looks at parked answers: they read much."""
SHARE: Final = 10
"""And such looks take at most one part in so many of the time."""


class Watch:
    """Looks at every destination now and then; several processes may, each judgement is made once."""

    def __init__(
        self,
        channels: ChannelStore,
        policies: Mapping[str, Policy],
        clock: Clock,
        announce: Callable[[Sequence[tuple[int, str]]], None],
        every: float,
    ) -> None:
        self.loop = Loop("watch", self._look, idle=every)
        self._channels = channels
        self._policies = policies
        self._clock = clock
        self._announce = announce
        self._count_at = 0.0

    async def _look(self) -> int:
        now = self._clock.now()
        for destination, policy in self._policies.items():
            patience = Patience(policy.silent_after, policy.silent_documents)
            for fallen in await self._channels.judge(destination, now, patience):
                log().warning(
                    "inbound.silent",
                    destination=destination,
                    clinic=fallen.clinic_oid,
                    documents=fallen.silent_count,
                )
            await self._channels.file_again(destination, now)
        silent = [one.destination for one in await self._channels.silent()]
        for destination in self._policies:
            INBOUND_SILENT.labels(destination).set(silent.count(destination))
        if time.monotonic() >= self._count_at:
            started = time.monotonic()
            self._announce(await self._channels.reopen(now))
            await self._count()
            ended = time.monotonic()
            self._count_at = ended + max(COUNT_EVERY, SHARE * (ended - started))
        return 0

    async def _count(self) -> None:
        ages = await self._channels.ages(self._clock.now())
        for destination in self._policies:
            for name, count in zip(RUNGS, ages.get(destination, [0] * len(RUNGS)), strict=True):
                AWAITED.labels(destination, name).set(count)
