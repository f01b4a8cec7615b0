"""One destination is dead and a thousand documents wait for it: what does that cost those who go elsewhere?"""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from tests.load.corpus import Document
from tests.load.driver import post_all, post_at_rate, quantile
from tests.load.house import House, until
from tests.load.loads import PATIENCE
from tests.load.results import DeadDestination

LATENCIES: Final = """
select extract(epoch from d.status_at - d.received_at)::float8 as seconds
from document d where d.status = 'completed' and d.clinic_oid = any ($1::text[])
"""
SETTLE: Final = 3.0
"""Seconds after which every worker knows a new routing table."""


async def beside_the_dead(
    house: House,
    documents: Sequence[Document],
    destination: str,
    *,
    waiting: int,
    rate: float,
    count: int,
    calm: float,
) -> DeadDestination:
    """Measure the same steady load without, beside and again without a dead destination.

    ``calm`` seconds pass first: the waiting documents' own events are told by then, and the breaker is open.
    """
    clinics = [clinic.oid for clinic in house.stand.world.clinics]
    dead = clinics[:2]
    for_dead = [one for one in documents if one.clinic in dead][:waiting]
    for_live = [one for one in documents if one.clinic not in dead][:count]
    before = await _p95(house, for_live, rate, clinics[2:])
    await house.forget()
    await house.route(dead, destination)
    await asyncio.sleep(SETTLE)
    await post_all(house.url, house.packets(for_dead), 8)
    wait = f"select count(*) from delivery where destination = '{destination}'"
    await until(
        lambda: _reached(house, wait, len(for_dead)), seconds=PATIENCE, what="documents for the dead one"
    )
    await asyncio.sleep(calm)
    beside = await _p95(house, for_live, rate, clinics[2:])
    left = await house.count(f"{wait} and status in ('queued', 'sending')")
    await house.route()
    await house.forget()
    await asyncio.sleep(SETTLE)
    after = await _p95(house, for_live, rate, clinics[2:])
    await house.forget()
    return DeadDestination(
        kind=destination, waiting=left, rate=rate, before=before, beside=beside, after=after
    )


async def _p95(house: House, documents: Sequence[Document], rate: float, clinics: Sequence[str]) -> float:
    await post_at_rate(house.url, house.packets(documents), rate)
    listed = ", ".join(f"'{oid}'" for oid in clinics)
    query = f"select count(*) from document where status = 'completed' and clinic_oid in ({listed})"
    await until(lambda: _reached(house, query, len(documents)), seconds=PATIENCE, what="the living")
    connection = await asyncpg.connect(house.database)
    try:
        rows = await connection.fetch(LATENCIES, list(clinics))
    finally:
        await connection.close()
    return quantile([row["seconds"] for row in rows], 0.95)


async def _reached(house: House, query: str, wanted: int) -> bool:
    return await house.count(query) >= wanted
