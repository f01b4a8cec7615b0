"""Documents near the limit of 20 MiB through the whole house: what every process grows to, and what it gives back.

Every other one is scanned pages as base64, which hardly compresses, the rest text, which compresses to nothing. РЭМД pulls
each as a file in a signed answer, a second recipient gets it in a POST. Over HTTP alone: a message of AMQP holds 12 MiB.
"""

import asyncio
import multiprocessing
import os
import re
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import pybase64

from broker.dev.world import PATIENTS, Signers, World
from broker.document.submission import Submission
from broker.samples.fault import Expectation, Fault, Outcome
from broker.samples.filler import PHRASE
from broker.samples.people import Clinic, Doctor
from broker.samples.sample import make_sample
from broker.samples.submission import encode, make_submission
from broker.trust import Suite, sign_detached
from tests.load.corpus import KIND, Document
from tests.load.driver import LoadFailed
from tests.load.giant_results import Giants
from tests.load.house import House, until
from tests.load.loads import UNFINISHED
from tests.load.meter import Meter

SIZE: Final = 20_900_000
"""Bytes of a document; the door takes 20 971 520."""
SMALL: Final = 100_000
OWN: Final = 60_000
"""Bytes of a document beside its filling, rather more than fewer."""
CONNECTIONS: Final = 4
TRIES: Final = 60
"""How often a sender comes again that was told there is no room."""
PATIENCE: Final = 1800.0
SETTLING: Final = 15.0
"""Seconds without work after which a process has given back what it will."""
_RUN: Final = re.compile(f"(?:{PHRASE})+(?:{PHRASE.strip()})?".encode())


async def giants(house: House, count: int) -> Giants:
    """Send so many documents and wait until each is registered and delivered."""
    meter = Meter(house.trees())
    before = meter.mark()
    started = time.monotonic()
    again = await _post(house, count)
    await until(partial(_all_done, house, count), seconds=PATIENCE, what="documents of 20 MB", every=0.5)
    seconds = time.monotonic() - started
    await asyncio.sleep(SETTLING)
    return Giants(count=count, seconds=seconds, asked_again=again, sizes=meter.resident(before))


async def _all_done(house: House, count: int) -> bool:
    if await house.count(UNFINISHED) or await house.count("select count(*) from document") < count:
        return False
    if await house.count("select count(*) from document where status = 'completed'") < count:
        raise LoadFailed("documents of 20 MB were refused")
    return True


async def warm(house: House, count: int) -> None:
    """Let so many small documents go the same way, so that every process has compiled and connected."""
    await _post(house, count, SMALL)
    await until(partial(_all_done, house, count), seconds=PATIENCE, what="warming up")
    await house.forget()


async def _post(house: House, count: int, size: int = SIZE) -> int:
    """Post documents as they are made, a few at once; return how often there was no room."""
    suite = Suite.GOST2012_256 if house.gost else Suite.RSA_SHA256
    pki, tokens = house.crew.state.room("pki"), house.tokens()
    numbers = iter(range(count))
    again = 0
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as maker:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as http,
            asyncio.TaskGroup() as group,
        ):

            async def send() -> None:
                nonlocal again
                for number in numbers:
                    made = await loop.run_in_executor(maker, make_giant, str(pki), number, suite, size)
                    again += await _until_taken(http, house.url, made, tokens[made.vendor])

            for _ in range(min(CONNECTIONS, count)):
                group.create_task(send())
    return again


async def _until_taken(http: aiohttp.ClientSession, url: str, made: Document, token: dict[str, str]) -> int:
    for tries in range(TRIES):
        headers = {"Content-Type": "application/json"} | token
        async with http.post(url, data=made.body, headers=headers) as response:
            if response.status in {200, 202}:
                return tries
            if response.status != 503:
                raise LoadFailed(
                    f"a document of 20 MB was answered {response.status}: {await response.text()}"
                )
        await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
    raise LoadFailed("no room for a document of 20 MB")


@lru_cache(maxsize=1)
def _signers(pki: str, suite: Suite) -> tuple[World, Signers]:
    world = World()
    return world, Signers.open(Path(pki), world, suite)


def make_giant(pki: str, number: int, suite: Suite, size: int) -> Document:
    """Make and sign one document of about so many bytes, in a process of its own."""
    world, signers = _signers(pki, suite)
    linked = [clinic for clinic in world.clinics if clinic is not world.unlinked]
    clinic = linked[number % len(linked)]
    created = datetime.now(UTC) - timedelta(hours=1)
    sample = make_sample(
        world.population,
        world.clinics.index(clinic) * PATIENTS + number // len(linked) % PATIENTS,
        kind=KIND,
        clinic=clinic,
        created_at=created,
        padding=size - OWN,
    )
    sample = msgspec.structs.replace(
        sample, local_uid=str(uuid.uuid4()), set_id=str(uuid.uuid4()), message_id=str(uuid.uuid4())
    )
    now = datetime.now(UTC)

    def sign(data: bytes, who: Doctor | Clinic) -> bytes:
        return sign_detached(data, signers.of(who).signer, signing_time=now)

    submission: Submission = make_submission(sample, sign, _SCANNED if number % 2 == 0 else None)
    vendor = next(one.id for one in world.vendors if clinic in one.clinics)
    return Document(vendor, clinic.oid, sample.message_id, encode(submission))


def _scanned(content: bytes) -> bytes:
    """Put base64 of random bytes in the place of the filler."""
    return _RUN.sub(lambda found: pybase64.b64encode(os.urandom(len(found[0]) // 4 * 3)), content)


_SCANNED: Final = Fault(
    id="scanned",
    description="Страницы скана вместо текста",
    expected=Expectation(outcome=Outcome.REGISTERED),
    corrupt=_scanned,
)
