"""Whose delay was it? The time from signature to verdict, divided; what stood for a reason on record is told apart.

A *stop* is time in which a document could not go on: a missing precondition (``held``), a destination paused by a person or
by its adapter, a system that did not call us, or a refusal nobody had tried again yet. Everything else belongs to who had the
document: the clinic until it was accepted, the platform until it was first sent, the system until its verdict.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec


class StopKind(StrEnum):
    """Why a document could not go on; of stops at one time the first named here counts."""

    HELD = "held"
    """A precondition is missing; the code of the reason is on record."""
    CLOSED = "closed"
    """It was refused, given up or withdrawn, until an operator had it tried again: the platform's time."""
    PAUSED = "paused"
    """Its destination was paused while it waited to be sent."""
    SILENT = "silent"
    """The system did not call us, so that nothing was sent to it."""


class Whose(StrEnum):
    """Who had the largest share of a delay."""

    CLINIC = "clinic"
    """From the signature to our acceptance."""
    PLATFORM = "platform"
    """From there to the first sending, the operator's pauses among it."""
    SYSTEM = "system"
    """From the first sending to the verdict, and while the system did not call us."""
    CONDITION = "condition"
    """A precondition was missing: the document was held."""


class Stop(msgspec.Struct, frozen=True):
    """A stretch of time in which a document stood; ``by`` is a reason's code (held) or who paused."""

    since: datetime
    until: datetime
    kind: StopKind
    by: str = ""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The instants of a document's way: signed (or accepted, where no signature tells), accepted, first sent, ended or now."""

    signed: datetime
    accepted: datetime
    sent: datetime | None
    ended: datetime


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Whose time it was, in seconds; nothing is counted twice, all of them are the whole way."""

    clinic: int = 0
    platform: int = 0
    system: int = 0
    held: int = 0
    paused: int = 0
    silent: int = 0

    @property
    def whose(self) -> Whose | None:
        """Who had most of it; None when no time passed."""
        found = {
            Whose.CLINIC: self.clinic,
            Whose.PLATFORM: self.platform + self.paused,
            Whose.SYSTEM: self.system + self.silent,
            Whose.CONDITION: self.held,
        }
        most = max(found, key=lambda one: found[one])
        return most if found[most] else None


_ORDER: Final = {kind: place for place, kind in enumerate(StopKind)}
_SHARE: Final = {StopKind.CLOSED: "platform"}
"""Which share a stop counts to, where it has none of its own."""


def divide(course: Course, stops: Iterable[Stop]) -> Shares:
    """Divide a document's way between those who had it and the stops on it."""
    owners = [
        ("clinic", course.signed, course.accepted),
        ("platform", course.accepted, course.sent or course.ended),
        ("system", course.sent or course.ended, course.ended),
    ]
    ranked = sorted(stops, key=lambda one: _ORDER[one.kind])
    found: dict[str, timedelta] = {}
    for owner, since, until in owners:
        mine = [] if owner == "clinic" else ranked
        for start, end in _pieces(since, until, mine):
            standing = next((one.kind for one in mine if one.since <= start and end <= one.until), None)
            name = owner if standing is None else _SHARE.get(standing, standing.value)
            found[name] = found.get(name, timedelta()) + (end - start)
    return Shares(**{name: round(time.total_seconds()) for name, time in found.items()})


def _pieces(since: datetime, until: datetime, stops: Sequence[Stop]) -> list[tuple[datetime, datetime]]:
    """Cut a stretch where a stop begins or ends."""
    cuts = {edge for one in stops for edge in (one.since, one.until) if since < edge < until}
    edges = sorted({since, until, *cuts}) if since < until else []
    return list(pairwise(edges))


def within(stops: Iterable[Stop], windows: Sequence[tuple[datetime, datetime]]) -> list[Stop]:
    """Keep of stops of a whole destination what falls into the times in which a document waited to be sent there."""
    return [
        Stop(max(one.since, since), min(one.until, until), one.kind, one.by)
        for one in stops
        for since, until in windows
        if one.since < until and since < one.until
    ]
