"""The outermost loop of every worker: works while there is work, sleeps until poked, survives bugs and outages."""

import asyncio
from collections.abc import Awaitable, Callable

from broker.store.database import STORE_TROUBLE
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS
from broker.telemetry.trace import safe_trace


class Loop:
    """Repeats ``work`` (returns how much it did); idle, it waits for ``poke`` or ``idle`` seconds."""

    def __init__(self, name: str, work: Callable[[], Awaitable[int]], *, idle: float = 1.0) -> None:
        self.name = name
        self._work = work
        self._idle = idle
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Say that there may be work."""
        self._poked.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._poked.clear()
            if not await self._once():
                try:
                    async with asyncio.timeout(self._idle):
                        await self._poked.wait()
                except TimeoutError:
                    continue

    async def _once(self) -> int:
        try:
            return await self._work()
        except STORE_TROUBLE as error:
            log().warning("loop.store_trouble", loop=self.name, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  outermost loop: a bug is recorded and the house goes on
            BUGS.labels(self.name).inc()
            log().error("bug.caught", loop=self.name, error=type(error).__name__, trace=safe_trace(error))
        await asyncio.sleep(0.5)
        return 0
