"""The term to register in a running house: told once per share, reported to its own partner alone, kept when it is kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from builders import a_sample, a_signature
from in_process import House, a_house, scripted_destination
from partner import Partner, until
from scripted import Scripted, installed
from servers import Databases

from broker.adapter_kit import Awaiting, Registered, Rejected
from broker.adapter_kit.clocks import SystemClock
from broker.dev.world import Signers, World
from broker.document.receipt import Receipt
from broker.routing.table import Rule, Table
from broker.samples.submission import make_submission

REGISTRAR = Table((Rule(name="регистрирует", destination="scripted", registers=True),))


@pytest.fixture(scope="module")
async def registering(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[tuple[House, Scripted]]:
    room = tmp_path_factory.mktemp("terms")
    async with databases.fresh() as url:
        with installed(room / "site") as there:
            async with a_house(
                room, url, world, destinations=[scripted_destination()], table=REGISTRAR,
                INAYA_SWEEP_SECONDS="0.1", INAYA_WATCH_SECONDS="0.2",
            ) as house:  # fmt: skip
                yield house, there


async def told(house: House, document: str, share: str) -> None:
    async with asyncio.timeout(30):
        while share not in await shares(house, document):  # noqa: ASYNC110  only asking again tells
            await asyncio.sleep(0.1)


async def shares(house: House, document: str) -> list[str]:
    rows = await house.database.fetch(
        "select body ->> 'share' as share from journal where event = 'delivery.term' and document_id = $1::uuid"
        " order by id",
        document,
    )
    return [row["share"] for row in rows]


async def terms(partner: Partner, **query: str) -> list[dict[str, Any]]:
    return (await partner.get("/terms", params=query)).body["documents"]


async def test_shares_are_told_once_and_a_late_registration_stays_in_the_report(
    registering: tuple[House, Scripted], world: World, signers: Signers
):
    house, there = registering
    alpha, stranger = house.partners[0], house.partners[2]
    sample = a_sample(world)
    there.answers[sample.local_uid] = [Awaiting("c")]
    ticket = await alpha.submit(make_submission(sample, a_signature(signers)))
    document = ticket.body["id"]
    await until(alpha, document, status="awaiting_result")
    (row,) = await terms(alpha)
    assert row["signedAt"] is not None
    assert row["registeredAt"] is None
    assert row["lateSeconds"] == 0
    house.pass_time(20 * 24 * 3600)
    await told(house, document, "100")
    assert await shares(house, document) == ["100"]  # far behind: told what it comes to, not every step
    (late,) = await terms(alpha, late="true")
    assert late["documentId"] == document
    assert late["lateSeconds"] > 3 * 24 * 3600
    assert late["systemSeconds"] > late["ourSeconds"]
    assert await terms(stranger, late="true") == []
    assert (late["whose"], late["termDays"], late["provisional"]) == ("system", 1, late["note"] != "")
    assert [row["documentId"] for row in await terms(alpha, only="late")] == [document]
    assert await terms(alpha, only="in_time") == []
    text = (await alpha.get("/terms", params={"late": "true", "format": "csv"})).body
    assert sample.local_uid in str(text)


async def test_who_is_registered_in_time_is_told_nothing(
    registering: tuple[House, Scripted], world: World, signers: Signers
):
    house, there = registering
    alpha = house.partners[0]
    sample = a_sample(world)
    number = Receipt(provider="scripted", emdr_id="306.77.26.11.000000001", registered_at=house.clock.now())
    there.answers[sample.local_uid] = [Registered(number)]
    ahead = (house.clock.now() - SystemClock().now()).total_seconds() / 60  # other tests move the clock
    ticket = await alpha.submit(make_submission(sample, a_signature(signers, minutes_ago=1 - int(ahead))))
    await alpha.outcome(ticket.body["id"])
    house.pass_time(10 * 24 * 3600)
    await asyncio.sleep(1)
    assert await shares(house, ticket.body["id"]) == []
    now = house.clock.now()
    rows = await terms(alpha, **{"from": (now - timedelta(days=60)).isoformat()})
    (row,) = [one for one in rows if one["documentId"] == ticket.body["id"]]
    assert row["emdrId"] == "306.77.26.11.000000001"
    assert row["registeredAt"] is not None
    assert (row["lateSeconds"], row["whose"]) == (0, None)
    since = (now - timedelta(days=60)).isoformat()
    assert row in await terms(alpha, **{"from": since, "only": "in_time"})
    assert row not in await terms(alpha, **{"from": since, "only": "late"})


async def test_what_was_refused_within_its_term_does_not_grow_late(
    registering: tuple[House, Scripted], world: World, signers: Signers
):
    house, there = registering
    alpha = house.partners[0]
    sample = a_sample(world)
    there.answers[sample.local_uid] = [Rejected(())]
    ahead = (house.clock.now() - SystemClock().now()).total_seconds() / 60
    ticket = await alpha.submit(make_submission(sample, a_signature(signers, minutes_ago=1 - int(ahead))))
    await alpha.outcome(ticket.body["id"])
    house.pass_time(20 * 24 * 3600)
    late = [row["documentId"] for row in await terms(alpha, late="true")]
    assert ticket.body["id"] not in late


async def test_a_question_that_makes_no_sense_is_refused_in_words(registering: tuple[House, Scripted]):
    house, _ = registering
    for query in ({"from": "вчера"}, {"only": "опоздавшие"}):
        answer = await house.partners[0].get("/terms", params=query)
        assert answer.status == 400
        assert answer.body["code"] == "partner.query_invalid"
