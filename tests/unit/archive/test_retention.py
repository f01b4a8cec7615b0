"""How long a document's bytes are kept: no document РЭМД may still ask for is ever let go unless its clinic hands it out."""

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from broker.archive.retention import Case, Depth, Ended, Go, Keep, Terms, Why, judge
from broker.document.lifecycle import DeliveryStatus as S
from broker.document.lifecycle import DocumentStatus

THEN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TERMS = Terms(refused=365 * DAY, returned_to_clinic=15 * DAY)
TILL = dt.date(2051, 3, 1)


def a_delivery(status: S = S.REGISTERED, **changes: object) -> Ended:
    return structs.replace(Ended(status=status, at=THEN, registered_at=THEN), **changes)


def a_case(*deliveries: Ended, **changes: object) -> Case:
    case = Case(
        status=DocumentStatus.COMPLETED,
        status_at=THEN,
        deliveries=deliveries or (a_delivery(),),
        shelf_years=25,
    )
    return structs.replace(case, **changes)


CLINIC = {"clinic_keeps": True, "clinic_serves": True}
WITH_DAY = a_delivery(store_till=TILL)
AFTER = dt.datetime(2051, 3, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("case", "now", "verdict"),
    [
        (a_case(WITH_DAY), AFTER - DAY, Keep(Why.STORE_TILL, TILL)),
        (a_case(WITH_DAY), AFTER, Go(Why.STORE_TILL, Depth.ALL)),
        (a_case(), AFTER - DAY, Keep(Why.SHELF_LIFE, TILL)),
        (a_case(), AFTER, Go(Why.SHELF_LIFE, Depth.ALL)),
        (a_case(shelf_years=None), AFTER + 9999 * DAY, Keep(Why.NO_END)),
        (a_case(WITH_DAY, a_delivery(store_till=TILL + DAY)), AFTER, Keep(Why.STORE_TILL, TILL + DAY)),
        (a_case(WITH_DAY, a_delivery(S.DELIVERED)), AFTER, Go(Why.STORE_TILL, Depth.ALL)),
        (a_case(WITH_DAY, a_delivery(S.QUEUED)), AFTER, Keep(Why.UNFINISHED)),
        (a_case(a_delivery(S.HELD)), AFTER, Keep(Why.UNFINISHED)),
        (a_case(status=DocumentStatus.UNROUTABLE, deliveries=()), AFTER, Keep(Why.UNFINISHED)),
        (a_case(status=DocumentStatus.VALIDATED, deliveries=()), AFTER, Keep(Why.UNFINISHED)),
        (a_case(a_delivery(S.REJECTED)), THEN + 365 * DAY, Keep(Why.REFUSED, dt.date(2027, 3, 1))),
        (a_case(a_delivery(S.DEAD)), THEN + 366 * DAY, Go(Why.REFUSED, Depth.ALL)),
        (
            a_case(status=DocumentStatus.REJECTED, deliveries=()),
            THEN + 366 * DAY,
            Go(Why.REFUSED, Depth.ALL),
        ),
        (a_case(WITH_DAY, **CLINIC), THEN + 14 * DAY, Keep(Why.RECENT, dt.date(2026, 3, 16))),
        (a_case(WITH_DAY, **CLINIC), THEN + 15 * DAY, Go(Why.CLINIC, Depth.FILE)),
        (a_case(WITH_DAY, **CLINIC), AFTER, Go(Why.STORE_TILL, Depth.ALL)),
        (a_case(WITH_DAY, clinic_keeps=True), THEN + 15 * DAY, Keep(Why.UNSERVED, TILL)),
        (a_case(WITH_DAY, clinic_serves=True), THEN + 15 * DAY, Keep(Why.STORE_TILL, TILL)),
        (a_case(WITH_DAY, a_delivery(S.DEAD), **CLINIC), THEN + 30 * DAY, Keep(Why.RETRIED, TILL)),
        (a_case(WITH_DAY, a_delivery(S.CANCELLED), **CLINIC), THEN + 30 * DAY, Go(Why.CLINIC, Depth.FILE)),
    ],
)
def test_what_stays_and_what_may_go(case: Case, now: dt.datetime, verdict: Keep | Go):
    assert judge(case, now, TERMS) == verdict


def test_a_shelf_life_that_ends_on_a_day_that_does_not_exist_ends_a_day_later():
    leap = dt.datetime(2024, 2, 29, tzinfo=dt.UTC)
    verdict = judge(a_case(a_delivery(registered_at=leap)), leap, TERMS)
    assert verdict == Keep(Why.SHELF_LIFE, dt.date(2049, 3, 1))


INSTANTS = st.integers(0, 64 * 365).map(lambda days: THEN + (days - 730) * DAY)
ENDED = st.builds(
    Ended,
    status=st.sampled_from(list(S)),
    at=INSTANTS,
    registered_at=st.none() | INSTANTS,
    store_till=st.none() | st.dates(dt.date(2024, 1, 1), dt.date(2120, 1, 1)),
)


@given(
    st.lists(ENDED, max_size=4),
    st.sampled_from(list(DocumentStatus)),
    INSTANTS,
    st.none() | st.integers(1, 75),
    st.booleans(),
    st.booleans(),
)
def test_whatever_happened_a_registered_file_goes_only_after_its_day_or_to_a_clinic_that_serves(
    deliveries: Sequence[Ended],
    status: DocumentStatus,
    now: dt.datetime,
    years: int | None,
    keeps: bool,
    serves: bool,
):
    case = Case(
        status=status,
        status_at=now,
        deliveries=deliveries,
        shelf_years=years,
        clinic_keeps=keeps,
        clinic_serves=serves,
    )
    verdict = judge(case, now, TERMS)
    if isinstance(verdict, Keep):
        return
    registered = [one for one in deliveries if one.status is S.REGISTERED]
    if verdict.depth is Depth.FILE:
        assert keeps
        assert serves
        return
    assert all(one.store_till is None or one.store_till < now.date() for one in registered)
    assert years is not None or all(one.store_till is not None for one in registered)
