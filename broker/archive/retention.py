"""How long are a document's bytes kept, and may they go now? One pure rule, for the nightly purge and for a person alike.

РЭМД keeps no files: whoever registered a document hands it out for as long as РЭМД may ask (remd.md §1.2, §2.4), at least
until ``storeTillDate`` of the registration, or for the shelf life of the kind (1520) where the receipt names no day.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from broker.document.lifecycle import DeliveryStatus, DocumentStatus, is_live, is_success

_UNDECIDED = frozenset({DocumentStatus.ACCEPTED, DocumentStatus.VALIDATED, DocumentStatus.UNROUTABLE})
_RETRIED = frozenset({DeliveryStatus.DEAD, DeliveryStatus.REJECTED})
"""An operator may still send these; while some other delivery succeeded the bytes are worth keeping for it."""


class Why(StrEnum):
    """Why the bytes stay, or why they may go."""

    UNFINISHED = "unfinished"
    """Stays: the document has not come to its end, or somebody has yet to decide about it."""
    STORE_TILL = "store_till"
    """Until the day РЭМД named, over all registrations of the document; after it, goes."""
    SHELF_LIFE = "shelf_life"
    """Until the end of the kind's shelf life, for a registration that names no day; after it, goes."""
    NO_END = "no_end"
    """Stays: nobody says for how long."""
    RECENT = "recent"
    """Stays with us for a while though the clinic keeps its own: what was just registered is still being asked for."""
    RETRIED = "retried"
    """Stays though the clinic keeps its own: one of its deliveries failed and may be sent again."""
    UNSERVED = "unserved"
    """Stays though the clinic keeps its own: it is closed, has no partner, or does not hand out what was asked for."""
    CLINIC = "clinic"
    """Goes: the clinic keeps the file and hands it out when РЭМД asks."""
    REFUSED = "refused"
    """Registered nowhere, delivered nowhere: stays for a while for a person to look at, then goes."""


class Depth(StrEnum):
    """How much goes."""

    FILE = "file"
    """The document's bytes; signatures and what was said of them stay."""
    ALL = "all"
    """Bytes, signatures and the submission's own words: nobody may ask for them any more."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery as the rule sees it; ``at``: when it became what it is."""

    status: DeliveryStatus
    at: datetime
    registered_at: datetime | None = None
    store_till: date | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One document as the rule sees it; ``shelf_years`` None: the kind names no end.

    ``clinic_keeps``: the clinic stores its own files; ``clinic_serves``: and can be asked for them.
    """

    status: DocumentStatus
    status_at: datetime
    deliveries: Sequence[Ended]
    shelf_years: int | None
    clinic_keeps: bool = False
    clinic_serves: bool = False


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long what nobody registered stays, and how long after its end a document of a clinic that keeps its own files."""

    refused: timedelta
    returned_to_clinic: timedelta


class Keep(msgspec.Struct, frozen=True):
    """The bytes stay; ``until`` is the last day when one is known."""

    why: Why
    until: date | None = None


class Go(msgspec.Struct, frozen=True):
    """The bytes may go."""

    why: Why
    depth: Depth


def judge(case: Case, now: datetime, terms: Terms) -> Keep | Go:
    """Say whether a document's bytes stay or may go."""
    if case.status in _UNDECIDED or any(is_live(one.status) for one in case.deliveries):
        return Keep(Why.UNFINISHED)
    served = [one for one in case.deliveries if is_success(one.status)]
    since = max((one.at for one in case.deliveries), default=case.status_at)
    if not served:
        last = (max(since, case.status_at) + terms.refused).date()
        return Go(Why.REFUSED, Depth.ALL) if now.date() > last else Keep(Why.REFUSED, last)
    until = _until(case, served)
    if until.until is not None and now.date() > until.until:
        return Go(until.why, Depth.ALL)
    if not case.clinic_keeps:
        return until
    if not case.clinic_serves:
        return Keep(Why.UNSERVED, until.until)
    if any(one.status in _RETRIED for one in case.deliveries):
        return Keep(Why.RETRIED, until.until)
    if now < since + terms.returned_to_clinic:
        return Keep(Why.RECENT, (since + terms.returned_to_clinic).date())
    return Go(Why.CLINIC, Depth.FILE)


def _until(case: Case, served: Sequence[Ended]) -> Keep:
    """Return the latest day somebody may ask for the file, and who says so."""
    known: list[tuple[date, Why]] = []
    for one in served:
        if one.store_till is not None:
            known.append((one.store_till, Why.STORE_TILL))
        elif case.shelf_years is None:
            return Keep(Why.NO_END)
        else:
            known.append((_years_after(one.registered_at or one.at, case.shelf_years), Why.SHELF_LIFE))
    day, why = max(known)
    return Keep(why, day)


def _years_after(instant: datetime, years: int) -> date:
    day = instant.date()
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, month=3, day=1)
