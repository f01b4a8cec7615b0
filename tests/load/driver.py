"""The sending side: as little work per request as can be, so that two cores measure the receiver and not the sender.

HTTP/1.1 over kept connections with requests encoded beforehand; AMQP with publisher confirms. The same driver sends to
the product and to the naive pipeline.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

import aiormq
import msgspec
from pamqp.commands import Basic

TIMEOUT: Final = 60.0


class Shot(NamedTuple):
    """One submission: when it was sent (``time.time``), how long the receiver took to accept it."""

    sent: float
    seconds: float


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came of sending: every submission was accepted, or ``LoadFailed`` would have been raised."""

    shots: list[Shot]
    started: float
    ended: float
    connections: int


class LoadFailed(Exception):  # noqa: N818  the run is void
    """A receiver refused, broke or fell silent: nothing measured counts."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Encode one POST."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    """One kept HTTP connection: one request at a time."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head = self._seen.find(b"\r\n\r\n")
        if head < 0 or self._answer is None:
            return
        lines = bytes(self._seen[:head]).split(b"\r\n")
        lengths = [int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"]
        if len(self._seen) >= head + 4 + (lengths[0] if lengths else 0):
            self._seen.clear()
            if not self._answer.done():
                self._answer.set_result(int(lines[0][9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LoadFailed(f"the receiver closed the connection: {exc}"))

    async def exchange(self, packet: bytes) -> int:
        """Send one request and return the status of its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(packet)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def post_all(url: str, packets: Sequence[bytes], connections: int) -> Load:
    """POST every packet over so many connections, each sending its next request when the last one is answered."""
    parts = urlsplit(url)
    opened = [await _open(parts.hostname or "", parts.port or 80) for _ in range(connections)]
    queue = iter(packets)
    shots: list[Shot] = []
    started = time.time()
    try:
        async with asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(_drain(connection, queue, shots))
    except* LoadFailed as failures:
        raise failures.exceptions[0] from None
    finally:
        for connection in opened:
            connection.close()
    return Load(shots=shots, started=started, ended=time.time(), connections=connections)


async def post_at_rate(url: str, packets: Sequence[bytes], per_second: float, connections: int = 32) -> Load:
    """POST at a steady rate whatever the receiver does (open loop); a request waits for a free connection at most."""
    parts = urlsplit(url)
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _open(parts.hostname or "", parts.port or 80))
    shots: list[Shot] = []
    started = time.time()

    async def one(packet: bytes) -> None:
        connection = await free.get()
        shots.append(await _shoot(connection, packet))
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number, packet in enumerate(packets):
            await asyncio.sleep(max(0.0, started + number / per_second - time.time()))
            group.create_task(one(packet))
    while not free.empty():
        free.get_nowait().close()
    return Load(shots=shots, started=started, ended=time.time(), connections=connections)


async def _open(host: str, port: int) -> _Connection:
    _, protocol = await asyncio.get_running_loop().create_connection(_Connection, host, port)
    return protocol


async def _drain(connection: _Connection, queue: Iterator[bytes], shots: list[Shot]) -> None:
    for packet in queue:
        shot = await _shoot(connection, packet)
        shots.append(shot)


async def _shoot(connection: _Connection, packet: bytes) -> Shot:
    sent, began = time.time(), time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT):
            status = await connection.exchange(packet)
    except TimeoutError as error:
        raise LoadFailed(f"no answer within {TIMEOUT} s") from error
    if status not in {200, 202}:
        raise LoadFailed(f"answered {status}")
    return Shot(sent, time.perf_counter() - began)


class Letter(NamedTuple):
    """One AMQP message and the login's connection it belongs to."""

    login: str
    key: str
    message_id: str
    body: bytes


async def publish_all(
    urls: dict[str, str], exchange: str, letters: Sequence[Letter], connections: int
) -> Load:
    """Publish every letter persistently and wait for its confirm; each connection has one letter under way."""
    logins = sorted(urls)
    queues = {login: iter([letter for letter in letters if letter.login == login]) for login in logins}
    opened = []
    for number in range(connections):
        login = logins[number % len(logins)]
        link = await aiormq.connect(urls[login])
        opened.append((login, link, await link.channel(publisher_confirms=True)))
    shots: list[Shot] = []

    async def drain(channel: aiormq.abc.AbstractChannel, queue: Iterator[Letter]) -> None:
        for letter in queue:
            sent, began = time.time(), time.perf_counter()
            properties = Basic.Properties(
                delivery_mode=2, message_id=letter.message_id, content_type="application/json"
            )
            frame = await channel.basic_publish(
                letter.body, exchange=exchange, routing_key=letter.key, properties=properties, timeout=TIMEOUT
            )
            if not isinstance(frame, Basic.Ack):
                raise LoadFailed(f"RabbitMQ answered {frame}")
            shots.append(Shot(sent, time.perf_counter() - began))

    started = time.time()
    try:
        async with asyncio.TaskGroup() as group:
            for login, _, channel in opened:
                group.create_task(drain(channel, queues[login]))
        ended = time.time()
    finally:
        for _, link, _ in opened:
            await link.close()
    return Load(shots=shots, started=started, ended=ended, connections=connections)
