"""A real node asks our decisions over HTTP: a partner reaches its own receipts and routing keys and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError
from aiohttp import web
from rabbit_node import RabbitNode, a_node

from broker.bus import auth
from broker.bus.auth import Account
from broker.bus.connection import Connection
from broker.bus.door import RabbitDoor
from broker.bus.supervision import Patience
from broker.bus.topology import DOCUMENTS
from broker.dev.state import free_port
from broker.partners.credential import partner_of

pytestmark = pytest.mark.rabbitmq

SECRETS = {"mis-17": "first", "mis-17-test": "second", "mis-18": "third", "mis-19": "withdrawn"}
DECISIONS = {
    "user": auth.decide_user,
    "vhost": auth.decide_vhost,
    "resource": auth.decide_resource,
    "topic": auth.decide_topic,
}


def account_of(login: str, secret: str | None) -> Account | None:
    if login not in SECRETS or secret not in (None, SECRETS[login]):
        return None
    partner, mode = partner_of(login)
    return Account(partner=partner, mode=mode, admitted=login != "mis-19")


def answer(question: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        account = account_of(form["username"], form.get("password"))
        return web.Response(text=DECISIONS[question](form, account).text)

    return handle


@pytest.fixture(scope="module")
async def rights() -> AsyncIterator[RabbitNode]:
    """Run a node configured as ``inaya dev`` does it, answers cached, beside an answering backend."""
    app = web.Application()
    for question in DECISIONS:
        app.router.add_post(f"/{question}", answer(question))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", free_port())
    await site.start()
    async with a_node(auth_url=site.name) as node:
        async with RabbitDoor(node.url, chance=lambda: 0.5, patience=Patience()) as door:
            for login in SECRETS:
                while not await door.declare_partner(login):  # noqa: ASYNC110 - only asking again tells
                    await asyncio.sleep(0.05)
            await exchange_is_there(node)
        yield node
    await runner.cleanup()


async def exchange_is_there(node: RabbitNode) -> None:
    async with await aio_pika.connect(node.url, connection_class=Connection) as ours, asyncio.timeout(20):
        while True:
            channel = await ours.channel()
            try:
                await channel.get_exchange(DOCUMENTS.name)
            except AMQPError:
                await asyncio.sleep(0.1)
            else:
                return


async def connect(node: RabbitNode, login: str, secret: str | None = None) -> aio_pika.abc.AbstractConnection:
    return await aio_pika.connect(
        host="127.0.0.1",
        port=node.port,
        login=login,
        password=secret or SECRETS[login],
        connection_class=Connection,
    )


async def refused(node: RabbitNode, login: str, act: Callable[[AbstractChannel], Awaitable[object]]) -> bool:
    """Tell whether RabbitMQ refuses what the login tries."""
    async with await connect(node, login) as connection:
        channel = await connection.channel(on_return_raises=True)
        try:
            await act(channel)
        except AMQPError as error:
            return "ACCESS_REFUSED" in str(error)
        return False


def publishing(key: str, exchange: str = DOCUMENTS.name) -> Callable[[AbstractChannel], Awaitable[object]]:
    async def act(channel: AbstractChannel) -> None:
        target = await channel.get_exchange(exchange, ensure=False)
        await target.publish(aio_pika.Message(b"{}", delivery_mode=2), key, timeout=10)

    return act


async def ignore(message: aio_pika.abc.AbstractIncomingMessage) -> None:
    """Leave the message unacknowledged."""


def consuming(queue: str) -> Callable[[AbstractChannel], Awaitable[object]]:
    async def act(channel: AbstractChannel) -> None:
        await (await channel.get_queue(queue, ensure=False)).consume(ignore)

    return act


@pytest.mark.parametrize(
    ("login", "secret"), [("mis-17", "wrong"), ("mis-99", "first"), ("mis-19", "withdrawn")]
)
async def test_a_wrong_secret_an_unknown_and_a_withdrawn_login_stay_outside(
    rights: RabbitNode, login, secret
):
    with pytest.raises(aio_pika.exceptions.AMQPConnectionError):
        await connect(rights, login, secret)


@pytest.mark.parametrize("login", ["mis-17", "mis-17-test"])
async def test_a_partner_publishes_under_its_own_key_and_reads_its_own_receipts(rights: RabbitNode, login):
    assert not await refused(rights, login, publishing(f"{login}.1-2-643"))
    assert not await refused(rights, login, consuming(f"receipts.{login}"))
    assert not await refused(
        rights, login, lambda channel: channel.declare_queue(f"receipts.{login}", passive=True)
    )
    assert not await refused(rights, login, lambda channel: channel.get_exchange(DOCUMENTS.name))


@pytest.mark.parametrize(
    ("login", "key"),
    [
        ("mis-17", "mis-18.1-2-643"),
        ("mis-17", "mis-17-test.1-2-643"),
        ("mis-17-test", "mis-17.1-2-643"),
        ("mis-17", "#"),
    ],
)
async def test_publishing_under_a_foreign_key_is_refused(rights: RabbitNode, login, key):
    assert await refused(rights, login, publishing(key))


@pytest.mark.parametrize("queue", ["receipts.mis-18", "receipts.mis-17-test", "intake", "intake.parked"])
async def test_reading_a_foreign_queue_is_refused(rights: RabbitNode, queue):
    assert await refused(rights, "mis-17", consuming(queue))


async def test_a_partner_publishes_nowhere_else(rights: RabbitNode):
    assert await refused(rights, "mis-17", publishing("intake", exchange=""))
    assert await refused(rights, "mis-17", publishing("mis-17.1", exchange="amq.topic"))
    assert await refused(rights, "mis-17", publishing("mis-17.1", exchange="intake.parking"))


async def test_a_partner_declares_binds_deletes_and_purges_nothing_of_ours(rights: RabbitNode):
    own = "receipts.mis-17"

    async def bind(channel: AbstractChannel) -> None:
        await (await channel.get_queue(own, ensure=False)).bind(DOCUMENTS.name, "mis-18.#")

    assert await refused(rights, "mis-17", lambda channel: channel.declare_queue("mine", durable=True))
    assert await refused(rights, "mis-17", lambda channel: channel.declare_queue("", exclusive=True))
    assert await refused(rights, "mis-17", lambda channel: channel.declare_exchange("mine", durable=True))
    assert await refused(rights, "mis-17", lambda channel: channel.queue_delete(own))
    assert await refused(rights, "mis-17", lambda channel: channel.exchange_delete(DOCUMENTS.name))
    assert await refused(rights, "mis-17", bind)


async def test_a_partner_may_not_speak_as_another(rights: RabbitNode):
    """RabbitMQ itself compares ``user_id`` with the login (406), so we may believe it."""

    async def act(channel: AbstractChannel) -> None:
        target = await channel.get_exchange(DOCUMENTS.name, ensure=False)
        await target.publish(aio_pika.Message(b"{}", user_id="mis-18"), "mis-17.1", timeout=10)

    async with await connect(rights, "mis-17") as connection:
        channel = await connection.channel()
        with pytest.raises(AMQPError, match="user_id"):
            await act(channel)
