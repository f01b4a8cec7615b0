"""Tells partners over AMQP: each partner's events in order, one relay at a time, from the position it was told up to."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from broker.bus.port import PartnerDoor, Sent
from broker.partners.credential import login_of
from broker.receipts.feed import FeedItem, chains, read_head, told_up_to
from broker.store.destinations import RelayLease, RelayStore
from broker.store.journal import Journal
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.metrics import RELAYED
from broker.work.loop import Loop

BATCH = 200
"""Events read and confirmed together."""
DECLARE_EVERY = 2.0
"""Seconds after which a new partner finds its queue."""


class RelayWorker:
    """Moves events from the feed to ``receipts.<login>`` (test events to the test login); what does not fit waits."""

    def __init__(self, door: PartnerDoor, relays: RelayStore, journal: Journal) -> None:
        self.loop = Loop("receipts", self._work, idle=0.25)
        self._door = door
        self._relays = relays
        self._journal = journal
        self._full: dict[str, float] = {}
        self._declared: set[str] = set()
        self._declare_at = 0.0

    async def _work(self) -> int:
        await self._declare()
        moved = 0
        for partner in await self._relays.behind():
            if self._full.get(partner, 0) > asyncio.get_running_loop().time():
                continue
            lease = await self._relays.claim(partner)
            if lease is not None:
                moved += await self._relay(lease)
        return moved

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
        items = await self._journal.feed(partner, lease.cursor, BATCH)
        told = set().union(*await asyncio.gather(*(self._tell(partner, chain) for chain in chains(items))))
        confirmed = told_up_to(items, told)
        why = "" if confirmed == len(items) else "receipts.not_taken"
        if confirmed:
            passed(KillPoint.RELAY_SENT)
            await self._relays.advance(lease, items[confirmed - 1].cursor, why)
            passed(KillPoint.RELAY_ADVANCED)
        if why:
            self._full[partner] = asyncio.get_running_loop().time() + 2
        await self._relays.release(lease, why)
        return confirmed

    async def _tell(self, partner: str, chain: Sequence[FeedItem]) -> set[UUID]:
        """Send one document's events in order, stopping at the first that is not taken."""
        told: set[UUID] = set()
        for item in chain:
            if await self._send(partner, item) is not Sent.CONFIRMED:
                break
            told.add(item.id)
        return told

    async def _send(self, partner: str, item: FeedItem) -> Sent:
        head = read_head(item)
        answer = await self._door.send_receipt(
            login_of(partner, head.mode),
            item.body.encode(),
            message_id=str(item.id),
            correlation_id=head.message_id,
            kind=item.event,
        )
        RELAYED.labels(answer).inc()
        return answer
