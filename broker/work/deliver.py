"""Deliveries of one destination: claim fairly, check, commit the attempt, call the adapter, commit what came of it."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.adapter_kit import (
    Adapter,
    Context,
    Held,
    InDoubt,
    LooksUp,
    NotFound,
    Outcome,
    Parcel,
    Polls,
)
from broker.delivery.breaker import Breaker, Pace
from broker.delivery.decide import (
    LOOKUP,
    WHO_TOOK,
    after_outcome,
    already_there,
    may_ask,
    superseded,
    without_verdict,
)
from broker.delivery.preflight import Supersede, Wait, check_order, check_ready
from broker.delivery.registry import (
    after_last_question,
    after_long_silence,
    after_who_took,
    given_up,
    is_overlong,
    send_again,
)
from broker.delivery.state import AlreadyThere, Change, DeliveryState, Policy
from broker.document.lifecycle import DeliveryStatus
from broker.store.batcher import Batcher
from broker.store.channels import ChannelStore
from broker.store.database import STORE_TROUBLE, StoreAwayError, UnstorableError
from broker.store.deliveries import Application, Applied, Attempted, DeliveryStore, Start
from broker.store.destinations import DestinationStore
from broker.store.examination import ExaminationStore
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.room import COPIES, Portion
from broker.store.tasks import Task, TaskStore, route_queue
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.telemetry.metrics import ATTEMPT_SECONDS, ATTEMPTS, BUGS
from broker.telemetry.trace import safe_trace
from broker.work.gate import Gate
from broker.work.loop import Loop
from broker.work.trip import Trip

STORE_AWAY: Final = "store.unavailable"
"""Why an attempt is in doubt when our own store failed its adapter: no fault of the destination."""
OVER: Final = 5.0
"""Seconds an adapter may take over its own timeout before its call is cut."""
STORE_PAUSE: Final = 1.0
"""Seconds between two tries to write an answer while our own store is away."""
OWN_SHARE: Final = 4
"""A destination that holds more than one part in so many of the room for bodies claims nothing more."""
SHOW_EVERY: Final = 2.0
"""Seconds between two notes of an unchanged breaker."""


class Stores(msgspec.Struct, frozen=True):
    """The repositories a runner works with."""

    tasks: TaskStore
    deliveries: DeliveryStore
    documents: ExaminationStore
    partners: PartnerStore
    destinations: DestinationStore
    journal: Journal
    channels: ChannelStore


class Patience(msgspec.Struct, frozen=True):
    """How long a lease outlives the destination's timeout, and how long a stopping worker waits for calls under way."""

    grace: timedelta
    stopping: timedelta


class DestinationRunner:
    """Sends what is due to one destination; several processes may run one each."""

    def __init__(
        self,
        adapter: Adapter,
        context: Context,
        policy: Policy,
        stores: Stores,
        outcomes: Batcher[Application, Applied],
        dice: random.Random,
        patience: Patience,
    ) -> None:
        self.destination = context.destination
        self.loop = Loop(route_queue(self.destination.id), self._work)
        self._adapter = adapter
        self._context = context
        self._policy = policy
        self._stores = stores
        self._outcomes = outcomes
        self._dice = dice
        self._lease = timedelta(seconds=policy.timeout) + patience.grace
        self._stopping = min(policy.timeout + OVER, patience.stopping.total_seconds())
        self._breaker = Breaker()
        self._pace = Pace(policy.rate)
        self._busy = 0
        self._held = 0
        self._gate = Gate(self.destination.id, stores.destinations, stores.channels, policy.silent_after)
        self._shown: tuple[Breaker | None, float] = (None, -SHOW_EVERY)  # whatever an earlier process showed
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until cancelled; deliveries under way get a moment to finish."""
        try:
            await self.loop.run()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=self._stopping)

    async def _work(self) -> int:
        now = self._context.clock.now()
        free = self._breaker.allows(now, self._policy.parallel - self._busy)
        trying = self._breaker.open_until is not None and self._busy > 0
        if free <= 0 or trying or self._holds_much():
            return 0
        lanes = await self._gate.opens(now)
        if lanes is None:
            return 0
        wanted = self._pace.take(min(free, lanes.most or free), time.monotonic())
        tasks: Sequence[Task] = ()
        if wanted > 0:
            tasks = await self._stores.tasks.claim(
                self.loop.name, wanted, now, self._lease, lanes.clinics, only=lanes.only
            )
            self._pace.give_back(wanted - len(tasks))
        if tasks:
            passed(KillPoint.DELIVERY_CLAIMED)
            self._busy += len(tasks)
            running = asyncio.create_task(self._batch(tasks), name=self.loop.name)
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        return len(tasks)

    def _holds_much(self) -> bool:
        """Tell whether slow answers for large bodies keep so much room that others would have to wait."""
        return self._held > self._stores.documents.room.limit // OWN_SHARE

    async def _batch(self, tasks: Sequence[Task]) -> None:
        """Load what was claimed, portion by portion, and set every delivery going."""
        left = list(tasks)
        try:
            states = await self._stores.deliveries.states([task.subject for task in tasks])
            by_document = {states[t.subject].document_id: t for t in tasks if t.subject in states}
            for portion in await self._stores.documents.portions(list(by_document)):
                async with self._holding(portion):
                    some = [by_document[one] for one in portion.ids]
                    left = [task for task in left if task not in some]
                    await self._portion(some, states)
        except STORE_TROUBLE as trouble:
            log().warning("batch.store_trouble", loop=self.loop.name, error=type(trouble).__name__)
        except Exception as error:  # noqa: BLE001  outermost loop of a batch: its leases run out and the tasks come again
            self._record("batch.failed", error)
        finally:
            if left:
                with contextlib.suppress(*STORE_TROUBLE):
                    await self._stores.tasks.release(left)
            self._free(len(left))

    @contextlib.asynccontextmanager
    async def _holding(self, portion: Portion) -> AsyncIterator[None]:
        """Hold the room of a portion, and know how much of it is this destination's."""
        async with self._stores.documents.room.hold(portion):
            self._held += portion.size * COPIES
            try:
                yield
            finally:
                self._held -= portion.size * COPIES

    async def _portion(self, tasks: Sequence[Task], states: Mapping[UUID, DeliveryState]) -> None:
        going = 0
        try:
            trips = await self._trips(tasks, states)
            now = self._context.clock.now()
            starting = [trip for trip in trips if self._may_start(trip, now)]
            rest = [trip for trip in trips if trip not in starting]
            if rest:
                await self._stores.tasks.extend([trip.task for trip in rest], self._lease)
            calls = [*await self._begin(starting, now), *(self._tend(trip, now) for trip in rest)]
            going = len(calls)
            await asyncio.gather(*(self._freeing(call) for call in calls))
        finally:
            self._free(len(tasks) - going)

    async def _trips(self, tasks: Sequence[Task], states: Mapping[UUID, DeliveryState]) -> list[Trip]:
        deliveries = [states[task.subject] for task in tasks]
        documents = await self._stores.documents.load([d.document_id for d in deliveries])
        clinics = await self._stores.partners.clinics(list({d.clinic for d in deliveries}))
        earlier = await self._stores.deliveries.earlier_attempts([d.id for d in deliveries])
        return [
            Trip(
                task=task,
                delivery=delivery,
                document=documents[delivery.document_id],
                clinic=clinics.get(delivery.clinic),
                earlier=earlier.get(delivery.id, ()),
            )
            for task, delivery in zip(tasks, deliveries, strict=True)
        ]

    async def _freeing(self, call: Coroutine[None, None, None]) -> None:
        """See one delivery through and free its slot; its trouble is no reason to cut the calls of the others."""
        try:
            await call
        except STORE_TROUBLE as trouble:
            log().warning("batch.store_trouble", loop=self.loop.name, error=type(trouble).__name__)
        except Exception as error:  # noqa: BLE001  outermost loop of a delivery: its lease runs out and it comes again
            self._record("batch.failed", error)
        finally:
            self._free(1)

    def _record(self, event: str, error: Exception) -> None:
        BUGS.labels(self.loop.name).inc()
        log().error(event, loop=self.loop.name, error=type(error).__name__, trace=safe_trace(error))

    def _free(self, slots: int) -> None:
        self._busy -= slots
        self.loop.poke()

    def _may_start(self, trip: Trip, now: datetime) -> bool:
        """Tell whether a delivery is ready to be sent; what is not is tended afterwards."""
        delivery = trip.delivery
        if delivery.status is not DeliveryStatus.QUEUED or now >= delivery.deadline_at:
            return False
        if LOOKUP in delivery.state:
            return False
        return check_ready(delivery, trip.clinic, self.destination, self._policy) is None

    async def _begin(self, trips: Sequence[Trip], now: datetime) -> list[Coroutine[None, None, None]]:
        """Commit the attempts of those that may go; return for each delivery what is to be done with it."""
        if not trips:
            return []
        starts = [
            Start(delivery=t.delivery, task=t.task, message_id=uuid7(), digest=t.document.digest)
            for t in trips
        ]
        order = partial(check_order, now=now, policy=self._policy)
        answers = await self._stores.deliveries.begin(starts, now, order, self._lease)
        calls = []
        for trip, start in zip(trips, starts, strict=True):
            answer = answers.get(trip.delivery.id)
            if isinstance(answer, int):
                delivery = msgspec.structs.replace(
                    trip.delivery,
                    attempt=answer,
                    status=DeliveryStatus.SENDING,
                    message_id=start.message_id,
                )
                begun = msgspec.structs.replace(trip, delivery=delivery)
                calls.append(self._send(begun, start.message_id))
            else:
                calls.append(self._stay(trip, answer, now))
        passed(KillPoint.DELIVERY_BEGUN)
        return calls

    async def _stay(self, trip: Trip, answer: Wait | Supersede | AlreadyThere | None, now: datetime) -> None:
        """Deal with a delivery that may not be sent now for what went before it."""
        match answer:
            case Wait(until, why):
                self._pace.give_back(1)
                await self._stores.deliveries.put_off(trip.task, until, why)
            case Supersede(ids):
                await self._supersede(ids, now)
                await self._stores.tasks.postpone([trip.task], now, "", trip.task.priority)
            case AlreadyThere() as there:
                await self._decide(trip, partial(already_there, there=there))
            case None:  # somebody else has it
                await self._stores.tasks.release([trip.task])

    async def _supersede(self, ids: Sequence[str], now: datetime) -> None:
        for identifier in ids:
            await self._outcomes.submit(
                Application(delivery_id=UUID(identifier), decide=superseded, at=now, actor="delivery")
            )

    async def _send(self, trip: Trip, message_id: UUID) -> None:
        started = time.perf_counter()
        content = trip.document.stored.content
        intact = sha256(content).digest() == trip.document.digest
        if intact:
            outcome = await self._guarded(
                trip, lambda: self._adapter.deliver(trip.parcel(message_id), self._context)
            )
            passed(KillPoint.DELIVERY_ANSWERED)
        else:
            outcome = Held("content.digest_mismatch", "Байты документа изменились в хранилище: не отправлен.")
        seconds = time.perf_counter() - started
        ATTEMPT_SECONDS.labels(self.destination.id).observe(seconds)
        attempted = Attempted(
            message_id=message_id, outcome=type(outcome).__name__, duration_ms=int(seconds * 1000)
        )
        await self._conclude(trip, outcome, attempted, answered=intact)

    async def _guarded(self, trip: Trip, call: Callable[[], Coroutine[None, None, Outcome]]) -> Outcome:
        """Ask an adapter within its timeout; an exception leaving it is a bug and is recorded as one."""
        try:
            async with asyncio.timeout(self._policy.timeout + OVER):
                return await call()
        except TimeoutError:
            return InDoubt("destination.answer_timeout")
        except StoreAwayError:
            return InDoubt(STORE_AWAY)
        except Exception as error:  # noqa: BLE001  the promise of an adapter is broken: recorded, the delivery goes on
            BUGS.labels(f"adapter.{self._adapter.passport.name}").inc()
            log().error("adapter.bug", destination=self.destination.id, error=type(error).__name__,
                        trace=safe_trace(error))  # fmt: skip
            await self._caught(trip, error)
            return InDoubt("adapter.bug")

    async def _caught(self, trip: Trip, error: Exception) -> None:
        await self._stores.journal.caught(
            error,
            self._context.clock.now(),
            destination=self.destination.id,
            document_id=trip.delivery.document_id,
            delivery_id=trip.delivery.id,
        )

    async def _tend(self, trip: Trip, now: datetime) -> None:
        """Deal with a claimed delivery that is not simply to be sent."""
        delivery = trip.delivery
        if now >= delivery.deadline_at and may_ask(delivery, self._policy) and LOOKUP not in delivery.state:
            await self._ask_registry(trip, after_last_question)
            return
        match delivery.status:
            case DeliveryStatus.QUEUED if delivery.state.get(LOOKUP) == WHO_TOOK:
                await self._ask_registry(trip, after_who_took)
            case DeliveryStatus.QUEUED if now >= delivery.deadline_at:
                await self._decide(trip, given_up)
            case DeliveryStatus.QUEUED if LOOKUP in delivery.state:
                await self._look_up(trip)
            case DeliveryStatus.QUEUED:
                held = check_ready(delivery, trip.clinic, self.destination, self._policy)
                await self._conclude(trip, held or InDoubt("delivery.raced"), answered=False)
            case DeliveryStatus.SENDING:
                await self._conclude(trip, InDoubt("delivery.interrupted"), answered=False)
            case DeliveryStatus.AWAITING_RESULT if isinstance(self._adapter, Polls):
                polling = partial(self._poll, self._adapter, trip)
                await self._conclude(trip, await self._guarded(trip, polling))
            case DeliveryStatus.AWAITING_RESULT if is_overlong(delivery, now, self._policy):
                await self._ask_registry(trip, after_long_silence)
            case DeliveryStatus.AWAITING_RESULT:
                await self._decide(trip, partial(_missing, now=now, policy=self._policy))
            case _:
                await self._decide(trip, _nothing)

    async def _poll(self, adapter: Polls, trip: Trip) -> Outcome:
        assert trip.delivery.message_id is not None
        return await adapter.poll(trip.parcel(trip.delivery.message_id), self._context)

    async def _ask_registry(self, trip: Trip, judge: Callable[..., Change]) -> None:
        """Ask the registry about a delivery that is not sent any more, and decide by what it says."""
        found = await self._asked(trip)
        now = self._context.clock.now()
        change = await self._decide(
            trip, partial(judge, found=found, now=now, policy=self._policy, dice=self._dice)
        )
        log().info(
            "delivery.registry_asked",
            delivery=str(trip.delivery.id),
            document=str(trip.delivery.document_id),
            destination=self.destination.id,
            found=type(found).__name__,
            status=change.status.value if change else trip.delivery.status.value,
        )
        if change is not None:
            await self._feel(change, now)

    async def _asked(self, trip: Trip) -> Outcome | NotFound:
        if not isinstance(self._adapter, LooksUp):
            return NotFound()
        parcel = trip.parcel(trip.delivery.message_id or uuid7())
        return await self._looked(trip, self._adapter, parcel)

    async def _look_up(self, trip: Trip) -> None:
        """Ask whether an attempt in doubt arrived; when it did not, the next claim sends again."""
        outcome = await self._asked(trip)
        if isinstance(outcome, NotFound):
            await self._decide(trip, partial(send_again, now=self._context.clock.now()))
        else:
            await self._conclude(trip, outcome)

    async def _looked(self, trip: Trip, adapter: LooksUp, parcel: Parcel) -> Outcome | NotFound:
        found: list[NotFound] = []

        async def call() -> Outcome:
            answer = await adapter.lookup(parcel, self._context)
            if isinstance(answer, NotFound):
                found.append(answer)
                return InDoubt("lookup.not_found")
            return answer

        outcome = await self._guarded(trip, call)
        return found[0] if found else outcome

    async def _conclude(
        self, trip: Trip, outcome: Outcome, attempted: Attempted | None = None, *, answered: bool = True
    ) -> None:
        """Write what came of it; the breaker learns only from what the destination ``answered``, or failed to."""
        ATTEMPTS.labels(self.destination.id, type(outcome).__name__).inc()
        now = self._context.clock.now()
        decide = partial(after_outcome, outcome=outcome, now=now, policy=self._policy, dice=self._dice)
        try:
            change = await self._decide(trip, decide, attempted)
        except (
            UnstorableError
        ) as bug:  # the adapter let through what no column takes: what it was told is in doubt
            BUGS.labels(f"adapter.{self._adapter.passport.name}").inc()
            log().error("adapter.unstorable", destination=self.destination.id, error=str(bug))
            await self._caught(trip, bug)
            decide = partial(decide, outcome=InDoubt("adapter.bug"))
            change = await self._decide(trip, decide, attempted)
        log().info(
            "delivery.concluded",
            delivery=str(trip.delivery.id),
            document=str(trip.delivery.document_id),
            destination=self.destination.id,
            attempt=trip.delivery.attempt,
            outcome=type(outcome).__name__,
            status=change.status.value if change else trip.delivery.status.value,
            reason=change.reason if change else "",
            ms=attempted.duration_ms if attempted else 0,
        )
        if change is None:
            return
        if change.slow_down:
            self._pace.slow(time.monotonic())
        if change.pause_destination:
            await self._stores.destinations.pause(
                self.destination.id, "adapter", change.text or change.reason, now
            )
            self._gate.look_again()
        if answered and change.reason not in {"adapter.bug", STORE_AWAY}:
            await self._feel(change, now)

    async def _decide(
        self, trip: Trip, decide: Callable[[DeliveryState], Change | None], attempted: Attempted | None = None
    ) -> Change | None:
        """Write a decision; while our store is away what the destination said is kept as long as the lease lasts."""
        application = Application(
            delivery_id=trip.delivery.id,
            decide=decide,
            at=self._context.clock.now(),
            task=trip.task,
            attempted=attempted,
        )
        until = time.monotonic() + self._lease.total_seconds()
        while True:
            try:
                return (await self._outcomes.submit(application)).change
            except STORE_TROUBLE:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(STORE_PAUSE)

    async def _feel(self, change: Change, now: datetime) -> None:
        """Let the breaker learn, and show people when something changed."""
        if change.failure is None:
            return
        self._breaker = self._breaker.after(change.failure, now, self._dice)
        shown, at = self._shown
        turned = shown is None or shown.open_until != self._breaker.open_until
        if turned or (change.failure and time.monotonic() - at > SHOW_EVERY):
            self._shown = (self._breaker, time.monotonic())
            failure = change.reason if change.failure else ""
            await self._stores.destinations.show_breaker(self.destination.id, self._breaker, failure, now)


def _missing(delivery: DeliveryState, now: datetime, policy: Policy) -> Change:
    return without_verdict(delivery, now, policy)


def _nothing(_delivery: DeliveryState) -> None:
    return None
