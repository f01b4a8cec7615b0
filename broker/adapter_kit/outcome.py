"""The closed set of things that can come of asking a state system."""

from datetime import datetime, timedelta

import msgspec

from broker.document.finding import Finding
from broker.document.receipt import Receipt


class Registered(msgspec.Struct, frozen=True):
    """The state system confirms registration; findings are its warnings or a registry's refused cases.

    ``unknown``: codes among them that the answer table does not describe.
    """

    receipt: Receipt
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


class Delivered(msgspec.Struct, frozen=True):
    """Final success where nothing later can be confirmed."""

    receipt: Receipt


class Awaiting(msgspec.Struct, frozen=True):
    """Taken; the verdict comes by callback (under ``correlation``) or by polling not before ``look_again_at``.

    ``state`` is what the adapter needs to poll, small, without personal data; ``stage`` is shown to people.
    """

    correlation: str
    look_again_at: datetime | None = None
    state: dict[str, str] = {}
    stage: str = ""


class Rejected(msgspec.Struct, frozen=True):
    """The state system refuses the document for these reasons; ``stage`` names where it did, if it knows stages.

    ``at_entry``: refused in the answer itself, before any check of the document. ``taken_as``: the number under which
    the system has this localUid from somebody else ("?" when it names none). ``unknown``: codes nobody has described.
    """

    findings: tuple[Finding, ...]
    stage: str = ""
    at_entry: bool = False
    taken_as: str = ""
    unknown: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """A precondition is missing; ``reason`` is a stable code, ``text`` Russian, ``scope`` what waits with it.

    ``scope``: ``delivery``, ``clinic`` (every delivery of this clinic to this destination) or ``destination``.
    """

    reason: str
    text: str
    scope: str = "delivery"


class Unavailable(msgspec.Struct, frozen=True):
    """Nothing was accepted and trying again may help; ``reason`` is a stable code without personal data.

    ``retry_after`` is the least pause. ``slows``: the system wants fewer calls from us altogether. ``wants_file``: it could
    not take the file from us, so trying again helps once our file endpoint is known to answer.
    """

    reason: str
    retry_after: timedelta | None = None
    text: str = ""
    slows: bool = False
    wants_file: bool = False


class InDoubt(msgspec.Struct, frozen=True):
    """The request left and no answer came: it may have been accepted."""

    reason: str


Outcome = Registered | Delivered | Awaiting | Rejected | Held | Unavailable | InDoubt
