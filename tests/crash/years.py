"""Years later: РЭМД asks for what it registered, and gets the very bytes, though clinics keep half of the files themselves.

The purge runs under a kill; what it let go is asked for in vain once, told to the partner, handed back and asked for again.
"""

import asyncio
import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiohttp
import asyncpg
import msgspec

from broker.dev.endpoints import Endpoints
from broker.document.submission import Submission
from tests.crash.documents import Paper
from tests.crash.stand import Stand
from tests.crash.telling import say
from tests.crash.verdict import Line, read_feed
from tests.crash.weather import advance

AT_ONCE = 8
STILL = 6
"""Looks, half a second apart, after which a purge that lets nothing more go is over."""
DAYS = 16 * 24 * 3600
"""Seconds: over the days a clinic's file stays with us after its outcome."""


class Years:
    """What РЭМД may ask for, and who has it."""

    def __init__(
        self, stand: Stand, endpoints: Endpoints, database: asyncpg.Connection, papers: Sequence[Paper]
    ) -> None:
        self._stand = stand
        self._endpoints = endpoints
        self._database = database
        self._papers = {paper.local_uid: paper for paper in papers}
        self._secrets = {partner.id: partner.secret for partner in endpoints.partners}

    async def pass_by(self, register: Mapping[str, Mapping[str, Any]]) -> list[Line]:
        """Ask for everything the register holds, let clinics take over half, and ask again until all was handed out."""
        numbers = {
            uid: str(held["receipt"])
            for uid, held in register.items()
            if held["registrations"] and held["receipt"] and uid in self._papers
        }
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
            first = await self._ask(http, numbers)
            gone = await self._let_go(numbers)
            second = await self._ask(http, numbers)
            told = await self._hand_back(http)
            third = await self._ask(http, numbers)
        vain = {uid for uid, answer in second.items() if answer != self._papers[uid].sha256}
        return [
            Line("РЭМД gets every registered file", len(first), self._other(first)),
            Line("only what its clinic keeps is not at hand", len(gone), sorted(vain ^ gone)),
            Line("its partner is told file.requested", len(vain), sorted(vain - told)),
            Line("handed back, РЭМД gets it too", len(third), self._other(third)),
        ]

    def _other(self, answers: Mapping[str, str]) -> list[str]:
        return [f"{uid}: {sha or 'none'}" for uid, sha in answers.items() if sha != self._papers[uid].sha256]

    async def _ask(self, http: aiohttp.ClientSession, numbers: Mapping[str, str]) -> dict[str, str]:
        """Have РЭМД ask for each by its number; return the digests of what it got, empty where it got nothing."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(number: str) -> str:
            url = f"{self._endpoints.simulators['remd']}/sim/ask-files"
            async with slots, http.post(url, json={"emdrId": number}) as response:
                found: dict[str, str] = await response.json()
                return found.get("sha256", "")

        answers = await asyncio.gather(*(one(number) for number in numbers.values()))
        return dict(zip(numbers, answers, strict=True))

    async def _let_go(self, uids: Iterable[str]) -> set[str]:
        """Let half of the clinics keep their own and the days pass; a worker is killed while it purges."""
        clinics = sorted({paper.clinic for paper in self._papers.values()})[::2]
        await self._database.execute(
            "update clinic set storage = 'clinic' where oid = any ($1::text[])", clinics
        )
        await advance(self._endpoints, DAYS)
        await asyncio.sleep(1)
        for process in self._stand.whole("work-1"):
            process.kill()
        still, before = 0, -1
        while still < STILL:
            await asyncio.sleep(0.5)
            count = await self._database.fetchval("select count(*) from file_fate")
            still, before = (still + 1 if count == before and count else 0), count
        rows = await self._database.fetch(
            "select lower(d.local_uid) as uid from file_fate f join document d on d.id = f.document_id"
        )
        say(f"  clinics keep {len(rows)} files of theirs")
        return {row["uid"] for row in rows} & set(uids)

    async def _hand_back(self, http: aiohttp.ClientSession) -> set[str]:
        """Do as partners do: hand back what was asked for; return the localUids they were told of."""
        told: set[str] = set()
        for document, events in (await read_feed(http, self._endpoints)).items():
            asked = [event for event in events if event["event"] == "file.requested"]
            if not asked:
                continue
            paper = self._papers[asked[-1]["localUid"].lower()]
            told.add(paper.local_uid)
            headers = {"Authorization": f"Bearer {self._secrets[paper.partner]}"}
            content = base64.b64decode(msgspec.json.decode(paper.body, type=Submission).content.data)
            url = f"{self._endpoints.http}/api/v1/documents/{document}/content"
            async with http.put(url, data=content, headers=headers) as response:
                if response.status != 200:
                    say(f"  {paper.local_uid}: {response.status} {(await response.text())[:200]}")
        return told
