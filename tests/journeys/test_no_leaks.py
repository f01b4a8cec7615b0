"""Nothing of a person gets out: the demo is run, and all it wrote is searched for everybody its documents spoke of.

Acceptance 7. The people are invented and their words occur nowhere else, so a search for one finds a leak and nothing
else. The search covers what every process of the stand wrote, RabbitMQ and PostgreSQL included; at ``debug`` that is the
address of every request to a door or a simulator too.
"""

import asyncio
import re
import uuid
from pathlib import Path
from urllib.parse import quote

import aiohttp
import asyncpg
import msgspec
import pytest
from builders import a_sample, a_signature, as_json
from leaks import leaks, people_of
from partner import Partner
from test_amqp_door import channel_of, key_of, publish

from broker.dev.demo import Played, play
from broker.dev.world import World
from broker.document.submission import SubmissionType
from broker.samples.faults import BY_ID, FREQUENT
from broker.samples.people import dashed
from broker.samples.submission import make_submission

ASKED = re.compile(r'"address": ?"([^"]*)"')


def written(state: Path) -> dict[str, str]:
    """Return what the processes of the stand wrote, by file."""
    found = {}
    for path in [*(state / "logs").iterdir(), *state.glob("rabbitmq/log/*"), *state.glob("postgres/*.log")]:
        if path.is_file():
            found[str(path.relative_to(state))] = path.read_text("utf-8", "replace")
    return found


@pytest.fixture(scope="module")
async def played(a_stand) -> Played:
    """The whole demo: every document of its plan, over both doors, the registry to the fund among them."""
    played = await play(a_stand.endpoints, a_stand.state_dir)
    assert len(played.planned) >= 200
    assert any(one.submission.type == SubmissionType.OMS_REGISTRY for one in played.planned)
    if a_stand.endpoints.amqp is not None:
        assert {one.door for one in played.planned} == {"http", "amqp"}
    return played


@pytest.fixture(scope="module")
def secrets(world: World, played: Played) -> set[str]:
    """Every name, СНИЛС and policy number in the documents, and of everybody in the world they were made from."""
    for clinic in world.clinics:
        world.patients(clinic)
        world.signing_doctors(clinic)
    known = {one for one in world.population.secrets() if len(one) > 3}
    return known.union(*(people_of(one.submission) for one in played.planned))


@pytest.fixture(scope="module")
async def handled(a_stand, world: World, stand_signers) -> list[str]:
    """What the demo has not: a person's words where none belong, over both doors; return the tickets."""
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


async def test_every_document_of_the_demo_reaches_the_outcome_of_its_plan(played: Played):
    assert {played.planned[n].group: why for n, why in played.wrong.items()} == {}


async def test_the_search_is_for_everybody_the_registry_included(played: Played, secrets: set[str]):
    registry = next(o.submission for o in played.planned if o.submission.type == SubmissionType.OMS_REGISTRY)
    people = people_of(registry)
    assert len([one for one in people if len(one) == 16 and one.isdigit()]) == 10, "a policy of each case"
    assert people <= secrets
    assert len(secrets) > 500


@pytest.mark.parametrize(
    "planted",
    [
        "{family}",
        "{upper}",
        "x{given}x",
        "{patronymic}",
        "snils={snils}",
        "{dashed}",
        "{policy}",
        "/patients?name={quoted}",
        "{escaped}",
        "{octets}",
        "{grouped}",
    ],
)
def test_the_search_finds_what_is_planted(world: World, played: Played, secrets: set[str], planted: str):
    """A search that finds nothing proves something only when it would find it."""
    patient = world.patients(world.clinics[0])[7]
    family = patient.name.family
    leak = planted.format(
        family=family,
        upper=family.upper(),
        given=patient.name.given,
        patronymic=patient.name.patronymic,
        snils=patient.snils,
        dashed=dashed(patient.snils),
        policy=patient.policy,
        quoted=quote(family),
        escaped=family.encode("unicode_escape").decode(),
        octets=repr(family.encode())[2:-1],
        grouped=" ".join(patient.policy[at : at + 4] for at in range(0, 16, 4)),
    )
    line = f'{{"event": "planted", "why": "{leak}", "at": "2026-03-02T09:30:00.123456Z"}}'
    assert leaks(line, secrets)
    assert not leaks(line.replace(leak, ""), secrets)
    assert not leaks(f"1{patient.snils}234567890123456789", secrets), (
        "digits within a longer number are chance"
    )


async def test_no_log_names_a_person(a_stand, played: Played, handled, secrets: set[str]):
    await asyncio.sleep(0.2)
    logs = written(a_stand.state_dir)
    for process in ("serve", "work-1", "sim-remd", "sim-gis-soap", "sim-tfoms"):
        assert logs[f"logs/{process}.log"], process
    found = {name: leaks(text, secrets) for name, text in logs.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


async def test_no_address_names_a_person(a_stand, played: Played, handled, secrets: set[str]):
    """Every process that is asked for anything says what for; all we ask of state systems is asked of simulators."""
    asked = {name: ASKED.findall(text) for name, text in written(a_stand.state_dir).items()}
    for process, wanted in (
        ("serve", "/api/v1/documents"),
        ("serve", "/peer/remd/callback"),
        ("sim-remd", "/port/emdr"),
        ("sim-gis-soap", "/emk"),
        ("sim-tfoms", "/"),
    ):
        addresses = asked[f"logs/{process}.log"]
        assert any(one.startswith(wanted) for one in addresses), (process, wanted)
    found = {name: leaks("\n".join(addresses), secrets) for name, addresses in asked.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


async def test_no_metric_names_a_person_or_a_document(a_stand, played: Played, handled, secrets: set[str]):
    assert set(a_stand.endpoints.metrics) == {"serve", "work-1"}
    for process, url in a_stand.endpoints.metrics.items():
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            text = await response.text()
        assert "inaya" in text
        assert leaks(text, secrets) == set(), process
        assert not any(ticket in text for ticket in handled), "labels must not grow with documents"


async def test_the_journal_and_the_feed_name_nobody(a_stand, played: Played, handled, secrets: set[str]):
    for partner in a_stand.partners:
        await assert_feed_names_nobody(partner, secrets)


async def assert_feed_names_nobody(partner: Partner, secrets: set[str]) -> None:
    cursor = ""
    while True:
        page = (await partner.get(f"/events?limit=500&after={cursor}")).body
        if not page["events"]:
            break
        assert leaks(msgspec.json.encode(page["events"]).decode(), secrets) == set()
        cursor = page["cursor"]


async def test_what_is_stored_in_clear_names_nobody(a_stand, played: Played, handled, secrets: set[str]):
    """Bodies and the canonical form are sealed; every other column is searched as text."""
    connection = await asyncpg.connect(a_stand.endpoints.database)
    try:
        for table in ("document", "delivery", "attempt", "report", "callback", "task", "id_map", "journal"):
            rows = await connection.fetch(f"select t::text as line from {table} t")
            text = "\n".join(row["line"] for row in rows)
            assert leaks(text, secrets) == set(), table
    finally:
        await connection.close()
