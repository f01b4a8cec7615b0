"""What the pages work with, and which keys carry what a request was found to be."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from broker.adapter_kit.clock import Clock
from broker.control.commands import Commands
from broker.control.filing import Filing
from broker.control.onboarding import Onboarding
from broker.control.operators import Operator, Operators
from broker.control.rules import RuleDesk
from broker.store.channels import ChannelStore
from broker.store.deliveries import DeliveryStore
from broker.store.destinations import DestinationStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.reconciliation import ReconciliationStore
from broker.store.registrations import RegistrationStore
from broker.store.tasks import TaskStore
from broker.store.terms import TermStore
from broker.store.views import Views


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Stores and commands behind the pages; ``titles`` of destinations and ``kinds`` by their codes, in words.

    ``comparable``: destinations whose registry can be compared with ours. ``amqp`` is where partners find RabbitMQ, empty where there is no such door.
    """

    clock: Clock
    operators: Operators
    onboarding: Onboarding
    commands: Commands
    registrations: RegistrationStore
    partners: PartnerStore
    rules: RuleDesk
    destinations: DestinationStore
    deliveries: DeliveryStore
    tasks: TaskStore
    journal: Journal
    views: Views
    channels: ChannelStore
    reconciliation: ReconciliationStore
    terms: TermStore
    filing: Filing
    titles: Mapping[str, str]
    kinds: Mapping[str, str]
    amqp: str = ""
    comparable: frozenset[str] = frozenset()

    def title(self, destination: str) -> str:
        """Return a destination's name for people."""
        return self.titles.get(destination, destination)


OPERATOR: web.RequestKey[Operator] = web.RequestKey("console.operator", Operator)
"""Who is signed in."""
FIELDS: web.RequestKey[dict[str, str]] = web.RequestKey("console.fields", dict)
"""The fields of a posted form, CSRF token checked and taken out."""
