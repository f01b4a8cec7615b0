"""Stored callbacks: read them again with the adapter that took them, and let each verdict find its delivery."""

import random
from collections.abc import Mapping
from uuid import UUID

from broker.adapter_kit import Adapter, CallbackVerdict, Context, Receives
from broker.delivery.decide import after_outcome
from broker.delivery.state import Change, DeliveryState, Policy
from broker.store.batcher import Batcher
from broker.store.deliveries import Application, Applied, DeliveryStore
from broker.store.destinations import CallbackStore
from broker.store.tasks import CALLBACK, Task, TaskStore
from broker.telemetry.metrics import CALLBACKS
from broker.work.loop import Loop


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
        outcomes: Batcher[Application, Applied],
        dice: random.Random,
    ) -> None:
        self.loop = Loop(CALLBACK, self._work)
        self._endpoints = endpoints
        self._tasks = tasks
        self._callbacks = callbacks
        self._deliveries = deliveries
        self._outcomes = outcomes
        self._dice = dice

    async def _work(self) -> int:
        clock = next(iter(self._endpoints.values())).context.clock if self._endpoints else None
        if clock is None:
            return 0
        tasks = await self._tasks.claim(CALLBACK, 32, clock.now())
        for task in tasks:
            await self._handle(task)
        return len(tasks)

    async def _handle(self, task: Task) -> None:
        loaded = await self._callbacks.load(task.subject)
        if loaded is not None:
            destination, callback = loaded
            endpoint = self._endpoints.get(destination)
            if endpoint is None or not isinstance(endpoint.adapter, Receives):
                await self._settle(task.subject, None, "destination.unknown", endpoint)
            else:
                verdicts = await endpoint.adapter.interpret(callback, endpoint.context)
                found: UUID | None = None
                for verdict in verdicts:
                    found = (
                        await self._give(destination, endpoint, verdict.correlation, verdict.outcome) or found
                    )
                await self._settle(
                    task.subject, found, "" if found else "callback.unknown_correlation", endpoint
                )
        await self._tasks.finish([task])

    async def _give(self, destination: str, endpoint: Endpoint, verdict: CallbackVerdict) -> UUID | None:
        delivery = await self._deliveries.by_correlation(verdict.correlation, destination)
        if delivery is None:
            CALLBACKS.labels(destination, "unknown").inc()
            return None
        now = endpoint.context.clock.now()

        def decide(state: DeliveryState) -> Change:
            outcome = verdict.outcome
            if state.attempt <= 1 and verdict.if_first is not None:
                outcome = verdict.if_first
            return after_outcome(state, outcome, now, endpoint.policy, self._dice)

        applied = await self._outcomes.submit(Application(delivery_id=delivery, decide=decide, at=now))
        CALLBACKS.labels(destination, "applied" if applied.change else "repeated").inc()
        return delivery

    async def _settle(
        self, callback: UUID, delivery: UUID | None, note: str, endpoint: Endpoint | None
    ) -> None:
        clock = (endpoint or next(iter(self._endpoints.values()))).context.clock
        await self._callbacks.settle(callback, delivery, note, clock.now())
