"""Can RabbitMQ be reached with our account, which release answers, and is there where partners publish?"""

import aio_pika
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelNotFoundEntity

from broker.bus.connection import Connection
from broker.bus.topology import DOCUMENTS

TIMEOUT = 10.0


async def examine_rabbitmq(url: str) -> str:
    """Return the server's release; raise ``ConnectionError`` naming the kind of failure, never the URL with its secret."""
    try:
        connection = await aio_pika.connect(url, timeout=TIMEOUT, connection_class=Connection)
    except CONNECTION_EXCEPTIONS as error:
        raise ConnectionError(type(error).__name__) from error
    except (TimeoutError, ValueError) as error:
        raise ConnectionError(type(error).__name__) from error
    try:
        transport = connection.transport
        properties = transport.connection.server_properties if transport is not None else {}
        version = properties.get("version", b"")
        return version.decode() if isinstance(version, bytes) else str(version)
    finally:
        await connection.close()


async def takes_documents(url: str) -> bool:
    """Tell whether partners' exchange is there already: a fresh node has it a moment after the doors have started."""
    try:
        connection = await aio_pika.connect(url, timeout=TIMEOUT, connection_class=Connection)
    except (*CONNECTION_EXCEPTIONS, TimeoutError):
        return False
    async with connection:
        channel = await connection.channel()
        try:
            await channel.get_exchange(DOCUMENTS.name)
        except ChannelNotFoundEntity:
            return False
    return True
