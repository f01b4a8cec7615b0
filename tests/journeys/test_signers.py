"""Who signed is found out from what the partner left unsaid, as the contract promises."""

import pytest
from builders import a_submission, as_json


@pytest.mark.parametrize("signer", [None, {"snils": "995-000-300 96"}])
async def test_a_signer_left_out_or_written_with_separators_is_found_in_the_document(
    a_stand, world, stand_signers, signer
):
    submission = as_json(a_submission(world, stand_signers, kind="290"))
    personal = submission["signatures"][0]
    del personal["signer"]
    if signer is not None:
        personal["signer"] = signer
    answer = await a_stand.partners[0].submit(submission, wait=25, until="final")
    assert answer.body["status"] == "completed", answer.body
