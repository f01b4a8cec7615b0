"""Tells partners over AMQP: each partner's events in order, one relay at a time, from the position it was told up to."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from broker.bus.port import Letter, PartnerDoor, Sent
from broker.partners.credential import login_of
from broker.receipts.feed import FeedItem, Telling, chains, told_up_to
from broker.store.destinations import RelayLease, RelayStore
from broker.store.journal import Journal
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.metrics import RELAYED
from broker.work.loop import Loop

BATCH = 200
"""Events read and confirmed together."""
REST = 0.25
"""Seconds between two looks for events, unless somebody is a whole batch behind: most of a document's go in one row."""
DECLARE_EVERY = 2.0
"""Seconds after which a new partner finds its queue."""

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
"""Seconds until a partner whose queue takes nothing is asked again: doubled each time."""


class _Full(NamedTuple):
    """A partner whose queue took nothing: not asked until then (the loop's clock), and the pause that led there."""

    until: float
    pause: float


class RelayWorker:
    """Moves events from the feed to ``receipts.<login>`` (test events to the test login); what does not fit waits."""

    def __init__(self, door: PartnerDoor, relays: RelayStore, journal: Journal) -> None:
        self.loop = Loop("receipts", self._turn, idle=REST)
        self._door = door
        self._relays = relays
        self._journal = journal
        self._full: dict[str, _Full] = {}
        self._declared: set[str] = set()
        self._declare_at = 0.0
        self._more = False

    async def _turn(self) -> int:
        """Tell everybody, and go on at once only where more waits: what comes meanwhile is told together after a rest."""
        self._more = False
        await self._work()
        return int(self._more)

    async def _work(self) -> int:
        await self._declare()
        now = asyncio.get_running_loop().time()
        due = [
            one
            for one in await self._relays.behind()
            if one not in self._full or self._full[one].until <= now
        ]
        moved = await asyncio.gather(*(self._serve(partner) for partner in due))
        return sum(moved)

    async def _serve(self, partner: str) -> int:
        lease = await self._relays.claim(partner)
        return 0 if lease is None else await self._relay(lease)

    async def _declare(self) -> None:
        """Let everybody's queue exist before its first event, so that a МИС may begin by reading."""
        now = asyncio.get_running_loop().time()
        if now < self._declare_at:
            return
        self._declare_at = now + DECLARE_EVERY
        logins = {login_of(partner, mode) for partner, mode in await self._relays.readers()}
        for login in sorted(logins - self._declared):
            if await self._door.declare_partner(login):
                self._declared.add(login)

    async def _relay(self, lease: RelayLease) -> int:
        partner = lease.partner_id
        passed(KillPoint.RELAY_CLAIMED)
        probing = partner in self._full
        limit = 1 if probing else BATCH
        items = await self._journal.feed(partner, lease.cursor, limit)
        told = await self._tell(partner, items)
        confirmed = told_up_to(items, told)
        why = "" if confirmed == len(items) else "receipts.not_taken"
        self._more |= confirmed == limit
        if confirmed:
            passed(KillPoint.RELAY_SENT)
            await self._relays.advance(lease, items[confirmed - 1].cursor, why)
            passed(KillPoint.RELAY_ADVANCED)
        if why:
            self._wait(partner)
        else:
            self._full.pop(partner, None)
        await self._relays.release(lease, why)
        return confirmed

    def _wait(self, partner: str) -> None:
        """Let a partner who takes nothing be asked less and less often, with one event."""
        before = self._full.get(partner)
        pause = min(before.pause * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._full[partner] = _Full(asyncio.get_running_loop().time() + pause, pause)

    async def _tell(self, partner: str, items: Sequence[FeedItem]) -> set[UUID]:
        """Send events, those of one document in order up to the first that is not taken; return which were."""
        queues: dict[str, list[list[Telling]]] = {}
        for chain in chains(items):
            queues.setdefault(login_of(partner, chain[0].head.mode), []).append(chain)
        answers = await asyncio.gather(*(self._send(login, rows) for login, rows in queues.items()))
        return set().union(*answers)

    async def _send(self, login: str, rows: Sequence[Sequence[Telling]]) -> set[UUID]:
        told: set[UUID] = set()
        answers = await self._door.send_receipts(login, [[_letter(one) for one in row] for row in rows])
        for row, (confirmed, answer) in zip(rows, answers, strict=True):
            told.update(one.item.id for one in row[:confirmed])
            RELAYED.labels(Sent.CONFIRMED).inc(confirmed)
            if answer is not Sent.CONFIRMED:
                RELAYED.labels(answer).inc()
        return told


def _letter(one: Telling) -> Letter:
    return Letter(
        body=one.item.body.encode(),
        message_id=str(one.item.id),
        correlation_id=one.head.message_id,
        kind=one.item.event,
    )
