"""An installation whose compute processes cannot start blames no document: they wait until it is mended."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from builders import a_submission
from in_process import House, a_house
from partner import Answer, Partner
from servers import Databases

from broker.dev.world import Signers, World
from broker.document.submission import Submission

SCHEMAS = Path(__file__).parents[2] / "schemas"
RULES = Path("oms", "rules.toml")


@pytest.fixture
async def broken(tmp_path: Path, databases: Databases, world: World) -> AsyncIterator[House]:
    """A house whose rules of registries were copied by half."""
    schemas = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    (schemas / RULES).write_bytes(b"[[rule")
    async with (
        databases.fresh() as url,
        a_house(tmp_path / "house", url, world, INAYA_SCHEMAS_DIR=str(schemas)) as house,
    ):
        yield house


async def validate(partner: Partner, submission: Submission) -> Answer:
    body = msgspec.json.encode(submission)
    return await partner.post("/validate", data=body, headers={"Content-Type": "application/json"})


async def test_documents_wait_uncounted_until_the_installation_is_mended(
    broken: House, world: World, signers: Signers, tmp_path: Path
):
    alpha = broken.partners[0]
    submission = a_submission(world, signers)
    document = (await alpha.submit(submission)).body["id"]
    told = await validate(alpha, submission)
    assert (told.status, told.code) == (503, "intake.checks_unavailable")
    await asyncio.sleep(6)  # twice as long as every renewal takes: time for two crashes to be counted
    assert (await alpha.get(f"/documents/{document}")).body["status"] == "accepted"
    attempts = await broken.database.fetchval("select max(attempts) from task")
    assert attempts <= 1, "a task given back was never taken"
    shutil.copy(SCHEMAS / RULES, tmp_path / "schemas" / RULES)
    assert (await alpha.outcome(document, seconds=60))["status"] == "completed"
    assert (await validate(alpha, submission)).status == 200
    counted = await broken.database.fetchrow(
        "select (select sum(crashes) from document) as crashes,"
        " (select count(*) from journal where event = 'compute.crashed') as told"
    )
    assert tuple(counted) == (0, 0)
