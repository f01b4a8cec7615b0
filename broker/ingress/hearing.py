"""Notes that a state system called us, over which channel, rarely enough to cost nothing."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from broker.store.channels import ChannelStore

EVERY: Final = 1.0
"""Seconds between two notes of one channel: a silence of half an hour is not measured finer."""
ENDPOINTS: Final = 15.0
"""Seconds the clinics with endpoints of their own are remembered."""


class Hearing:
    """What a peer door tells of every call it answered; times of its own are monotonic seconds."""

    def __init__(self, channels: ChannelStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._channels = channels
        self._monotonic = monotonic
        self._noted: dict[tuple[str, str, bool], float] = {}
        self._endpoints: dict[str, tuple[float, frozenset[str]]] = {}

    async def heard(
        self, destination: str, at: datetime, *, document: UUID | None = None, correlation: str = ""
    ) -> None:
        """Note a call about a file handed out (``document``) or a verdict (``correlation``)."""
        clinic = ""
        own = await self._own(destination)
        if own:
            found = await self._channels.clinic_of(destination, document=document, correlation=correlation)
            clinic = found if found in own else ""
        file = document is not None
        key, now = (destination, clinic, file), self._monotonic()
        if now - self._noted.get(key, -EVERY) < EVERY:
            return
        self._noted[key] = now
        await self._channels.heard(destination, clinic, at, file=file)

    async def _own(self, destination: str) -> frozenset[str]:
        now = self._monotonic()
        kept = self._endpoints.get(destination)
        if kept is None or now - kept[0] > ENDPOINTS:
            kept = (now, frozenset(await self._channels.endpoints(destination)))
            self._endpoints[destination] = kept
        return kept[1]
