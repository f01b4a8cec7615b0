"""``inaya sim nsi`` is a service of its own, and what it logs of a question holds everything but the asker's key."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
from aiohttp.test_utils import unused_port

from adapters.nsi import SOURCE
from broker.adapter_kit.dictionaries import SourceSettings

KEY = "5ec2e7aa-1111-4222-8333-444455556666"
GENDERS = "1.2.643.5.1.13.13.11.1040"


async def test_the_simulator_runs_alone_and_its_log_does_not_know_the_key(tmp_path: Path):
    params = tmp_path / "params.json"
    params.write_text(json.dumps({"keys": [KEY]}), encoding="utf-8")
    port = unused_port()
    command = [
        "sim",
        "nsi",
        "--port",
        str(port),
        "--params",
        str(params),
        "--no-check",
        "--log-level",
        "debug",
    ]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("inaya"), *command, stderr=asyncio.subprocess.PIPE
    )
    try:
        settings = SourceSettings(url=f"http://127.0.0.1:{port}", user_key=KEY, attempts=100, pause=0.1)
        async with aiohttp.ClientSession() as http, asyncio.timeout(30):
            files = await SOURCE(http, settings).fetch(GENDERS)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = await process.communicate()
    assert len(files.files) == 2
    text = said.decode()
    assert f"/port/rest/passport?userKey=•••&identifier={GENDERS}" in text
    assert KEY not in text
