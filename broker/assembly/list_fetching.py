"""Revocation lists brought from their authorities into the directory of trust: a failing address leaves the old list.

A list takes the place of the old one only when it can be read, is of the same authority, not older, and signed by an
authority of the directory: whoever stands between us and a plain HTTP address must not make us forget who was revoked.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiohttp
import msgspec

from broker.trust.directory import CRLS, ListSource, TrustRefused, read_policy
from broker.trust.list_judging import judge_list

SECONDS: Final = 60.0
"""How long an authority may take to hand over its list."""
MAX_LIST: Final = 64 * 1024 * 1024
"""Bytes of a list."""


class Fetched(msgspec.Struct, frozen=True):
    """What came of one list: ``text`` in Russian; ``good`` when the directory holds its newest edition."""

    file: str
    text: str
    good: bool


async def refresh_lists(directory: Path) -> AsyncIterator[Fetched]:
    """Fetch every list named in ``trust.toml``, one at a time; one never stops the others. Raises ``TrustRefused``."""
    policy = await asyncio.to_thread(read_policy, directory)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for source in policy.lists:
            try:
                raw = await _fetched(http, source)
                text = await asyncio.to_thread(_kept, directory, source, raw)
            except TrustRefused as refused:
                yield Fetched(source.file, f"{refused}; остался прежний список", good=False)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = f"не получен ({type(error).__name__})"
                yield Fetched(source.file, f"{why}; остался прежний список", good=False)
            else:
                yield Fetched(source.file, text, good=True)


async def _fetched(http: aiohttp.ClientSession, source: ListSource) -> bytes:
    async with http.get(source.url) as response:
        if response.status != 200:
            raise TrustRefused(f"адрес ответил {response.status}")
        found = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            found += chunk
            if len(found) > MAX_LIST:
                raise TrustRefused(f"список больше {MAX_LIST // 1024 // 1024} МиБ")
        return bytes(found)


def _kept(directory: Path, source: ListSource, raw: bytes) -> str:
    """Judge a list and put it in the place of the old one at once; say what came of it."""
    place = directory / CRLS / source.file
    old = place.read_bytes() if place.exists() else b""
    told = judge_list(directory, raw, old)
    if raw != old:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.{uuid4().hex}")
        beside.write_bytes(raw)
        beside.rename(place)
    return told
