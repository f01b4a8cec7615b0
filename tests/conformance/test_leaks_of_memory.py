"""After thousands of documents the doors and the workers are as large as after the first hundreds."""

import asyncio
import datetime as dt
import os

import msgspec
import psutil
import pytest
from builders import a_sample
from partner import Partner

from broker.dev import guardian
from broker.dev.world import PATIENTS
from broker.samples.documents import KINDS
from broker.samples.people import Clinic, Doctor
from broker.samples.submission import make_submission
from broker.trust import sign_detached

pytestmark = pytest.mark.conformance

MIB = 1024 * 1024
ROUNDS = 8
ROUND = int(os.environ.get("INAYA_LEAK_ROUND", "300"))
"""Documents of a round; the first two fill pools, caches and arenas and are not judged."""
SETTLED = 2
PER_THOUSAND = 4 * MIB
"""Growth allowed for a thousand documents: what is kept of each would be a few kilobytes at least."""
SLACK = 12 * MIB
PROCESSES = ("serve", "work-1")


def resident(a_stand, name: str) -> int:
    """The private bytes of a process with its compute processes: what they share with others is not theirs."""
    pids = guardian.marked(str(a_stand.state_dir), name)
    return sum(psutil.Process(pid).memory_full_info().uss for pid in pids)


async def a_round(partner: Partner, world, signers) -> None:
    """Documents of every kind, each tenth faulty, brought to their ends."""
    gate = asyncio.Semaphore(16)
    now = dt.datetime.now(dt.UTC)

    def sign(data: bytes, who: Doctor | Clinic) -> bytes:
        return sign_detached(data, signers.signer(who), signing_time=now)  # keys are read once

    async def one(at: int) -> None:
        kind, patient = KINDS[at % len(KINDS)], at % PATIENTS
        submission = make_submission(a_sample(world, kind=kind, patient=patient), sign)
        if at % 10 == 0:
            submission = msgspec.structs.replace(submission, signatures=submission.signatures[:1])
        async with gate:
            answer = await partner.submit(submission)
            assert answer.status == 202, answer.body
            await partner.outcome(answer.body["id"], seconds=120)

    await asyncio.gather(*(one(at) for at in range(ROUND)))


async def test_thousands_of_documents_leave_the_processes_as_large_as_hundreds(a_stand, world, stand_signers):
    sizes: dict[str, list[int]] = {name: [] for name in PROCESSES}
    for _ in range(ROUNDS):
        await a_round(a_stand.partners[0], world, stand_signers)
        for name in PROCESSES:
            sizes[name].append(resident(a_stand, name))
    judged = (ROUNDS - SETTLED) * ROUND / 1000
    for name, seen in sizes.items():
        growth = min(seen[-2:]) - min(seen[SETTLED - 1 : SETTLED + 1])
        told = f"{name}, MiB after each {ROUND} documents: {[size // MIB for size in seen]}"
        assert growth < SLACK + PER_THOUSAND * judged, told
