"""What operators work with in a serving process: their sign-in, the acts on applications and clinics, the console."""

import msgspec
from aiohttp import web

from broker.adapter_kit import Reconciles
from broker.api.clinics import ClinicApi, clinic_routes
from broker.api.operators import OperatorGuard
from broker.api.registrations import RegistrationApi, registration_routes
from broker.api.route import Route
from broker.assembly.checking import FileChecks
from broker.assembly.foundation import Foundation
from broker.assembly.kinds import kinds_by_code
from broker.console.app import make_console
from broker.console.desk import Desk
from broker.control.access import Access
from broker.control.commands import Commands
from broker.control.onboarding import Onboarding
from broker.control.operators import Operators
from broker.control.rules import RuleDesk
from broker.store.channels import ChannelStore
from broker.store.deliveries import DeliveryStore
from broker.store.journal import Journal
from broker.store.operators import OperatorStore
from broker.store.overview import OverviewStore
from broker.store.partners import PartnerStore
from broker.store.reconciliation import ReconciliationStore
from broker.store.registrations import RegistrationStore
from broker.store.rules import RuleStore
from broker.store.tasks import TaskStore
from broker.store.terms import TermStore
from broker.store.views import Views


class Operating(msgspec.Struct, frozen=True):
    """Routes for operators and applicants, the guard before them, and the console's application and what its pages work with."""

    routes: tuple[Route, ...]
    guard: OperatorGuard
    console: web.Application
    desk: Desk


def operating(
    base: Foundation,
    views: Views,
    journal: Journal,
    partners: PartnerStore,
    commands: Commands,
    access: Access,
    checks: FileChecks,
) -> Operating:
    """Wire it."""
    operators = Operators(OperatorStore(base.database), journal, base.clock)
    registrations = RegistrationStore(base.database, base.codec)
    onboarding = Onboarding(registrations, partners, commands, base.clock, base.pepper())
    titles = {name: post.context.destination.title or name for name, post in base.outposts.items()}
    desk = Desk(
        clock=base.clock,
        operators=operators,
        onboarding=onboarding,
        commands=commands,
        registrations=registrations,
        partners=partners,
        rules=RuleDesk(RuleStore(base.database), base.clock, four_eyes=base.settings.security.four_eyes),
        destinations=base.destinations,
        deliveries=DeliveryStore(base.database),
        tasks=TaskStore(base.database),
        journal=journal,
        views=views,
        channels=ChannelStore(base.database),
        reconciliation=ReconciliationStore(base.database),
        terms=TermStore(base.database),
        filing=base.files.filing,
        titles=titles,
        comparable=frozenset(
            name for name, post in base.outposts.items() if isinstance(post.adapter, Reconciles)
        ),
        amqp=base.settings.bus.amqp_for_partners,
        kinds=kinds_by_code(base.settings),
    )
    applying = RegistrationApi(registrations, onboarding, access, base.clock)
    routes = (*registration_routes(applying), *clinic_routes(ClinicApi(onboarding, base.files.filing)))
    console = make_console(desk, OverviewStore(base.database), checks.console)
    return Operating(routes, OperatorGuard(operators), console, desk)
