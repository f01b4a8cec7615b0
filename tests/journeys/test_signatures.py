"""Signatures over HTTP: every fault told at once, what was established is kept, and the directory of trust is followed as it changes."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from builders import a_sample, a_signature, a_submission
from in_process import House, a_house
from partner import Partner
from servers import Databases

from broker.adapter_kit.harness import serving
from broker.dev.trust import write_trust
from broker.dev.world import SIGNING_SINCE, Signers, World
from broker.document.submission import Mchd, SignaturePart, Submission
from broker.samples.submission import make_submission
from broker.trust import sign_detached

FACTS = {"kind", "role", "code", "suite", "signingTime", "provider", "certificate", "chain", "required"}


@pytest.fixture(scope="module")
async def trusting(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World, signers: Signers
) -> AsyncIterator[House]:
    """A house with a directory of trust that demands revocation lists."""
    room = tmp_path_factory.mktemp("trusting")
    directory = write_trust(room / "trust", [("rsa", signers.ca)])
    async with (
        databases.fresh() as url,
        a_house(room, url, world, INAYA_TRUST_DIR=str(directory)) as house,
    ):
        yield house


@pytest.fixture
def alpha(trusting: House) -> Partner:
    return trusting.partners[0]


@pytest.fixture
def directory(trusting: House) -> Path:
    return trusting.room / "trust"


def resigned(submission: Submission, place: int, data: bytes, **changes: object) -> Submission:
    parts: list[SignaturePart] = list(submission.signatures)
    parts[place] = msgspec.structs.replace(parts[place], data=base64.b64encode(data).decode(), **changes)
    return msgspec.structs.replace(submission, signatures=parts)


def codes(answer: object) -> set[str]:
    return {one["code"] for one in answer.body["findings"]}  # type: ignore[attr-defined]  # an Answer


async def soon(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110  only asking again tells
            await asyncio.sleep(0.2)


async def test_all_faults_of_the_signatures_come_in_one_answer(
    alpha: Partner, world: World, signers: Signers
):
    submission = a_submission(world, signers)
    content = base64.b64decode(submission.content.data)
    other = signers.of(world.clinics[1]).signer
    early = SIGNING_SINCE - timedelta(days=30)
    stated = msgspec.structs.replace(submission.signatures[0].signer, snils="99000000254")
    wrong = resigned(
        submission,
        0,
        sign_detached(
            b"<other/>", signers.of(world.population.doctor(world.clinics[0], 0)).signer, signing_time=early
        ),
        signer=stated,
    )
    wrong = resigned(
        wrong,
        1,
        sign_detached(content, other, signing_time=datetime.now(UTC) + timedelta(hours=2)),
        mchd=Mchd(number="12", principal_inn="9900000000"),
    )
    told = await alpha.submit(wrong, wait=25)
    assert told.status == 422, told.body
    assert {
        "signature.digest_mismatch",
        "signature.inconsistent_digests",
        "signature.certificate_not_yet_valid",
        "signature.snils_mismatch",
        "signature.ogrn_mismatch",
        "signature.inn_mismatch",
        "signature.attorney_number",
        "signature.attorney_principal",
        "signature.time_in_future",
    } <= codes(told)
    assert all(one["fix"] for one in told.body["findings"])
    assert (await alpha.get(f"/documents/{told.body['ticket']['id']}")).body["deliveries"] == []


async def test_what_was_established_of_each_signature_is_kept_without_a_person(
    alpha: Partner, world: World, signers: Signers
):
    told = await alpha.submit(a_submission(world, signers), wait=25, until="final")
    assert told.body["status"] == "completed", told.body
    card = (await alpha.get(f"/documents/{told.body['id']}")).body
    assert [(one["kind"], one["code"], one["chain"], one["required"]) for one in card["signatures"]] == [
        ("personal", "OK", "OK", True),
        ("organization", "OK", "OK", True),
    ]
    for one in card["signatures"]:
        assert set(one) == FACTS
        assert one["provider"].startswith("openssl-rsa/")
        assert len(one["certificate"]) == 64
    [receipt] = card["receipts"]
    assert receipt["verifiedBy"] == [card["signatures"][0]["provider"]]
    assert not [
        secret for secret in world.population.secrets() if secret in msgspec.json.encode(card).decode()
    ]


async def test_the_instant_of_the_last_signature_and_the_snapshot_stand_with_the_report(
    trusting: House, alpha: Partner, world: World, signers: Signers
):
    signed = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=7)
    submission = make_submission(a_sample(world), a_signature(signers, minutes_ago=7))
    told = await alpha.submit(submission, wait=25)
    row = await trusting.database.fetchrow(
        "select signed_at, trust, jsonb_array_length(signatures) as count from report where document_id = $1",
        told.body["id"],
    )
    assert abs(row["signed_at"] - signed) < timedelta(seconds=30)
    assert len(row["trust"]) == 64
    assert row["count"] == 2


async def test_a_list_brought_from_its_authority_refuses_the_next_document(
    trusting: House, alpha: Partner, directory: Path, world: World, signers: Signers
):
    assert (await alpha.submit(a_submission(world, signers), wait=25)).status == 202
    doctor = signers.of(world.population.doctor(world.clinics[0], 0))
    good, policy = (directory / "crls" / "rsa.crl").read_bytes(), (directory / "trust.toml").read_text()
    revoking = signers.ca.crl((doctor.serial,), now=datetime(2026, 1, 2, tzinfo=UTC))

    async def hand_over(_request: web.Request) -> web.Response:
        return web.Response(body=revoking)

    application = web.Application()
    application.router.add_get("/uc.crl", hand_over)
    async with serving(application) as url:
        sources = f'\n[[lists]]\nfile = "rsa.crl"\nurl = "{url}/uc.crl"\n[[lists]]\nfile = "b.crl"\nurl = "{url}/gone"\n'
        (directory / "trust.toml").write_text(policy + sources)
        status, said = await inaya(trusting, "trust", "refresh")
    assert status == 1
    assert "rsa.crl: список от 02.01.2026" in said
    assert "b.crl: адрес ответил 404; остался прежний список" in said

    async def is_refused() -> bool:
        told = await alpha.submit(a_submission(world, signers), wait=25)
        return told.status == 422 and "signature.certificate_revoked" in codes(told)

    await soon(is_refused)
    (directory / "trust.toml").write_text(policy)
    (directory / "crls" / "rsa.crl").write_bytes(good)

    async def is_passed() -> bool:
        return (await alpha.submit(a_submission(world, signers), wait=25)).status == 202

    await soon(is_passed)


async def test_while_the_directory_cannot_be_read_documents_wait_and_afterwards_go_on(
    trusting: House, alpha: Partner, directory: Path, world: World, signers: Signers
):
    broken = directory / "roots" / "half.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\n")

    async def waits() -> bool:
        told = await alpha.submit(a_submission(world, signers), wait=2)
        return told.status == 202 and told.body["status"] == "accepted"

    await soon(waits)
    document = (await alpha.submit(a_submission(world, signers), wait=1)).body["id"]

    async def is_said() -> bool:
        why = await trusting.database.fetchval("select why from task where subject = $1::uuid", document)
        return why == "operator.trust_unreadable"

    await soon(is_said)
    status, said = await inaya(trusting, "trust", "check")
    assert status == 1
    assert "roots/half.pem: это не сертификат X.509" in said
    broken.unlink()

    async def is_read_again() -> bool:
        told = await alpha.submit(a_submission(world, signers), wait=2)
        return told.status == 202 and told.body["status"] not in {"accepted", "rejected"}

    await soon(is_read_again)
    trusting.pass_time(70)
    assert (await alpha.outcome(document))["status"] == "completed"


async def inaya(house: House, *words: str) -> tuple[int, str]:
    """Run a command of this house's operator."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("inaya"),
        *words,
        env=os.environ | house.settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
