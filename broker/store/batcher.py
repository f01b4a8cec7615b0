"""Shared commits: many callers hand in one item each, few writers commit them together.

A caller returns when the transaction that holds its item has been committed, never before.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from broker.store.database import STORE_AWAY

Item = TypeVar("Item")
Result = TypeVar("Result")


_TURNS: Final = 3
"""Turns of the loop from bytes in a socket to an item handed in."""


class Batcher(Generic[Item, Result]):
    """Collects items while a commit is under way and writes them with the next one.

    ``keys`` names what two items of one batch may not share; ``weigh`` a size whose sum per batch stays under
    ``weight_limit``. When a batch fails for reasons other than a lost connection, its items are written one by one, so
    that a bad item harms only itself.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 64,
        writers: int = 2,
        keys: Callable[[Item], Sequence[Hashable]] = lambda _item: (),
        weigh: Callable[[Item], int] = lambda _item: 0,
        weight_limit: int = 32 * 1024 * 1024,
    ) -> None:
        self._write = write
        self._limit = limit
        self._writers = writers
        self._keys = keys
        self._weigh = weigh
        self._weight_limit = weight_limit
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._commits: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    async def submit(self, item: Item) -> Result:
        """Hand in an item and return its result after the commit; raises what the commit raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the writers while the context lasts; on leaving, what waits or is under way is written first."""
        tasks = [asyncio.create_task(self._writing(), name="store.batcher") for _ in range(self._writers)]
        try:
            yield
        finally:
            await asyncio.gather(*(future for _, future in self._waiting), return_exceptions=True)
            await asyncio.gather(*self._commits, return_exceptions=True)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _writing(self) -> None:
        while True:
            await self._arrived.wait()
            await self._gather()
            batch = self._take()
            if not batch:
                self._arrived.clear()
                continue
            commit = asyncio.create_task(self._commit(batch), name="store.commit")
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)
            await asyncio.shield(commit)
            del batch, commit  # or its items would stay alive until the next arrival

    async def _gather(self) -> None:
        """Let what is already on its way through this process come along: turns of the loop, no time."""
        before = 0
        while before < len(self._waiting) < self._limit:
            before = len(self._waiting)
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        held: set[Hashable] = set()
        weight = 0
        skipped: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._limit:
            item, future = self._waiting[0]
            weight += self._weigh(item)
            if batch and weight > self._weight_limit:
                break
            self._waiting.popleft()
            keys = self._keys(item)
            if held.isdisjoint(keys):
                held.update(keys)
                batch.append((item, future))
            else:
                skipped.append((item, future))
        self._waiting.extendleft(reversed(skipped))
        return batch

    async def _commit(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except STORE_AWAY as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001  handed to the one caller whose item it is
            if len(batch) == 1:
                _fail(batch, error)
                return
            for one in batch:
                await self._commit([one])
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
