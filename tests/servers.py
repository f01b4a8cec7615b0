"""One PostgreSQL for the session: migrated once as a template, copied for whoever asks."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import private_postgres
from broker.dev.supervisor import Supervisor
from broker.store.database import Database
from broker.store.migrate import migrate


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, admin: str, postmaster: int | None) -> None:
        self.admin = admin
        self.postmaster = postmaster
        self.template = f"inaya_tests_{os.getpid()}_template"
        self._numbers = count(1)
        self._copying = asyncio.Lock()

    def url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.admin)._replace(path=f"/{name}"))

    async def run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin, timeout=30)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def make_template(self) -> None:
        await self.run(f"drop database if exists {self.template} with (force)")
        await self.run(f"create database {self.template}")
        await migrate(self.url(self.template))

    @asynccontextmanager
    async def fresh(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """Give a database while the block lasts; not ``migrated``, it is empty."""
        name = f"inaya_tests_{os.getpid()}_{next(self._numbers)}"
        async with self._copying:
            await self.run(f"create database {name} template {self.template if migrated else 'template0'}")
        try:
            yield self.url(name)
        finally:
            await self.run(f"drop database if exists {name} with (force)")


TABLES = """
select c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'migration'
order by not exists (select 1 from pg_constraint f where f.contype = 'f' and f.conrelid = c.oid), c.relname
"""
"""Every table of ours, those that point to others first."""


async def empty(database: Database) -> None:
    """Delete every row in one commit: quicker than a new database."""
    async with database.transaction() as connection:
        names = [row["name"] for row in await connection.fetch(TABLES)]
        await connection.execute("; ".join(f"delete from {name}" for name in names))


@asynccontextmanager
async def open_databases(state: Path) -> AsyncIterator[Databases]:
    given = os.environ.get("INAYA_DATABASE_URL", "")
    async with (
        Supervisor(state, tell=lambda text: None) as crew,
        private_postgres(crew, policy=InstallPolicy.of(os.environ), url=given) as server,
    ):
        if isinstance(server, Missing):
            pytest.skip(f"НЕ ПРОВЕРЕНО: нет PostgreSQL: {server}")
        databases = Databases(server.url, server.child.pid if server.child else None)
        await databases.make_template()
        try:
            yield databases
        finally:
            await databases.run(f"drop database if exists {databases.template} with (force)")
