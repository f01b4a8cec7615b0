"""The steps of a document: claim a batch, compute beside the loop, commit report, status, deliveries and next tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from broker.adapter_kit.clock import Clock
from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable
from broker.document.event import EventName
from broker.document.facts import PreviousVersion
from broker.partners.clinic import Clinic
from broker.pipeline import (
    Batch,
    Examination,
    ExaminationInput,
    InForce,
    Router,
    conclude,
    examined,
)
from broker.store.database import STORE_TROUBLE, UnstorableError
from broker.store.examination import ExaminationStore, Examined, LoadedDocument
from broker.store.journal import Journal
from broker.store.partners import PartnerStore
from broker.store.setting_aside import set_aside
from broker.store.tasks import OVERRIDE, PREPARE, Task, TaskStore
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS, EXAMINE_SECONDS, EXAMINED, SET_ASIDE
from broker.trust import Holder
from broker.validation.unjudged import UNREADABLE
from broker.work.loop import Loop

CRASHES: Final = 2
"""So many times may a document break its process before it is set aside."""
RULES_PAUSE: Final = timedelta(minutes=1)
"""How soon a document is checked again whose rules or trust could not be read."""


Pair = tuple[Task, LoadedDocument]


class PrepareStores(msgspec.Struct, frozen=True):
    """The repositories this worker needs."""

    tasks: TaskStore
    documents: ExaminationStore
    partners: PartnerStore
    journal: Journal


class PrepareWorker:
    """Handles ``work.prepare``; as many loops run at once as there are compute processes.

    ``router`` and ``in_force`` (what documents are judged by) are asked anew for every batch.
    """

    def __init__(
        self,
        stores: PrepareStores,
        pool: ComputePool,
        router: Callable[[], Router],
        in_force: Callable[[], InForce],
        clock: Clock,
        announce: Callable[[Sequence[tuple[int, str]]], None],
        batch: int,
        lease: timedelta,
    ) -> None:
        self._stores = stores
        self._pool = pool
        self._router = router
        self._in_force = in_force
        self._clock = clock
        self._announce = announce
        self._batch = batch
        self._lease = lease
        self.loops = [Loop(PREPARE, self._work) for _ in range(pool.processes)]

    async def _work(self) -> int:
        now = self._clock.now()
        tasks = await self._stores.tasks.claim(PREPARE, self._batch, now, self._lease)
        if not tasks:
            return 0
        passed(KillPoint.PREPARE_CLAIMED)
        by_subject = {task.subject: task for task in tasks}
        try:
            async with self._keeping(tasks):
                for portion in await self._stores.documents.portions(list(by_subject)):
                    async with self._stores.documents.room.hold(portion):
                        await self._portion([by_subject[one] for one in portion.ids])
        except PoolUnusable:  # the installation is broken, not the documents: they wait, uncounted
            await self._stores.tasks.release(tasks)
            return 0
        return len(tasks)

    async def _portion(self, tasks: Sequence[Task]) -> None:
        documents = await self._stores.documents.load([task.subject for task in tasks])
        clinics = await self._stores.partners.clinics(list({d.clinic for d in documents.values()}))
        previous = await self._stores.documents.previous([d.id for d in documents.values() if d.set_key])
        pairs = [(task, documents[task.subject]) for task in tasks if task.subject in documents]
        gone = [task for task in tasks if task.subject not in documents]
        if gone:
            await self._stores.tasks.finish(gone)
        spoilt = [pair for pair in pairs if not pair[1].intact]
        await self._commit(spoilt, {document.id: None for _, document in spoilt}, clinics)
        pairs = [pair for pair in pairs if pair[1].intact]
        inputs = {document.id: _input(document, clinics, previous) for _, document in pairs}
        made = await self._together([inputs[pair[1].id] for pair in pairs if not pair[1].crashes])
        await self._commit([pair for pair in pairs if pair[1].id in made], made, clinics)
        for pair in pairs:
            if pair[1].id not in made:
                alone = {pair[1].id: await self._alone(inputs[pair[1].id])}
                await self._commit([pair], alone, clinics)

    @contextlib.asynccontextmanager
    async def _keeping(self, tasks: Sequence[Task]) -> AsyncIterator[None]:
        """Keep the leases while the context lasts: a document that stalls must not be taken up by others meanwhile."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self._lease.total_seconds() / 3)
                with contextlib.suppress(*STORE_TROUBLE):
                    await self._stores.tasks.extend(tasks, self._lease)

        keeping = asyncio.create_task(keep(), name="prepare.lease")
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _commit(
        self,
        pairs: Sequence[Pair],
        made: Mapping[UUID, Examination | None],
        clinics: Mapping[str, Clinic],
    ) -> None:
        pairs = await self._without_unjudged(pairs, made)
        results = [self._conclude(task, document, made[document.id], clinics) for task, document in pairs]
        if not results:
            return
        passed(KillPoint.PREPARE_COMPUTED)
        try:
            due = await self._stores.documents.commit(results)
        except UnstorableError:
            due = await self._one_by_one(results)
        passed(KillPoint.PREPARE_COMMITTED)
        self._announce(due)

    async def _without_unjudged(
        self, pairs: Sequence[Pair], made: Mapping[UUID, Examination | None]
    ) -> Sequence[Pair]:
        """Let those wait that rules or trust nobody can read left unchecked; neither good nor bad can be said of them."""

        def lacking(task: Task, document: LoadedDocument) -> str:
            its = made[document.id]
            return "" if its is None or task.why == OVERRIDE else its.waits_for

        for why in UNREADABLE:
            waiting = [task for task, document in pairs if lacking(task, document) == why]
            if waiting:
                log().error("document.unjudged", why=why, documents=len(waiting))
                await self._stores.tasks.postpone(waiting, self._clock.now() + RULES_PAUSE, why)
        return [pair for pair in pairs if not lacking(*pair)]

    async def _one_by_one(self, results: Sequence[Examined]) -> list[tuple[int, str]]:
        """Commit each result alone after one of them spoiled the common commit; the culprit is set aside."""
        due = []
        for result in results:
            try:
                due += await self._stores.documents.commit([result])
            except UnstorableError as bug:
                BUGS.labels(PREPARE).inc()
                log().error("document.unstorable", document=str(result.document.id), error=str(bug))
                SET_ASIDE.inc()
                aside = set_aside(result.document, result.task, self._clock.now(), stored=False)
                due += await self._stores.documents.commit([aside])
        return due

    async def _together(self, inputs: Sequence[ExaminationInput]) -> dict[UUID, Examination | None]:
        """Compute a batch within the time of one document; nothing when that broke its process."""
        if not inputs:
            return {}
        try:
            return {made.document_id: made for made in await examined(self._pool, self._batch_of(inputs))}
        except ComputeFailed:
            return {}

    async def _alone(self, one: ExaminationInput) -> Examination | None:
        """Compute one document; None when it broke its process for the last time."""
        while True:
            try:
                return (await examined(self._pool, self._batch_of([one])))[0]
            except ComputeFailed as failure:
                crashes = await self._stores.documents.count_crash(one.document_id)
                await self._stores.journal.note(
                    EventName.COMPUTE_CRASHED,
                    self._clock.now(),
                    body={"why": failure.why, "crashes": crashes},
                    document_id=one.document_id,
                )
                if crashes >= CRASHES:
                    SET_ASIDE.inc()
                    return None

    def _batch_of(self, inputs: Sequence[ExaminationInput]) -> Batch:
        return Batch(tuple(inputs), self._in_force())

    def _conclude(
        self, task: Task, document: LoadedDocument, made: Examination | None, clinics: Mapping[str, Clinic]
    ) -> Examined:
        now = self._clock.now()
        if made is None:
            examined = set_aside(document, task, now)
        else:
            EXAMINE_SECONDS.observe(made.seconds)
            clinic = clinics.get(document.clinic)
            examined = conclude(
                document, task, made, self._router(), clinic, now, override=task.why == OVERRIDE
            )
        EXAMINED.labels(examined.status).inc()
        log().info(
            "document.examined",
            document=str(document.id),
            clinic=document.clinic,
            kind=document.kind,
            status=examined.status.value,
            findings=len(made.findings) if made else 0,
            ms=round(made.seconds * 1000, 1) if made else 0,
        )
        return examined


def _input(
    document: LoadedDocument, clinics: Mapping[str, Clinic], previous: Mapping[UUID, PreviousVersion]
) -> ExaminationInput:
    clinic = clinics.get(document.clinic)
    return ExaminationInput(
        document_id=document.id,
        type=document.type,
        kind=document.kind,
        clinic=document.clinic,
        region=clinic.region if clinic else document.region,
        mcod=clinic.mcod if clinic else "",
        local_uid=document.local_uid,
        at=document.received_at,
        stored=document.stored,
        mode=document.mode,
        previous=previous.get(document.id),
        holder=Holder(title=clinic.title, ogrn=clinic.ogrn, inn=clinic.inn) if clinic else Holder(),
    )
