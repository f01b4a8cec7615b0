"""The verbs of an adapter. ``deliver`` is demanded; the rest a system offers or not.

Answers of the outside world are values; an exception leaving an adapter is a bug and is recorded as one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

import msgspec

from broker.adapter_kit.context import Context
from broker.adapter_kit.outcome import InDoubt, Outcome, Unavailable
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.adapter_kit.passport import Passport
from broker.adapter_kit.pieces import Body


@runtime_checkable
class Adapter(Protocol):
    """One kind of outside system; stateless, one instance per process."""

    passport: Passport

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Send the parcel and say what came of it; must stop within the destination's timeout."""
        ...


class NotFound(msgspec.Struct, frozen=True):
    """The system does not know the document: sending it again doubles nothing."""


@runtime_checkable
class Polls(Protocol):
    """The verdict must be asked for."""

    async def poll(self, parcel: Parcel, context: Context) -> Outcome:
        """Ask for the verdict on what ``parcel.state`` describes; ``Awaiting`` again while there is none."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """The system can be asked whether it has a document."""

    async def lookup(self, parcel: Parcel, context: Context) -> Outcome | NotFound:
        """Find the parcel at the system by its ``local_uid``."""
        ...


class RegistryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One registration as the system's registry lists it; ``number`` empty when the list does not name it."""

    local_uid: str
    number: str = ""
    registered_at: datetime | None = None


@runtime_checkable
class Reconciles(Protocol):
    """The system can list what it has registered."""

    async def registrations(
        self, clinic: ClinicCard, since: datetime, until: datetime, context: Context
    ) -> Sequence[RegistryEntry] | Unavailable | InDoubt:
        """List a clinic's registrations of a window; ``destination.answer_too_large``: ask for less."""
        ...


@runtime_checkable
class Probes(Protocol):
    """The system can be asked whether it is alive without sending anything."""

    async def probe(self, context: Context) -> bool:
        """Tell whether it answers."""
        ...


class PeerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A state system calls us at ``/peer/<destination>/<endpoint>``; header names are lower-case."""

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message to be remembered, so that nobody sends it again.

    ``message_id`` is signed; remembered ``until`` its Timestamp no longer lets it pass. ``digest`` is the SHA-256 of the
    message: the same id over other bytes is always refused. ``repeatable``: the same bytes may come again (told twice is
    told once); otherwise they are refused too. ``refusal`` is the answer to whoever tries.
    """

    message_id: str
    until: datetime
    digest: bytes
    repeatable: bool
    refusal: "Refuse"


class Serve(msgspec.Struct, frozen=True, kw_only=True):
    """Answer at once: a file was handed out, is not at hand, or is not ours. The journal notes which, by ``document_id``.

    ``asked`` is the identifier the system named; ``note`` where the file was found, or why it is not at hand.

    ``body`` may come in parts, so that a large file is never put together.
    """

    body: Body
    status: int = 200
    content_type: str = "application/soap+xml"
    event: Literal["file.served", "file.awaited", "file.missing"] = "file.served"
    document_id: UUID | None = None
    asked: str = ""
    note: str = ""
    replay: Replay | None = None


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict came: store it raw, commit, then answer with ``reply``. ``correlation`` is that of the attempt.

    ``replay_key`` is what makes a repeated message the same message (its MessageID).
    """

    correlation: str
    reply: bytes
    status: int = 200
    content_type: str = "application/soap+xml"
    replay_key: str = ""
    replay: Replay | None = None


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """Not acceptable (wrong signature, not XML): answered with ``reply``, recorded under ``code``, nothing else done."""

    code: str
    reply: bytes
    status: int = 400
    content_type: str = "application/soap+xml"


PeerReply = Serve | Take | Refuse


class StoredCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that was committed and is now being handled."""

    endpoint: str
    correlation: str
    headers: Mapping[str, str]
    body: bytes


class CallbackVerdict(msgspec.Struct, frozen=True):
    """What a callback says about the attempt with this correlation.

    ``if_first`` replaces ``outcome`` when the attempt was the first of its delivery: «registered before» is our own
    success only where an earlier attempt of ours can have caused it, and the callback alone cannot know that.
    """

    correlation: str
    outcome: Outcome
    if_first: Outcome | None = None


@runtime_checkable
class Receives(Protocol):
    """The system calls us."""

    async def receive(self, request: PeerRequest, context: Context) -> PeerReply:
        """Verify a call and say how to answer it; must not change anything."""
        ...

    async def interpret(self, callback: StoredCallback, context: Context) -> Sequence[CallbackVerdict]:
        """Read a stored callback; called again after a crash, so it must be a pure function of the bytes."""
        ...
