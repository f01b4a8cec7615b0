"""Waiting for something real to happen, with an end."""

import asyncio
from collections.abc import Callable

from broker.dev.supervisor import Child, ChildState


async def comes_true(question: Callable[[], bool], seconds: float = 10.0) -> None:
    """Ask again and again until the answer is yes."""
    async with asyncio.timeout(seconds):
        while not question():  # noqa: ASYNC110  the world outside sets no event
            await asyncio.sleep(0.01)


async def restarted(child: Child, before: int | None) -> None:
    """Wait until another process stands in for the one that was killed, and serves."""
    await comes_true(lambda: child.pid != before and child.state is ChildState.READY, 60.0)
