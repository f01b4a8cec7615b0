"""An exception in the settings of a destination of production is journalled once per change, whoever starts how often."""

import asyncio

import msgspec
import pytest
from builders import NOW
from rows import Shelf

from adapters.remd import ADAPTER
from broker.adapter_kit import Destination
from broker.assembly.overseeing import record_exceptions
from broker.store.exceptions import ExceptionStore

PARAMETER = "sign_uncertified"
PILOT = "пилот до поставки СКЗИ"


async def noted(shelf: Shelf) -> list[tuple[str, str]]:
    rows = await shelf.database.fetch(
        "select body ->> 'destination' as destination, body ->> 'reason' as reason from journal"
        " where event = 'destination.exception' order by id"
    )
    return [(row["destination"], row["reason"]) for row in rows]


def remd(reason: str = PILOT, mode: str = "production", name: str = "remd") -> Destination:
    params = {PARAMETER: reason} if reason else {}
    return msgspec.convert({"id": name, "adapter": "remd", "mode": mode, "params": params}, Destination)


async def started(shelf: Shelf, *destinations: Destination) -> None:
    """Start a worker with these destinations."""
    posts = [(ADAPTER.passport, one) for one in destinations]
    await record_exceptions(ExceptionStore(shelf.database), posts, NOW)


async def test_an_exception_is_noted_when_it_is_made_changed_and_taken_back(shelf: Shelf):
    for reason in (PILOT, f" {PILOT} ", "поставка задержана", "", "", PILOT):
        await started(shelf, remd(reason))
    assert [reason for _, reason in await noted(shelf)] == [PILOT, "поставка задержана", "", PILOT]


async def test_each_destination_has_its_own_and_a_test_contour_has_none(shelf: Shelf):
    await started(shelf, remd(), remd(name="remd.2"), remd(mode="test", name="remd.test"))
    assert await noted(shelf) == [("remd", PILOT), ("remd.2", PILOT)]


async def test_an_exception_that_was_never_made_is_not_taken_back(shelf: Shelf):
    await started(shelf, remd(""))
    assert await noted(shelf) == []


@pytest.mark.parametrize("processes", [8])
async def test_processes_that_start_together_note_it_once(shelf: Shelf, processes: int):
    await asyncio.gather(*(started(shelf, remd()) for _ in range(processes)))
    assert await noted(shelf) == [("remd", PILOT)]


async def test_an_endless_reason_is_cut_and_still_the_same(shelf: Shelf):
    for _ in range(2):
        await started(shelf, remd("а" * 5000))
    assert await noted(shelf) == [("remd", "а" * 500)]
