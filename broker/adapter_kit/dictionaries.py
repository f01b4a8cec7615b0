"""Where do dictionaries of НСИ come from? The port of a source: passports, versions and files of editions, asked over a network.

A source brings bytes as the service gave them; what they mean is read by the broker. Whatever goes wrong is a value, so that one
dictionary never stops the others.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import aiohttp
import msgspec


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a source is reached. ``user_key`` is personal and secret: it is never shown, logged or put into a text.

    ``timeout`` seconds of one request; a page has ``page_size`` rows; ``attempts`` of a request that failed for the network
    or for want of capacity, ``pause`` seconds apart; ``bulk`` takes the published archive of CSV instead of pages.
    """

    url: str = "https://nsi.rosminzdrav.ru"
    user_key: str = ""
    timeout: float = 30.0
    page_size: int = 500
    attempts: int = 3
    pause: float = 2.0
    max_answer: int = 64 * 1024 * 1024
    max_rows: int = 2_000_000
    bulk: bool = False

    def __repr__(self) -> str:
        return f"SourceSettings(url={self.url!r}, user_key={'•••' if self.user_key else ''!r})"


class EditionPassport(msgspec.Struct, frozen=True, kw_only=True):
    """What a passport says of one edition; ``published`` as the service writes it, ``raw`` the whole answer."""

    oid: str
    version: str
    full_name: str = ""
    published: str = ""
    rows: int | None = None
    columns: tuple[str, ...] = ()
    raw: bytes = b""


class EditionFiles(msgspec.Struct, frozen=True, kw_only=True):
    """One edition as files by name, ``<OID>_<version>_passport.json`` and what holds its rows."""

    passport: EditionPassport
    files: dict[str, bytes]


class Listed(msgspec.Struct, frozen=True):
    """One line of the service's catalogue."""

    oid: str
    version: str = ""
    full_name: str = ""


class SourceTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came. ``reason`` is a stable code, ``text`` Russian.

    ``whole`` tells that the source answers us nothing at all (a wrong key): asking for the next dictionary is in vain.
    """

    reason: str
    text: str
    retry_after: timedelta | None = None
    whole: bool = False


class DictionarySource(Protocol):
    """A service that publishes dictionaries."""

    async def passport(self, oid: str, version: str = "") -> EditionPassport | SourceTrouble:
        """Return the passport of an edition, of the newest one without ``version``."""
        ...

    async def versions(self, oid: str) -> tuple[str, ...] | SourceTrouble:
        """Return the versions ever published of a dictionary."""
        ...

    async def fetch(self, oid: str, version: str = "") -> EditionFiles | SourceTrouble:
        """Bring an edition whole, or nothing of it."""
        ...

    async def search(self, page: int = 1) -> tuple[Listed, ...] | SourceTrouble:
        """Return one page of the catalogue, pages counted from 1; an empty one is past the end."""
        ...


SourceFactory = Callable[[aiohttp.ClientSession, SourceSettings], DictionarySource]
"""What the entry-point group ``inaya.dictionaries`` names."""
