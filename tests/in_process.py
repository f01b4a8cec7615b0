"""A house in this process: doors and workers as tasks over a database of their own, with a clock the test moves."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec
from partner import Partner

from broker.adapter_kit import Destination
from broker.adapter_kit.clocks import FileClock, SystemClock, advance
from broker.archive import MasterKeys
from broker.assembly.serving import run_serve
from broker.assembly.working import run_work
from broker.dev.state import free_port
from broker.dev.world import World
from broker.document.submission import Mode
from broker.partners.clinic import Clinic
from broker.partners.credential import Credential, hash_secret, make_secret, read_secret
from broker.routing.table import Rule, Table, When
from broker.settings import load
from broker.store.database import Database, open_database
from broker.store.destinations import DestinationStore
from broker.store.partners import PartnerStore
from broker.work import gate

KEY = b"tests of the house, 32 bytes....."[:32]

gate.LOOK_EVERY = 0.0  # a house remembers no pause, as it remembers no partner (INAYA_CACHE_SECONDS)
CLAIM_UNDER_WAY = 0.2
"""Seconds after which nothing is claimed any more by who looked before a pause."""


class House:
    """A running house: its partners, its database, its clock, its files."""

    def __init__(self, room: Path, url: str, settings: dict[str, str]) -> None:
        self.room = room
        self.database_url = url
        self.http = f"http://127.0.0.1:{settings['INAYA_HTTP_PORT']}"
        self.peer = f"http://127.0.0.1:{settings['INAYA_PEER_PORT']}"
        self.settings = settings
        self.folder = room / "folder"
        self.partners: list[Partner] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self.database: Database

    def pass_time(self, seconds: float) -> None:
        """Move the clock every process of the house obeys."""
        advance(self.room / "clock", seconds)

    @property
    def clock(self) -> FileClock:
        return FileClock(self.room / "clock")

    async def start(self, name: str) -> None:
        """Start ``serve`` or ``work`` and wait until it is ready."""
        ready = asyncio.Event()
        run = {"serve": run_serve, "work": run_work}[name]
        task = asyncio.create_task(run(load(self.settings), ready), name=f"house.{name}")
        self._running[name] = task
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            await task

    async def stop(self, name: str) -> None:
        task = self._running.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def close(self) -> None:
        for name in list(self._running):
            await self.stop(name)


def folder_destination(room: Path, name: str = "folder", **changes: object) -> Destination:
    """A destination that needs no simulator."""
    (room / name).mkdir(exist_ok=True)
    fields = {"mode": "any", "params": {"directory": str(room / name)}} | changes
    return Destination(id=name, adapter="folder", **fields)  # type: ignore[arg-type]  # fields of a destination


def scripted_destination(name: str = "scripted") -> Destination:
    """A destination that does what the test says (``scripted.py``)."""
    return Destination(id=name, adapter="scripted", mode="any")


def everything_to(*names: str) -> Table:
    """A table that sends every document to each of these."""
    return Table(tuple(Rule(name=f"всё в {name}", destination=name, when=When()) for name in names))


def _write_destinations(room: Path, destinations: Sequence[Destination] | None) -> None:
    room.mkdir(parents=True, exist_ok=True)
    places = [folder_destination(room)] if destinations is None else list(destinations)
    (room / "destinations.json").write_bytes(msgspec.json.encode(places))


async def _seed(
    database: Database, house: House, world: World, table: Table, cards: Sequence[Clinic]
) -> None:
    now = SystemClock().now()
    pepper = MasterKeys({0: KEY}).derive("pepper")
    store = PartnerStore(database)
    for card in cards:
        await store.put_clinic(card, {}, now)
    for vendor in world.vendors:
        await store.add_partner(vendor.id, vendor.title, now)
        for clinic in vendor.clinics:
            await store.link(clinic.oid, vendor.id, now)
        for mode in (Mode.PRODUCTION, Mode.TEST):
            secret = make_secret(secrets.token_hex(6), secrets.token_urlsafe(32), mode)
            presented = read_secret(secret)
            assert presented is not None
            credential = Credential(presented.key_id, vendor.id, mode)
            await store.add_credential(credential, hash_secret(secret, pepper), now)
            house.partners.append(Partner(house.http, secret, vendor.id))
    await DestinationStore(database).activate_routing(table, "tests", now)


@asynccontextmanager
async def a_house(
    room: Path,
    url: str,
    world: World,
    *,
    destinations: Sequence[Destination] | None = None,
    table: Table | None = None,
    cards: Sequence[Clinic] | None = None,
    processes: Sequence[str] = ("serve", "work"),
    **settings: str,
) -> AsyncIterator[House]:
    """Run a house while the block lasts. Partners: production and test of the first vendor, then of the second."""
    _write_destinations(room, destinations)
    http, peer = free_port(), free_port()
    house = House(
        room,
        url,
        {
            "INAYA_DATABASE_URL": url,
            "INAYA_HTTP_PORT": str(http),
            "INAYA_PEER_PORT": str(peer if peer != http else http + 1),
            "INAYA_MASTER_KEY": base64.b64encode(KEY).decode(),
            "INAYA_DESTINATIONS": str(room / "destinations.json"),
            "INAYA_CLOCK_FILE": str(room / "clock"),
            "INAYA_RULES_CACHE": str(room / "rules"),
            "INAYA_COMPUTE_PROCESSES": "1",
            "INAYA_CACHE_SECONDS": "0",
            "INAYA_SWEEP_SECONDS": "0.2",
        }
        | settings,
    )
    async with AsyncExitStack() as stack:
        house.database = await stack.enter_async_context(open_database(url, size=4))
        await _seed(house.database, house, world, table or everything_to("folder"), cards or world.cards())
        for partner in house.partners:
            await stack.enter_async_context(partner)
        stack.push_async_callback(house.close)
        for name in processes:
            await house.start(name)
        yield house
