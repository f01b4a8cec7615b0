"""A look-up never takes an answer cut short for «нет такого», and asks no more than it must."""

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from uuid_utils.compat import uuid7

from adapters.remd.replies import RegistryItem
from adapters.remd.search import MOST_CALLS, TOO_LONG, Query, find, first_sent, queries_for
from adapters.remd.settings import Settings
from broker.adapter_kit import InDoubt, NotFound, Unavailable
from broker.adapter_kit.harness import a_document, a_parcel

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PARCEL = a_parcel(1)
OURS = RegistryItem(local_uid=PARCEL.local_uid.upper(), emdr_id="119.77.26.05.030830566")


class Registry:
    """Has registrations at instants, and answers with ``most`` of them at most."""

    def __init__(self, items: dict[datetime, RegistryItem], most: int = 10) -> None:
        self.items = items
        self.most = most
        self.asked: list[Query] = []

    async def __call__(self, query: Query) -> list[RegistryItem] | Unavailable | InDoubt:
        self.asked.append(query)
        found = [item for at, item in self.items.items() if query.since <= at < query.until]
        return found if len(found) < self.most else InDoubt(TOO_LONG)


def crowd(count: int, every: timedelta) -> dict[datetime, RegistryItem]:
    return {NOW - every * n: RegistryItem(local_uid=str(uuid.uuid4())) for n in range(count)}


async def test_the_patient_is_asked_about_first_then_everybody() -> None:
    registry = Registry({NOW: OURS})
    assert await find(registry, PARCEL, NOW, Settings()) == OURS
    assert len(registry.asked) == 1
    assert len(registry.asked[0].snils) == 11
    nobody = Registry({})
    assert isinstance(await find(nobody, PARCEL, NOW, Settings()), NotFound)
    assert [bool(query.snils) for query in nobody.asked] == [True, False]
    plain = Registry({})
    await find(plain, PARCEL, NOW, Settings(search_by_snils=False))
    assert [query.snils for query in plain.asked] == [""]


async def test_an_answer_cut_short_is_asked_for_in_halves_until_the_document_is_there() -> None:
    registry = Registry(crowd(60, timedelta(hours=5)) | {NOW - timedelta(days=9, minutes=7): OURS})
    assert await find(registry, PARCEL, NOW, Settings(search_by_snils=False)) == OURS


async def test_who_is_not_there_is_not_found_only_when_all_was_read() -> None:
    registry = Registry(crowd(60, timedelta(hours=5)))
    assert isinstance(await find(registry, PARCEL, NOW, Settings(search_by_snils=False)), NotFound)
    endless = Registry(crowd(5000, timedelta(minutes=4)), most=3)
    assert await find(endless, PARCEL, NOW, Settings()) == Unavailable(TOO_LONG)
    assert len(endless.asked) <= MOST_CALLS
    crowded = Registry(crowd(50, timedelta(seconds=1)))
    assert isinstance(await find(crowded, PARCEL, NOW, Settings()), Unavailable)


@pytest.mark.parametrize(
    "answer", [Unavailable("destination.http_503"), InDoubt("destination.connection_lost")]
)
async def test_a_registry_that_does_not_answer_says_nothing(answer) -> None:
    async def silent(_query: Query):
        return answer

    assert await find(silent, PARCEL, NOW, Settings()) == Unavailable(answer.reason)


def test_the_window_begins_before_the_first_attempt_however_long_ago_it_was() -> None:
    """A delivery that was held for long is older than ``search_days``; its message ids carry their time."""
    now = datetime.now(UTC)
    parcel = msgspec.structs.replace(PARCEL, message_id=uuid7())
    assert abs(first_sent(parcel, now) - now) < timedelta(minutes=1)
    later = now + timedelta(days=40)
    (query,) = queries_for(msgspec.structs.replace(parcel, document=None), later, Settings())
    assert query.since < now
    assert query.until > later
    patient = msgspec.structs.replace(a_document(1).patient, snils="")
    document = msgspec.structs.replace(a_document(1), patient=patient)
    assert len(queries_for(msgspec.structs.replace(parcel, document=document), later, Settings())) == 1
