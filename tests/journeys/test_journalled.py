"""What only the journal holds: files a state system took from us or asked for in vain, and bugs of adapters."""

import asyncio
import uuid
from typing import Any

import aiohttp
import msgspec
import pytest
from builders import a_submission
from in_process import House
from partner import Partner
from scripted import SECRET, Scripted

from broker.adapter_kit import Awaiting
from broker.dev.world import Signers, World


async def noted(house: House, event: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait for so many rows of an event and return them; what they hold is searched for what must not be kept."""
    for _ in range(100):
        rows = await house.database.fetch(
            "select document_id, delivery_id, partner_id, feed, body::text as body from journal where event = $1 order by id",
            event,
        )
        if len(rows) >= count:
            assert SECRET not in str([dict(row) for row in rows])
            return [dict(row) | {"body": msgspec.json.decode(row["body"])} for row in rows]
        await asyncio.sleep(0.05)
    raise AssertionError(f"{event}: {len(rows)} of {count}")


@pytest.fixture(autouse=True)
async def clean(house: House):
    await house.database.execute(
        "delete from journal where event in ('file.served', 'file.missing', 'bug.caught')"
    )


async def call(house: House, path: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as http, http.post(f"{house.peer}/peer/scripted/{path}") as response:
        return response.status, await response.read()


async def test_every_file_handed_out_or_asked_for_in_vain_is_journalled(
    alpha: Partner, house: House, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    document = (await alpha.submit(submission, wait=20, until="final")).body["id"]
    for _ in range(2):
        status, body = await call(house, f"file?localUid={submission.metadata.local_uid}")
        assert (status, body[:5]) == (200, b"<?xml")
    await call(house, f"file?localUid={uuid.uuid4()}")
    for row in await noted(house, "file.served", 2):
        assert (str(row["document_id"]), row["body"]) == (
            document,
            {"destination": "scripted", "note": "archive"},
        )
        assert not row["feed"]
    (missing,) = await noted(house, "file.missing")
    assert (missing["document_id"], missing["body"]) == (None, {"destination": "scripted"})
    assert "file.served" not in {event["event"] for event in await alpha.events(document)}


async def test_an_exception_leaving_an_adapter_is_journalled_with_its_class_and_place_and_nothing_it_says(
    alpha: Partner, house: House, there: Scripted, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    there.broken.add(submission.metadata.local_uid)
    document = (await alpha.submit(submission)).body["id"]
    (row,) = await noted(house, "bug.caught")
    assert str(row["document_id"]) == document
    assert row["delivery_id"] is not None
    assert (row["body"]["destination"], row["body"]["error"]) == ("scripted", "RuntimeError")
    assert row["body"]["place"].rpartition(" > ")[2].startswith("scripted.py:")
    house.pass_time(10)
    assert (await alpha.outcome(document))["status"] == "completed", "the delivery goes on"


async def test_an_answer_no_column_takes_is_the_adapters_bug_too(
    alpha: Partner, house: House, there: Scripted, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    there.answers[submission.metadata.local_uid] = [Awaiting(f"{SECRET}\0")]
    document = (await alpha.submit(submission)).body["id"]
    (row,) = await noted(house, "bug.caught")
    assert (str(row["document_id"]), row["body"]["error"]) == (document, "UnstorableError")


async def test_a_bug_in_answering_a_state_system_or_reading_what_it_told_is_journalled(house: House):
    assert (await call(house, "broken"))[0] == 500
    (row,) = await noted(house, "bug.caught")
    assert (row["document_id"], row["body"]["destination"]) == (None, "scripted")
    assert (await call(house, "verdict"))[0] == 200
    rows = await noted(house, "bug.caught", 2)
    assert {row["body"]["error"] for row in rows} == {"RuntimeError"}
    assert " interpret" in rows[-1]["body"]["place"]
