"""How ``make test`` is shared out between processes: who runs what, in which order, and what each has for itself.

A process of pytest-xdist is a session of its own, so it has its own PostgreSQL, RabbitMQ, stand and directories anyway.
Left to say is that a file stays in one process, that files standing on the same slow server stay together, that what
waits goes first, and that no two processes look for ports in one place.
"""

import asyncio
import os
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from broker.dev import install, state

ON_THE_STAND = {
    "tests/cli/test_at_a_stand.py",
    "tests/journeys/test_amqp_door.py",
    "tests/journeys/test_good_documents.py",
    "tests/journeys/test_gost_signatures.py",
    "tests/journeys/test_memory.py",
    "tests/journeys/test_no_leaks.py",
    "tests/journeys/test_signers.py",
    "tests/journeys/test_tutorial.py",
}
"""Those that ask for ``a_stand``; apart, each process would start one."""

TOGETHER = {"tests/bus", "tests/house"}
"""Whole directories that stand on one node of RabbitMQ, or on one reading of the tree."""

FIRST = ("a_stand", "tests/bus", "tests/dev", "tests/journeys", "tests/console")
"""What mostly waits, longest first; the many quick files behind it fill whatever time is left over at the end."""


def unit_of(nodeid: str) -> str:
    """Name what one process runs in one go: a file, or all that share something slow."""
    file = nodeid.partition("::")[0]
    if file in ON_THE_STAND:
        return "a_stand"
    directory = str(PurePosixPath(file).parent)
    return directory if directory in TOGETHER else file


def rank_of(unit: str) -> int:
    """Tell which units are started sooner: the lower, the sooner."""
    places = {unit, str(PurePosixPath(unit).parent)}
    return next((rank for rank, first in enumerate(FIRST) if first in places), len(FIRST))


class ByUnit(LoadScopeScheduling):
    """Hands a free process the next unit, those that wait first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=rank_of), last=False)
        super()._assign_work_unit(node)


def keep_to_own_ports() -> None:
    """Take every so-manieth port of the stands' range: one that was found free and is not listened on yet stays ours."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    state._PORTS = state._PORTS[number % count :: count]


def install_once(config: pytest.Config) -> None:
    """Install what the tests look for before the processes start, or each would set about it."""
    if not config.getoption("numprocesses", None):
        return

    async def all_of_it() -> None:
        policy = install.InstallPolicy.of(os.environ)
        if not os.environ.get("INAYA_DATABASE_URL"):
            await install.ensure_postgres(policy)
        await install.ensure_rabbitmq(policy)
        await install.ensure_chromium(policy)
        await install.ensure_gost_engine(policy)
        await install.ensure_xmlsec1(policy)

    asyncio.run(all_of_it())
