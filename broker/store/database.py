"""The pool: connections that speak JSON and answer in UTC, transactions, notifications, and nothing else."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import asyncpg
import msgspec

from broker.telemetry.log import log

CHANNEL: Final = "inaya_due"
"""NOTIFY channel on which the local bus says what is due."""

STORE_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""What the driver raises when the server is gone, starting or stopping, in whatever state that caught it; it passes."""

STORE_TROUBLE: Final = (*STORE_AWAY, asyncpg.PostgresError)
"""What a query may raise when the store is away or gives up; the same request may be made again."""

_UNSTORABLE: Final = (
    asyncpg.DataError,  # class 22: NUL in text, a number out of range
    asyncpg.ProgramLimitExceededError,  # class 54: a key too long for its index
    asyncpg.exceptions._base.DataError,  # noqa: SLF001  what the driver itself cannot encode; it is exported nowhere
)

SESSION: Final = {
    "timezone": "UTC",
    "application_name": "inaya",
    "jit": "off",
    "enable_seqscan": "off",
    "random_page_cost": "1.1",
    "plan_cache_mode": "force_generic_plan",
}
"""How a session plans: every query here finds its rows by an index.

A table that was small or empty when last counted must not be read from end to end for every batch; who scans knows it.
"""


class StoreAwayError(Exception):
    """Our own store is away: raised through ports into adapters, whose fault it is not."""


class UnstorableError(Exception):
    """A value of this very statement cannot be kept: its sender's or our bug, never an outage; again it fails again."""


@contextlib.contextmanager
def _naming_the_unstorable() -> Iterator[None]:
    """Turn what is the data's fault into :class:`UnstorableError`: the driver's words lie among those of outages."""
    try:
        yield
    except _UNSTORABLE as error:
        raise UnstorableError(type(error).__name__) from error


@contextlib.contextmanager
def naming_outages() -> Iterator[None]:
    """Turn the driver's words for an outage into :class:`StoreAwayError`, so that nobody takes them for a bug."""
    try:
        yield
    except STORE_TROUBLE as error:
        raise StoreAwayError from error


Row = Any
"""One row as asyncpg gives it (untyped); repositories turn it into structs at once."""


def as_json(value: object) -> str:
    """Encode for a ``jsonb`` column; arrays of them travel as ``text[]``: for ``jsonb[]`` the driver asks for its type."""
    return msgspec.json.encode(value).decode()


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=as_json, decoder=msgspec.json.decode, schema="pg_catalog"
    )


async def _keep(_connection: asyncpg.Connection) -> None:
    """Give a connection back as it is.

    An open transaction was rolled back by the driver, and nothing here changes a session: no settings, cursors or
    locks beyond a transaction. The driver's own way costs a round trip after every use.
    """


class Database:
    """A pool of connections to one PostgreSQL database; ``open_database`` makes it."""

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        self.pool = pool
        self.url = url

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Give a connection inside a transaction (read committed)."""
        with _naming_the_unstorable():
            async with self.pool.acquire() as connection, connection.transaction():
                yield connection

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """Run one query and return its rows."""
        with _naming_the_unstorable():
            rows: list[Row] = await self.pool.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """Run one query and return its first row."""
        with _naming_the_unstorable():
            return await self.pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """Run one query and return the first value of its first row."""
        with _naming_the_unstorable():
            return await self.pool.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        """Run one statement and return its command tag."""
        with _naming_the_unstorable():
            tag: str = await self.pool.execute(query, *args)
        return tag

    async def notify(self, payload: str) -> None:
        """Send a notification to whoever listens (the local bus's wire)."""
        await self.pool.execute("select pg_notify($1, $2)", CHANNEL, payload)

    @contextlib.asynccontextmanager
    async def listen(self, callback: Callable[[str], None]) -> AsyncIterator[None]:
        """Call ``callback`` with every notification's payload; a lost connection is replaced within a second."""
        task = asyncio.create_task(self._listening(callback), name="store.listen")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listening(self, callback: Callable[[str], None]) -> None:
        while True:
            with contextlib.suppress(*STORE_TROUBLE):
                connection = await asyncpg.connect(self.url, timeout=10)
                try:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                    await connection.add_listener(
                        CHANNEL, lambda _c, _p, _ch, payload: callback(str(payload))
                    )
                    await lost.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(0.5)


async def _open_pool(url: str, size: int, timeout: float, *, wait: bool) -> asyncpg.Pool:
    """Open the pool; with ``wait`` a server that is away or still starting is waited for, one that refuses us is not."""
    while True:
        try:
            return await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                init=_prepare,
                reset=_keep,
                command_timeout=timeout,
                server_settings=SESSION,
            )
        except STORE_AWAY as error:
            if not wait:
                raise
            log().warning("store.waiting", error=type(error).__name__)
        await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def open_database(
    url: str, *, size: int = 10, timeout: float = 30.0, wait: bool = False
) -> AsyncIterator[Database]:
    """Open a pool of at most ``size`` connections; statements over ``timeout`` seconds are cut off.

    ``wait`` for a server that is away or still starting instead of raising.
    """
    logging.getLogger("asyncpg.pool").setLevel(
        logging.CRITICAL
    )  # who uses the pool hears of an outage, and says so
    pool = await _open_pool(url, size, timeout, wait=wait)
    try:
        yield Database(pool, url)
    finally:
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()
