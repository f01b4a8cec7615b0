"""The bench's own stand: private servers as ``inaya dev`` makes them, doors and workers started and stopped at will."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import aio_pika
import asyncpg
import msgspec

from broker.adapter_kit import Destination
from broker.adapter_kit.clocks import SystemClock
from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import private_postgres
from broker.dev.rabbitmq import private_rabbitmq
from broker.dev.stand import Stand, StandFailed, StandOptions
from broker.dev.supervisor import Child, ChildSpec, Supervisor
from broker.routing.table import Rule, Table, When
from broker.store.database import open_database
from broker.store.destinations import DestinationStore
from broker.store.migrate import migrate
from broker.trust import Suite
from tests.load.corpus import Document
from tests.load.driver import Letter, request
from tests.load.yardstick import Yardstick

ROOT: Final = Path(__file__).resolve().parents[2]
SCHEMAS: Final = ROOT / "schemas"
TABLES: Final = (
    "document, content, report, submission, identity, journal, delivery, attempt, callback, task, relay"
)
LIVE: Final = "bench"
SECOND: Final = "bench.second"
REFUSING: Final = "bench.refusing"
MUTE: Final = "bench.mute"
REMD: Final = "remd"
_ENTRY: Final = "[inaya.adapters]\nbench_sink = tests.load.sink_adapter:ADAPTER\n"


class House:
    """Everything a phase needs; ``amqp`` is empty where there is no RabbitMQ."""

    def __init__(
        self, crew: Supervisor, stand: Stand, servers: tuple[str, str, int], yardstick: Yardstick
    ) -> None:
        self.crew = crew
        self.stand = stand
        self.database, self.amqp, self.amqp_port = servers
        self.yardstick = yardstick
        state = crew.state
        self.sink_port, self.mute_port = state.port("bench-sink"), state.port("bench-mute")
        self.naive_port = state.port("bench-naive")
        self.sink = f"http://127.0.0.1:{self.sink_port}/documents"
        self.url = f"http://127.0.0.1:{stand.http_port}/api/v1/documents"
        self.running: dict[str, Child] = {}
        self.registry = False
        self._watching: dict[str, asyncpg.Connection] = {}

    def trees(self) -> dict[str, int]:
        """Return the root process of every part that runs."""
        return {child.spec.name: child.pid for child in self.crew.children if child.pid is not None}

    def xsd_schemas(self) -> Path:
        """Return a copy of our rule sets without their Schematron."""
        copy = self.crew.state.path / "schemas-xsd"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(SCHEMAS, copy)
        for manifest in copy.glob("semd/*/*/ruleset.toml"):
            lines = manifest.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if not line.startswith("schematron")]
            manifest.write_text("\n".join(kept) + "\n", encoding="utf-8")
        return copy

    def environment(self, schemas: Path, packs: Path | None = None) -> dict[str, str]:
        """Return the variables of ``serve`` and ``work``: a production configuration, four sinks and РЭМД as destinations."""
        room = self.crew.state.room("config")
        site = self.crew.state.room("site")
        info = site / "inaya_bench_sink-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: inaya-bench-sink\nVersion: 1.0\n", encoding="ascii"
        )
        (info / "entry_points.txt").write_text(_ENTRY, encoding="ascii")
        nobody = self.crew.state.port("bench-nobody")
        addresses = {
            LIVE: self.sink,
            SECOND: self.sink,
            REFUSING: f"http://127.0.0.1:{nobody}/documents",
            MUTE: f"http://127.0.0.1:{self.mute_port}/documents",
        }
        destinations = [
            Destination(id=name, adapter="bench_sink", url=url, mode="any") for name, url in addresses.items()
        ]
        found = self.stand.environment(self.database, self.amqp)
        stands = msgspec.json.decode(Path(found["INAYA_DESTINATIONS"]).read_bytes(), type=list[Destination])
        destinations += [its for its in stands if its.id == REMD and self.registry]
        path = room / "bench-destinations.json"
        path.write_bytes(msgspec.json.encode(destinations))
        del found["INAYA_CLOCK_FILE"]
        return found | {
            "INAYA_DESTINATIONS": str(path),
            "INAYA_SCHEMAS_DIR": str(schemas),
            "INAYA_PACKS_DIR": str(packs or ""),
            "PYTHONPATH": str(site),
        }

    async def start(self, name: str, schemas: Path = SCHEMAS, packs: Path | None = None) -> None:
        """Start ``serve`` or ``work``."""
        health = f"http://127.0.0.1:{self.stand.http_port}/readyz" if name == "serve" else ""
        self.running[name] = await self.crew.start(
            self.stand.child(name, [name], self.environment(schemas, packs), health)
        )

    async def start_module(
        self,
        name: str,
        module: str,
        *arguments: str,
        environment: dict[str, str] | None = None,
        ready: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Start a module of the bench as a child."""
        spec: ChildSpec = msgspec.structs.replace(
            self.stand.child(name, [], self.environment(SCHEMAS) | (environment or {})),
            command=(sys.executable, "-m", module, *arguments),
            ready=ready,
        )
        self.running[name] = await self.crew.start(spec)

    async def start_registry(self, **settings: Any) -> None:
        """Start the simulated РЭМД, with envelopes signed both ways, and know it as a destination from now on."""
        self.registry = True
        spec = self.stand.simulator(REMD)
        params = self.crew.state.room("config") / f"sim-{REMD}.json"
        params.write_bytes(msgspec.json.encode(msgspec.json.decode(params.read_bytes()) | settings))
        self.running[REMD] = await self.crew.start(spec)

    async def stop(self, name: str) -> None:
        """Stop a child started here."""
        await self.crew.stop(self.running.pop(name))

    @property
    def gost(self) -> bool:
        """Tell whether everybody here can sign by ГОСТ."""
        return any(its.suite is Suite.GOST2012_256 for its in self.stand.everybody)

    async def route(self, dead: Sequence[str] = (), destination: str = "", *, twice: bool = False) -> None:
        """Send every document to the live sink, those of the ``dead`` clinics to the dead destination instead.

        ``twice``: to a second live destination as well. Where there is a registry, to it too.
        """
        clinics = [clinic.oid for clinic in self.stand.world.clinics]
        live = tuple(oid for oid in clinics if oid not in dead)
        rules = [Rule(name="живой приёмник", destination=LIVE, when=When(clinics=live))]
        if self.registry:
            rules.append(Rule(name="РЭМД", destination=REMD, registers=True))
        if twice:
            rules.append(Rule(name="второй приёмник", destination=SECOND))
        if dead:
            rules.append(
                Rule(name="мёртвый приёмник", destination=destination, when=When(clinics=tuple(dead)))
            )
        async with open_database(self.database, size=2) as database:
            await DestinationStore(database).activate_routing(
                Table(tuple(rules)), "bench", SystemClock().now()
            )

    async def forget(self) -> None:
        """Empty the house: rows of documents, events nobody reads."""
        connection = await asyncpg.connect(self.database)
        try:
            await connection.execute(f"truncate {TABLES}")
        finally:
            await connection.close()
        if self.amqp:
            link = await aio_pika.connect(self.amqp)
            for vendor in self.stand.world.vendors:
                channel = await link.channel()
                with contextlib.suppress(aio_pika.exceptions.ChannelNotFoundEntity):
                    queue = await channel.get_queue(f"receipts.{vendor.id}", ensure=True)
                    await queue.purge()
            await link.close()

    async def count(self, query: str, database: str = "") -> int:
        """Return the number a query answers, over a connection kept for it: opening one costs the server more."""
        url = database or self.database
        connection = self._watching.get(url)
        if connection is None or connection.is_closed():
            connection = self._watching[url] = await asyncpg.connect(url)
        return int(await connection.fetchval(query))

    async def close(self) -> None:
        """Close what was kept."""
        for connection in self._watching.values():
            await connection.close()

    def packets(self, documents: Sequence[Document]) -> list[bytes]:
        """Encode documents as requests to the product's door."""
        tokens = self.tokens()
        return [request(self.url, one.body, tokens[one.vendor]) for one in documents]

    def tokens(self) -> dict[str, dict[str, str]]:
        """Return the header by which the door knows every vendor."""
        return {
            v.id: {"Authorization": f"Bearer {self.stand.secret_of(v)}"} for v in self.stand.world.vendors
        }

    def letters(self, documents: Sequence[Document]) -> list[Letter]:
        """Address documents as messages to the product's exchange."""
        return [
            Letter(one.vendor, f"{one.vendor}.{one.clinic.replace('.', '-')}", one.message_id, one.body)
            for one in documents
        ]

    def logins(self) -> dict[str, str]:
        """Return the AMQP address of every vendor."""
        return {
            v.id: f"amqp://{v.id}:{self.stand.secret_of(v)}@127.0.0.1:{self.amqp_port}/"
            for v in self.stand.world.vendors
        }


async def until(
    asked: Callable[[], Awaitable[bool]], *, seconds: float, what: str, every: float = 0.1
) -> None:
    """Ask again and again; raise ``TimeoutError`` saying what never came."""
    try:
        async with asyncio.timeout(seconds):
            while not await asked():  # noqa: ASYNC110  other processes are asked
                await asyncio.sleep(every)
    except TimeoutError as error:
        raise TimeoutError(f"{what}: not within {seconds:.0f} s") from error


@contextlib.asynccontextmanager
async def open_house(state_dir: Path, *, amqp: bool, tell: Callable[[str], None]) -> AsyncIterator[House]:
    """Run servers and sink while the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        crew = await stack.enter_async_context(Supervisor(state_dir, tell=tell))
        stand = Stand(crew, StandOptions(state_dir=state_dir))
        server = await stack.enter_async_context(private_postgres(crew, policy=InstallPolicy.ALLOWED))
        if isinstance(server, Missing):
            raise StandFailed(server.reason)
        url, port = "", 0
        if amqp:
            auth = f"http://127.0.0.1:{stand.http_port}/rabbitmq"
            node = await stack.enter_async_context(private_rabbitmq(crew, auth_url=auth))
            if isinstance(node, Missing):
                tell(f"БЕЗ RabbitMQ: {node.reason} Двери AMQP и наивного конвейера не измерены.")
            else:
                url, port = node.url, node.port
        await migrate(server.url)
        async with open_database(server.url, size=2) as database:
            await stand.seed(database)
        await stand.add_gost()
        stand.publish_authorities()
        house = House(crew, stand, (server.url, url, port), stack.enter_context(Yardstick()))
        stack.push_async_callback(house.close)
        arguments = ("--port", str(house.sink_port), "--mute", str(house.mute_port))
        await house.start_module(
            "sink", "tests.load.sink", *arguments, ready=lambda: _listens(house.sink_port)
        )
        yield house


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
