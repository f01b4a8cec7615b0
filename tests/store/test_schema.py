"""The migrations make the schema people read."""

import asyncpg
from servers import Databases

from broker.store.migrate import migrate
from broker.store.schema import FILE, read_schema


async def test_a_migrated_database_is_the_schema_in_the_file(databases: Databases):
    async with databases.fresh() as url:
        assert await read_schema(url) == FILE.read_text(encoding="utf-8"), "run make reference"


async def test_the_schema_is_the_same_in_two_phases(databases: Databases):
    async with databases.fresh(migrated=False) as url:
        await migrate(url, phase="pre")
        await migrate(url, phase="post")
        assert await read_schema(url) == FILE.read_text(encoding="utf-8")


async def test_a_database_somebody_changed_by_hand_is_told_apart(databases: Databases):
    right = FILE.read_text(encoding="utf-8")
    for change in (
        "alter table document add column note text",
        "alter table clinic alter column region drop not null",
        "drop index clinic_partner_partner",
        "alter table content alter column body set storage extended",
        "create view everything as select 1",
    ):
        async with databases.fresh() as url:
            await by_hand(url, change)
            assert await read_schema(url) != right, change


async def by_hand(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
