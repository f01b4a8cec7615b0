"""A partner of the tests: speaks HTTP with its own key and nothing else."""

import asyncio
import io
import uuid
from typing import Any, Self

import aiohttp
import msgspec

from broker.document.submission import Submission

FINAL = {"completed", "rejected", "unroutable", "failed"}


class Answer(msgspec.Struct, frozen=True):
    """What a door said."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return self.body["code"]


class Partner:
    """One МИС vendor at the HTTP door."""

    def __init__(self, base: str, secret: str, name: str = "") -> None:
        self.base = base
        self.id = name
        self.secret = secret
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._http is not None
        await self._http.close()

    async def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        assert self._http is not None
        with_key = {"Authorization": f"Bearer {self.secret}"} | (headers or {})
        url = path if path.startswith("http") else self.base + path
        async with self._http.request(method, url, headers=with_key, **options) as response:
            raw = await response.read()
            text = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, msgspec.json.decode(raw) if text else raw, dict(response.headers))

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", f"/api/v1{path}", **options)

    async def put(self, path: str, **options: Any) -> Answer:
        return await self.call("PUT", f"/api/v1{path}", **options)

    async def post(self, path: str, **options: Any) -> Answer:
        return await self.call("POST", f"/api/v1{path}", **options)

    async def submit(
        self,
        submission: Submission | dict[str, Any] | bytes,
        *,
        wait: int = 0,
        until: str = "",
        **options: Any,
    ) -> Answer:
        """Hand a document in; ``wait`` seconds for the verdict, ``until="final"`` for the outcome."""
        raw = submission if isinstance(submission, bytes) else msgspec.json.encode(submission)
        body = io.BytesIO(raw) if len(raw) > 2**20 else raw
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        if wait:
            headers["Prefer"] = f"wait={wait}"
        query = f"?until={until}" if until else ""
        return await self.post(f"/documents{query}", data=body, headers=headers, **options)

    async def outcome(
        self, document: str, *, seconds: float = 30, wanted: set[str] = FINAL
    ) -> dict[str, Any]:
        """Wait until the document stands where it is wanted and return its card."""
        async with asyncio.timeout(seconds):
            while True:
                card = (await self.get(f"/documents/{document}")).body
                if card["status"] in wanted:
                    return card
                await asyncio.sleep(0.05)

    async def events(self, document: str) -> list[dict[str, Any]]:
        return (await self.get(f"/documents/{document}/events")).body["events"]


async def until(partner: Partner, document: str, **wanted: Any) -> dict[str, Any]:
    """Wait until the document's first delivery looks as wanted and return it."""
    async with asyncio.timeout(30):
        while True:
            card = (await partner.get(f"/documents/{document}")).body
            delivery = (card["deliveries"] or [{}])[0]
            if all(delivery.get(field) == value for field, value in wanted.items()):
                return delivery
            await asyncio.sleep(0.03)


def fresh() -> str:
    return str(uuid.uuid4())
