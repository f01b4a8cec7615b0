"""A document that stalls its compute process is set aside, and the rest finish (acceptance 4).

The stall is a real one: a rule of the set tries an expression that takes ages on one particular title.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from builders import a_sample, a_signature, a_submission
from in_process import House, a_house
from partner import Answer, Partner
from servers import Databases

from broker.dev.world import Signers, World
from broker.document.finding import Layer
from broker.document.submission import Submission
from broker.samples.cda import Node
from broker.samples.fault import Fault, caught
from broker.samples.submission import make_submission

SCHEMAS = Path(__file__).parents[2] / "schemas"
TITLE = "а" * 40 + "!"
RULE = """  <pattern>
    <rule context="ClinicalDocument/title">
      <assert test="not(matches(., '^(а+)+$'))">Пробное правило, которое на одном заголовке не кончается.</assert>
    </rule>
  </pattern>
</schema>"""


def _retitle(root: Node) -> None:
    title = root.find("{urn:hl7-org:v3}title")
    assert title is not None
    title.text = TITLE


STALLING = Fault(
    id="stalling", description="Правило не кончается", expected=caught(Layer.SCHEMATRON), edit=_retitle
)


@pytest.fixture(scope="module")
async def impatient(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    """A house whose rule set holds the rule, and which gives a document one second."""
    schemas = tmp_path_factory.mktemp("schemas") / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    header = schemas / "semd" / "306" / "3" / "header.sch"
    header.write_text(header.read_text("utf-8").replace("</schema>", RULE), "utf-8")
    async with (
        databases.fresh() as url,
        a_house(
            tmp_path_factory.mktemp("impatient"),
            url,
            world,
            INAYA_SCHEMAS_DIR=str(schemas),
            INAYA_COMPUTE_SECONDS="0.5",
            INAYA_PREPARE_BATCH="8",
        ) as house,
    ):
        yield house


async def validate(partner: Partner, submission: Submission) -> Answer:
    body = msgspec.json.encode(submission)
    return await partner.post("/validate", data=body, headers={"Content-Type": "application/json"})


async def test_one_that_stalls_is_set_aside_and_the_rest_finish(
    impatient: House, world: World, signers: Signers
):
    alpha = impatient.partners[0]
    stalling = make_submission(a_sample(world), a_signature(signers), STALLING)
    good = [a_submission(world, signers, kind=kind) for kind in ("306", "103", "290", "306", "290")]
    tickets = await asyncio.gather(*(alpha.submit(one) for one in (good[0], stalling, *good[1:])))
    validating = asyncio.create_task(validate(alpha, stalling))
    ids = [ticket.body["id"] for ticket in tickets]
    stalled, rest = ids[1], [ids[0], *ids[2:]]
    for document in rest:
        assert (await alpha.outcome(document, seconds=60))["status"] == "completed"
    card = await alpha.outcome(stalled, seconds=60)
    assert (card["status"], card["deliveries"]) == ("failed", [])
    report = (await alpha.get(f"/documents/{stalled}/report")).body
    (finding,) = report["findings"]
    assert (finding["code"], finding["responsible"]) == ("document.set_aside", "operator")
    crashes = await impatient.database.fetchval(
        "select count(*) from journal where event = 'compute.crashed' and document_id::text = $1", stalled
    )
    assert crashes == 2
    assert (
        await impatient.database.fetchval("select count(*) from journal where event = 'compute.crashed'") == 2
    ), "no good document is blamed"
    told = await validating
    assert (told.status, told.code) == (422, "partner.document_too_heavy")
    told = await validate(alpha, good[0])
    assert (told.status, told.body["valid"]) == (200, True), "the validating door goes on"
