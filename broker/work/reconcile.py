"""Proves at night that what we call registered is what the registry has: one clinic at a time, politely, resumable."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.adapter_kit import Adapter, ClinicCard, Context, InDoubt, Reconciles, RegistryEntry, Unavailable
from broker.adapter_kit.clock import Clock
from broker.receipts.reconcile import compare, strangers
from broker.store.partners import PartnerStore
from broker.store.reconciliation import RECONCILE, Made, Planned, ReconciliationStore
from broker.store.tasks import Task, TaskStore
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS, RECONCILED
from broker.telemetry.trace import safe_trace
from broker.work.loop import Loop

MARGIN: Final = timedelta(days=1)
"""How much more of the registry is read around the window: its clock and its days are not ours."""
AGAIN: Final = timedelta(minutes=15)
"""Pause before a registry that did not answer is asked again."""
TRIES: Final = 8
NARROWEST: Final = timedelta(hours=1)
"""A window whose answer is too long is halved, down to this."""
CALL: Final = timedelta(seconds=120)
"""The lease of one comparison is prolonged by this much with every call."""


class Reconciling(msgspec.Struct, frozen=True, kw_only=True):
    """When and how: the hour (UTC) of the night's round (None: never), how many days back, the pause between two calls."""

    hour: int | None
    days: int
    pause: float


class ReconcileWorker:
    """Plans the night's round once, and makes comparisons as they come; each is written whole or comes again."""

    def __init__(
        self,
        posts: Mapping[str, tuple[Adapter, Context]],
        store: ReconciliationStore,
        tasks: TaskStore,
        partners: PartnerStore,
        clock: Clock,
        announce: Callable[[Sequence[tuple[int, str]]], None],
        habits: Reconciling,
    ) -> None:
        self.loop = Loop(RECONCILE, self._work, idle=5.0)
        self._posts = {name: post for name, post in posts.items() if isinstance(post[0], Reconciles)}
        self._store = store
        self._tasks = tasks
        self._partners = partners
        self._clock = clock
        self._announce = announce
        self._habits = habits

    async def _work(self) -> int:
        await self._plan()
        claimed = await self._tasks.claim(RECONCILE, 1, self._clock.now(), CALL)
        for task in claimed:
            await self._take(task)
            await asyncio.sleep(self._habits.pause)
        return len(claimed)

    async def _plan(self) -> None:
        now, habits = self._clock.now(), self._habits
        if habits.hour is None or now.hour < habits.hour:
            return
        for destination in self._posts:
            if not await self._store.is_planned(destination, now):
                since = now - timedelta(days=habits.days)
                self._announce(await self._store.plan(destination, since, now, by="night", nightly=True))

    async def _take(self, task: Task) -> None:
        planned = await self._store.load(task.subject)
        if planned is None or planned.status != "planned":
            await self._tasks.finish([task])
            return
        made = await self._compare(planned, task)
        now = self._clock.now()
        if made.failed and task.attempts < TRIES:
            await self._tasks.postpone([task], now + AGAIN, made.note, task.priority)
            return
        if await self._store.finish(planned, made, task, now):
            log().info(
                "reconciled",
                destination=planned.destination,
                clinic=planned.clinic_oid,
                ours=made.ours,
                theirs=made.theirs,
                differences=len(made.differences),
                note=made.note,
            )
            for line in await self._store.standing(now):
                RECONCILED.labels(line["destination"]).set(line["differences"])

    async def _compare(self, planned: Planned, task: Task) -> Made:
        post = self._posts.get(planned.destination)
        clinics = await self._partners.clinics([planned.clinic_oid])
        clinic = clinics.get(planned.clinic_oid)
        if post is None or clinic is None:
            return Made(failed=True, note="destination.unknown")
        card = ClinicCard(
            oid=clinic.oid,
            region=clinic.region,
            client_entity_id=clinic.client_entity_id,
            params=clinic.params.get(planned.destination, {}),
        )
        window = (planned.since - MARGIN, planned.until + MARGIN)
        theirs = await self._read(post, card, window, task)
        if isinstance(theirs, Unavailable):
            return Made(failed=True, note=theirs.reason)
        ours = await self._store.ours(planned)
        known = await self._store.known(planned.destination, strangers(ours, theirs))
        found = compare(ours, theirs, known, (planned.since, planned.until))
        return Made(ours=len(ours), theirs=len(theirs), differences=tuple(found))

    async def _read(
        self, post: tuple[Adapter, Context], card: ClinicCard, window: tuple[datetime, datetime], task: Task
    ) -> list[RegistryEntry] | Unavailable:
        """Read the registry's entries of a window; a window whose answer is too long is read in halves."""
        since, until = window
        await self._tasks.extend([task], CALL)
        answer = await self._ask(post, card, since, until)
        if isinstance(answer, Unavailable):
            return answer
        if not isinstance(answer, InDoubt):
            return list(answer)
        if answer.reason != "destination.answer_too_large" or until - since <= NARROWEST:
            return Unavailable(answer.reason)
        middle = since + (until - since) / 2
        found: list[RegistryEntry] = []
        for half in ((since, middle), (middle, until)):
            await asyncio.sleep(self._habits.pause)
            part = await self._read(post, card, half, task)
            if isinstance(part, Unavailable):
                return part
            found += part
        return found

    async def _ask(
        self, post: tuple[Adapter, Context], card: ClinicCard, since: datetime, until: datetime
    ) -> Sequence[RegistryEntry] | Unavailable | InDoubt:
        adapter, context = post
        assert isinstance(adapter, Reconciles)
        try:
            async with asyncio.timeout(CALL.total_seconds() / 2):
                return await adapter.registrations(card, since, until, context)
        except TimeoutError:
            return Unavailable("destination.answer_timeout")
        except Exception as error:  # noqa: BLE001  the promise of an adapter is broken: recorded, the comparison comes again
            BUGS.labels(f"adapter.{adapter.passport.name}").inc()
            log().error("adapter.bug", loop=RECONCILE, error=type(error).__name__, trace=safe_trace(error))
            return Unavailable("adapter.bug")
