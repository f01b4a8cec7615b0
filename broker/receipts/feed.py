"""In which order may a partner be told? One document's events one after another, different documents side by side.

What was taken counts only up to the first event that was not: behind it everything is told again, and a partner skips
what is not above the last ``sequence`` it saw.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple
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


class Telling(NamedTuple):
    """An event to tell and what its envelope needs."""

    item: FeedItem
    head: Head


def chains(items: Sequence[FeedItem]) -> list[list[Telling]]:
    """Split a feed into chains that may be told side by side.

    One per document and one per mode (a queue of its own) of events without a document.
    """
    found: dict[tuple[str | None, Mode], list[Telling]] = {}
    for item in items:
        head = read_head(item)
        found.setdefault((head.document_id, head.mode), []).append(Telling(item, head))
    return list(found.values())


def told_up_to(items: Sequence[FeedItem], told: Collection[UUID]) -> int:
    """Return how many events from the beginning were told without a gap."""
    for count, item in enumerate(items):
        if item.id not in told:
            return count
    return len(items)
