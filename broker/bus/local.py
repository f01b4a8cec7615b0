"""The local bus: no broker at all; a process is woken by NOTIFY of the database it uses anyway.

Every subscription of every listening process hears every hint of its queues; a claim in the work list decides who
does the task.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import structlog

from broker.bus import hint
from broker.bus.handling import spend, wind_up
from broker.bus.port import Due, DueHandler

_log: Final = structlog.get_logger(__name__)

CHANNEL: Final = "inaya_due"
"""The NOTIFY channel the wire uses."""
PAYLOAD_LIMIT: Final = 7900
"""Bytes of one payload; PostgreSQL refuses 8000 and more."""


class WireDownError(ConnectionError):
    """Raised by a wire that cannot notify now; the bus drops the hint."""


class Wire(Protocol):
    """What the local bus needs of the database: NOTIFY and LISTEN on :data:`CHANNEL`."""

    async def notify(self, payload: str) -> None:
        """Send one payload of at most :data:`PAYLOAD_LIMIT` bytes; raise :class:`WireDownError` when that is impossible now."""
        ...

    def listen(self, callback: Callable[[str], None]) -> AbstractAsyncContextManager[None]:
        """Call back with every payload while the context lasts; reconnects by itself, payloads meanwhile are lost."""
        ...


class _Inbox:
    """The hints one subscription has not handled yet; full, it forgets the oldest."""

    def __init__(self, queues: Sequence[str], limit: int) -> None:
        self.queues: Final = frozenset(queues)
        self._hints: Final[deque[Due]] = deque(maxlen=limit)
        self._changed: Final = asyncio.Event()
        self._closed = False

    def hear(self, payload: str) -> None:
        due = hint.decode(payload)
        if due is None:
            _log.warning("bus.hint_unreadable", bus="local")
        elif due.queue in self.queues:
            self._hints.append(due)
            self._changed.set()

    async def take(self) -> Due | None:
        """Return the next hint, or None once the subscription ends."""
        while not self._closed:
            if self._hints:
                return self._hints.popleft()
            self._changed.clear()
            await self._changed.wait()
        return None

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    def waiting(self, queue: str) -> int:
        return sum(1 for due in self._hints if due.queue == queue)


class LocalBus:
    """The bus of a house without RabbitMQ.

    ``parallel`` hints are handled at once by one subscription, ``backlog`` wait, ``grace`` seconds are given to running
    handlers at the end, ``notify_timeout`` seconds to one NOTIFY.
    """

    name: Final = "local"

    def __init__(
        self,
        wire: Wire,
        *,
        parallel: int = 8,
        backlog: int = 10_000,
        grace: float = 10.0,
        notify_timeout: float = 2.0,
    ) -> None:
        self._wire: Final = wire
        self._parallel: Final = parallel
        self._backlog: Final = backlog
        self._grace: Final = grace
        self._notify_timeout: Final = notify_timeout
        self._inboxes: list[_Inbox] = []

    async def announce(self, due: Sequence[Due]) -> None:
        """Notify every listening process; the whole call takes at most ``notify_timeout`` seconds."""
        try:
            async with asyncio.timeout(self._notify_timeout):
                for payload in _payloads(due):
                    await self._wire.notify(payload)
        except OSError as trouble:  # WireDownError and TimeoutError are OSErrors
            _log.warning("bus.announce_dropped", bus=self.name, why=type(trouble).__name__)

    @asynccontextmanager
    async def subscribe(self, queues: Sequence[str], handler: DueHandler) -> AsyncIterator[None]:
        """Handle the hints of these queues while the context lasts."""
        inbox = _Inbox(queues, self._backlog)
        self._inboxes.append(inbox)
        workers = [asyncio.create_task(_work(inbox, handler)) for _ in range(self._parallel)]
        try:
            async with self._wire.listen(inbox.hear):
                yield
        finally:
            self._inboxes.remove(inbox)
            inbox.close()
            await wind_up(workers, self._grace)

    async def depths(self) -> Mapping[str, int]:
        """Return how many hints wait in this process."""
        return {
            queue: sum(inbox.waiting(queue) for inbox in self._inboxes)
            for queue in sorted({queue for inbox in self._inboxes for queue in inbox.queues})
        }


def _payloads(due: Sequence[Due]) -> list[str]:
    return [
        hint.encode(part).decode()
        for queue, tasks in hint.merge(due).items()
        for part in hint.split(queue, tasks, batch=hint.batch_that_fits(queue, PAYLOAD_LIMIT))
    ]


async def _work(inbox: _Inbox, handler: DueHandler) -> None:
    while (due := await inbox.take()) is not None:
        await spend(due, handler)
