"""The private RabbitMQ node, real and really killed."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import aio_pika
import aiormq
import psutil
import pytest
from aiohttp import web
from waiting import restarted

from broker.bus.connection import Connection
from broker.dev import guardian
from broker.dev.install import Missing
from broker.dev.rabbitmq import RabbitmqNode, accepts_login, private_rabbitmq
from broker.dev.state import free_port
from broker.dev.supervisor import Supervisor

pytestmark = pytest.mark.rabbitmq


SETTLED = 2.0
"""Seconds after which a new quorum queue outlives a kill, see ``a_queue``."""


class Judge:
    """An HTTP backend that lets one partner in, to its own queue and routing keys."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        question = await request.post()
        self.asked.append(request.path)
        match request.path.rpartition("/")[2]:
            case "user":
                allowed = question["username"] == "mis-demo" and question.get("password") == "secret"
            case "vhost":
                allowed = question["vhost"] == "/"
            case "resource":
                allowed = question["name"] in {"documents", "receipts.mis-demo"}
            case _:
                allowed = str(question["routing_key"]).startswith("mis-demo.")
        return web.Response(text="allow" if allowed else "deny")


@pytest.fixture(scope="module")
async def shared_crew() -> AsyncIterator[Supervisor]:
    with TemporaryDirectory(prefix="inaya-test-") as parent:
        Path(parent).chmod(0o711)  # noqa: ASYNC240  one directory
        async with Supervisor(Path(parent) / "state", tell=lambda text: None) as crew:
            yield crew


@pytest.fixture(scope="module")
async def node(shared_crew: Supervisor) -> AsyncIterator[RabbitmqNode]:
    """One node for the tests that leave it whole, beside strangers at every usual port."""
    with ExitStack() as squatters:
        for usual in (5672, 4369, 25672):
            with suppress(OSError):
                squatters.enter_context(socket.create_server(("127.0.0.1", usual)))
        async with private_rabbitmq(shared_crew) as node:
            if isinstance(node, Missing):
                pytest.skip(str(node))
            await a_queue(node.url)
            yield node


@pytest.fixture
async def judge() -> AsyncIterator[str]:
    application, judge = web.Application(), Judge()
    application.router.add_post("/amqp-auth/{ask}", judge.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/amqp-auth"
        assert "/amqp-auth/topic" in judge.asked
    finally:
        await runner.cleanup()


async def a_queue(url: str, settle: float = 0.0) -> None:
    """Declare the queue; ``settle`` seconds before a kill.

    A quorum queue whose node is killed within about a second of its declaration never gets a leader again in 3.10: the
    node notes the name of the Raft member in a table it saves half a second after the last change
    (``name_not_registered``, rabbitmq-server issue 15725 describes the same end).
    """
    async with await aio_pika.connect(url, connection_class=Connection) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
    await asyncio.sleep(settle)


async def keep(url: str, body: bytes) -> None:
    """Put a message where it survives and see it confirmed."""
    async with await aio_pika.connect(url, connection_class=Connection) as connection:
        channel = await connection.channel(publisher_confirms=True)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept")


async def fetch(url: str) -> bytes:
    """Take the message; a quorum queue that was just recovered elects its leader first."""
    async with asyncio.timeout(30), await aio_pika.connect(url, connection_class=Connection) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("kept")
        while True:
            with suppress(aio_pika.exceptions.QueueEmpty):
                message = await queue.get(timeout=10)
                await message.ack()
                return message.body
            await asyncio.sleep(0.1)


async def test_it_listens_on_the_loopback_only_beside_taken_usual_ports(
    node: RabbitmqNode, shared_crew: Supervisor
) -> None:
    processes = [psutil.Process(pid) for pid in guardian.marked(str(shared_crew.state.path))]
    listening = {
        connection.laddr
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}
    assert len({address.port for address in listening}) == 3
    assert not {5672, 4369, 25672, 15672} & {address.port for address in listening}
    assert node.epmd.pid in {process.pid for process in processes}
    if os.geteuid() == 0:
        assert 0 not in {process.uids().real for process in processes}


async def test_killed_outright_it_comes_back_with_every_confirmed_message(node: RabbitmqNode) -> None:
    await a_queue(node.url, settle=SETTLED)
    for body in (b"one", b"two"):
        await keep(node.url, body)
        before = node.child.pid
        os.kill(before, signal.SIGKILL)
        await restarted(node.child, before)
        assert await fetch(node.url) == body


async def test_a_killed_port_mapper_comes_back_at_its_port(
    node: RabbitmqNode, shared_crew: Supervisor
) -> None:
    before = node.epmd.pid
    os.kill(before, signal.SIGKILL)
    await restarted(node.epmd, before)
    named = [
        pid for pid in guardian.marked(str(shared_crew.state.path)) if psutil.Process(pid).name() == "epmd"
    ]
    assert named == [node.epmd.pid]
    assert await accepts_login("127.0.0.1", node.port, "inaya", shared_crew.state.secret("rabbitmq"))


async def test_partners_are_asked_about_and_kept_to_what_is_theirs(crew: Supervisor, judge: str) -> None:
    async with private_rabbitmq(crew, auth_url=judge) as node:
        async with await aio_pika.connect(node.url, connection_class=Connection) as own:
            channel = await own.channel()
            exchange = await channel.declare_exchange("documents", aio_pika.ExchangeType.TOPIC, durable=True)
            intake = await channel.declare_queue("intake", durable=True, arguments={"x-queue-type": "quorum"})
            await intake.bind(exchange, "#")
            for name in ("receipts.mis-demo", "receipts.mis-other"):
                await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        theirs = f"amqp://mis-demo:secret@127.0.0.1:{node.port}/"
        async with await aio_pika.connect(theirs, connection_class=Connection) as partner:
            await publish(partner, "mis-demo.1-2-643")
            with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
                await publish(partner, "mis-other.1-2-643")
            channel = await partner.channel()
            await channel.get_queue("receipts.mis-demo")
            with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
                await (await channel.get_queue("receipts.mis-other", ensure=False)).get(fail=False)
        for login in ("mis-demo:wrong", "guest:guest", "nobody:secret"):
            with pytest.raises(aiormq.exceptions.AMQPConnectionError):
                await aio_pika.connect(f"amqp://{login}@127.0.0.1:{node.port}/", connection_class=Connection)


async def publish(partner: aio_pika.abc.AbstractConnection, key: str) -> None:
    channel = await partner.channel(publisher_confirms=True)
    exchange = await channel.get_exchange("documents", ensure=False)
    await exchange.publish(aio_pika.Message(b"{}"), key)


async def test_a_stand_killed_outright_leaves_no_erlang_and_continues(
    start_stand: Callable, nobody_left: Callable
) -> None:
    stand = await start_stand("rabbitmq")
    url = stand.told["rabbitmq"]["url"]
    await a_queue(url, settle=SETTLED)
    await keep(url, b"kept")
    await stand.end(signal.SIGKILL)
    assert nobody_left(15)
    again = await start_stand("rabbitmq")
    assert again.told["rabbitmq"]["url"] == url
    assert await fetch(url) == b"kept"
    assert await again.end(signal.SIGTERM) == 0
    assert nobody_left(0)


async def test_an_ordinary_user_gets_a_node_of_his_own(
    start_stand: Callable, parent: Path, as_nobody: tuple[str, ...], nobody_left: Callable
) -> None:
    stand = await start_stand("rabbitmq", python=as_nobody, HOME=str(parent))
    url = stand.told["rabbitmq"]["url"]
    await a_queue(url)
    await keep(url, b"mine")
    assert await fetch(url) == b"mine"
    assert psutil.Process(stand.told["rabbitmq"]["pid"]).uids().real == 65534
    assert await stand.end(signal.SIGINT) == 0
    assert nobody_left(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to run as somebody else")
async def test_a_directory_its_account_cannot_reach_is_told(parent: Path) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    async with Supervisor(closed / "state") as crew, private_rabbitmq(crew) as node:
        assert isinstance(node, Missing)
        assert str(closed) in node.reason


async def test_a_listener_that_is_no_rabbitmq_is_not_taken_for_one() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    port = free_port()
    async with await asyncio.start_server(greet, "127.0.0.1", port):
        assert not await accepts_login("127.0.0.1", port, "inaya", "word")
