"""Does the registry have what we call registered? Compares two lists of one clinic over one window; a pure decision."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from broker.adapter_kit import RegistryEntry
from broker.document.lifecycle import DeliveryStatus, is_live


class DifferenceKind(StrEnum):
    """What does not agree."""

    MISSING_THERE = "missing_there"
    """We call it registered, the registry has not got it."""
    UNKNOWN_HERE = "unknown_here"
    """The registry has it from this clinic, and it did not go through us."""
    NOT_RECORDED = "not_recorded"
    """The registry has it, and we closed its delivery without a registration."""
    NUMBER_DIFFERS = "number_differs"
    """Both have it under different numbers."""


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as we keep it; ``local_uid`` in lower case, ``stage`` set when a person marked it."""

    document_id: UUID
    local_uid: str
    number: str
    registered_at: datetime | None
    stage: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, with both numbers as far as there are any."""

    kind: DifferenceKind
    local_uid: str
    number_here: str = ""
    number_there: str = ""
    document_id: UUID | None = None


def strangers(ours: Iterable[Ours], theirs: Iterable[RegistryEntry]) -> list[str]:
    """Return the localUids of the registry that are not among ours of the window: where they stand must be looked up."""
    mine = {one.local_uid for one in ours}
    return sorted({one.local_uid.lower() for one in theirs} - mine)


def compare(
    ours: Sequence[Ours],
    theirs: Sequence[RegistryEntry],
    known: Mapping[str, Ours | str],
    window: tuple[datetime, datetime],
) -> list[Difference]:
    """Return every difference.

    ``theirs`` covers the window with a margin, so that clocks may differ; only what lies within is judged. ``known`` says
    of the strangers among theirs where their deliveries stand. What a person marked was registered some other time.
    """
    since, until = window
    there: dict[str, RegistryEntry] = {one.local_uid.lower(): one for one in theirs}
    found = []
    for one in ours:
        entry = there.get(one.local_uid)
        if entry is not None:
            found += _numbers(one, entry)
        elif one.registered_at is not None and since <= one.registered_at < until and not one.stage:
            found.append(_missing(one))
    mine = {one.local_uid for one in ours}
    for uid, entry in there.items():
        if uid not in mine and (entry.registered_at is None or since <= entry.registered_at < until):
            found += _stranger(uid, entry, known.get(uid))
    return sorted(found, key=lambda one: (one.kind, one.local_uid))


def _missing(one: Ours) -> Difference:
    return Difference(
        kind=DifferenceKind.MISSING_THERE,
        local_uid=one.local_uid,
        number_here=one.number,
        document_id=one.document_id,
    )


def _numbers(one: Ours, entry: RegistryEntry) -> list[Difference]:
    if not entry.number or not one.number or entry.number == one.number:
        return []
    return [
        Difference(
            kind=DifferenceKind.NUMBER_DIFFERS,
            local_uid=one.local_uid,
            number_here=one.number,
            number_there=entry.number,
            document_id=one.document_id,
        )
    ]


def _stranger(uid: str, entry: RegistryEntry, known: Ours | str | None) -> list[Difference]:
    if isinstance(known, Ours):
        return _numbers(known, entry)
    if known is not None and is_live(DeliveryStatus(known)):
        return []
    kind = DifferenceKind.UNKNOWN_HERE if known is None else DifferenceKind.NOT_RECORDED
    return [Difference(kind=kind, local_uid=uid, number_there=entry.number)]
