"""A stage for adapters under test: a clock to turn, a peer door to be called at, hostile servers, invented people.

Nothing here is used in production; the conformance suite and an adapter's own tests build on it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

import aiohttp
import msgspec
from aiohttp import web

from broker.adapter_kit.context import Context, Destination, FileAway, StoredFile
from broker.adapter_kit.outcome import Awaiting, Outcome
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.adapter_kit.pieces import whole
from broker.adapter_kit.port import Adapter, PeerRequest, Polls, Receives, Refuse, Serve, StoredCallback, Take
from broker.adapter_kit.simulation import SimDocument
from broker.document.canonical import (
    CanonicalDocument,
    Code,
    InstanceId,
    Organization,
    Patient,
    Person,
    PersonName,
    Policy,
    SignatureRecord,
)
from broker.document.submission import Mode, SignatureKind

START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_NAMESPACE: Final = UUID("5f0c2f3e-7f0b-4f0e-9d83-0c5a5d1f7a10")


class SteppedClock:
    """A clock that stands still until it is turned."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the present instant."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Turn the clock forward."""
        self._now += step


class MemoryFiles:
    """The files of the parcels on stage, by localUid and by receipt number; ``away`` says why one is not at hand."""

    def __init__(self) -> None:
        self._by_uid: dict[str, StoredFile] = {}
        self._by_receipt: dict[str, StoredFile] = {}
        self.away: dict[UUID, str] = {}

    def hold(self, parcel: Parcel) -> None:
        """Keep the parcel's bytes under its localUid."""
        self._by_uid[parcel.local_uid.lower()] = StoredFile(
            document_id=parcel.document_id,
            local_uid=parcel.local_uid,
            content=parcel.content,
            media_type=parcel.media_type,
            digest=parcel.digest,
        )

    def receipt(self, number: str, parcel: Parcel) -> None:
        """Make the parcel's bytes findable by the number of its receipt too."""
        self._by_receipt[number] = self._by_uid[parcel.local_uid.lower()]

    async def by_local_uid(self, local_uid: str) -> StoredFile | FileAway | None:
        """Find by localUid without regard to case."""
        return self._at_hand(self._by_uid.get(local_uid.lower()))

    async def by_receipt(self, number: str) -> StoredFile | FileAway | None:
        """Find by the number of the receipt."""
        return self._at_hand(self._by_receipt.get(number))

    def _at_hand(self, file: StoredFile | None) -> StoredFile | FileAway | None:
        reason = self.away.get(file.document_id) if file else None
        return FileAway(document_id=file.document_id, reason=reason) if file and reason else file


class MemoryIds:
    """What a destination was told already."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    async def get(self, clinic: str, key: str) -> str | None:
        """Return the remembered value."""
        return self.values.get((clinic, key))

    async def put(self, clinic: str, key: str, value: str) -> None:
        """Remember a value."""
        self.values[clinic, key] = value


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Run an application on a free loopback port and give its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class PeerDoor:
    """Our side as a state system sees it: hands calls to the adapter, keeps verdicts as the broker would."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.context: Context | None = None
        self.calls: list[PeerRequest] = []
        self.callbacks: list[StoredCallback] = []
        self.served: list[str] = []
        self.refused: list[str] = []
        self._news = asyncio.Condition()

    def application(self) -> web.Application:
        """Build the web application with the one route ``/peer/<destination>/<endpoint>``."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/peer/{destination}/{endpoint}", self._call)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        assert self.context is not None
        adapter = self.adapter
        assert isinstance(adapter, Receives)
        call = PeerRequest(
            endpoint=request.match_info["endpoint"],
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.calls.append(call)
        reply = await adapter.receive(call, self.context)
        async with self._news:
            match reply:
                case Take(correlation=correlation):
                    self.callbacks.append(
                        StoredCallback(
                            endpoint=call.endpoint,
                            correlation=correlation,
                            headers=call.headers,
                            body=call.body,
                        )
                    )
                case Serve(event=event):
                    self.served.append(event)
                case Refuse(code=code):
                    self.refused.append(code)
            self._news.notify_all()
        body = whole(reply.body) if isinstance(reply, Serve) else reply.reply
        return web.Response(body=body, status=reply.status)

    async def wait_for(
        self, correlation: str, *, count: int = 1, timeout: float = 15
    ) -> list[StoredCallback]:
        """Wait until so many callbacks with this correlation came; raise ``TimeoutError`` when they do not."""

        def fitting() -> list[StoredCallback]:
            return [callback for callback in self.callbacks if callback.correlation == correlation]

        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: len(fitting()) >= count)
        return fitting()


class Stage:
    """An adapter, its simulator and everything between them."""

    def __init__(self, adapter: Adapter, context: Context, door: PeerDoor, simulator: str) -> None:
        self.adapter = adapter
        self.context = context
        self.door = door
        self.simulator = simulator

    @property
    def clock(self) -> SteppedClock:
        """The clock both sides look at."""
        assert isinstance(self.context.clock, SteppedClock)
        return self.context.clock

    @property
    def files(self) -> MemoryFiles:
        """The files we can be asked for."""
        assert isinstance(self.context.files, MemoryFiles)
        return self.context.files

    async def send(self, parcel: Parcel) -> Outcome:
        """Deliver a parcel whose file can be asked for."""
        self.files.hold(parcel)
        return await self.adapter.deliver(parcel, self.context)

    async def settle(self, parcel: Parcel, outcome: Outcome) -> Outcome:
        """Follow an ``Awaiting`` to the verdict, by callback or by polling; other outcomes are returned as they are."""
        for _ in range(50):
            if not isinstance(outcome, Awaiting):
                return outcome
            if isinstance(self.adapter, Polls) and outcome.look_again_at is not None:
                self.clock.advance(max(outcome.look_again_at - self.clock.now(), timedelta(0)))
                await asyncio.sleep(0.02)
                outcome = await self.adapter.poll(
                    msgspec.structs.replace(parcel, state=outcome.state), self.context
                )
            else:
                outcome = await self._from_callback(outcome)
        return outcome

    async def _from_callback(self, outcome: Awaiting) -> Outcome:
        assert isinstance(self.adapter, Receives)
        callbacks = await self.door.wait_for(outcome.correlation)
        for verdict in await self.adapter.interpret(callbacks[-1], self.context):
            if verdict.correlation == outcome.correlation:
                return verdict.outcome
        raise AssertionError("the callback says nothing about the attempt it names")

    async def send_and_settle(self, parcel: Parcel) -> Outcome:
        """Deliver and wait for the verdict."""
        return await self.settle(parcel, await self.send(parcel))

    async def documents(self) -> list[SimDocument]:
        """Ask the simulator what it holds."""
        async with self.context.http.get(f"{self.simulator}/sim/documents") as response:
            return msgspec.json.decode(await response.read(), type=list[SimDocument])

    async def faults(self, **knobs: object) -> None:
        """Turn the simulator's fault knobs; none clears them."""
        async with self.context.http.put(f"{self.simulator}/sim/faults", json=knobs) as response:
            assert response.status == 200, await response.text()


@asynccontextmanager
async def context_for(
    destination: Destination, *, clock: SteppedClock | None = None, peer_url: str = ""
) -> AsyncIterator[Context]:
    """Give a context with a real HTTP session and memory for everything else."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Context(
            clock=clock or SteppedClock(),
            http=http,
            destination=destination,
            files=MemoryFiles(),
            ids=MemoryIds(),
            peer_url=peer_url,
        )


class Misbehaviour(StrEnum):
    """How a hostile server answers after it has read the whole request."""

    SILENT = "silent"
    """Never answers."""
    ABORTED = "aborted"
    """Cuts the connection."""
    UNAVAILABLE = "unavailable"
    """503."""
    TOO_MANY = "too_many"
    """429."""
    SERVER_ERROR = "server_error"
    """500 with a page for people."""
    TRUNCATED = "truncated"
    """Promises more bytes than it sends."""
    EMPTY = "empty"
    """200 and nothing."""
    GARBAGE = "garbage"
    """200 and noise."""
    HTML = "html"
    """200 and a sign-in page."""
    HUGE = "huge"
    """200 and ten megabytes of one element."""
    WRONG_ENCODING = "wrong_encoding"
    """200 and XML whose bytes are not in the encoding it declares."""
    ECHO = "echo"
    """200 and the request itself, with every name in it."""


_PAGE: Final = "<html><body><h1>Технические работы</h1></body></html>".encode()
_ANSWERS: Final[dict[Misbehaviour, tuple[int, bytes]]] = {
    Misbehaviour.UNAVAILABLE: (503, b""),
    Misbehaviour.TOO_MANY: (429, b""),
    Misbehaviour.SERVER_ERROR: (500, _PAGE),
    Misbehaviour.EMPTY: (200, b""),
    Misbehaviour.GARBAGE: (200, bytes(range(256)) * 8),
    Misbehaviour.HTML: (200, _PAGE),
    Misbehaviour.HUGE: (200, b"<a>" + b"x" * (10 * 1024 * 1024) + b"</a>"),
    Misbehaviour.WRONG_ENCODING: (
        200,
        b'<?xml version="1.0" encoding="UTF-8"?><a>' + "Ошибка".encode("cp1251") + b"</a>",
    ),
}


class HostileServer:
    """Reads requests whole, keeps them, and answers as badly as it is told."""

    def __init__(self, misbehaviour: Misbehaviour) -> None:
        self.misbehaviour = misbehaviour
        self.requests: list[bytes] = []
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["HostileServer"]:
        """Listen on a free loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._closing = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self._closing.set()
            server.close()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                self.requests.append(await _read_request(reader))
                await self._misbehave(writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._open.discard(task)

    async def _misbehave(self, writer: asyncio.StreamWriter) -> None:
        match self.misbehaviour:
            case Misbehaviour.SILENT:
                await self._closing.wait()
            case Misbehaviour.ABORTED:
                writer.transport.abort()
            case Misbehaviour.TRUNCATED:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<?xml version='1.0'?><Env")
                await writer.drain()
            case _:
                status, body = _ANSWERS.get(
                    self.misbehaviour, (200, self.requests[-1].partition(b"\r\n\r\n")[2])
                )
                head = f"HTTP/1.1 {status} x\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
                writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
    if length is not None:
        return head + await reader.readexactly(length)
    if b"transfer-encoding: chunked" in lines:
        return head + await reader.readuntil(b"\r\n0\r\n\r\n")
    return head


async def unused_url() -> str:
    """Return an address nobody listens at."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


def a_snils(number: int) -> str:
    """Return an invented СНИЛС (eleven digits) with a right check number."""
    digits = f"{900_000_000 + number:09d}"
    total = sum(int(digit) * (9 - place) for place, digit in enumerate(digits))
    return f"{digits}{total % 101 % 100:02d}"


def an_id(*parts: object) -> UUID:
    """Return a UUID that depends on the parts only."""
    return uuid5(_NAMESPACE, "/".join(map(str, parts)))


def a_document(
    number: int = 1, *, kind: str = "306", clinic: str = "1.2.643.5.1.13.13.12.2.77.9001"
) -> CanonicalDocument:
    """Return an invented document's canonical form; people bear names nobody has."""
    doctor = Person(
        local_id="71",
        snils=a_snils(71),
        name=PersonName("Осмотрщиков", "Врачеслав", "Поликлиникович"),
        position=Code("109", "1.2.643.5.1.13.13.11.1002", "9.6", "врач-терапевт"),
    )
    return CanonicalDocument(
        local_uid=str(an_id("uid", number)),
        kind=kind,
        clinic=clinic,
        title="Медицинское заключение",
        document_id=InstanceId(f"{clinic}.100.1.1.51", str(an_id("uid", number))),
        set_id=InstanceId(f"{clinic}.100.1.1.50", str(an_id("set", number))),
        created_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC) + timedelta(minutes=number),
        created_text="202603011315+0300",
        document_number=f"МО-{number}",
        patient=Patient(
            local_id=f"P{number}",
            snils=a_snils(number),
            name=PersonName("Выдуманов", "Небылий", "Сочинович"),
            gender="1",
            birth_date="19800229",
            region="77",
            policy=Policy("2", "", f"77{number:014d}"),
        ),
        organization=Organization(oid=clinic, name="ООО «Выдумка»", ogrn="1027700132195"),
        custodian_oid=clinic,
        author=doctor,
        legal_authenticator=doctor,
    )


def a_parcel(
    number: int = 1,
    *,
    document: CanonicalDocument | None = None,
    content: bytes | None = None,
    attempt: int = 1,
    earlier: tuple[UUID, ...] = (),
    signatures: tuple[SignatureRecord, ...] | None = None,
    clinic: ClinicCard | None = None,
) -> Parcel:
    """Return a parcel with an invented document, two stand-in containers and a fresh message id per attempt."""
    document = document or a_document(number)
    body = (
        content
        if content is not None
        else f'<ClinicalDocument xmlns="urn:hl7-org:v3"><n>{number}</n></ClinicalDocument>'.encode()
    )
    if signatures is None:
        signatures = (
            SignatureRecord(
                kind=SignatureKind.PERSONAL, data=b"0\x03\x02\x01\x01", role="AUTHOR", signer=document.author
            ),
            SignatureRecord(kind=SignatureKind.ORGANIZATION, data=b"0\x03\x02\x01\x02"),
        )
    return Parcel(
        delivery_id=an_id("delivery", number),
        document_id=an_id("document", number),
        message_id=an_id("message", number, attempt),
        attempt=attempt,
        type="semd",
        mode=Mode.TEST,
        kind=document.kind,
        local_uid=document.local_uid,
        clinic=clinic or ClinicCard(oid=document.clinic, region="77", title="Клиника «Выдумка»"),
        content=body,
        media_type="application/xml",
        digest=hashlib.sha256(body).hexdigest(),
        signatures=signatures,
        document=document,
        earlier_message_ids=earlier,
    )


def next_attempt(parcel: Parcel) -> Parcel:
    """Return the same parcel as the broker sends it again: a new message id, the former one remembered."""
    attempt = parcel.attempt + 1
    return msgspec.structs.replace(
        parcel,
        attempt=attempt,
        message_id=an_id("message", parcel.delivery_id, attempt),
        earlier_message_ids=(*parcel.earlier_message_ids, parcel.message_id),
    )


def private_words(parcel: Parcel) -> set[str]:
    """Return every word of the parcel that must never stand in a finding, a reason or a log."""
    document = parcel.document
    if document is None:
        return set()
    people: Iterable[Patient | Person] = [document.patient, document.author, *document.performers]
    words = {document.patient.birth_date}
    if document.patient.policy is not None:
        words.add(document.patient.policy.number)
    for person in people:
        words |= {person.snils, person.name.family, person.name.given, person.name.patronymic}
    iso = document.patient.birth_date
    if len(iso) == 8:
        words.add(f"{iso[:4]}-{iso[4:6]}-{iso[6:]}")
    return {word for word in words if len(word) > 3}
