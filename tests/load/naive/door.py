"""The naive pipeline's door: HTTP → RabbitMQ, confirmed by the publisher's confirm. ``python -m tests.load.naive.door``."""

import asyncio
import json
import os
from collections.abc import AsyncIterator

import aio_pika
import uvloop
from aiohttp import web

QUEUE = "naive.documents"
EXCHANGE = web.AppKey("exchange", aio_pika.abc.AbstractExchange)


async def submit(request: web.Request) -> web.Response:
    """Look whether it is JSON with the two fields needed, publish it as it is, answer after the confirm."""
    body = await request.read()
    try:
        message_id = json.loads(body)["messageId"]
    except (ValueError, KeyError):
        return web.json_response({"error": "not a document"}, status=400)
    message = aio_pika.Message(body, message_id=message_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await request.app[EXCHANGE].publish(message, QUEUE)
    return web.json_response({"id": message_id}, status=202)


async def connected(app: web.Application, url: str) -> AsyncIterator[None]:
    """Keep a robust connection with publisher confirms while the application runs."""
    connection = await aio_pika.connect_robust(url)
    channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    app[EXCHANGE] = channel.default_exchange
    yield
    await connection.close()


async def run(port: int, url: str) -> None:
    """Serve until killed."""
    app = web.Application(client_max_size=40 * 1024 * 1024)
    app.cleanup_ctx.append(lambda app: connected(app, url))
    app.router.add_post("/documents", submit)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


def main() -> None:
    """Read the environment."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(os.environ["NAIVE_PORT"]), os.environ["NAIVE_AMQP"]))


if __name__ == "__main__":
    main()
