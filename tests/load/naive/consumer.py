"""The naive pipeline's consumer: RabbitMQ → a row → XSD → HTTP → status. ``python -m tests.load.naive.consumer``."""

import asyncio
import base64
import json
import os
from functools import partial

import aio_pika
import aiohttp
import asyncpg
import uvloop
from lxml import etree

from tests.load.naive.door import QUEUE

PREFETCH = 32
SCHEMA = """
create table if not exists document (
    id text primary key,
    clinic text not null,
    kind text not null,
    status text not null,
    content bytea not null,
    received_at timestamptz not null default now(),
    finished_at timestamptz
)
"""


async def handle(
    pool: asyncpg.Pool,
    http: aiohttp.ClientSession,
    schema: etree.XMLSchema,
    sink: str,
    message: aio_pika.abc.AbstractIncomingMessage,
) -> None:
    """Carry one document all the way; acknowledged when it is done, redelivered when it is not."""
    async with message.process(requeue=True):
        given = json.loads(message.body)
        content = base64.b64decode(given["content"]["data"])
        await pool.execute(
            "insert into document (id, clinic, kind, status, content) values ($1, $2, $3, 'received', $4)"
            " on conflict do nothing",
            given["messageId"],
            given["clinic"],
            given["kind"],
            content,
        )
        status = "invalid"
        if schema.validate(etree.fromstring(content)):
            async with http.post(sink, data=content) as response:
                response.raise_for_status()
                status = "delivered"
        await pool.execute(
            "update document set status = $2, finished_at = now() where id = $1", given["messageId"], status
        )


async def run(database: str, url: str, sink: str, xsd: str) -> None:
    """Consume until killed."""
    schema = etree.XMLSchema(file=xsd)
    pool = await asyncpg.create_pool(database, min_size=4, max_size=10)
    await pool.execute(SCHEMA)
    async with aiohttp.ClientSession() as http:
        connection = await aio_pika.connect_robust(url)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.consume(partial(handle, pool, http, schema, sink))
        await asyncio.Event().wait()


def main() -> None:
    """Read the environment."""
    settings = (os.environ[f"NAIVE_{name}"] for name in ("DATABASE", "AMQP", "SINK", "XSD"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(*settings))


if __name__ == "__main__":
    main()
