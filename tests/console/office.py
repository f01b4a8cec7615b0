"""Operators at the API and at a page."""

import base64
import os
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from in_process import House
from partner import Answer
from playwright.async_api import Page

PASSWORD = "пробный пароль 2026"
PICTURES = os.environ.get("INAYA_PICTURES", "")
"""A directory: the pictures of the handbook are taken anew there (``docs/images``)."""


class Person:
    """Somebody at the API: an operator with a password, or nobody in particular."""

    def __init__(self, base: str, login: str = "", password: str = PASSWORD) -> None:
        self.base = base
        pair = base64.b64encode(f"{login}:{password}".encode()).decode()
        self._auth = {"Authorization": f"Basic {pair}"} if login else {}
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        named = self._auth | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(
            method, self.base + path, data=data, headers=named, allow_redirects=False
        ) as response:
            raw = await response.read()
            text = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, msgspec.json.decode(raw) if text else raw, dict(response.headers))

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", f"/api/v1{path}", **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("POST", f"/api/v1{path}", {} if body is None else body, **headers)

    async def close(self) -> None:
        await self._http.close()


async def sign_in(house: House, tab: Page, login: str = "admin") -> None:
    await tab.goto(f"{house.http}/console/")
    await tab.fill("[name=login]", login)
    await tab.fill("[name=password]", PASSWORD)
    await tab.click("button.main")
    await tab.wait_for_selector(".lights")


async def picture(tab: Page, name: str, height: int = 1000) -> None:
    """Take a picture for the handbook when asked to."""
    if PICTURES:
        await tab.set_viewport_size({"width": 1440, "height": height})
        await tab.screenshot(path=Path(PICTURES) / name)
