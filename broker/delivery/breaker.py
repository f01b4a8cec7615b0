"""A breaker and a pace per destination: an outage costs no attempts, a limit is kept."""

import random
from datetime import datetime, timedelta
from typing import Final

import msgspec

THRESHOLD: Final = 5
"""Failures in a row that open the breaker."""
SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=60)


class Breaker(msgspec.Struct, frozen=True):
    """Failures in a row and until when nothing is sent; half-open lets one delivery try."""

    failures: int = 0
    open_until: datetime | None = None

    def allows(self, now: datetime, wanted: int) -> int:
        """Return how many deliveries may start now."""
        if self.open_until is None:
            return wanted
        return min(wanted, 1) if now >= self.open_until else 0

    def after(self, failed: bool | None, now: datetime, dice: random.Random) -> "Breaker":  # noqa: FBT001  an answer
        """Return the breaker after an attempt that failed, was answered (False), or says nothing (None)."""
        if failed is None:
            return self
        if not failed:
            return Breaker()
        failures = self.failures + 1
        if failures < THRESHOLD:
            return Breaker(failures, self.open_until)
        pause = min(SHORTEST * 2 ** min(failures - THRESHOLD, 10), LONGEST) * dice.uniform(0.5, 1.0)
        return Breaker(failures, now + pause)


class Pace:
    """At most ``rate`` starts per second, bursts of one second; 0 means no limit. Times are monotonic seconds."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._tokens = max(rate, 1.0)
        self._at: float | None = None

    def take(self, wanted: int, at: float) -> int:
        """Return how many may start now."""
        if self.rate <= 0:
            return wanted
        if self._at is not None:
            self._tokens = min(max(self.rate, 1.0), self._tokens + (at - self._at) * self.rate)
        self._at = at
        granted = min(wanted, int(self._tokens))
        self._tokens -= granted
        return granted

    def give_back(self, unused: int) -> None:
        """Give back what was granted and not started."""
        self._tokens = min(max(self.rate, 1.0), self._tokens + unused)
