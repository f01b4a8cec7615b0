"""RabbitMQ asks us about a partner: what is denied leaves a row with a code and words, but no flood of rows.

The questions are put as the plugin puts them; a real node asks in ``test_amqp_door.py`` and ``tests/bus``.
"""

from typing import Any

import pytest
from in_process import House
from partner import Partner

from broker.control.access import Failures
from broker.store.views import Views


async def asked(house: House, question: str, **form: str) -> str:
    """Ask as RabbitMQ does; it has no key of ours."""
    async with Partner(house.http, "") as rabbit:
        answer = await rabbit.call("POST", f"/rabbitmq/{question}", data=form)
        return answer.body.decode()


async def rows(house: House, code: str) -> list[dict[str, Any]]:
    return await Views(house.database).rows("refusals", "", code, 1000)


async def publishing(house: House, login: str, key: str) -> str:
    form = {"username": login, "vhost": "/", "resource": "topic", "name": "documents"}
    return await asked(house, "topic", **form, permission="write", routing_key=key)


async def test_a_wrong_secret_is_denied_and_leaves_a_row_that_names_the_login(a_folder_house: House):
    alpha = a_folder_house.partners[0]
    assert await asked(a_folder_house, "user", username=alpha.id, password=alpha.secret) == "allow"
    before = len(await rows(a_folder_house, "partner.unauthorized"))
    assert await asked(a_folder_house, "user", username=alpha.id, password="inaya_x") == "deny"
    row, *_ = found = await rows(a_folder_house, "partner.unauthorized")
    assert len(found) == before + 1
    assert row["partner_id"] == "", "whoever tried is not known to be the partner"
    assert f'"login": "{alpha.id}"' in str(row["body"])
    assert '"door": "amqp"' in str(row["body"])
    assert "inaya_x" not in str(row)


async def test_a_foreign_routing_key_is_denied_and_told_to_the_partner_in_words(a_folder_house: House):
    alpha, _, beta, _ = a_folder_house.partners
    assert await publishing(a_folder_house, beta.id, f"{beta.id}.1-2-643") == "allow"
    assert await publishing(a_folder_house, beta.id, f"{alpha.id}.1-2-643") == "deny"
    (row,) = await rows(a_folder_house, "partner.routing_key_foreign")
    assert row["partner_id"] == beta.id
    (event,) = (await beta.get("/events?wait=5")).body["events"]
    assert (event["event"], event["documentId"]) == ("document.rejected", None)
    (finding,) = event["findings"]
    assert finding["code"] == "partner.routing_key_foreign"
    assert "<логин>" in finding["fix"]


@pytest.mark.parametrize("login", ["", "nobody-known", "\0", "x" * 300, "логин"])
async def test_a_login_nobody_has_is_denied_whatever_it_is(a_folder_house: House, login: str):
    assert await asked(a_folder_house, "user", username=login, password="x") == "deny"
    assert await publishing(a_folder_house, login, f"{login}.1") == "deny"
    for row in await rows(a_folder_house, "partner.unauthorized"):
        assert not login or login not in str(row["body"])


async def test_who_guesses_for_long_leaves_no_more_rows_and_takes_nobody_elses_away(a_folder_house: House):
    _, alpha_test, _, beta_test = a_folder_house.partners
    alpha_login, beta_login = f"{alpha_test.id}-test", f"{beta_test.id}-test"
    before = len(await rows(a_folder_house, "partner.unauthorized"))
    for _ in range(30):
        assert await asked(a_folder_house, "user", username=alpha_login, password="x") == "deny"
    assert len(await rows(a_folder_house, "partner.unauthorized")) == before + 20
    assert await asked(a_folder_house, "user", username=beta_login, password="x") == "deny"
    assert len(await rows(a_folder_house, "partner.unauthorized")) == before + 21
    assert await asked(a_folder_house, "user", username=alpha_login, password=alpha_test.secret) == "allow"


def test_failures_are_counted_per_guesser():
    failures = Failures(most=2)
    failures.count("a")
    assert not failures.too_many("a")
    failures.count("a")
    assert failures.too_many("a")
    assert not failures.too_many("b")
