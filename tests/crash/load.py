"""Two clients as partners write them: HTTP repeats until it has a ticket, AMQP until it has a confirm."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from broker.bus.supervision import Link, LinkError, Patience, Wire
from broker.dev.endpoints import Endpoints
from tests.crash.documents import Paper

IN_FLIGHT = 64
PATIENCE = Patience(connect=5, probe=3, probe_every=3, call=5, confirm=5, longest_backoff=2)


class Accepted(msgspec.Struct, frozen=True):
    """What a partner knows of a document we promised to keep; ``ticket`` is empty over AMQP."""

    paper: Paper
    door: str
    ticket: str = ""


class Book:
    """What was promised, and what went wrong on the way."""

    def __init__(self) -> None:
        self.accepted: dict[str, Accepted] = {}
        self.refused: list[tuple[str, int, str]] = []
        self.troubles: Counter[str] = Counter()

    def accept(self, paper: Paper, door: str, ticket: str = "") -> None:
        """Note a promise."""
        self.accepted[paper.message_id] = Accepted(paper, door, ticket)


class HttpClient:
    """Sends over HTTP; as many requests at once as a partner's pool would."""

    def __init__(self, endpoints: Endpoints, book: Book) -> None:
        self._url = f"{endpoints.http}/api/v1/documents"
        self._secrets = {partner.id: partner.secret for partner in endpoints.partners}
        self._book = book
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the connections open while the context lasts."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as self._http:
            yield

    async def send(self, paper: Paper) -> None:
        """Repeat until there is a ticket or a refusal for good."""
        headers = {
            "Authorization": f"Bearer {self._secrets[paper.partner]}",
            "Content-Type": "application/json",
        }
        async with self._slots:
            while True:
                try:
                    async with self._http.post(self._url, data=paper.body, headers=headers) as response:
                        status, said = response.status, await response.read()
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    self._book.troubles[type(error).__name__] += 1
                else:
                    if self._settled(paper, status, said):
                        return
                await asyncio.sleep(random.uniform(0.2, 0.8))

    def _settled(self, paper: Paper, status: int, said: bytes) -> bool:
        if status in {200, 202}:
            self._book.accept(paper, "http", msgspec.json.decode(said)["id"])
            return True
        code = str(msgspec.json.decode(said).get("code", ""))
        self._book.troubles[f"{status} {code}"] += 1
        if status < 500 and status != 429:
            self._book.refused.append((paper.message_id, status, code))
            return True
        return False


class AmqpClient:
    """One partner over AMQP: publishes until confirmed, reads its receipts."""

    def __init__(self, endpoints: Endpoints, partner: str, book: Book) -> None:
        secret = next(one.secret for one in endpoints.partners if one.id == partner)
        assert endpoints.amqp is not None
        url = endpoints.amqp.replace("amqp://", f"amqp://{partner}:{secret}@")
        self._partner = partner
        self._link = Link(url, label=f"load-{partner}", patience=PATIENCE, chance=random.random)
        self._book = book
        self._waiting: deque[Paper] = deque()
        self._arrived = asyncio.Event()
        self.unsent = 0
        self.heard: dict[str, list[int]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish and listen while the context lasts."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._link)
            await stack.enter_async_context(self._link.keeping(self._publish))
            await stack.enter_async_context(self._link.keeping(self._listen))
            yield

    def send(self, paper: Paper) -> None:
        """Put a document into the partner's outbox."""
        self.unsent += 1
        self._waiting.append(paper)
        self._arrived.set()

    async def _publish(self, wire: Wire) -> None:
        async with wire.channel(confirms=True) as (channel, closed):
            exchange = await wire.ask(channel.get_exchange("documents", ensure=False))
            workers = [asyncio.create_task(self._publishing(wire, exchange, closed)) for _ in range(16)]
            try:
                await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        raise LinkError("closed")

    async def _publishing(self, wire: Wire, exchange: AbstractExchange, closed: asyncio.Event) -> None:
        while not closed.is_set() and not wire.lost.is_set():
            if not self._waiting:
                self._arrived.clear()
                try:
                    async with asyncio.timeout(0.5):
                        await self._arrived.wait()
                except TimeoutError:
                    pass
                continue
            paper = self._waiting.popleft()
            message = Message(
                paper.body,
                content_type="application/json",
                delivery_mode=DeliveryMode.PERSISTENT,
                message_id=paper.message_id,
            )
            try:
                await wire.ask(exchange.publish(message, paper.routing_key, mandatory=True), PATIENCE.confirm)
            except LinkError as trouble:
                self._book.troubles[f"amqp {trouble.why}"] += 1
                self._waiting.append(paper)
                raise
            except BaseException:
                self._waiting.append(paper)
                raise
            self.unsent -= 1
            self._book.accept(paper, "amqp")

    async def _listen(self, wire: Wire) -> None:
        async with wire.channel() as (channel, closed):
            await wire.ask(channel.set_qos(prefetch_count=500))
            queue = await wire.ask(channel.get_queue(f"receipts.{self._partner}", ensure=False))
            await wire.ask(queue.consume(self._hear))
            await closed.wait()
        raise LinkError("closed")

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        event = msgspec.json.decode(message.body)
        self.heard.setdefault(event["documentId"], []).append(event["sequence"])
        await message.ack()


class Load:
    """Offers documents at a steady rate, alternating between the doors, whatever becomes of them."""

    def __init__(self, endpoints: Endpoints, book: Book) -> None:
        self.http = HttpClient(endpoints, book)
        partners = [partner.id for partner in endpoints.partners] if endpoints.amqp else []
        self.amqp = {partner: AmqpClient(endpoints, partner, book) for partner in partners}
        self.offered = 0
        self.seconds = 0.0
        self._sending: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the clients connected while the context lasts."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.http.running())
            for client in self.amqp.values():
                await stack.enter_async_context(client.running())
            yield

    def end(self) -> None:
        """Offer no more."""
        self._ended.set()

    async def offer(self, papers: Sequence[Paper], rate: float) -> None:
        """Offer ``rate`` documents a second until there are no more or the end is called."""
        started = time.monotonic()
        for number, paper in enumerate(papers):
            ahead = started + number / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            if self._ended.is_set():
                break
            self._hand(paper, over_amqp=bool(self.amqp) and bool(number // 4 % 2))
        self.seconds = time.monotonic() - started

    def _hand(self, paper: Paper, *, over_amqp: bool) -> None:
        self.offered += 1
        if over_amqp:
            self.amqp[paper.partner].send(paper)
            return
        sending = asyncio.create_task(self.http.send(paper))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    @property
    def unsent(self) -> int:
        """How many documents have neither ticket nor confirm yet."""
        return len(self._sending) + sum(client.unsent for client in self.amqp.values())
