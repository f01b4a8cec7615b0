"""Where an adapter sends work that may block, load an engine or run wild: the port, and the plain way without processes.

The composition root brings a pool of supervised processes; a tool or a test computes in a thread of its own process.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


class ComputeAway(Exception):  # noqa: N818  names the state of the processes
    """No process could do the work (killed for its time, died, none can be started): it says nothing of the work."""


class Compute(Protocol):
    """Runs a function of the house on a value; both travel to another process, so they must be picklable."""

    async def __call__(self, work: Callable[[Given], Made], given: Given) -> Made:
        """Return ``work(given)``; raise ``ComputeAway`` when nobody could do it."""
        ...


async def in_thread(work: Callable[[Given], Made], given: Given) -> Made:
    """Do the work in a thread of this process."""
    return await asyncio.to_thread(work, given)
