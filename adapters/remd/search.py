"""searchRegistryItem: what РЭМД has registered, asked so that an answer cut short is never taken for «нет такого».

How many items an answer may hold is not known; one as long as ``search_limit`` counts as cut, and its window is halved.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from adapters.remd.replies import SUCCESS, RegistryItem, child, children, read_registration, read_reply
from adapters.remd.settings import Settings
from broker.adapter_kit import InDoubt, NotFound, Parcel, Unavailable
from broker.adapter_kit.soap import SoapAnswer
from broker.document.identity import snils_digits

TOO_LONG: Final = "destination.answer_too_large"
NARROWEST: Final = timedelta(minutes=10)
"""A window is not halved below this."""
MOST_CALLS: Final = 40
"""So many questions one look-up may cost."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Registrations of a clinic in [since, until), perhaps of one kind and one patient."""

    clinic: str
    since: datetime
    until: datetime
    kind: str = ""
    snils: str = ""


Ask = Callable[[Query], Awaitable[list[RegistryItem] | Unavailable | InDoubt]]


def listed(answer: SoapAnswer, settings: Settings) -> list[RegistryItem] | Unavailable | InDoubt:
    """Read the matches of a search; one that may be cut short is in doubt under ``TOO_LONG``."""
    names = settings.names
    response = None if answer.fault is not None else child(answer.body, names.search_response)
    if response is None or read_reply(response, names).status not in SUCCESS:
        return Unavailable("destination.search_failed")
    group = child(response, names.matches)
    if group is None:
        return []
    found = [read_registration(one, names) for one in children(group, names.item)]
    return InDoubt(TOO_LONG) if settings.search_limit and len(found) >= settings.search_limit else found


def queries_for(parcel: Parcel, now: datetime, settings: Settings) -> list[Query]:
    """Return what to ask to find one document: of its patient first, then of everybody.

    The window begins before its first attempt: a document may be asked about long after.
    """
    begin = min(now - timedelta(days=settings.search_days), first_sent(parcel, now) - timedelta(days=1))
    query = Query(clinic=parcel.clinic.oid, kind=parcel.kind, since=begin, until=now + timedelta(days=1))
    snils = snils_digits(parcel.document.patient.snils) if parcel.document else ""
    return (
        [msgspec.structs.replace(query, snils=snils), query]
        if snils and settings.search_by_snils
        else [query]
    )


def first_sent(parcel: Parcel, now: datetime) -> datetime:
    """Return when the first attempt was made: its message id carries the time (RFC 9562 §5.7)."""
    times = [one.int >> 80 for one in (*parcel.earlier_message_ids, parcel.message_id) if one.version == 7]
    return min([datetime.fromtimestamp(ms / 1000, UTC) for ms in times] + [now])


async def find(
    ask: Ask, parcel: Parcel, now: datetime, settings: Settings
) -> RegistryItem | NotFound | Unavailable:
    """Find a document by its localUid; ``Unavailable`` when the registry did not answer, or not to the end."""
    left = [MOST_CALLS]
    for query in queries_for(parcel, now, settings):
        found = await _find(ask, query, parcel.local_uid.lower(), left)
        if not isinstance(found, NotFound):
            return found
    return NotFound()


async def _find(
    ask: Ask, query: Query, local_uid: str, left: list[int]
) -> RegistryItem | NotFound | Unavailable:
    if left[0] <= 0:
        return Unavailable(TOO_LONG)
    left[0] -= 1
    answer = await ask(query)
    if isinstance(answer, Unavailable):
        return answer
    if not isinstance(answer, InDoubt):
        return next((one for one in answer if one.local_uid.lower() == local_uid), None) or NotFound()
    if answer.reason != TOO_LONG or query.until - query.since <= NARROWEST:
        return Unavailable(answer.reason)
    middle = query.since + (query.until - query.since) / 2
    for since, until in ((middle, query.until), (query.since, middle)):
        half = msgspec.structs.replace(query, since=since, until=until)
        found = await _find(ask, half, local_uid, left)
        if not isinstance(found, NotFound):
            return found
    return NotFound()
