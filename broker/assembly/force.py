"""What documents are judged by right now: the rule book and the trust snapshot, each followed while a process runs."""

import contextlib
from collections.abc import AsyncIterator

from broker.assembly.rulebook import BookKeeper, book_keeper
from broker.assembly.trusting import TrustKeeper, trust_keeper
from broker.pipeline import InForce
from broker.settings import Settings
from broker.store.database import Database


class ForceKeeper:
    """Answers with both, as they were some seconds ago at most."""

    def __init__(self, book: BookKeeper, trust: TrustKeeper) -> None:
        self._book = book
        self._trust = trust

    def __call__(self) -> InForce:
        """Return the files of the book and of the snapshot."""
        return InForce(book=self._book(), trust=self._trust())


@contextlib.asynccontextmanager
async def force_keeper(settings: Settings, database: Database) -> AsyncIterator[ForceKeeper]:
    """Follow the rule book and the directory of trust while the context lasts."""
    async with book_keeper(settings, database) as book, trust_keeper(settings) as trust:
        yield ForceKeeper(book, trust)
