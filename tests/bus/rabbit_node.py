"""The private node of ``inaya dev``, as the tests of the bus use it: killed, restarted, commanded."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.dev.account import run_once
from broker.dev.install import InstallPolicy, Missing, ensure_rabbitmq
from broker.dev.rabbitmq import RabbitmqNode, private_rabbitmq
from broker.dev.supervisor import Backoff, ChildState, Supervisor


class RabbitNode:
    """A node with our own account."""

    def __init__(self, node: RabbitmqNode) -> None:
        self._node = node
        self.url = node.url
        self.port = node.port

    def url_through(self, port: int) -> str:
        """Return the address of the node behind a proxy."""
        return self.url.replace(f":{self.port}/", f":{port}/")

    async def restart(self) -> None:
        """``kill -9``; the supervisor of ``inaya dev`` starts it again."""
        child, killed = self._node.child, self._node.child.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(90):
            while child.pid == killed or child.state is not ChildState.READY:  # noqa: ASYNC110 - the child sets no event
                await asyncio.sleep(0.02)

    async def ctl(self, *command: str) -> None:
        """Run ``rabbitmqctl`` as the node's own user."""
        spec = self._node.child.spec
        status, said = await run_once(
            ("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *command), account=spec.account, env=spec.env
        )
        assert status == 0, said


@asynccontextmanager
async def a_node(auth_url: str = "") -> AsyncIterator[RabbitNode]:
    """Run a node for as long as the block lasts; skip, and say so, where RabbitMQ is missing."""
    found = await ensure_rabbitmq(InstallPolicy.of(os.environ))
    if isinstance(found, Missing):
        pytest.skip(f"НЕ ПРОВЕРЕНО на RabbitMQ: {found}")
    with tempfile.TemporaryDirectory(prefix="inaya-bus-", ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o711)  # noqa: ASYNC240 - one directory
        quiet = Supervisor(Path(parent) / "state", tell=lambda _: None, backoff=Backoff(first=0.02))
        async with quiet as crew, private_rabbitmq(crew, auth_url=auth_url) as node:
            if isinstance(node, Missing):
                pytest.skip(f"НЕ ПРОВЕРЕНО на RabbitMQ: {node}")
            yield RabbitNode(node)
