"""Good documents of every kind go all the way: ticket, verdict, every recipient, receipts, the same bytes."""

import base64
from hashlib import sha256

import pytest
from builders import a_submission, as_json

KINDS = ("306", "103", "290")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_good_document_is_registered_everywhere(a_stand, world, stand_signers, kind):
    alpha = a_stand.partners[0]
    submission = a_submission(world, stand_signers, kind=kind)
    answer = await alpha.submit(submission, wait=25, until="final")
    assert answer.status == 202, answer.body
    assert answer.body["status"] == "completed", answer.body
    deliveries = {one["destination"]: one for one in answer.body["document"]["deliveries"]}
    assert deliveries["remd"]["status"] == "registered"
    assert deliveries["remd"]["receipt"]["emdrId"]
    assert deliveries["gis.77"]["status"] in {"registered", "delivered"}


async def test_what_a_simulator_holds_is_byte_for_byte_what_was_handed_in(a_stand, world, stand_signers):
    submission = a_submission(world, stand_signers, kind="290")
    await a_stand.partners[0].submit(submission, wait=25, until="final")
    digest = sha256(base64.b64decode(submission.content.data)).hexdigest()
    for simulator in ("remd", "gis-soap"):
        held = (await a_stand.held_by(simulator))[submission.metadata.local_uid]
        assert held["sha256"] == digest
        assert held["registrations"] == 1


async def test_a_good_document_in_the_folder(a_folder_house, world, signers):
    answer = await a_folder_house.partners[0].submit(
        as_json(a_submission(world, signers)), wait=25, until="final"
    )
    assert answer.body["status"] == "completed", answer.body
