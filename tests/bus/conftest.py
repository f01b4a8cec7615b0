"""One RabbitMQ node for the whole folder; where RabbitMQ is not installed its tests are skipped, and say so."""

from collections.abc import Iterator
from itertools import count

import pytest
from rabbit_node import SERVER, RabbitNode

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
def node() -> Iterator[RabbitNode]:
    if not SERVER.exists():
        pytest.skip("НЕ ПРОВЕРЕНО: rabbitmq-server не установлен, шина RabbitMQ не испытана")
    node = RabbitNode()
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture
def queue() -> str:
    """Return a queue of the work list nobody used before."""
    return f"probe{next(_numbers)}"


@pytest.fixture
def patience() -> Patience:
    return HASTY
