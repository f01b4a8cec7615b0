"""What every process stands on: settings, clock, database, keys, bus, destinations with their adapters."""

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec

from broker.adapter_kit import Adapter, Clock, Context, Destination
from broker.adapter_kit.clocks import FileClock, SystemClock
from broker.adapter_kit.context import DestinationMode
from broker.archive import Codec, MasterKeys
from broker.assembly.computing import envelope_compute
from broker.assembly.filing import Files, file_store, files_of
from broker.bus.local import LocalBus, WireDownError
from broker.bus.port import Bus
from broker.bus.rabbitmq import Announcing, RabbitBus
from broker.delivery.state import Policy, policy_of
from broker.delivery.term import TermRefused, Terms
from broker.pipeline import Router
from broker.settings import Settings, SettingsError, master_keys
from broker.store.database import STORE_TROUBLE, Database, open_database
from broker.store.deliveries import DeliveryStore
from broker.store.destinations import DestinationStore, StoredFiles, StoredIds
from broker.store.examination import ExaminationStore
from broker.store.room import Room
from broker.telemetry.killpoints import watch


class PostgresWire:
    """The local bus's wire over LISTEN and NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def notify(self, payload: str) -> None:
        """Send a hint; trouble of the store is trouble of the wire."""
        try:
            await self._database.notify(payload)
        except STORE_TROUBLE as error:
            raise WireDownError from error

    def listen(self, callback: Callable[[str], None]) -> contextlib.AbstractAsyncContextManager[None]:
        """Hear hints while the context lasts."""
        return self._database.listen(callback)


class Outpost(msgspec.Struct, frozen=True):
    """One configured destination with everything needed to work with it."""

    adapter: Adapter
    context: Context
    policy: Policy


class Foundation(msgspec.Struct, frozen=True, kw_only=True):
    """The common ground of a process."""

    settings: Settings
    clock: Clock
    database: Database
    keys: MasterKeys
    codec: Codec
    bus: Bus
    dice: random.Random
    outposts: Mapping[str, Outpost]
    deliveries: DeliveryStore
    documents: ExaminationStore
    destinations: DestinationStore
    files: Files

    def pepper(self) -> bytes:
        """Return the key of stored secrets' hashes."""
        return self.keys.derive("pepper")


def make_clock(settings: Settings) -> Clock:
    """Return the system clock, or the simulated one of a stand."""
    return FileClock(Path(settings.data.clock_file)) if settings.data.clock_file else SystemClock()


def discover(group: str) -> dict[str, Any]:
    """Load every entry point of a group by name, whichever distribution brought it."""
    return {entry.name: entry.load() for entry in entry_points(group=group)}


def read_destinations(path: str) -> list[Destination]:
    """Read the destinations file; raise ``SettingsError`` naming what is wrong in it."""
    if not path:
        return []
    try:
        content = Path(path).read_bytes()
        return msgspec.json.decode(content, type=list[Destination])
    except msgspec.ValidationError as error:
        wrong = _wrong_mode(content)
        raise SettingsError(f"INAYA_DESTINATIONS ({path}): {wrong or error}") from error
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"INAYA_DESTINATIONS ({path}): {error}") from error


def _wrong_mode(content: bytes) -> str:
    """Name the first destination with a mode there is not, in Russian; the driver names neither it nor the choice."""
    found = msgspec.json.decode(content)
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and one.get("mode", "test") not in get_args(DestinationMode):
            return (
                f"направление {one.get('id', '—')}: режима mode = «{one['mode']}» нет; укажите test, production "
                "или any (any — только для собственных имитаторов)."
            )
    return ""


@contextlib.asynccontextmanager
async def open_bus(settings: Settings, database: Database) -> AsyncIterator[Bus]:
    """Open the bus the settings name: RabbitMQ, or PostgreSQL's notifications."""
    if settings.bus.amqp_url:
        few = Announcing(in_flight=1, pause=0.02)  # what comes meanwhile goes along with the next
        async with RabbitBus(settings.bus.amqp_url, chance=random.random, announcing=few) as bus:
            yield bus
    else:
        yield LocalBus(PostgresWire(database))


@contextlib.asynccontextmanager
async def foundation(settings: Settings, beside: int = 0) -> AsyncIterator[Foundation]:
    """Open everything a process stands on; ``beside``: bytes of bodies the process counts elsewhere."""
    watch(Path(settings.data.kill_dir) if settings.data.kill_dir else None)
    keys = master_keys(settings.security)
    codec = Codec(keys)
    configured = read_destinations(settings.data.destinations)
    async with (
        open_database(settings.store.database_url, size=settings.store.database_pool, wait=True) as database,
        open_bus(settings, database) as bus,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, limit_per_host=64)) as http,
        envelope_compute(settings) as computes,
    ):
        deliveries = DeliveryStore(database)
        documents = ExaminationStore(database, codec, Room(settings.door.bodies_limit - beside))
        destinations = DestinationStore(database)
        clock = make_clock(settings)
        await destinations.ensure([d.id for d in configured])
        base = settings.door.peer_url or f"http://127.0.0.1:{settings.door.peer_port}"
        adapters = discover("inaya.adapters")
        outposts = {}
        for destination in configured:
            if destination.adapter not in adapters:
                raise SettingsError(
                    f"destination {destination.id}: no adapter «{destination.adapter}» is installed"
                )
            context = Context(
                clock=clock,
                http=http,
                destination=destination,
                files=StoredFiles(destination.id, deliveries, documents),
                ids=StoredIds(destination.id, database, keys.derive("ids")),
                peer_url=f"{base}/peer/{destination.id}",
                compute=computes,
            )
            adapter = adapters[destination.adapter]
            outposts[destination.id] = Outpost(adapter, context, policy_of(adapter.passport, destination))
        yield Foundation(
            settings=settings,
            clock=clock,
            database=database,
            keys=keys,
            codec=codec,
            bus=bus,
            dice=random.Random(),  # noqa: S311  jitter, not secrets
            outposts=outposts,
            deliveries=deliveries,
            documents=documents,
            destinations=destinations,
            files=files_of(settings, file_store(settings, database, codec), documents, http, clock),
        )


async def read_router(base: Foundation) -> Router:
    """Read the active routing table beside the destinations this process knows."""
    _, table = await base.destinations.routing()
    deadlines: dict[str, timedelta] = {name: post.policy.deadline for name, post in base.outposts.items()}
    modes = {name: post.context.destination.mode for name, post in base.outposts.items()}
    return Router(table, deadlines, modes, read_terms(base.settings))


def read_terms(settings: Settings) -> Terms:
    """Read the terms to register; raise ``SettingsError`` naming what is wrong in them."""
    data = settings.data
    try:
        return Terms.read(
            Path(data.schemas_dir) / "term.toml", Path(data.term_file) if data.term_file else None
        )
    except TermRefused as refused:
        raise SettingsError(str(refused)) from refused
