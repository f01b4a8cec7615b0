"""Tells, once for each, of whose term to register a half, four fifths or all is used up."""

from typing import Final

from broker.adapter_kit.clock import Clock
from broker.store.terms import TermStore
from broker.telemetry.log import log
from broker.telemetry.metrics import TERMS
from broker.work.loop import Loop

AT_ONCE: Final = 200
SHARES: Final = ("50", "80", "100")
"""Percent of the term, as the journal and the metric name them."""


class TermWorker:
    """Looks what has come due; several processes may, each share is told once."""

    def __init__(self, terms: TermStore, clock: Clock, every: float) -> None:
        self.loop = Loop("terms", self._tell, idle=every)
        self._terms = terms
        self._clock = clock

    async def _tell(self) -> int:
        told = await self._terms.tell(self._clock.now(), AT_ONCE, SHARES)
        for one in told:
            TERMS.labels(one.destination, SHARES[one.share - 1]).inc()
        if told:
            over = sum(1 for one in told if one.share == len(SHARES))
            log().warning("terms.told", deliveries=len(told), over=over)
        return len(told)
