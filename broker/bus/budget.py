"""How many messages, and how many bytes of them, the intake may hold at once.

RabbitMQ bounds a consumer by number only, and a hundred messages may be 1.6 MB or 1.2 GB. So there are two gears: the
full prefetch while bodies are small, and a careful one in which even the largest bodies fit. A message that comes in
full gear and does not fit is not kept: its bytes are dropped and it returns to the queue, where it waits its turn.
"""

from enum import StrEnum
from typing import Final


class Gear(StrEnum):
    """How boldly the intake consumes."""

    CAREFUL = "careful"
    """So few messages that the largest bodies fit."""
    FULL = "full"
    """The full prefetch: bodies have been small for a while."""


class Budget:
    """The bytes held now against the bytes allowed; one per door, surviving reconnects."""

    def __init__(self, *, limit: int, largest: int, prefetch: int) -> None:
        if limit < largest or prefetch < 1:
            raise ValueError("the budget must hold at least the largest body")
        self._limit: Final = limit
        self._largest: Final = largest
        self._prefetch: Final = prefetch
        self._small_in_a_row = 0
        self.held = 0
        self.peak = 0
        self.gear = Gear.FULL if self.careful_prefetch == prefetch else Gear.CAREFUL

    @property
    def careful_prefetch(self) -> int:
        """How many of the largest bodies fit."""
        return min(self._prefetch, self._limit // self._largest)

    @property
    def prefetch(self) -> int:
        """What the consumer asks for in the present gear."""
        return self._prefetch if self.gear is Gear.FULL else self.careful_prefetch

    def is_oversized(self, size: int) -> bool:
        """Tell whether a body is over the limit of one message and must not be kept."""
        return size > self._largest

    def admit(self, size: int) -> bool:
        """Count the bytes in if they fit; False asks to drop the message and to shift down."""
        if self.held + size > self._limit:
            self._small_in_a_row = 0
            return False
        self.held += size
        self.peak = max(self.peak, self.held)
        small = size * self._prefetch <= self._limit
        self._small_in_a_row = self._small_in_a_row + 1 if small else 0
        return True

    def release(self, size: int) -> None:
        """Count the bytes out."""
        self.held -= size

    def may_shift_up(self) -> bool:
        """Tell whether bodies have been small for long enough to take the full prefetch."""
        return self.gear is Gear.CAREFUL and self._small_in_a_row >= self._prefetch

    def shift(self, gear: Gear) -> None:
        """Change gear; the evidence is gathered anew."""
        self.gear = gear
        self._small_in_a_row = 0
