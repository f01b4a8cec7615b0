"""Versions, series, links and a taken localUid at the simulated РЭМД, and the warnings a registration is told with."""

import msgspec
import pytest
from remd_stage import a_stage, codes

from broker.adapter_kit import Registered
from broker.adapter_kit.harness import a_document, a_parcel, next_attempt
from broker.document.canonical import Association

ELSEWHERE = "119.77.26.05.030830566"
NOBODY = "119.77.26.05.000000404"


def linked(*links: tuple[str, str], number: int = 1):
    document = msgspec.structs.replace(
        a_document(number), associations=[Association(target=target, type=sort) for target, sort in links]
    )
    return a_parcel(number, document=document)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([(ELSEWHERE, "1")], []),
        ([(NOBODY, "1")], ["REGISTRY_ITEM_NOT_FOUND"]),
        ([(ELSEWHERE, "9")], ["CAN_NOT_ASSOCIATE"]),
        ([(ELSEWHERE, "1"), (ELSEWHERE, "1")], ["NOT_UNIQUE_ASSOCIATION"]),
        ([(ELSEWHERE, "9"), (NOBODY, "1")], ["CAN_NOT_ASSOCIATE", "REGISTRY_ITEM_NOT_FOUND"]),
    ],
)
async def test_each_wrong_link_is_told_with_its_own_code(
    links: list[tuple[str, str]], expected: list[str]
) -> None:
    kinds = [{"kind": "306", "associations": ["1"], "organizationSignature": False}]
    async with a_stage(known=[ELSEWHERE], kinds=kinds) as stage:
        outcome = await stage.send_and_settle(linked(*links))
    assert isinstance(outcome, Registered) if not expected else said(outcome) == expected


def said(outcome: object) -> list[str | None]:
    """Codes in the order they came; what is not the document's fault is no list of findings but a reason."""
    reason = getattr(outcome, "reason", None)
    return [reason.removeprefix("remd.")] if isinstance(reason, str) else codes(outcome)


async def test_a_link_to_a_document_registered_here_is_right() -> None:
    async with a_stage(known=[]) as stage:
        first = await stage.send_and_settle(a_parcel(1))
        assert isinstance(first, Registered)
        assert first.receipt.emdr_id
        second = await stage.send_and_settle(linked((first.receipt.emdr_id, "1"), number=2))
    assert isinstance(second, Registered)


@pytest.mark.parametrize(("series", "expected"), [("77 АА", []), ("", ["SERIES_REQUIRED"])])
async def test_a_kind_with_a_series_demands_it(series: str, expected: list[str]) -> None:
    kinds = [{"kind": "306", "seriesRequired": True, "organizationSignature": False}]
    document = msgspec.structs.replace(a_document(1), series=series)
    async with a_stage(kinds=kinds) as stage:
        outcome = await stage.send_and_settle(a_parcel(1, document=document))
    assert isinstance(outcome, Registered) if not expected else codes(outcome) == expected


async def test_a_version_that_is_there_already_cannot_be_registered() -> None:
    async with a_stage() as stage:
        destination = stage.context.destination
        params = {**destination.params, "send_version": "true"}
        stage.context = msgspec.structs.replace(
            stage.context, destination=msgspec.structs.replace(destination, params=params)
        )
        stage.door.context = stage.context
        first = msgspec.structs.replace(a_document(1), version=1)
        again = msgspec.structs.replace(a_document(2), version=1, document_number=first.document_number)
        assert isinstance(await stage.send_and_settle(a_parcel(1, document=first)), Registered)
        outcome = await stage.send_and_settle(a_parcel(2, document=again))
    assert codes(outcome) == ["CANT_REG_VERSION"]


@pytest.mark.parametrize("when", ["sync", "async"])
async def test_a_taken_uid_is_told_at_once_or_later_and_the_same_delivery_takes_its_number(when: str) -> None:
    async with a_stage(notUnique=when) as stage:
        parcel = a_parcel(1)
        first = await stage.send_and_settle(parcel)
        again = await stage.send_and_settle(next_attempt(parcel))
        (document,) = await stage.documents()
    assert isinstance(first, Registered)
    assert isinstance(again, Registered)
    assert again.receipt.emdr_id == first.receipt.emdr_id
    assert document.registrations == 1


@pytest.mark.parametrize("client_region", ["50", "77"])
async def test_a_system_of_another_region_is_refused_at_once(client_region: str) -> None:
    systems = [{"clientEntityId": "3f1f0f5e-0000-4000-8000-00000000c1e1", "region": client_region}]
    async with a_stage(systems=systems) as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    if client_region == "77":
        assert isinstance(outcome, Registered)
    else:
        assert said(outcome) == ["RMIS_REGION_MISMATCH"]


async def test_a_registration_may_come_with_warnings() -> None:
    async with a_stage(warnings={"306": ["Должность <устарела>"]}) as stage:
        parcel = a_parcel(1)
        assert isinstance(await stage.send_and_settle(parcel), Registered)
        (callback,) = await stage.door.wait_for(str(parcel.message_id))
    assert "IPS_VALIDATION_WARNING" in callback.body.decode()
    assert "Должность &lt;устарела&gt;" in callback.body.decode()
