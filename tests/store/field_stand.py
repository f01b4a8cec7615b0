"""A runner over a real store, an outside system that says what a test wants, and a clock the test moves."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from builders import CLINIC, NOW, a_clinic, an_arrival
from rows import Shelf, StillClock
from scripted import Scripted

from broker.adapter_kit import (
    ClinicCard,
    Context,
    Destination,
    InDoubt,
    InDoubtPolicy,
    ReceiptMode,
    RegistryEntry,
    Unavailable,
)
from broker.adapter_kit.harness import MemoryFiles, MemoryIds
from broker.adapter_kit.passport import Waiting
from broker.delivery.state import DeliveryState, policy_of
from broker.partners.clinic import Clinic
from broker.store.batcher import Batcher
from broker.store.channels import ChannelStore
from broker.store.deliveries import Application, Applied
from broker.store.destinations import DestinationStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.work.deliver import DestinationRunner, Patience, Stores

DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
DEADLINE = 15 * DAY
OTHER_CLINIC = "1.2.643.5.1.13.13.12.2.77.9002"


class Registry(Scripted):
    """Tells verdicts by callback, can be asked what it has, and lists it."""

    passport = msgspec.structs.replace(
        Scripted.passport,
        receipt=ReceiptMode.CALLBACK,
        in_doubt=InDoubtPolicy.REPEAT,
        asks_registry=True,
        needs_link=True,
        waiting=Waiting(
            first_retry=1.0,
            longest_retry=3600.0,
            deadline=DEADLINE.total_seconds(),
            silent_after=1800.0,
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self.listed: dict[str, list[RegistryEntry]] = {}
        self.silent = False
        self.windows: list[tuple[dt.datetime, dt.datetime]] = []
        self.most = 1000

    poll = None  # type: ignore[assignment]  # it does not offer to be polled

    async def registrations(
        self, clinic: ClinicCard, since: dt.datetime, until: dt.datetime, context: Context
    ) -> Sequence[RegistryEntry] | Unavailable | InDoubt:
        if self.silent:
            return Unavailable("destination.http_503")
        found = [
            one
            for one in self.listed.get(clinic.oid, [])
            if one.registered_at is None or since <= one.registered_at < until
        ]
        if len(found) > self.most:
            return InDoubt("destination.answer_too_large")
        self.windows.append((since, until))
        return found


class Field:
    """One destination ``there`` with its runner, and short ways to a state a test begins with."""

    def __init__(
        self, shelf: Shelf, http: aiohttp.ClientSession, name: str = "there", *, resends: bool = False
    ) -> None:
        self.shelf = shelf
        self.clock = StillClock()
        self.adapter = Registry()
        self.name = name
        self.destination = Destination(id=name, adapter="scripted", mode="any")
        self.context = Context(
            clock=self.clock, http=http, destination=self.destination, files=MemoryFiles(), ids=MemoryIds()
        )
        policy = policy_of(self.adapter.passport, self.destination)
        self.policy = msgspec.structs.replace(policy, resend_after=11 * DAY) if resends else policy
        self.channels = ChannelStore(shelf.database)
        self.partners = PartnerStore(shelf.database)

        async def write(applications: Sequence[Application]) -> list[Applied]:
            applied = (await shelf.deliveries.apply(applications))[0]
            by_id = {one.before.id: one for one in applied}
            return [by_id[one.delivery_id] for one in applications]

        self.outcomes: Batcher[Application, Applied] = Batcher(write, limit=1)
        stores = Stores(
            shelf.tasks,
            shelf.deliveries,
            shelf.documents,
            self.partners,
            DestinationStore(shelf.database),
            Journal(shelf.database),
            self.channels,
        )
        self.runner = DestinationRunner(
            self.adapter,
            self.context,
            self.policy,
            stores,
            self.outcomes,
            random.Random(1),
            Patience(grace=MINUTE, stopping=MINUTE),
        )

    def pass_time(self, by: dt.timedelta) -> None:
        self.clock.instant += by

    async def clinic(self, oid: str = CLINIC, **changes: Any) -> Clinic:
        card = a_clinic(oid, **changes)
        await self.partners.put_clinic(card, {}, NOW)
        return card

    async def routed(self, clinic: str = CLINIC, **changes: Any) -> DeliveryState:
        arrival = an_arrival(clinic=clinic, received_at=self.clock.now(), **changes)
        (delivery,) = await self.shelf.routed(arrival, [self.name], self.clock.now())
        return delivery

    async def work(self) -> int:
        """Let the runner do what is due now, to its end; return how many it claimed."""
        self.runner._gate.look_again()  # otherwise it looks at pauses and holds once a second
        count = await self.runner._work()
        while self.runner._running:
            await asyncio.gather(*self.runner._running)
        return count

    async def events(self, delivery: DeliveryState) -> list[str]:
        rows = await self.shelf.database.fetch(
            "select event from journal where delivery_id = $1 order by id", delivery.id
        )
        return [row["event"] for row in rows]

    async def findings(self, delivery: DeliveryState) -> list[dict[str, Any]]:
        return await self.shelf.database.fetchval("select findings from delivery where id = $1", delivery.id)


@asynccontextmanager
async def a_field(shelf: Shelf, name: str = "there", *, resends: bool = False) -> AsyncIterator[Field]:
    async with aiohttp.ClientSession() as http:
        field = Field(shelf, http, name, resends=resends)
        await DestinationStore(shelf.database).ensure([name])
        async with field.outcomes.running():
            yield field
