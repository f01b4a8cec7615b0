"""Wires what looks over all deliveries: the watch of channels and ages, the nightly comparison with registries."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from broker.adapter_kit import Destination, Passport
from broker.assembly.filing import purge_worker
from broker.assembly.foundation import Foundation
from broker.store.channels import ChannelStore
from broker.store.exceptions import ExceptionStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.reconciliation import ReconciliationStore
from broker.store.tasks import TaskStore
from broker.store.terms import TermStore
from broker.telemetry.log import log
from broker.work.deliver import Stores
from broker.work.loop import Loop
from broker.work.reconcile import ReconcileWorker, Reconciling
from broker.work.terms import TermWorker
from broker.work.watch import Watch


def runner_stores(base: Foundation, tasks: TaskStore, partners: PartnerStore, journal: Journal) -> Stores:
    """Return what every destination's runner works with."""
    channels = ChannelStore(base.database)
    return Stores(tasks, base.deliveries, base.documents, partners, base.destinations, journal, channels)


async def record_exceptions(
    store: ExceptionStore, posts: Iterable[tuple[Passport, Destination]], now: datetime
) -> None:
    """Journal what the settings of destinations let go in production against the rule: once per change, with the reason."""
    for passport, destination in posts:
        for parameter in passport.exceptions:
            reason = destination.params.get(parameter, "") if destination.mode == "production" else ""
            if await store.record(destination.id, parameter, reason, now):
                made = bool(reason.strip())
                log().warning(
                    "destination.exception", destination=destination.id, parameter=parameter, made=made
                )


def overseeing(
    base: Foundation,
    tasks: TaskStore,
    partners: PartnerStore,
    announce: Callable[[Sequence[tuple[int, str]]], None],
) -> list[Loop]:
    """Return the loops that look over all deliveries."""
    work = base.settings.work
    policies = {name: post.policy for name, post in base.outposts.items()}
    watch = Watch(ChannelStore(base.database), policies, base.clock, announce, work.watch_seconds)
    reconcile = ReconcileWorker(
        {name: (post.adapter, post.context) for name, post in base.outposts.items()},
        ReconciliationStore(base.database),
        tasks,
        partners,
        base.clock,
        announce,
        Reconciling(
            hour=work.reconcile_hour if work.reconcile_hour >= 0 else None,
            days=work.reconcile_days,
            pause=work.reconcile_pause_seconds,
        ),
    )
    terms = TermWorker(TermStore(base.database), base.clock, work.watch_seconds)
    purge = purge_worker(base.files, base.settings, base.clock)
    return [watch.loop, reconcile.loop, terms.loop, purge.loop]
