"""Migrations: numbered SQL files applied once, in order, under an advisory lock, with their checksums remembered.

``NNNN_name.pre.sql`` runs before new code starts (adds), ``NNNN_name.post.sql`` after the old code is gone (removes).
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from broker.store.partitions import ensure_partitions

_NAME: Final = re.compile(r"(\d{4})_(\w+)\.(pre|post)\.sql")
_LOCK: Final = 0x1AA7A  # any constant of ours


class MigrationError(Exception):
    """The database and the program do not belong together; the text says why."""


class Migration(msgspec.Struct, frozen=True, order=True):
    """One file."""

    number: int
    phase: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return every migration of this program in the order of application."""
    found = []
    for entry in files("broker.store").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            sql = entry.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), "0pre" if match[3] == "pre" else "1post", match[2], sql))
    return sorted(found)


async def migrate(url: str, *, phase: str = "all") -> list[str]:
    """Apply what is missing and return its names; ``phase`` is pre, post or all.

    Raises ``MigrationError`` when an applied file was changed since, or the database is newer than the program.
    """
    connection = await asyncpg.connect(url, timeout=30)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        done = await _apply(connection, phase)
        await ensure_partitions(connection, datetime.now(UTC))
    finally:
        await connection.close()
    return done


async def _apply(connection: asyncpg.Connection, phase: str) -> list[str]:
    await connection.execute(
        "create table if not exists migration (number int, phase text, name text not null, checksum text not null,"
        " applied_at timestamptz not null default now(), primary key (number, phase))"
    )
    rows = await connection.fetch("select number, phase, checksum from migration")
    applied = {(row["number"], row["phase"]): row["checksum"] for row in rows}
    known = {(m.number, m.phase): m for m in migrations()}
    for key, checksum in applied.items():
        if key not in known:
            raise MigrationError(
                f"the database holds migration {key[0]:04} unknown to this program: it is newer"
            )
        if known[key].checksum != checksum:
            raise MigrationError(f"migration {key[0]:04} was changed after it had been applied")
    done = []
    for key, migration in known.items():
        if key in applied or (phase != "all" and not migration.phase.endswith(phase)):
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into migration (number, phase, name, checksum) values ($1, $2, $3, $4)",
                migration.number,
                migration.phase,
                migration.name,
                migration.checksum,
            )
        done.append(f"{migration.number:04}_{migration.name}")
    return done
