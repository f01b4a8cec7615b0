"""A clinic that keeps its own files: hands them out to whoever signs the question with its key, as our handbook asks it to."""

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web

from broker.adapter_kit.harness import serving

KEY = "ключ клиники для запросов её файлов, 32+"


class ClinicShelf:
    """Files by their digest; ``asked`` are the questions that were believed, ``mood`` answers instead of the file."""

    def __init__(self, key: str = KEY) -> None:
        self._key = key.encode()
        self.files: dict[str, bytes] = {}
        self.asked: list[dict[str, Any]] = []
        self.mood: web.Response | bytes | None = None

    def keep(self, content: bytes) -> None:
        self.files[hashlib.sha256(content).hexdigest()] = content

    async def hand_out(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp, _, signature = request.headers.get("X-Inaya-Signature", "").partition(",v1=")
        made = hmac.new(self._key, stamp.removeprefix("t=").encode() + b"." + body, "sha256").hexdigest()
        if not hmac.compare_digest(made, signature):
            return web.Response(status=403)
        question = msgspec.json.decode(body)
        self.asked.append(question)
        if isinstance(self.mood, web.Response):
            return web.Response(status=self.mood.status, headers=self.mood.headers)
        content = self.files.get(question["digest"]) if self.mood is None else self.mood
        return web.Response(status=404) if content is None else web.Response(body=content)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Serve while the context lasts; give the address."""
        app = web.Application()
        app.router.add_post("/files", self.hand_out)
        async with serving(app) as url:
            yield f"{url}/files"
