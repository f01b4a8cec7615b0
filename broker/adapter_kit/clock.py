"""What time is it: a port, so that ten days of waiting are tested in a second."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Business time; leases and timeouts of calls use the real clock instead."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...
