"""What an adapter is handed besides the parcel: time, network, its destination's settings, files, id maps."""

from typing import Literal, Protocol
from uuid import UUID

import aiohttp
import msgspec

from broker.adapter_kit.clock import Clock
from broker.adapter_kit.computing import Compute, in_thread

DestinationMode = Literal["test", "production", "any"]
"""Whose documents a destination takes: test ones, real ones, or (simulators of one's own only) both."""


class Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One configured destination, e.g. ``remd``, ``gis.77``, ``tfoms.77``.

    ``params`` are plain settings of the adapter (documented in its README); ``secrets`` never reach a log.
    ``region`` is the subject code, empty for the whole country.
    Limits and patience left out come from the passport.
    """

    id: str
    adapter: str
    url: str = ""
    title: str = ""
    region: str = ""
    mode: DestinationMode = "test"
    timeout: float | None = None
    parallel: int | None = None
    rate: float | None = None
    silent_after: float | None = None
    silent_documents: int | None = None
    params: dict[str, str] = {}
    secrets: dict[str, str] = {}


FileSource = Literal["archive", "returned", "clinic"]
"""Where a file was found: with us, among what its clinic handed back, at the clinic's own endpoint."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A document's file, for a state system that asks for it."""

    document_id: UUID
    local_uid: str
    content: bytes
    media_type: str
    digest: str
    source: FileSource = "archive"


class FileAway(msgspec.Struct, frozen=True, kw_only=True):
    """The document is ours, its file is not at hand now: the system is to ask again later; ``reason`` is a stable code.

    ``over``: it had to be kept until a day that is past, and is no more: asking again is of no use.
    """

    document_id: UUID
    reason: str
    over: bool = False


class Files(Protocol):
    """Looks up what this destination may ask of us; only documents routed to it are found."""

    async def by_local_uid(self, local_uid: str) -> StoredFile | FileAway | None:
        """Find the newest document with this localUid (compared without case)."""
        ...

    async def by_receipt(self, number: str) -> StoredFile | FileAway | None:
        """Find a registered document by the number its receipt carries (emdrId)."""
        ...


class IdMap(Protocol):
    """Remembers what a destination was told already, e.g. that a patient exists, by clinic and a keyed hash."""

    async def get(self, clinic: str, key: str) -> str | None:
        """Return the remembered value; ``key`` may hold personal data: only its keyed hash is stored."""
        ...

    async def put(self, clinic: str, key: str, value: str) -> None:
        """Remember a value without personal data."""
        ...


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Given to every call. ``peer_url`` is where this destination can call us: ``…/peer/<destination>``.

    ``compute`` does what may block or load an engine: signatures of ГОСТ, tokens, remote signers.
    """

    clock: Clock
    http: aiohttp.ClientSession
    destination: Destination
    files: Files
    ids: IdMap
    peer_url: str = ""
    compute: Compute = in_thread
