"""Callers that wait for a verdict share one question to the store: where do these documents stand now?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from broker.document.lifecycle import DocumentStatus
from broker.store.database import STORE_TROUBLE

PAUSE: Final = 0.05
"""Seconds between two questions."""
JUDGED: Final = frozenset(DocumentStatus) - {DocumentStatus.ACCEPTED}
FINAL: Final = frozenset(
    {DocumentStatus.COMPLETED, DocumentStatus.REJECTED, DocumentStatus.UNROUTABLE, DocumentStatus.FAILED}
)


class Waiting:
    """Asks for all waiting callers at once, so that a thousand of them cost one query per pause."""

    def __init__(self, statuses: Callable[[Sequence[UUID]], Awaitable[dict[UUID, str]]]) -> None:
        self._statuses = statuses
        self._waiting: dict[UUID, list[tuple[frozenset[DocumentStatus], asyncio.Future[str]]]] = {}
        self._arrived = asyncio.Event()

    async def until(self, document: UUID, wanted: frozenset[DocumentStatus], seconds: float) -> str | None:
        """Return the status once it is among the wanted, or None after so many seconds."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.setdefault(document, []).append(entry)
        self._arrived.set()
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return None
        finally:
            rest = [one for one in self._waiting.pop(document, []) if one is not entry]
            if rest:
                self._waiting[document] = rest

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask while the context lasts."""
        task = asyncio.create_task(self._asking(), name="api.waiting")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _asking(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._waiting:
                self._arrived.clear()
                continue
            with contextlib.suppress(*STORE_TROUBLE):
                for document, status in (await self._statuses(list(self._waiting))).items():
                    for wanted, future in self._waiting.get(document, []):
                        if DocumentStatus(status) in wanted and not future.done():
                            future.set_result(status)
            await asyncio.sleep(PAUSE)
