"""The driver's connection as we want it: it can be cut, and its end is ours to bring about, not the garbage collector's."""

import asyncio
from typing import Any, Final

import aio_pika
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory


class _Transport(TransportFactory):
    """Keeps the writer, so that a frozen connection can be cut instead of being closed politely."""

    def __init__(self, inner: TransportFactory) -> None:
        self._inner: Final = inner
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: Any, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await self._inner.create(url, **kwargs)
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class Connection(aio_pika.Connection):
    """A plain connection that can be cut; whoever opens it closes or cuts it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tls = self.url.scheme == "amqps"
        self._cutter: Final = _Transport(TLSTransportFactory() if tls else TCPTransportFactory())
        self.kwargs["transport_factory"] = self._cutter

    def cut(self) -> None:
        """Drop the connection at once, as for one that no longer answers."""
        self._cutter.cut()

    def __del__(self) -> None:
        """Leave nothing to do: the driver's own finalizer starts a task in whatever thread collects the garbage.

        One that never opened was never closed either; collected in a thread without a loop its coroutine is lost with
        a warning.
        """
