"""Builders of the dev tests: a state directory any account may pass, stands as programs of their own."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from broker.dev import guardian
from broker.dev.supervisor import Backoff, Supervisor

ROOT = Path(__file__).parents[2]


@pytest.fixture
def parent() -> Iterator[Path]:
    """A directory under which every account can live, unlike pytest's own, which is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="inaya-test-")).resolve()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def state_dir(parent: Path) -> Path:
    return parent / "state"


@pytest.fixture
async def crew(state_dir: Path) -> AsyncIterator[Supervisor]:
    async with Supervisor(state_dir, tell=lambda text: None, backoff=Backoff(first=0.02)) as crew:
        yield crew
    assert guardian.marked(str(state_dir)) == []


@pytest.fixture
def as_nobody(parent: Path) -> tuple[str, ...]:
    """A command that runs our Python as an ordinary user, to whom the test's directory is given."""
    drop = (
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "sh",
        "-c",
        'exec "$@"',
        "sh",
    )
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if os.geteuid() != 0:
        pytest.skip("needs root to act as an ordinary user")
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        command = (*drop, python)
        if not subprocess.run(
            (*command, "-c", "import msgspec"), capture_output=True, check=False, env=_ENV
        ).returncode:
            os.chown(parent, 65534, 65534)
            return command
    pytest.skip("no Python of this version that an ordinary user may run")


_ENV = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))}


class Stand:
    """A stand in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict) -> None:
        self.process = process
        self.told = told

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(30):
            return await self.process.wait()


@pytest.fixture
async def start_stand(state_dir: Path) -> AsyncIterator[Callable]:
    """Start ``stand.py`` on the test's directory and wait until it is ready; whatever is left is killed afterwards."""
    started: list[asyncio.subprocess.Process] = []

    async def start(*servers: str, python: tuple[str, ...] = (sys.executable,), **env: str) -> Stand:
        places = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
        process = await asyncio.create_subprocess_exec(
            *(*python, str(Path(__file__).with_name("stand.py")), str(state_dir), *servers),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1", **env},
        )
        started.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(120):
            line = await process.stdout.readline()
        assert line, f"the stand ended with {await process.wait()}"
        return Stand(process, json.loads(line))

    start.started = started
    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()
    guardian.reap(str(state_dir))


@pytest.fixture
def nobody_left(state_dir: Path) -> Callable[[float], bool]:
    """Tell whether every process of the stand is gone within some seconds."""

    def gone(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while guardian.marked(str(state_dir)):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    return gone
