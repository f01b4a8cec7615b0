"""Is this message one that was accepted before? Asked outside the commit, where only a repeat may still be answered."""

from typing import Final

from broker.intake.read import Arrival
from broker.store.database import Database
from broker.store.intake import Ticket
from broker.store.sql import queries

QUERIES: Final = queries("documents")


class Repeats:
    """Reads what the message gates remember."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ticket(self, arrival: Arrival) -> Ticket | None:
        """Return the first ticket of the same bytes under the same message id."""
        row = await self._db.fetchrow(
            QUERIES["first_ticket"],
            arrival.partner_id,
            arrival.mode,
            arrival.message_id,
            arrival.fingerprint,
        )
        if row is None:
            return None
        return Ticket(
            id=row["id"],
            status=row["status"],
            received_at=row["received_at"],
            digest=row["digest"].hex(),
            mode=row["mode"],
            repeated=True,
        )
