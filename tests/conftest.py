"""What every test may stand on: one private PostgreSQL, a database of its own in a moment, a stand, a house in process.

Servers are real and durable (fsync on). ``INAYA_DATABASE_URL`` names a server that is there already.
"""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from in_process import House, a_house
from partner import Partner
from servers import Databases, empty, open_databases
from workers import ByUnit, install_once, keep_to_own_ports
from xdist.remote import Producer

from broker.archive import Codec, MasterKeys
from broker.dev.endpoints import Endpoints
from broker.dev.install import InstallPolicy, Missing, ensure_rabbitmq
from broker.dev.stand import StandOptions, running_stand
from broker.dev.world import Signers, World
from broker.store.database import Database, open_database
from broker.telemetry.log import log as log_of_the_process

HERE = str(Path(__file__).parent)
if (
    HERE in sys.path
):  # pytest puts it first, where tests/adapters would stand before the adapters of the house
    sys.path.remove(HERE)
sys.path.append(HERE)


def pytest_configure(config: pytest.Config) -> None:
    """Make ready for several processes (``-n``); one alone needs nothing of it."""
    keep_to_own_ports()
    install_once(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnit | None:
    """Share out by what belongs together where files are asked to stay whole (``--dist loadfile``)."""
    return ByUnit(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Undo what a command run in this process did to its log: it writes to what pytest captures, and closes, per test."""
    before = structlog.get_config()
    yield
    if structlog.get_config() != before:
        structlog.configure(**before)
        log_of_the_process.cache_clear()
        structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """A directory under which every account can live, unlike pytest's own, which is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="inaya-tests-")).resolve()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
async def databases(session_dir: Path) -> AsyncIterator[Databases]:
    """The server of the session; every database it gives is a copy of one migrated template."""
    async with open_databases(session_dir / "postgres") as databases:
        yield databases


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
async def shared_database(databases: Databases) -> AsyncIterator[Database]:
    """One migrated database and pool for all who leave nothing open behind; ask for ``database``, it is emptied."""
    async with databases.fresh() as url, open_database(url, size=12) as database:
        yield database


@pytest.fixture
async def database(shared_database: Database) -> Database:
    """A migrated, empty database with a pool of connections."""
    await empty(shared_database)
    return shared_database


@pytest.fixture
async def own_database(database_url: str) -> AsyncIterator[Database]:
    """A database nobody else was in, for tests that measure it or break its connections."""
    async with open_database(database_url, size=12) as database:
        yield database


@pytest.fixture
def codec() -> Codec:
    return Codec(MasterKeys({0: b"k" * 32}))


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def signers(session_dir: Path, world: World) -> Signers:
    """Throw-away certificates of everybody in the world; keys are slow to make, so once."""
    return Signers.open(session_dir / "pki", world)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let whatever is marked ``rabbitmq`` first look whether there is one."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("rabbitmq"):
            item.fixturenames.insert(0, "rabbitmq_is_here")


@pytest.fixture(scope="session")
async def rabbitmq_is_here() -> None:
    """Skip, loudly and with the reason, where RabbitMQ can be neither found nor installed."""
    found = await ensure_rabbitmq(InstallPolicy.of(os.environ))
    if isinstance(found, Missing):
        pytest.skip(f"НЕ ПРОВЕРЕНО: нет RabbitMQ: {found}")


@pytest.fixture
def uid() -> Callable[[], str]:
    """Return ids nobody used before, in the order asked."""
    return lambda: str(uuid.uuid4())


class RunningStand:
    """The stand of the session as its partners see it."""

    def __init__(self, endpoints: Endpoints, state_dir: Path, partners: list[Partner]) -> None:
        self.endpoints = endpoints
        self.state_dir = state_dir
        self.partners = partners

    async def held_by(self, simulator: str) -> dict[str, dict[str, Any]]:
        """Return what a simulator holds, by localUid."""
        answer = await self.partners[0].call("GET", f"{self.endpoints.simulators[simulator]}/sim/documents")
        return {one["localUid"]: one for one in answer.body}


@pytest.fixture(scope="session")
async def a_stand(session_dir: Path, databases: Databases) -> AsyncIterator[RunningStand]:
    """Everything as child processes: simulators, doors, a worker, RabbitMQ where it can be had; started once.

    At ``debug`` its doors and simulators log the addresses they are asked for.
    """
    state = session_dir / "stand"
    async with databases.fresh() as url, AsyncExitStack() as stack:
        options = StandOptions(
            state_dir=state, database_url=url, install=InstallPolicy.of(os.environ), log_level="debug"
        )
        endpoints = await stack.enter_async_context(running_stand(options))
        partners = [
            await stack.enter_async_context(Partner(endpoints.http, one.secret, one.id))
            for one in endpoints.partners
        ]
        yield RunningStand(endpoints, state, partners)


@pytest.fixture(scope="session")
def stand_signers(a_stand: RunningStand, world: World) -> Signers:
    """The certificates of the stand's people."""
    return Signers.open(a_stand.state_dir / "pki", world)


@pytest.fixture(scope="module")
async def a_folder_house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    """Doors and a worker in this process, everything goes to a directory; one for each module that asks."""
    async with (
        databases.fresh() as url,
        a_house(tmp_path_factory.mktemp("house"), url, world) as house,
    ):
        yield house
