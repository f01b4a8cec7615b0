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


RESTING: Final = 60.0
"""Seconds nothing starts after a system asked for fewer calls."""
RECOVERY: Final = 60.0
"""Seconds after which a pace that was slowed grows by a half."""
SLOWEST: Final = 0.05


class Pace:
    """At most ``rate`` starts per second, bursts of one second; 0 means no limit. Times are monotonic seconds.

    A system that asks for fewer calls is left alone for a while, then called at half the pace it complained of, which
    grows back by halves.
    """

    def __init__(self, rate: float) -> None:
        self.configured = rate
        self.rate = rate
        self._tokens = max(rate, 1.0)
        self._at: float | None = None
        self._resting_until = 0.0
        self._grows_at = 0.0
        self._ceiling = 0.0
        self._begun: tuple[float, int] = (0.0, 0)
        self._fastest = 1.0

    def slow(self, at: float, rest: float = RESTING) -> None:
        """Start nothing for ``rest`` seconds, then at half the pace; complaints of one burst count once."""
        if at < self._resting_until:
            return
        base = self.rate or self._fastest
        self._ceiling = max(self._ceiling, base)
        self.rate = max(base / 2, SLOWEST)
        self._resting_until = at + rest
        self._grows_at = self._resting_until + RECOVERY
        self._tokens, self._at = 1.0, self._resting_until

    def _grow(self, at: float) -> None:
        """Speed up again: by halves, until the configured pace, or without one twice the pace complained of."""
        while self._ceiling and at >= self._grows_at:
            self._grows_at += RECOVERY
            self.rate *= 1.5
            enough = self.configured or 2 * self._ceiling
            if self.rate >= enough:
                self.rate, self._ceiling = self.configured, 0.0

    def _measure(self, granted: int, at: float) -> None:
        since, count = self._begun
        if at - since >= 1.0:
            self._fastest, since, count = max(float(count), 1.0), at, 0
        self._begun = (since, count + granted)

    def take(self, wanted: int, at: float) -> int:
        """Return how many may start now."""
        if at < self._resting_until:
            return 0
        self._grow(at)
        if self.rate <= 0:
            self._measure(wanted, at)
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
