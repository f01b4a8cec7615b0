"""Monthly partitions of documents, content, reports and journal: made ahead, found by the time inside a UUIDv7 id.

What no partition covers falls into the default one: nothing is ever refused for want of a partition.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

TABLES: Final = ("document", "content", "report", "journal")
AHEAD: Final = 2
"""Months made ahead of the present one."""


def month_start(year: int, month: int) -> datetime:
    """Return the first instant of a month, counting months beyond December on."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)


def first_id(instant: datetime) -> UUID:
    """Return the smallest UUIDv7 an instant can have: its milliseconds, then zeros."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)


async def ensure_partitions(connection: Any, now: datetime) -> list[str]:
    """Make the partitions of this month and the next ones that are missing; return their names.

    ``now`` is real time, as ids are. A month whose rows already lie in the default partition keeps them there.
    """
    made = []
    for step in range(AHEAD + 1):
        start, end = month_start(now.year, now.month + step), month_start(now.year, now.month + step + 1)
        for table in TABLES:
            name = f"{table}_y{start:%Y}m{start:%m}"
            if await connection.fetchval("select to_regclass($1)", name) is not None:
                continue
            try:
                async with connection.transaction():
                    await connection.execute(
                        f"create table {name} partition of {table}"
                        f" for values from ('{first_id(start)}') to ('{first_id(end)}')"
                    )
            except (asyncpg.CheckViolationError, asyncpg.DuplicateTableError):
                continue
            made.append(name)
    return made
