"""Every other major version of PostgreSQL found on this machine runs the whole suite of the store."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from broker.dev.install import InstallPolicy, Missing, found_postgres
from broker.dev.postgres import private_postgres
from broker.dev.supervisor import Supervisor

pytestmark = pytest.mark.conformance

ROOT = Path(__file__).resolve().parents[2]
SUITE = ("tests/store", "tests/journeys/test_http_door.py")


async def others() -> list[int]:
    """Majors on this machine but for the newest, which every other test ran on; a variable names them otherwise."""
    majors = list(dict.fromkeys(binaries.major for binaries in await found_postgres()))
    named = {int(one) for one in os.environ.get("INAYA_POSTGRES_MAJORS", "").split(",") if one}
    return [major for major in majors if major in named] if named else majors[1:]


async def test_the_store_holds_on_every_other_major_version(session_dir: Path):
    majors = await others()
    if not majors:
        pytest.skip("НЕ ПРОВЕРЕНО: другой версии PostgreSQL (15 и новее) на машине нет")
    said = {major: await suite_on(session_dir / f"postgres-{major}", major) for major in majors}
    assert {major: words for major, words in said.items() if words} == {}


async def suite_on(state: Path, major: int) -> str:
    """Run the suite on a server of this version; return its last words when it fails."""
    async with (
        Supervisor(state, tell=lambda text: None) as crew,
        private_postgres(crew, policy=InstallPolicy.REFUSED, major=major) as server,
    ):
        assert not isinstance(server, Missing), str(server)
        assert server.major == major
        suite = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", *SUITE),
            cwd=ROOT,
            env=os.environ | {"INAYA_DATABASE_URL": server.url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await suite.communicate()
    return told.decode(errors="replace")[-4000:] if suite.returncode else ""
