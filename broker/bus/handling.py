"""Running handlers: a hint is spent whatever its handler does, and a subscription ends without orphans."""

import asyncio
import traceback
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog

from broker.bus.port import Due, DueHandler

_log: Final = structlog.get_logger(__name__)


async def spend(due: Due, handler: DueHandler) -> None:
    """Run the handler; a bug in it is recorded and spends the hint all the same."""
    try:
        await handler(due)
    except Exception as bug:  # noqa: BLE001 - the outermost loop of a worker: records the bug, keeps the worker
        record_bug("bus.handler_failed", bug, queue=due.queue, tasks=len(due.tasks))


def record_bug(event: str, bug: Exception, **facts: str | int) -> None:
    """Log what class of exception came from which line; never its text, which may quote a document."""
    frames = traceback.extract_tb(bug.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"
    _log.error(event, bug=type(bug).__name__, place=place, **facts)


class Handlers:
    """The handlers that run now; strong references, because the loop holds only weak ones."""

    def __init__(self) -> None:
        self._running: Final[set[asyncio.Task[None]]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, handling: Coroutine[Any, Any, None]) -> None:
        """Run a handler in a task of its own."""
        task = asyncio.create_task(handling)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self, grace: float) -> None:
        """Let the handlers finish for ``grace`` seconds, then cancel them."""
        await wind_up(self._running, grace)


async def wind_up(tasks: Iterable[asyncio.Task[Any]], grace: float) -> None:
    """Let the tasks finish for ``grace`` seconds, then cancel and await what is left."""
    running = set(tasks)
    if running:
        _, running = await asyncio.wait(running, timeout=grace)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
