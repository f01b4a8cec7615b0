"""The stand under test: one ``inaya dev`` of its own, with leases of seconds, and the ids of its processes by kind."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psutil

from broker.dev import guardian
from broker.dev.endpoints import Endpoints, read_endpoints

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ("work-1", "work-2")
TIMEOUT = 4
LEASES = {
    "INAYA_TASK_LEASE_SECONDS": "4",
    "INAYA_ATTEMPT_GRACE_SECONDS": "3",
    "INAYA_RELAY_LEASE_SECONDS": "4",
    "INAYA_COMPUTE_PROCESSES": "1",
    "INAYA_PURGE_HOUR": "0",
}
LONGEST_LEASE = TIMEOUT + 3
"""Seconds: a delivery is leased for the timeout of its destination and the grace."""


class Stand:
    """Starts, finds and stops; ``kill_dir`` is where kill points are armed."""

    def __init__(self, state: Path, *, amqp: bool, checks: bool = False) -> None:
        self.state = state
        self._checks = checks
        self.kill_dir = state / "kill"
        self._amqp = amqp
        self._process: asyncio.subprocess.Process | None = None
        self.endpoints: Endpoints | None = None

    async def start(self) -> Endpoints:
        """Start everything and wait until it serves."""
        self.kill_dir.mkdir(parents=True, exist_ok=True)
        destinations = json.dumps({"timeout": TIMEOUT, "rate": 0.0})
        arguments = ["dev", "--state-dir", str(self.state), "--workers", str(len(WORKERS))]
        arguments += [] if self._checks else ["--no-sim-check"]
        arguments += ["--destinations", destinations, *([] if self._amqp else ["--no-amqp"])]
        environment = {**os.environ, **LEASES, "INAYA_KILL_DIR": str(self.kill_dir)}
        log = (self.state / "dev.log").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "broker", *arguments, cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        while (found := read_endpoints(self.state)) is None:
            if self._process.returncode is not None:
                said = (self.state / "dev.log").read_text(errors="replace").splitlines()
                raise SystemExit(f"the stand did not start: {said[-1] if said else self._process.returncode}")
            await asyncio.sleep(0.1)
        self.endpoints = found
        return found

    async def let_region_register(self, region: str) -> None:
        """Put a routing table into force in which the ГИС of a region registers in РЭМД by itself."""
        shown = json.loads(await self._inaya("routes", "show"))
        direct, gis, *others = shown["rules"]
        elsewhere = [one for one in gis["when"]["regions"] if one != region]
        rules = [
            direct | {"when": direct["when"] | {"regions": elsewhere}},
            gis | {"when": gis["when"] | {"regions": elsewhere}},
            gis | {"name": "ГИС региона регистрирует", "when": gis["when"] | {"regions": [region]}, "registers": True},
            *others,
        ]  # fmt: skip
        path = self.state / "routing.json"
        path.write_text(json.dumps({"rules": rules}), encoding="utf-8")
        await self._inaya("routes", "activate", str(path))

    async def _inaya(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "broker", *words, "--state-dir", str(self.state), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, trouble = await process.communicate()
        if process.returncode:
            raise SystemExit(f"inaya {' '.join(words)}: {(said + trouble).decode(errors='replace')[-500:]}")
        return said.decode()

    async def stop(self) -> list[int]:
        """Stop in order; return the processes that were left behind."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()
        return guardian.marked(str(self.state))

    def whole(self, name: str) -> list[psutil.Process]:
        """Every process of a child, its descendants included."""
        return [found for pid in guardian.marked(str(self.state), name) if (found := _process(pid))]

    def main(self, name: str) -> list[psutil.Process]:
        """The child's own process."""
        assert self._process is not None
        return [one for one in self.whole(name) if _parent(one) == self._process.pid]

    def compute(self, name: str) -> list[psutil.Process]:
        """The processes of a child that compute (started by its fork server)."""
        helpers = {one.pid for one in self.forkservers(name)}
        return [one for one in self.whole(name) if _parent(one) in helpers]

    def forkservers(self, name: str) -> list[psutil.Process]:
        """The process of a child that starts those that compute."""
        main = {one.pid for one in self.main(name)}
        return [one for one in self.whole(name) if _parent(one) in main and "forkserver" in _title(one)]

    def backends(self) -> list[psutil.Process]:
        """The server processes of our connections to PostgreSQL."""
        return [one for one in self.whole("postgres") if "inaya inaya" in _title(one)]


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
