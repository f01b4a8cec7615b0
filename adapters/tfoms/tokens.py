"""Service tokens: one sign-in per fund and account, shared by everything that is sent there, renewed when it grows old."""

import asyncio
from datetime import datetime
from typing import Final

import msgspec

from adapters.tfoms.service import Given, Spoken, call
from adapters.tfoms.settings import Settings
from broker.adapter_kit import Context, InDoubt, Unavailable

_Key = tuple[str, str, str]


class Token(msgspec.Struct, frozen=True):
    """A token and when we got it."""

    text: str
    since: datetime


class Tokens:
    """The tokens of this process; a lost one costs one more sign-in."""

    def __init__(self) -> None:
        self._held: Final[dict[_Key, Token]] = {}
        self._locks: Final[dict[_Key, asyncio.Lock]] = {}

    async def get(
        self, settings: Settings, context: Context, until: float, *, instead_of: str = ""
    ) -> str | Spoken | Unavailable:
        """Return a token, signing in when there is none, it is old, or it is the one just refused (``instead_of``).

        Signing in, another's before it included, must be done by ``until`` (loop time). It sends no document: whatever
        goes wrong with it is unavailability, never doubt.
        """
        try:
            async with asyncio.timeout_at(until):
                return await self._get(settings, context, instead_of)
        except TimeoutError:
            return Unavailable("tfoms.sign_in_timeout")

    async def _get(self, settings: Settings, context: Context, instead_of: str) -> str | Spoken | Unavailable:
        key = (context.destination.id, settings.auth_url, settings.login)
        async with self._locks.setdefault(key, asyncio.Lock()):
            held = self._held.get(key)
            now = context.clock.now()
            if held and held.text != instead_of and now - held.since < settings.token_life:
                return held.text
            fresh = await _sign_in(settings, context)
            if isinstance(fresh, str):
                self._held[key] = Token(fresh, now)
            return fresh


async def _sign_in(settings: Settings, context: Context) -> str | Spoken | Unavailable:
    members = {"login": settings.login, "psw": settings.password, "orgType": settings.org_type}
    reply = await call(context.http, settings.auth_url, "GetServiceToken", members, timeout=settings.timeout)
    match reply:
        case Given(leaves=leaves):
            return leaves.get("token") or Unavailable("tfoms.token_missing")
        case InDoubt(reason=reason):
            return Unavailable(reason)
        case _:
            return reply
