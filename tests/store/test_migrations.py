"""Migrations: applied once, in order, by one process at a time, and never to a database that is not ours."""

import asyncio

import asyncpg
import pytest
from servers import Databases

from broker.store import migrate as room
from broker.store.migrate import Migration, MigrationError, migrate, migrations

FINGERPRINT = """
select 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
from information_schema.columns where table_schema = 'public'
union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'public'::regnamespace
order by 1, 2
"""


async def fingerprint(url: str) -> list[tuple[str, str, str]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(FINGERPRINT)]
    finally:
        await connection.close()


async def test_a_second_run_finds_nothing_to_do(databases: Databases):
    async with databases.fresh() as url:
        assert await migrate(url) == []


async def test_pre_then_post_makes_the_same_database_as_all_at_once(databases: Databases):
    async with databases.fresh() as whole, databases.fresh(migrated=False) as halves:
        await migrate(halves, phase="pre")
        await migrate(halves, phase="post")
        assert await fingerprint(halves) == await fingerprint(whole)


async def test_two_migrators_at_once_apply_each_file_once(databases: Databases):
    async with databases.fresh(migrated=False) as url:
        done = await asyncio.gather(*(migrate(url) for _ in range(4)))
        assert sorted(name for names in done for name in names) == sorted(
            f"{m.number:04}_{m.name}" for m in migrations()
        )


async def test_a_file_changed_after_it_was_applied_is_refused(databases: Databases, monkeypatch):
    known = migrations()
    changed = [Migration(m.number, m.phase, m.name, m.sql + "\n-- another thought\n") for m in known]
    async with databases.fresh() as url:
        monkeypatch.setattr(room, "migrations", lambda: changed)
        with pytest.raises(MigrationError, match="changed"):
            await migrate(url)


async def test_a_database_newer_than_the_program_is_refused(databases: Databases):
    async with databases.fresh() as url:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "insert into migration (number, phase, name, checksum) values (9999, '0pre', 'future', 'x')"
        )
        await connection.close()
        with pytest.raises(MigrationError, match="newer"):
            await migrate(url)


async def test_a_migration_that_fails_leaves_the_database_as_it_was(databases: Databases, monkeypatch):
    broken = Migration(9998, "0pre", "broken", "create table half (id int); select nonsense();")
    async with databases.fresh() as url:
        before = await fingerprint(url)
        monkeypatch.setattr(room, "migrations", lambda: [*migrations(), broken])
        with pytest.raises(asyncpg.PostgresError):
            await migrate(url)
        assert await fingerprint(url) == before


async def test_the_server_commits_durably(databases: Databases):
    """A benchmark or a crash test on a server that may forget proves nothing."""
    connection = await asyncpg.connect(databases.admin)
    try:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval("select current_setting($1)", name) == "on", name
    finally:
        await connection.close()
