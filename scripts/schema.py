"""Writes ``broker/store/schema.sql``: migrates a database of its own on a private server and reads it back."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import private_postgres
from broker.dev.supervisor import Supervisor
from broker.store.migrate import migrate
from broker.store.schema import FILE, read_schema


async def write(state: Path) -> None:
    """Write the file; a server that cannot be had ends the program in words."""
    async with (
        Supervisor(state) as crew,
        private_postgres(crew, policy=InstallPolicy.of(os.environ)) as server,
    ):
        if isinstance(server, Missing):
            sys.exit(str(server))
        await migrate(server.url)
        FILE.write_text(await read_schema(server.url), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="inaya-schema-") as directory:
        place = Path(directory).resolve()
        place.chmod(0o711)
        asyncio.run(write(place / "state"))
