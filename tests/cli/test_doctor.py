"""The doctor names what is wrong, says what to do, and ends with one; a healthy part beside it is still reported."""

import asyncio
import base64
import json
import os

import pytest
from builders import NOW

from broker.assembly.selfcheck import Health, clock_check, server_checks
from broker.cli.entry import run
from broker.store.health import ServerHealth

KEY = base64.b64encode(b"k" * 32).decode()
NOWHERE = "postgresql://127.0.0.1:1/none"


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Run the doctor with exactly these variables."""

    async def ask(**variables: str) -> tuple[int, str]:
        for name in [name for name in os.environ if name.startswith("INAYA_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(f"INAYA_{name}", value)
        status = await asyncio.to_thread(run, ["doctor"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return ask


async def test_without_any_setting_the_missing_variable_is_named(doctor):
    status, said = await doctor()
    assert status == 2
    assert "INAYA_DATABASE_URL" in said


async def test_a_database_that_is_away_hides_nothing_else(doctor):
    status, said = await doctor(DATABASE_URL=NOWHERE, MASTER_KEY=KEY)
    assert status == 1
    assert "ПЛОХО PostgreSQL: не отвечает" in said
    assert "Проверьте INAYA_DATABASE_URL" in said
    assert "ок    Наборы правил" in said
    assert "ок    Главный ключ" in said


async def test_a_missing_key_comes_with_the_command_that_makes_one(doctor, database_url):
    status, said = await doctor(DATABASE_URL=database_url)
    assert status == 1
    assert "openssl rand -base64 32" in said


async def test_an_empty_database_is_told_to_be_migrated(doctor, databases):
    async with databases.fresh(migrated=False) as url:
        status, said = await doctor(DATABASE_URL=url, MASTER_KEY=KEY)
    assert status == 1
    assert "не применены: 0001_house" in said
    assert "inaya migrate" in said


async def test_a_migrated_database_without_destinations_is_a_doubt_only(doctor, database_url):
    status, said = await doctor(DATABASE_URL=database_url, MASTER_KEY=KEY)
    assert status == 0, said
    assert "направлений нет" in said


async def test_rabbitmq_that_is_away_is_named_without_its_secret(doctor, database_url):
    url = "amqp://inaya:very-secret@127.0.0.1:1/"
    status, said = await doctor(DATABASE_URL=database_url, MASTER_KEY=KEY, AMQP_URL=url)
    assert status == 1
    assert "ПЛОХО RabbitMQ: не отвечает" in said
    assert "very-secret" not in said


@pytest.mark.parametrize(
    ("destinations", "why"),
    [
        ([{"id": "x", "adapter": "absent"}], "адаптер absent не установлен"),
        ([{"id": "x"}], "adapter"),
        ([{"id": "x", "adapter": "folder", "colour": "red"}], "colour"),
    ],
)
async def test_a_wrong_destination_is_named(doctor, database_url, tmp_path, destinations, why):
    path = tmp_path / "destinations.json"
    path.write_text(json.dumps(destinations), encoding="utf-8")
    status, said = await doctor(DATABASE_URL=database_url, MASTER_KEY=KEY, DESTINATIONS=str(path))
    assert status == 1
    assert why in said


async def test_a_destination_that_does_not_answer_is_a_doubt(doctor, database_url, tmp_path):
    one = {
        "id": "tfoms.77",
        "adapter": "tfoms",
        "url": "http://127.0.0.1:1",
        "secrets": {"login": "a", "psw": "b"},
    }
    path = tmp_path / "destinations.json"
    path.write_text(json.dumps([one]), encoding="utf-8")
    status, said = await doctor(DATABASE_URL=database_url, MASTER_KEY=KEY, DESTINATIONS=str(path))
    assert status == 0, said
    assert "Направление tfoms.77: не отвечает" in said


def a_server(**changes: object) -> ServerHealth:
    fields = {
        "version": 150018,
        "version_text": "15.18",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "clock": NOW,
        "missing": (),
    }
    return ServerHealth(**(fields | changes))


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_durability_switched_off_is_bad(setting):
    found = [check for check in server_checks(a_server(**{setting: "off"})) if check.health is Health.BAD]
    assert len(found) == 1
    assert setting in found[0].text


def test_an_old_server_is_bad_and_a_current_one_is_good():
    assert server_checks(a_server(version=140009))[0].health is Health.BAD
    assert all(check.health is Health.GOOD for check in server_checks(a_server()))


def test_clocks_that_differ_by_seconds_are_a_doubt():
    assert clock_check(0.3).health is Health.GOOD
    assert clock_check(4.0).health is Health.DOUBT
