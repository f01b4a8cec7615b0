"""In which order may a partner be told? One document's events one after another, different documents side by side.

What was taken counts only up to the first event that was not: behind it everything is told again, and a partner skips
what is not above the last ``sequence`` it saw.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from broker.document.submission import Mode


class FeedItem(msgspec.Struct, frozen=True):
    """One event of the feed: the cursor after it and the JSON body as partners receive it."""

    tx: str
    id: UUID
    event: str
    body: str

    @property
    def cursor(self) -> str:
        """The value of ``after`` that continues behind this event."""
        return f"{self.tx}.{self.id}"


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """What an envelope needs of an event's body."""

    mode: Mode = Mode.PRODUCTION
    message_id: str = ""
    document_id: str | None = None


def read_head(item: FeedItem) -> Head:
    """Read what an envelope needs of an event."""
    return msgspec.json.decode(item.body, type=Head)


def chains(items: Sequence[FeedItem]) -> list[list[FeedItem]]:
    """Split a feed into chains that may be told side by side: one per document, events without one form one chain."""
    found: dict[str | None, list[FeedItem]] = {}
    for item in items:
        found.setdefault(read_head(item).document_id, []).append(item)
    return list(found.values())


def told_up_to(items: Sequence[FeedItem], told: Collection[UUID]) -> int:
    """Return how many events from the beginning were told without a gap."""
    for count, item in enumerate(items):
        if item.id not in told:
            return count
    return len(items)
