"""What an operator's command at a terminal stands on: the store and the commands, without doors, bus and workers.

What a command puts on the work list is announced by the sweeper of a worker within a second.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp
import msgspec

from broker.adapter_kit import Clock, Destination
from broker.archive import Codec
from broker.assembly.filing import file_store, files_of
from broker.assembly.foundation import discover, make_clock, read_destinations
from broker.control.commands import Commands
from broker.control.enrol import Enrolment
from broker.control.filing import Filing
from broker.control.importing import Importing
from broker.control.onboarding import Onboarding
from broker.control.rules import RuleDesk
from broker.delivery.state import policy_of
from broker.pipeline import Router
from broker.settings import Settings, master_keys
from broker.store.channels import ChannelStore
from broker.store.database import open_database
from broker.store.deliveries import DeliveryStore
from broker.store.destinations import DestinationStore
from broker.store.examination import ExaminationStore
from broker.store.journal import Journal
from broker.store.operators import OperatorStore
from broker.store.partners import PartnerStore
from broker.store.reconciliation import ReconciliationStore
from broker.store.registrations import RegistrationStore
from broker.store.rules import RuleStore
from broker.store.tasks import TaskStore
from broker.store.terms import TermStore
from broker.store.views import Views
from broker.validation.nsi import NsiRules


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """The stores and commands an operator works with."""

    settings: Settings
    clock: Clock
    configured: tuple[Destination, ...]
    schemas: Path
    commands: Commands
    enrolment: Enrolment
    onboarding: Onboarding
    destinations: DestinationStore
    partners: PartnerStore
    rules: RuleDesk
    importing: Importing
    nsi_rules: NsiRules
    tasks: TaskStore
    views: Views
    channels: ChannelStore
    reconciliation: ReconciliationStore
    terms: TermStore
    filing: Filing

    async def router(self) -> Router:
        """Return the active routing table beside the configured destinations."""
        _, table = await self.destinations.routing()
        adapters = discover("inaya.adapters")
        deadlines: dict[str, timedelta] = {
            d.id: policy_of(adapters[d.adapter].passport, d).deadline
            for d in self.configured
            if d.adapter in adapters
        }
        return Router(table, deadlines, {d.id: d.mode for d in self.configured})


@contextlib.asynccontextmanager
async def open_terminal(settings: Settings) -> AsyncIterator[Terminal]:
    """Open the terminal while the context lasts."""
    keys = master_keys(settings.security)
    clock = make_clock(settings)
    schemas = Path(settings.data.schemas_dir)
    async with (
        open_database(settings.store.database_url, size=2) as database,
        aiohttp.ClientSession() as http,
    ):
        deliveries = DeliveryStore(database)
        codec = Codec(keys)
        documents = ExaminationStore(database, codec)
        destinations = DestinationStore(database)
        journal = Journal(database)
        views = Views(database)
        partners = PartnerStore(database)
        files = file_store(settings, database, codec)
        channels = ChannelStore(database)
        commands = Commands(
            deliveries, documents, destinations, journal, views, clock, _unannounced, channels, files
        )
        rules = RuleDesk(RuleStore(database), clock, four_eyes=settings.security.four_eyes)
        yield Terminal(
            settings=settings,
            clock=clock,
            configured=tuple(read_destinations(settings.data.destinations)),
            schemas=schemas,
            commands=commands,
            enrolment=Enrolment(partners, OperatorStore(database), journal, clock),
            onboarding=Onboarding(
                RegistrationStore(database, codec), partners, commands, clock, keys.derive("pepper")
            ),
            destinations=destinations,
            partners=partners,
            rules=rules,
            importing=Importing(rules.store, rules, clock),
            nsi_rules=NsiRules.load(schemas / "nsi" / "dictionaries.toml"),
            tasks=TaskStore(database),
            views=views,
            channels=channels,
            reconciliation=ReconciliationStore(database),
            terms=TermStore(database),
            filing=files_of(settings, files, documents, http, clock).filing,
        )


def _unannounced(_due: Sequence[tuple[int, str]]) -> None:
    """Leave the announcement to the sweeper."""
