"""``inaya work``: the loops that move documents on."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import timedelta

from broker.assembly.force import force_keeper
from broker.assembly.foundation import Foundation, foundation, read_router
from broker.assembly.listening import listen, watched
from broker.assembly.overseeing import overseeing, record_exceptions, runner_stores
from broker.bus.door import RabbitDoor
from broker.bus.port import Due
from broker.compute.pool import ComputePool, compute_pool
from broker.pipeline import Router, prepare_process
from broker.settings import Settings
from broker.store.batcher import Batcher
from broker.store.deliveries import Application, Applied
from broker.store.destinations import CallbackStore, RelayStore
from broker.store.exceptions import ExceptionStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.tasks import CALLBACK, PREPARE, TaskStore
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.work.callbacks import CallbackWorker, Endpoint
from broker.work.deliver import DestinationRunner, Patience
from broker.work.loop import Loop
from broker.work.prepare import PrepareStores, PrepareWorker
from broker.work.relay import RelayWorker
from broker.work.sweeper import Announcer, Sweeper

ROUTER_SECONDS = 2.0
"""How soon a changed routing table is obeyed."""


class RouterKeeper:
    """Keeps the routing table at hand."""

    def __init__(self, base: Foundation, router: Router) -> None:
        self._base = base
        self._router = router
        self.loop = Loop("routing", self._refresh, idle=ROUTER_SECONDS)

    def __call__(self) -> Router:
        """Return the table as it was some seconds ago at most."""
        return self._router

    async def _refresh(self) -> int:
        self._router = await read_router(self._base)
        return 0


def outcome_batcher(base: Foundation, announcer: Announcer) -> Batcher[Application, Applied]:
    """Share the commits of outcomes; two of one delivery never meet in one batch."""

    async def write(applications: list[Application]) -> list[Applied]:
        applied, due = await base.deliveries.apply(applications)
        passed(KillPoint.OUTCOME_COMMITTED)
        announcer(due)
        by_id = {one.before.id: one for one in applied}
        return [by_id[a.delivery_id] for a in applications]

    return Batcher(write, limit=64, writers=2, keys=lambda a: (a.delivery_id,))  # type: ignore[arg-type]  # a list is a sequence


@contextlib.asynccontextmanager
async def compute(settings: Settings, processes: int) -> AsyncIterator[ComputePool]:
    """Open the compute processes with the rule sets of the settings."""
    work = settings.work
    data = settings.data
    arguments = (data.schemas_dir, data.packs_dir, data.rules_cache, settings.security.gost_engine)
    async with compute_pool(
        processes, work.compute_seconds, work.compute_megabytes, prepare_process, arguments
    ) as pool:
        yield pool


async def run_work(settings: Settings, ready: asyncio.Event | None = None) -> None:
    """Run the workers until cancelled."""
    async with (
        foundation(settings) as base,
        compute(settings, settings.work.compute_processes) as pool,
        force_keeper(settings, base.database) as in_force,
    ):
        await _record_exceptions(base)
        announcer = Announcer(base.bus)
        outcomes = outcome_batcher(base, announcer)
        tasks = TaskStore(base.database)
        journal = Journal(base.database)
        partners = PartnerStore(base.database)
        keeper = RouterKeeper(base, await read_router(base))
        lease = timedelta(seconds=settings.work.task_lease_seconds)
        prepare = PrepareWorker(
            PrepareStores(tasks, base.documents, partners, journal),
            pool,
            keeper,
            in_force,
            base.clock,
            announcer,
            settings.work.prepare_batch,
            lease,
        )
        stores = runner_stores(base, tasks, partners, journal)
        patience = _patience(settings)
        runners = [
            DestinationRunner(post.adapter, post.context, post.policy, stores, outcomes, base.dice, patience)
            for post in base.outposts.values()
        ]
        callbacks = CallbackWorker(
            {name: Endpoint(post.adapter, post.context, post.policy) for name, post in base.outposts.items()},
            tasks,
            CallbackStore(base.database, base.codec, base.documents.room),
            base.deliveries,
            journal,
            outcomes,
            base.dice,
            lease,
        )
        sweeper = Sweeper(tasks, base.bus, base.clock, settings.work.sweep_seconds)
        overseers = overseeing(base, tasks, partners, announcer)
        loops: dict[str, list[Loop]] = {PREPARE: prepare.loops, CALLBACK: [callbacks.loop]}
        loops |= {runner.loop.name: [runner.loop] for runner in runners}

        async def wake(due: Due) -> None:
            for loop in loops.get(due.queue, ()):
                loop.poke()

        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(outcomes.running())
            if settings.work.metrics_port:
                await listen(stack, watched(), settings.door.http_host, settings.work.metrics_port)
            await stack.enter_async_context(base.bus.subscribe(list(loops), wake))
            async with asyncio.TaskGroup() as group:
                for runner in runners:
                    group.create_task(runner.run())
                for loop in (*prepare.loops, callbacks.loop, sweeper.loop, keeper.loop, *overseers):
                    group.create_task(loop.run())
                if settings.bus.amqp_url:
                    door = await stack.enter_async_context(_door(settings))
                    relay_lease = timedelta(seconds=settings.work.relay_lease_seconds)
                    relay = RelayWorker(door, RelayStore(base.database, relay_lease), journal)
                    group.create_task(relay.loop.run())
                log().info("work.ready", destinations=sorted(base.outposts), bus=base.bus.name)
                if ready is not None:
                    ready.set()


async def _record_exceptions(base: Foundation) -> None:
    posts = [(post.adapter.passport, post.context.destination) for post in base.outposts.values()]
    await record_exceptions(ExceptionStore(base.database), posts, base.clock.now())


def _patience(settings: Settings) -> Patience:
    return Patience(
        grace=timedelta(seconds=settings.work.attempt_grace_seconds),
        stopping=timedelta(seconds=settings.work.stop_seconds),
    )


def _door(settings: Settings) -> RabbitDoor:

    return RabbitDoor(settings.bus.amqp_url, chance=random.random)
