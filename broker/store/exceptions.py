"""Which exceptions the settings of destinations make: noted in the journal when they change, whoever starts how often."""

from datetime import datetime
from typing import Final

from broker.document.event import EventName
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries

QUERIES: Final = queries("exceptions")
MOST: Final = 500
"""Signs of a reason that are kept."""


class ExceptionStore:
    """Exceptions on record; the journal is their only home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def record(self, destination: str, parameter: str, reason: str, at: datetime) -> bool:
        """Note an exception, another reason for it, or its end (an empty reason); False: it stands in the journal so."""
        reason = reason.strip()[:MOST]
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["lock"], f"{destination}|{parameter}")
            before = await connection.fetchval(
                QUERIES["last"], EventName.EXCEPTION_ON_RECORD, destination, parameter
            )
            if (before or "") == reason:
                return False
            body = {"destination": destination, "parameter": parameter, "reason": reason}
            await note(connection, EventName.EXCEPTION_ON_RECORD, at, body=body)
        return True
