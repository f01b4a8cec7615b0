"""May a destination be sent to, and whose deliveries: pauses by people, silent channels; looked at once a second."""

import time
from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.store.channels import ChannelStore, Hold
from broker.store.destinations import DestinationStore

LOOK_EVERY: Final = 1.0
"""Seconds a pause or a silence is remembered without looking."""


class Lanes(msgspec.Struct, frozen=True):
    """Which clinics' tasks may be claimed (not of these, or ``only`` of them), and how many at most (None: any)."""

    clinics: tuple[str, ...] = ()
    only: bool = False
    most: int | None = None


class Gate:
    """Opens for what may be sent.

    What a silent channel holds is let through one by one, once in so long a while: a system that lost what it took would
    otherwise never have a reason to call us again, and what is due to be asked about would never be asked.
    """

    def __init__(
        self, destination: str, destinations: DestinationStore, channels: ChannelStore, trial_every: timedelta
    ) -> None:
        self._destination = destination
        self._destinations = destinations
        self._channels = channels
        self._trial_every = trial_every
        self._looked_at = -LOOK_EVERY
        self._paused = False
        self._hold: Hold | None = None
        self._trial_at: datetime | None = None

    def look_again(self) -> None:
        """Look before the next claim, whenever the last look was."""
        self._looked_at = -LOOK_EVERY

    async def opens(self, now: datetime) -> Lanes | None:
        """Return what may be claimed now, or None."""
        if time.monotonic() - self._looked_at > LOOK_EVERY:
            state = (await self._destinations.states()).get(self._destination)
            self._paused = state is not None and state.paused
            self._hold = await self._channels.hold(self._destination)
            self._looked_at = time.monotonic()
        if self._paused:
            return None
        if self._hold is None:
            self._trial_at = None
            return Lanes()
        self._trial_at = self._trial_at or now + self._trial_every
        if self._trial_every and now >= self._trial_at:
            self._trial_at = now + self._trial_every
            return Lanes(self._hold.clinics, only=not self._hold.but, most=1)
        return None if self._hold.everything else Lanes(self._hold.clinics, only=self._hold.but)
