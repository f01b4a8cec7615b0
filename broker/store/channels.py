"""How state systems call us: when each was heard last, who fell silent, and what waits for their answers how long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.document.event import EventName
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries
from broker.store.tasks import CALLBACK

QUERIES: Final = queries("channels")
LADDER: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 300, 3600, 6 * 3600, 12 * 3600, 86400, 3 * 86400, 7 * 86400, 15 * 86400)
)
"""Rungs of the ages of what was sent and not answered; the last is «older than 15 days»."""
RUNGS: Final = ("5m", "1h", "6h", "12h", "24h", "3d", "7d", "15d", "over")
"""Names of the rungs, for metrics: younger than that, and not of the rung before."""
REOPENED_AT_ONCE: Final = 100
LOOKED_AT: Final = 5000
"""So many of the newest parked answers are looked at for their attempts."""
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Hold(msgspec.Struct, frozen=True):
    """Whose deliveries to a destination are not sent while a channel is silent: these clinics, or all ``but`` these."""

    clinics: tuple[str, ...] = ()
    but: bool = False

    @property
    def everything(self) -> bool:
        """Tell whether nobody may send."""
        return self.but and not self.clinics


class SilentChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel over which a system does not call us; ``clinic_oid`` empty: the destination's own."""

    destination: str
    clinic_oid: str
    silent_since: datetime
    silent_count: int
    heard_at: datetime | None


class Patience(msgspec.Struct, frozen=True):
    """So many accepted documents may wait so long without a call to us."""

    after: timedelta
    documents: int


class ChannelStore:
    """Hears, judges and releases channels; everything of one channel is decided on its row."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def endpoints(self, destination: str) -> list[str]:
        """Return the clinics whose own endpoint the destination calls."""
        return [row["clinic_oid"] for row in await self._db.fetch(QUERIES["endpoints"], destination)]

    async def clinic_of(self, destination: str, *, document: UUID | None, correlation: str) -> str:
        """Return whose document a call was about, or an empty string."""
        if document is not None:
            return str(await self._db.fetchval(QUERIES["clinic_of_document"], document) or "")
        found = await self._db.fetchval(QUERIES["clinic_of_correlation"], correlation, destination)
        return str(found or "")

    async def heard(self, destination: str, clinic: str, at: datetime, *, file: bool) -> bool:
        """Note a call of a system; True when it ended a silence: deadlines get the time back, sending goes on."""
        async with self._db.transaction() as connection:
            since = await connection.fetchval(QUERIES["silent_since"], destination, clinic)
            await connection.execute(QUERIES["heard"], destination, clinic, at, file)
            if since is None:
                return False
            await self._go_on(connection, destination, clinic, since, at, actor="")
        return True

    async def release(self, destination: str, at: datetime, *, actor: str, reason: str) -> int:
        """Send on in spite of the silence; return how many channels were released."""
        async with self._db.transaction() as connection:
            rows = await connection.fetch(QUERIES["release"], destination, at)
            for row in rows:
                await self._go_on(
                    connection, destination, row["clinic_oid"], row["silent_since"], at, actor=actor, reason=reason
                )  # fmt: skip
        return len(rows)

    async def _go_on(
        self,
        connection: Any,
        destination: str,
        clinic: str,
        since: datetime,
        at: datetime,
        *,
        actor: str,
        reason: str = "",
    ) -> None:
        rows = await connection.fetch(QUERIES["endpoints"], destination)
        others = [row["clinic_oid"] for row in rows]
        await connection.execute(QUERIES["give_back"], destination, clinic, others, since, at)
        body = {"destination": destination, "silentSince": since, "reason": reason}
        await note(connection, EventName.INBOUND_HEARD, at, body=body, clinic=clinic, actor=actor)

    async def judge(self, destination: str, now: datetime, patience: Patience) -> list[SilentChannel]:
        """Find channels of a destination that fell silent just now, and journal each."""
        if not patience.after or patience.documents <= 0:
            return []
        others = await self.endpoints(destination)
        rows = await self._db.fetch(QUERIES["floors"], destination)
        floors = {row["clinic_oid"]: row["floor"] or _EVER for row in rows}
        fallen = []
        for clinic in ("", *others):
            floor = floors.get(clinic, _EVER)
            if floor < now - patience.after:
                one = await self._judge(destination, clinic, others, now, patience, floor)
                fallen += [] if one is None else [one]
        return fallen

    async def _judge(
        self,
        destination: str,
        clinic: str,
        others: Sequence[str],
        now: datetime,
        patience: Patience,
        floor: datetime,
    ) -> SilentChannel | None:
        latest = now - patience.after
        row = await self._db.fetchrow(
            QUERIES["silent_now"], destination, clinic, others, latest, patience.documents, floor
        )
        if row is None or row["documents"] < patience.documents:
            return None
        async with self._db.transaction() as connection:
            new = await connection.fetchval(
                QUERIES["fall_silent"], destination, clinic, now, row["documents"], latest
            )
            if new is None:
                return None
            body = {"destination": destination, "documents": row["documents"], "waitingSince": row["since"]}
            await note(connection, EventName.INBOUND_SILENT, now, body=body, clinic=clinic)
        return SilentChannel(
            destination=destination,
            clinic_oid=clinic,
            silent_since=now,
            silent_count=row["documents"],
            heard_at=None,
        )

    async def silent(self) -> list[SilentChannel]:
        """Return every silent channel."""
        return [SilentChannel(**dict(row)) for row in await self._db.fetch(QUERIES["silent"])]

    async def hold(self, destination: str) -> Hold | None:
        """Return whose deliveries wait for a silent channel, or None."""
        silent = {one.clinic_oid for one in await self.silent() if one.destination == destination}
        if not silent:
            return None
        if "" not in silent:
            return Hold(tuple(sorted(silent)))
        others = set(await self.endpoints(destination))
        return Hold(tuple(sorted(others - silent)), but=True)

    async def file_again(self, destination: str, now: datetime) -> int:
        """Try now what failed because the system could not take our file, where it has taken one since."""
        others = await self.endpoints(destination)
        return len(await self._db.fetch(QUERIES["file_again"], destination, now, others))

    async def reopen(self, now: datetime) -> list[tuple[int, str]]:
        """Have parked answers read again whose attempt is known by now; return the tasks to announce."""
        async with self._db.transaction() as connection:
            rows = await connection.fetch(QUERIES["reopen"], REOPENED_AT_ONCE, CALLBACK, now, LOOKED_AT)
            for row in rows:
                body = {"callback": str(row["subject"])}
                await note(connection, EventName.CALLBACK_REOPENED, now, body=body)
        return [(row["id"], row["queue"]) for row in rows]

    async def ages(self, now: datetime) -> dict[str, list[int]]:
        """Count by destination how many wait on each rung of the ladder."""
        found: dict[str, list[int]] = {}
        for row in await self._db.fetch(QUERIES["ages"], now, list(LADDER)):
            rungs = found.setdefault(row["destination"], [0] * len(RUNGS))
            rungs[min(max(row["rung"], 1), len(RUNGS)) - 1] += row["deliveries"]
        return found

    async def oldest(self, destination: str, limit: int = 5) -> list[dict[str, Any]]:
        """Return who waits longest."""
        return [dict(row) for row in await self._db.fetch(QUERIES["oldest"], destination, limit)]

    async def unknown(self, *, settled: bool = False) -> list[dict[str, Any]]:
        """Return codes nobody has described, with those an operator has settled when asked for."""
        return [dict(row) for row in await self._db.fetch(QUERIES["unknown"], settled)]

    async def settle_unknown(self, destination: str, code: str, at: datetime, actor: str) -> bool:
        """Note that an operator has seen to a code; False when there is none open."""
        found = await self._db.fetchval(QUERIES["settle_unknown"], destination, code, at, actor)
        return found is not None


async def keep_unknown(connection: Any, destination: str, code: str, at: datetime, document: UUID) -> bool:
    """Keep a code nobody has described in the caller's transaction; journalled the first time only."""
    first = bool(await connection.fetchval(QUERIES["note_unknown"], destination, code, at, document))
    if first:
        body = {"destination": destination, "code": code}
        await note(connection, EventName.ANSWER_UNKNOWN, at, body=body, document_id=document)
    return first
