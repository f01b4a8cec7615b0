"""Who is at the console: operators by password or session, what their role allows, and patience with wrong passwords."""

import asyncio
import base64
import binascii
import hmac
import secrets
import time
from collections import OrderedDict
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from broker.adapter_kit.clock import Clock
from broker.document.event import EventName
from broker.store.journal import Journal
from broker.store.operators import OperatorStore

COOKIE: Final = "inaya_session"
CSRF_HEADER: Final = "X-CSRF-Token"
IDLE: Final = timedelta(minutes=15)
"""A session not used for so long is over (what refreshes by itself does not count as use)."""
LONGEST: Final = timedelta(hours=12)
"""A session is over after so long in any case."""
FREE_FAILURES: Final = 4
"""Wrong passwords that cost nothing; each further one doubles the wait."""
LONGEST_WAIT: Final = 300.0
REMEMBERED: Final = 15.0
"""Seconds a password sent with every request is not hashed again."""
_MOST: Final = 10_000


class Role(StrEnum):
    """What an operator may do; each role may do what those before it may."""

    VIEWER = "viewer"
    """Reads everything but contents."""
    OPERATOR = "operator"
    """Acts on documents, queues, applications and clinics."""
    ADMIN = "admin"
    """Issues and revokes secrets."""

    def may(self, needed: "Role") -> bool:
        """Tell whether this role includes the needed one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Operator(msgspec.Struct, frozen=True):
    """A signed-in operator; ``csrf`` must come with every change made through a session ('' with a password)."""

    login: str
    role: Role
    csrf: str = ""

    @property
    def actor(self) -> str:
        """Name the operator in the journal."""
        return f"operator:{self.login}"


class Session(msgspec.Struct, frozen=True):
    """A new session: its token goes into the cookie and is kept only hashed."""

    token: str
    operator: Operator


class Wrong(msgspec.Struct, frozen=True):
    """Login and password do not belong together."""


class Slow(msgspec.Struct, frozen=True):
    """Too many wrong passwords: come again after so many seconds."""

    seconds: float


class _Patience:
    """Counts wrong passwords by login and by address; every process counts for itself."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, *keys: str) -> float:
        """Return how many seconds must pass before another try."""
        now = time.monotonic()
        return max((until - now for _, until in map(self._of, keys)), default=0.0)

    def _of(self, key: str) -> tuple[int, float]:
        return self._failures.get(key, (0, 0.0))

    def failed(self, *keys: str) -> None:
        """Remember a wrong password."""
        for key in keys:
            count = self._of(key)[0] + 1
            pause = min(2.0 ** (count - FREE_FAILURES), LONGEST_WAIT) if count > FREE_FAILURES else 0.0
            self._failures[key] = (count, time.monotonic() + pause)
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST:
            self._failures.popitem(last=False)

    def forgive(self, *keys: str) -> None:
        """Forget wrong passwords after a right one."""
        for key in keys:
            self._failures.pop(key, None)


class Operators:
    """Signs operators in; at most ``parallel`` passwords are hashed at once (each takes 64 MiB)."""

    def __init__(self, store: OperatorStore, journal: Journal, clock: Clock, parallel: int = 2) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self._turns = asyncio.Semaphore(parallel)
        self._patience = _Patience()
        self._key = secrets.token_bytes(32)
        self._seen: dict[bytes, tuple[float, Operator]] = {}

    async def sign_in(self, login: str, password: str, address: str) -> Session | Wrong | Slow:
        """Begin a session; whether login or password was wrong is not told."""
        found = await self._check(login, password, address)
        if not isinstance(found, Operator):
            return found
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = self._clock.now()
        await self._store.forget_sessions(now - IDLE, now - LONGEST)
        await self._store.open_session(_hash(token), login, csrf, now)
        await self._journal.note(EventName.SIGNED_IN, now, body={"address": address}, actor=found.actor)
        return Session(token, Operator(login, found.role, csrf))

    async def session(self, token: str, *, used: bool = True) -> Operator | None:
        """Return who a session belongs to; ``used`` False: only look, do not keep it alive."""
        if not token or len(token) > 100:
            return None
        now = self._clock.now()
        row = await self._store.session(_hash(token), now, now - IDLE, now - LONGEST, used=used)
        return None if row is None else Operator(row.login, Role(row.role), row.csrf)

    async def sign_out(self, token: str) -> None:
        """End a session."""
        await self._store.close_session(_hash(token))

    async def basic(self, header: str, address: str) -> Operator | Wrong | Slow:
        """Authenticate an ``Authorization: Basic …`` header."""
        digest = hmac.digest(self._key, header.encode(), "sha256")
        at, known = self._seen.get(digest, (0.0, None))
        if known is not None and time.monotonic() - at < REMEMBERED:
            return known
        scheme, _, text = header.partition(" ")
        try:
            login, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Wrong()
        if scheme.lower() != "basic" or not colon:
            return Wrong()
        found = await self._check(login, password, address)
        if isinstance(found, Operator):
            if len(self._seen) > 100:
                self._seen.clear()
            self._seen[digest] = (time.monotonic(), found)
        return found

    async def _check(self, login: str, password: str, address: str) -> Operator | Wrong | Slow:
        keys = (f"login:{login[:100]}", f"address:{address}")
        wait = self._patience.wait(*keys)
        if wait > 0:
            return Slow(wait)
        row = await self._store.get(login) if len(login) <= 100 else None
        async with self._turns:
            right = await asyncio.to_thread(
                self._is_right, row.password_hash if row else self._nobody, password[:1000]
            )
        if row is None or not right:
            self._patience.failed(*keys)
            body = {"address": address}
            await self._journal.note(EventName.SIGN_IN_FAILED, self._clock.now(), body=body)
            return Wrong()
        self._patience.forgive(*keys)
        return Operator(row.login, Role(row.role))

    def _is_right(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False


def _hash(token: str) -> bytes:
    """Return what is kept of a session's token (it has 256 random bits: no slow hash is needed)."""
    return sha256(token.encode()).digest()


def same_token(ours: str, theirs: str) -> bool:
    """Compare two tokens in constant time; an empty one of ours matches nothing."""
    return bool(ours) and hmac.compare_digest(ours.encode(), theirs.encode())
