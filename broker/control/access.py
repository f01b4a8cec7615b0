"""Who is calling: partners by their secrets, and which clinics they may speak for, remembered for seconds."""

import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, Generic, TypeVar

import msgspec

from broker.adapter_kit.clock import Clock
from broker.document.submission import Mode
from broker.partners.clinic import ClinicStatus
from broker.partners.credential import Credential, hash_secret, is_same, login_of, read_secret
from broker.store.partners import PartnerStore

Value = TypeVar("Value")
_LARGEST: Final = 10_000
_MINUTE: Final = 60.0


class Caller(msgspec.Struct, frozen=True):
    """An authenticated partner."""

    partner_id: str
    mode: Mode
    key_id: str


class Speech(StrEnum):
    """May this partner speak for this clinic now?"""

    ALLOWED = "allowed"
    """Yes."""
    FOREIGN = "foreign"
    """The clinic is not linked to the partner (or unknown: the two look the same)."""
    SUSPENDED = "suspended"
    """Linked, but the clinic is suspended."""
    CLOSED = "closed"
    """Linked, but the clinic is closed."""


class _Remembered(Generic[Value]):
    """Remembers answers for some seconds, boundedly."""

    def __init__(self, ask: Callable[[str], Awaitable[Value]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._kept: dict[str, tuple[float, Value]] = {}

    async def get(self, key: str) -> Value:
        """Return a remembered or fresh answer."""
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < self._seconds:
            return kept[1]
        if len(self._kept) >= _LARGEST:
            self._kept.clear()
        value = await self._ask(key)
        self._kept[key] = (now, value)
        return value


class Failures:
    """Counts wrong secrets per whoever guesses; over ``most`` within a minute they are not attended to any more."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._counted: dict[str, tuple[float, int]] = {}

    def too_many(self, who: str) -> bool:
        """Tell whether so many came from there that they must wait."""
        since, count = self._counted.get(who, (0.0, 0))
        return count >= self._most and time.monotonic() - since < _MINUTE

    def count(self, who: str) -> None:
        """Count one more."""
        since, count = self._counted.get(who, (time.monotonic(), 0))
        if time.monotonic() - since > _MINUTE:
            since, count = time.monotonic(), 0
        if len(self._counted) > _LARGEST:
            self._counted.clear()
        self._counted[who] = (since, count + 1)


class Access:
    """Authenticates partners; secrets are compared in constant time and never kept in clear."""

    def __init__(self, partners: PartnerStore, pepper: bytes, seconds: float, clock: Clock) -> None:
        self._partners = partners
        self._clock = clock
        self._pepper = pepper
        self._credentials = _Remembered(partners.credential, seconds)
        self._links = _Remembered(partners.links, seconds)
        self._clinics = _Remembered(self._status, seconds)
        self._logins = _Remembered(self._of_login, seconds)

    async def _status(self, clinic: str) -> ClinicStatus | None:
        found = (await self._partners.clinics([clinic])).get(clinic)
        return found.status if found else None

    async def bearer(self, header: str) -> Caller | None:
        """Authenticate an ``Authorization: Bearer …`` header."""
        scheme, _, secret = header.partition(" ")
        return await self.secret(secret.strip()) if scheme.lower() == "bearer" else None

    async def secret(self, text: str) -> Caller | None:
        """Authenticate a bare secret."""
        presented = read_secret(text)
        if presented is None:
            return None
        found = await self._credentials.get(presented.key_id)
        if found is None:
            return None
        credential, stored = found
        if not credential.is_live(self._clock.now()):
            return None
        if credential.mode is not presented.mode or not is_same(stored, hash_secret(text, self._pepper)):
            return None
        return _caller(credential)

    async def login(self, login: str, secret: str) -> Caller | None:
        """Authenticate an AMQP login: the partner's id (``<partner>-test`` for test) with the same secret."""
        caller = await self.secret(secret)
        if caller is None:
            return None
        return caller if login == login_of(caller.partner_id, caller.mode) else None

    async def has_login(self, partner_id: str, mode: Mode) -> bool:
        """Tell whether a partner has live credentials in a mode."""
        now = self._clock.now()
        return any(one.is_live(now) for one, _ in await self._logins.get(f"{mode}/{partner_id}"))

    async def _of_login(self, key: str) -> list[tuple[Credential, bytes]]:
        mode, _, partner_id = key.partition("/")
        return await self._partners.credentials_of(partner_id, Mode(mode))

    async def speech(self, partner_id: str, clinic: str) -> Speech:
        """Tell whether a partner may speak for a clinic now."""
        if clinic not in await self._links.get(partner_id):
            return Speech.FOREIGN
        match await self._clinics.get(clinic):
            case ClinicStatus.SUSPENDED:
                return Speech.SUSPENDED
            case ClinicStatus.CLOSED:
                return Speech.CLOSED
            case None:
                return Speech.FOREIGN
            case ClinicStatus.ACTIVE:
                return Speech.ALLOWED


def _caller(credential: Credential) -> Caller:
    return Caller(credential.partner_id, credential.mode, credential.key_id)
