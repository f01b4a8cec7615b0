"""The scripts a newcomer copies are run as a newcomer would, against a stand, and say what the pages promise."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "docs" / "tutorial"
pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None or shutil.which("curl") is None,
    reason="НЕ ПРОВЕРЕНО: учебным сценариям нужны программы openssl и curl",
)


async def run(*command: str, cwd: Path) -> str:
    """Run a script and return what it printed; it must end with status 0 and complain of nothing."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    return out.decode()


@pytest.fixture
def script(a_stand, tmp_path):
    """Return a function that runs a tutorial script against the stand from an empty directory."""

    async def go(name: str) -> str:
        program = "sh" if name.endswith(".sh") else sys.executable
        return await run(program, str(SCRIPTS / name), str(a_stand.state_dir), cwd=tmp_path)

    return go


async def test_the_first_document_is_registered_and_the_broken_one_comes_back_with_every_finding(script):
    said = await script("first_document.py")
    good, _, broken = said.partition("Ответ: 422")
    assert "Ответ: 202 completed" in good
    assert "remd: registered" in good
    assert "Повтор того же сообщения: 200 та же квитанция: True" in good
    assert "document.completed" in good
    for layer in ("xsd", "schematron", "signature"):
        assert f"[{layer}] error" in broken


async def test_the_same_with_curl_and_openssl(script):
    answer = json.loads(await script("first-document.sh"))
    assert answer["status"] == "completed"
    receipts = {one["destination"]: one["receipt"] for one in answer["document"]["deliveries"]}
    assert receipts["remd"]["emdrId"]


async def test_the_same_over_amqp(script, a_stand):
    said = await script("over_amqp.py")
    if a_stand.endpoints.amqp is None:
        pytest.skip("НЕ ПРОВЕРЕНО: на этой машине нет RabbitMQ")
    assert said.startswith("Подтверждено брокером")
    assert said.rstrip().endswith("document.completed")


async def test_the_feed_is_read_from_where_it_was_left(script):
    await script("first-document.sh")
    assert "document.completed" in await script("follow_events.py")
    assert await script("follow_events.py") == ""


async def test_every_recipe_ends_as_the_page_for_programmers_says(script):
    said = dict(line.split(": ", 1) for line in (await script("recipes.py")).splitlines())
    assert said["validate"] == "200 годен"
    assert "СНИЛС записан одними цифрами." in said["prepare"]
    assert said["первый раз"] == "202 completed"
    assert said["то же сообщение"] == "200 completed"
    assert said["те же байты, новый messageId"] == "200 completed"
    assert said["тот же localUid, другой документ"] == "409 partner.local_uid_reused"
    assert said["тот же messageId, другой документ"] == "409 partner.message_id_reused"
    assert said["новые подписи к зарегистрированному"] == "409 partner.local_uid_reused"
    assert said["подписан другой файл"] == "422 partner.document_invalid"
    assert said["те же байты, новые подписи"] == "202 completed"
    assert said["версия 2"] == "202 completed"
    assert said["отзыв переданного"] == "409 partner.already_sent"


async def test_the_sample_of_an_application_lacks_nothing(a_stand):
    form = json.loads((SCRIPTS.parent / "how-to" / "samples" / "registration.json").read_text("utf-8"))
    answer = await a_stand.partners[0].post("/registrations", json=form)
    assert answer.status == 201, answer.body
    assert answer.body["status"] == "submitted"
    assert answer.body.get("missing", []) == []
