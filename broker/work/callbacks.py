"""Stored callbacks: read them again with the adapter that took them, and let each verdict find its delivery."""

import asyncio
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from broker.adapter_kit import Adapter, CallbackVerdict, Context, Held, Outcome, Receives, Rejected
from broker.delivery.decide import after_verdict
from broker.delivery.state import Change, DeliveryState, Policy
from broker.receipts.verdict import outcome_for
from broker.store.batcher import Batcher
from broker.store.database import STORE_TROUBLE
from broker.store.deliveries import Application, Applied, Attempted, DeliveryStore
from broker.store.destinations import CallbackStore, Settled
from broker.store.journal import Journal
from broker.store.tasks import CALLBACK, Task, TaskStore
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS, CALLBACKS
from broker.telemetry.trace import safe_trace
from broker.work.loop import Loop

BATCH: Final = 32
TRIES: Final = 5
"""So often may a callback break its adapter before it is parked for the operator."""


class Endpoint:
    """A destination that can call us: its adapter, what it is handed, its habits."""

    def __init__(self, adapter: Adapter, context: Context, policy: Policy) -> None:
        self.adapter = adapter
        self.context = context
        self.policy = policy


class CallbackWorker:
    """Handles ``work.callback``; handled twice after a crash, a callback changes nothing the second time."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        tasks: TaskStore,
        callbacks: CallbackStore,
        deliveries: DeliveryStore,
        journal: Journal,
        outcomes: Batcher[Application, Applied],
        dice: random.Random,
        lease: timedelta,
    ) -> None:
        self.loop = Loop(CALLBACK, self._work)
        self._endpoints = endpoints
        self._tasks = tasks
        self._callbacks = callbacks
        self._deliveries = deliveries
        self._journal = journal
        self._outcomes = outcomes
        self._dice = dice
        self._lease = lease

    async def _work(self) -> int:
        clock = next(iter(self._endpoints.values())).context.clock if self._endpoints else None
        if clock is None:
            return 0
        tasks = await self._tasks.claim(CALLBACK, BATCH, clock.now(), self._lease)
        if tasks:
            passed(KillPoint.CALLBACK_CLAIMED)
        by_subject = {task.subject: task for task in tasks}
        done: list[Settled] = []
        for portion in await self._callbacks.portions(list(by_subject)):
            async with self._callbacks.room.hold(portion):
                settled = await asyncio.gather(
                    *(self._handle(by_subject[one], clock.now()) for one in portion.ids)
                )
            done += [one for one in settled if one is not None]
        if done:
            passed(KillPoint.CALLBACK_APPLIED)
            await self._callbacks.settle(done, clock.now())
            passed(KillPoint.CALLBACK_SETTLED)
        return len(done)

    async def _handle(self, task: Task, now: datetime) -> Settled | None:
        """Read one callback and give its verdicts; None: a bug, it comes again after its lease, but not for ever."""
        try:
            return await self._read(task)
        except STORE_TROUBLE:
            return None
        except Exception as error:  # noqa: BLE001  the promise of an adapter is broken: recorded, the others go on
            BUGS.labels(CALLBACK).inc()
            log().error("callback.bug", error=type(error).__name__, trace=safe_trace(error))
            await self._journal.caught(error, now, destination=task.lane)
            return Settled(task=task, note="callback.not_readable") if task.attempts >= TRIES else None

    async def _read(self, task: Task) -> Settled:
        loaded = await self._callbacks.load(task.subject)
        if loaded is None:
            return Settled(task=task, known=True)
        destination, callback = loaded
        endpoint = self._endpoints.get(destination)
        if endpoint is None or not isinstance(endpoint.adapter, Receives):
            return Settled(task=task, note="destination.unknown")
        found: UUID | None = None
        for verdict in await endpoint.adapter.interpret(callback, endpoint.context):
            found = await self._give(destination, endpoint, verdict) or found
        return Settled(task=task, delivery=found, note="" if found else "callback.unknown_correlation")

    async def _give(self, destination: str, endpoint: Endpoint, verdict: CallbackVerdict) -> UUID | None:
        found = await self._deliveries.by_correlation(verdict.correlation, destination)
        if found is None:
            CALLBACKS.labels(destination, "unknown").inc()
            return None
        now = endpoint.context.clock.now()
        outcome = outcome_for(verdict, repeated=found.repeated)

        def decide(state: DeliveryState) -> Change | None:
            return after_verdict(state, found.message_id, outcome, now, endpoint.policy, self._dice)

        applied = await self._outcomes.submit(
            Application(
                delivery_id=found.delivery_id,
                decide=decide,
                at=now,
                attempted=_refused(found.message_id, outcome),
            )
        )
        CALLBACKS.labels(destination, "applied" if applied.change else "repeated").inc()
        return found.delivery_id


def _refused(message_id: UUID, outcome: Outcome) -> Attempted | None:
    """Note on its row that nothing of an attempt was taken: whatever is registered later is not by it."""
    if isinstance(outcome, Rejected | Held):
        return Attempted(message_id=message_id, outcome=type(outcome).__name__)
    return None
