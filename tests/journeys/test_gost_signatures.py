"""Documents signed by two people with ГОСТ: computed, judged to a root, sent; and the engine is where it belongs."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from builders import a_sample, a_signature, a_submission
from gost import MISSING, SUITES, needs_gost
from in_process import House, a_house
from servers import Databases

from broker.dev import guardian
from broker.dev.trust import write_trust
from broker.dev.world import Signers, World
from broker.samples.submission import make_submission
from broker.trust import Suite, ThrowAwayCa
from broker.trust.certificate import certificate_names, list_issuer


@pytest.fixture(scope="module", params=SUITES)
def signing(request: pytest.FixtureRequest, session_dir: Path, world: World) -> Signers:
    """Everybody's certificates of one suite."""
    return Signers.open(session_dir / "pki", world, request.param)


@pytest.fixture(scope="module")
async def trusting(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World, signing: Signers
) -> AsyncIterator[House]:
    """A house that trusts their authority and demands its revocation list."""
    room = tmp_path_factory.mktemp("trusting")
    directory = write_trust(room / "trust", [("own", signing.ca)])
    async with (
        databases.fresh() as url,
        a_house(room, url, world, INAYA_TRUST_DIR=str(directory)) as house,
    ):
        yield house


async def test_a_document_signed_by_the_doctor_and_the_organisation_is_delivered(
    trusting: House, world: World, signing: Signers
):
    told = await trusting.partners[0].submit(a_submission(world, signing), wait=25, until="final")
    assert told.body["status"] == "completed", told.body
    card = (await trusting.partners[0].get(f"/documents/{told.body['id']}")).body
    provider = "openssl-rsa/" if signing.suite is Suite.RSA_SHA256 else "openssl-gost/"
    assert [(one["kind"], one["code"], one["chain"], one["suite"]) for one in card["signatures"]] == [
        ("personal", "OK", "OK", signing.suite),
        ("organization", "OK", "OK", signing.suite),
    ]
    assert all(one["provider"].startswith(provider) for one in card["signatures"])
    [receipt] = card["receipts"]
    assert receipt["verifiedBy"] == [card["signatures"][0]["provider"]]


async def test_other_bytes_than_were_signed_are_refused_by_what_was_computed(
    trusting: House, world: World, signing: Signers
):
    sign = a_signature(signing)
    submission = make_submission(a_sample(world), lambda data, who: sign(data + b" ", who))
    told = await trusting.partners[0].submit(submission, wait=25, until="final")
    assert told.status == 422
    found = [one["code"] for one in told.body["findings"] if one["code"].startswith("signature.")]
    assert found == ["signature.digest_mismatch"] * 2


async def test_a_value_that_does_not_fit_is_refused_by_what_was_computed(
    trusting: House, world: World, signing: Signers
):
    submission = a_submission(world, signing)
    parts = list(submission.signatures)
    raw = bytearray(base64.b64decode(parts[0].data))
    raw[-1] ^= 1
    parts[0] = msgspec.structs.replace(parts[0], data=base64.b64encode(raw).decode())
    changed = msgspec.structs.replace(submission, signatures=parts)
    told = await trusting.partners[0].submit(changed, wait=25, until="final")
    assert [one["code"] for one in told.body["findings"] if one["code"].startswith("signature.")] == [
        "signature.bad_signature"
    ]


def _knows_the_engine(process: psutil.Process) -> bool:
    return any(Path(one.path).name == "gost.so" for one in process.memory_maps())


@needs_gost
async def test_only_compute_processes_have_the_engine(a_stand: Any, world: World, stand_signers: Signers):
    """A process with an event loop never loads it: what it does blocks, and it changes process-wide defaults."""
    signers = Signers.open(a_stand.state_dir / "pki", world, Suite.GOST2012_256)
    answer = await a_stand.partners[0].submit(a_submission(world, signers))
    card = await a_stand.partners[0].outcome(answer.body["id"], seconds=60)
    assert card["status"] == "completed", card
    assert {one["provider"].partition("/")[0] for one in card["signatures"]} == {"openssl-gost"}
    for name in ("serve", "work-1"):
        family = [psutil.Process(pid) for pid in guardian.marked(str(a_stand.state_dir), name)]
        oldest = min(family, key=psutil.Process.create_time)
        assert not _knows_the_engine(oldest), name
        assert name == "serve" or any(map(_knows_the_engine, family)), name


def test_a_stand_offers_signers_of_every_suite_and_who_vouches_for_them(a_stand: Any):
    pki = a_stand.endpoints.pki
    offered = ["rsa-sha256"] if MISSING else ["rsa-sha256", "gost2012-256"]
    assert list(dict.fromkeys(one.suite for one in pki.signers)) == offered, "those of RSA come first"
    assert [one.suite for one in pki.authorities] == offered
    roots = Path(pki.ca).read_bytes()
    for authority in pki.authorities:
        assert Path(authority.ca).read_bytes() in roots
        _, _, name = certificate_names(ThrowAwayCa.load(Path(authority.ca).parent).certificate)
        assert list_issuer(Path(authority.crl).read_bytes()) == name
    for suite in offered:
        roles = [one.role for one in pki.signers if one.suite == suite]
        assert roles[:2] == ["AUTHOR", "ORGANIZATION"]
