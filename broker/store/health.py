"""What PostgreSQL says of itself: version, durability settings, clock, and which migrations it has seen."""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from broker.store.migrate import migrations
from broker.store.sql import queries

QUERIES: Final = queries("health")
OLDEST: Final = 150000
"""PostgreSQL 15, as ``server_version_num`` counts."""
TIMEOUT: Final = 10.0


class ServerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The answers; ``missing`` are migrations this program has and the database has not seen."""

    version: int
    version_text: str
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    clock: datetime
    missing: tuple[str, ...]


async def examine_server(url: str) -> ServerHealth:
    """Ask the server; raises what ``STORE_TROUBLE`` names when it cannot be asked."""
    connection = await asyncpg.connect(url, timeout=TIMEOUT, command_timeout=TIMEOUT)
    try:
        row = await connection.fetchrow(QUERIES["server"])
        try:
            seen = {
                (r["number"], r["phase"])
                for r in await connection.fetch("select number, phase from migration")
            }
        except asyncpg.UndefinedTableError:
            seen = set()
    finally:
        await connection.close(timeout=TIMEOUT)
    missing = tuple(f"{m.number:04}_{m.name}" for m in migrations() if (m.number, m.phase) not in seen)
    return ServerHealth(**dict(row), missing=missing)
