"""One RabbitMQ node for the whole folder; where RabbitMQ is not installed its tests are skipped, and say so."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
from rabbit_node import RabbitNode, a_node

from broker.bus.supervision import Patience

HASTY = Patience(
    connect=5,
    heartbeat=3,
    probe_every=0.5,
    probe=1.0,
    call=5,
    confirm=2,
    close=1,
    first_backoff=0.05,
    longest_backoff=0.5,
    settled=1,
    watch_every=0.3,
    grace=2,
)
"""The patience of the tests: the same machinery, sooner."""

_numbers = count(1)


@pytest.fixture(scope="session")
async def node() -> AsyncIterator[RabbitNode]:
    async with a_node() as node:
        yield node


@pytest.fixture
def queue() -> str:
    """Return a queue of the work list nobody used before."""
    return f"probe{next(_numbers)}"


@pytest.fixture
def patience() -> Patience:
    return HASTY
