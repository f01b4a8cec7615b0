"""Nothing of a person gets out: logs, metrics and addresses are searched for everybody the documents spoke of.

Acceptance 7. The people are invented and their words occur nowhere else, so a search for one finds a leak and nothing
else. The search covers what every process of the stand wrote, RabbitMQ and PostgreSQL included.
"""

import asyncio
import re
import uuid
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest
from builders import a_sample, a_signature, as_json
from test_amqp_door import channel_of, key_of, publish

from broker.dev.world import World
from broker.samples.faults import BY_ID, FREQUENT
from broker.samples.submission import make_submission

DIGITS = re.compile(r"\d{10,16}")


def secrets_of(world: World) -> set[str]:
    """Every name, СНИЛС, policy and passport of the people the stand handled."""
    return {one for one in world.population.secrets() if len(one) > 3}


def leaks(text: str, secrets: set[str]) -> set[str]:
    """Return the secrets a text holds; an identifier of ours may hold digits of a СНИЛС by chance, whole numbers not."""
    numbers = set(DIGITS.findall(text))
    found = {one for one in secrets if one.isdigit() and one in numbers}
    return found | {one for one in secrets if not one.isdigit() and one in text}


def written(state: Path) -> dict[str, str]:
    """Return what the processes of the stand wrote, by file."""
    found = {}
    for path in [*(state / "logs").iterdir(), *state.glob("rabbitmq/log/*"), *state.glob("postgres/*.log")]:
        if path.is_file():
            found[str(path.relative_to(state))] = path.read_text("utf-8", "replace")
    return found


@pytest.fixture(scope="module")
async def handled(a_stand, world: World, stand_signers) -> list[str]:
    """Good and faulty documents over both doors, each brought to its end; return their tickets."""
    alpha = a_stand.partners[0]
    tickets = []
    people = iter(range(5, 40))
    faults = [None, *(BY_ID[name] for name in FREQUENT)]
    for fault in faults:
        kind = fault.kinds[0] if fault else "306"
        sample = a_sample(world, kind=kind, patient=next(people))
        submission = make_submission(sample, a_signature(stand_signers), fault)
        answer = await alpha.submit(submission, wait=20)
        tickets.append(answer.body.get("id") or answer.body["ticket"]["id"])
        if a_stand.endpoints.amqp is not None:
            again = make_submission(
                a_sample(world, kind=kind, patient=next(people)), a_signature(stand_signers), fault
            )
            async with channel_of(a_stand) as channel:
                await publish(channel, key_of(a_stand, again.clinic), msgspec.json.encode(again))
    bad = as_json(submission) | {"Фамилия": sample.patient.name.family, "messageId": str(uuid.uuid4())}
    assert (await alpha.submit(bad)).status == 422
    spoilt = as_json(submission) | {"messageId": f"{sample.patient.snils}"}
    assert (await alpha.submit(spoilt)).status in {200, 202, 409, 422}
    for ticket in tickets:
        await alpha.outcome(ticket, seconds=60)
    return tickets


async def test_no_log_names_a_person(a_stand, world: World, handled):
    await asyncio.sleep(0.2)
    logs = written(a_stand.state_dir)
    assert any(name.startswith("logs/serve") for name in logs)
    secrets = secrets_of(world)
    assert len(secrets) > 100
    found = {name: leaks(text, secrets) for name, text in logs.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


async def test_no_metric_names_a_person_or_a_document(a_stand, world: World, handled):
    async with aiohttp.ClientSession() as http, http.get(f"{a_stand.endpoints.http}/metrics") as response:
        text = await response.text()
    assert "inaya" in text
    assert leaks(text, secrets_of(world)) == set()
    assert not any(ticket in text for ticket in handled), "labels must not grow with documents"


async def test_the_journal_and_the_feed_name_nobody(a_stand, world: World, handled):
    alpha = a_stand.partners[0]
    secrets, cursor = secrets_of(world), ""
    while True:
        page = (await alpha.get(f"/events?limit=500&after={cursor}")).body
        if not page["events"]:
            break
        for event in page["events"]:
            assert leaks(msgspec.json.encode(event).decode(), secrets) == set(), event["event"]
        cursor = page["cursor"]


async def test_what_is_stored_in_clear_names_nobody(a_stand, world: World, handled):
    """Bodies and the canonical form are sealed; every other column is searched as text."""
    secrets = secrets_of(world)
    connection = await asyncpg.connect(a_stand.endpoints.database)
    try:
        for table in ("document", "delivery", "attempt", "report", "callback", "task", "id_map", "journal"):
            rows = await connection.fetch(f"select t::text as line from {table} t")
            text = "\n".join(row["line"] for row in rows)
            assert leaks(text, secrets) == set(), table
    finally:
        await connection.close()
