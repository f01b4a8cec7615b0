"""What happens at the simulated РЭМД after it said «принято»: fetch the file, check, register, tell — late, twice or never.

Requests wait in a queue; what must wait for simulated time waits in a heap that is looked at as the clock turns. Every step
is written down first, so a killed simulator goes on where it stood and registers nothing twice for itself.
"""

import asyncio
import hashlib
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from adapters.remd.simulator import checks, requests, texts
from adapters.remd.simulator.courier import Courier
from adapters.remd.simulator.knobs import bad_day, knobs_of
from adapters.remd.simulator.ledger import Accepted, Ledger, Stage
from adapters.remd.simulator.lines import line_refusals
from adapters.remd.simulator.registers import Mark, SimSettings
from adapters.remd.simulator.requests import Request
from adapters.remd.simulator.texts import SYNCHRONOUS, Refusal
from adapters.remd.simulator.words import WordsOf
from broker.adapter_kit.checker import CheckFailed, SentSignature
from broker.adapter_kit.simulation import Simulation
from broker.document.canonical import CanonicalDocument

_TICK: Final = 0.05
_TELL_TRIES: Final = 20
_SILENCE: Final = 5.0
"""Simulated seconds after which a silent РЭМД looks again whether it may speak."""
_FILE_CODES: Final = frozenset({"MIS_NOT_AVAILABLE"})


class Process:
    """Workers and the heap."""

    def __init__(
        self, simulation: Simulation, settings: SimSettings, ledger: Ledger, courier: Courier
    ) -> None:
        self.settings = settings
        self._simulation = simulation
        self._ledger = ledger
        self._courier = courier
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._heap: list[tuple[datetime, int]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resume what is open and work until left."""
        for accepted in self._ledger.open.values():
            if accepted.due is None:
                self._queue.put_nowait(accepted.number)
            else:
                heapq.heappush(self._heap, (accepted.due, accepted.number))
        await self._courier.open()
        tasks = [asyncio.create_task(self._work()) for _ in range(self.settings.workers_at_once)]
        tasks.append(asyncio.create_task(self._tick()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._courier.close()

    def begin(self, accepted: Accepted) -> None:
        """Put an accepted request to work."""
        self._queue.put_nowait(accepted.number)

    async def _tick(self) -> None:
        while True:
            now = self._simulation.clock.now()
            while self._heap and self._heap[0][0] <= now:
                self._queue.put_nowait(heapq.heappop(self._heap)[1])
            await asyncio.sleep(_TICK)

    async def _work(self) -> None:
        while True:
            accepted = self._ledger.open.get(await self._queue.get())
            if accepted is None:
                continue
            if knobs_of(self._simulation).silent:
                self._later(accepted, _SILENCE)
                continue
            if accepted.stage is Stage.CHECKING:
                await self._check(accepted)
            if accepted.stage is Stage.JUDGED:
                await self._tell_when_due(accepted)

    async def _check(self, accepted: Accepted) -> None:
        verdict = await self._refusals(accepted)
        if verdict is None:
            self._later(accepted, self.settings.file_retry_seconds)
            return
        refusals, chain = verdict
        request = accepted.request
        known = self._ledger.registration(request.local_uid)
        if known is not None and known.accepted != accepted.number:
            refusals = [texts.not_unique(request.local_uid, known.emdr_id)]
        elif not refusals and known is None:
            self._ledger.register(accepted, chain, self._simulation.clock.now())
        if refusals:
            self._ledger.refused(request.local_uid)
        accepted.refusals, accepted.registered = tuple(refusals), not refusals
        accepted.stage = Stage.JUDGED
        accepted.due = accepted.at + self._lateness(request.local_uid)
        self._ledger.keep(accepted)

    async def _refusals(self, accepted: Accepted) -> tuple[list[Refusal], str] | None:
        """Return everything wrong and the line of versions, or None when the file must be asked for again."""
        request = accepted.request
        known = self._ledger.registration(request.local_uid)
        if known is not None:
            return [], known.chain
        code = self._simulation.forced_code()
        if code is not None and code not in SYNCHRONOUS:
            return [texts.forced(code)], ""
        unlinked = requests.link_refusal(request.organization, request.client, self.settings)
        if unlinked is not None:
            return [unlinked], ""
        broken = bad_day(self._simulation)
        if broken is not None:
            return [broken], ""
        content = await self._courier.fetch(accepted)
        if isinstance(content, Refusal):
            accepted.file_tries += 1
            if content.code in _FILE_CODES and accepted.file_tries < self.settings.file_tries:
                return None
            return [content], ""
        self._ledger.received(request.local_uid, hashlib.sha256(content).hexdigest())
        return await self._judge(request, content)

    async def _judge(self, request: Request, content: bytes) -> tuple[list[Refusal], str]:
        found: list[Refusal] = []
        if self.settings.check_digest:
            mismatch = checks.digest_refusal(content, request.signatures)
            found += [mismatch] if mismatch else []
        now = self._simulation.clock.now()
        document, first, later = await self._checked(request, content, now)
        found += first
        found += checks.metadata_refusals(request, self.settings, now)
        if document is not None:
            found += checks.cross_refusals(request, document, self.settings)
        found += later
        chain = _chain(request, document)
        return found + line_refusals(request, chain, self.settings, self._ledger), chain

    async def _checked(
        self, request: Request, content: bytes, now: datetime
    ) -> tuple[CanonicalDocument | None, list[Refusal], list[Refusal]]:
        """Return what the file says, what is wrong with it and its signatures, and what is wrong inside."""
        checker = self._simulation.setup.checker
        if checker is None:
            broken = checks.xml_refusal(content)
            return None, [broken] if broken else [], []
        try:
            document, findings = await checker.check(
                content, kind=request.kind, signatures=_sent(request), at=now
            )
        except CheckFailed:
            return None, [texts.forced("RUNTIME_ERROR")], []
        outer = [one for one in findings if one.layer in checks.OUTER]
        inner = [one for one in findings if one.layer not in checks.OUTER]
        told = WordsOf(content, request.kind)
        return document, told.refusals(outer), told.refusals(inner)

    def _mark(self, local_uid: str) -> Mark:
        mark = self._simulation.store.get("marks", local_uid, Mark)
        return mark or self.settings.marks.get(local_uid) or Mark()

    def _lateness(self, local_uid: str) -> timedelta:
        seconds = self._mark(local_uid).late_seconds or self._simulation.faults.late_callback_seconds
        return timedelta(seconds=seconds)

    def _later(self, accepted: Accepted, seconds: float) -> None:
        """Come back to a request after so much simulated time."""
        due = self._simulation.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._heap, (due, accepted.number))

    async def _tell_when_due(self, accepted: Accepted) -> None:
        now = self._simulation.clock.now()
        if accepted.due is not None and accepted.due > now:
            heapq.heappush(self._heap, (accepted.due, accepted.number))
            return
        times = self._times(accepted)
        if times and self._simulation.happens("unknown_relates"):
            await self._courier.tell_of_nobody(accepted)
        for _ in range(times):
            registration = (
                self._ledger.registration(accepted.request.local_uid) if accepted.registered else None
            )
            accepted.tell_tries += 1
            if not await self._courier.tell(accepted, registration) and accepted.tell_tries < _TELL_TRIES:
                self._later(accepted, min(2.0**accepted.tell_tries, 300.0))
                return
        accepted.stage = Stage.TOLD
        self._ledger.keep(accepted)

    def _times(self, accepted: Accepted) -> int:
        """How many times the verdict is told: marks first, then the knobs."""
        mark = self._mark(accepted.request.local_uid)
        if mark.callbacks != 1:
            return mark.callbacks
        if self._simulation.happens("drop_callback"):
            return 0
        if accepted.registered and self._simulation.happens("crash_after_register"):
            return 0
        return 2 if self._simulation.happens("duplicate_callback") else 1


def _sent(request: Request) -> list[SentSignature]:
    """Pair the containers with their signers: personal ones come first, that of the organisation last."""
    personal = len(request.signers)
    return [
        SentSignature(data=data, role=request.signers[place].role, snils=request.signers[place].snils)
        if place < personal
        else SentSignature(data=data, organization=True)
        for place, data in enumerate(request.signatures)
    ]


def _chain(request: Request, document: CanonicalDocument | None) -> str:
    """Name the line of versions: setId of the document, else its number, else itself alone."""
    own = request.document_number or request.local_uid
    if document is not None and document.set_id.extension:
        own = f"{document.set_id.root}/{document.set_id.extension}"
    return f"{request.organization}/{request.kind}/{own}"
