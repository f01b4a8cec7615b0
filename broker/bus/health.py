"""Can RabbitMQ be reached with our account, and which release answers?"""

import aio_pika
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from broker.bus.connection import Connection

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
