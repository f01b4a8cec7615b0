"""Bodies are counted where they go out too: files state systems fetch, and what a worker sends."""

import asyncio
import contextlib
import gc
import io
import socket
import uuid
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web
from builders import an_arrival
from in_process import KEY, House, a_house, everything_to, scripted_destination
from rows import Shelf, StillClock
from scripted import installed
from servers import Databases
from yarl import URL

from adapters.remd import ADAPTER
from adapters.remd.simulator import wire
from broker.adapter_kit import Context, Destination
from broker.adapter_kit.harness import MemoryFiles, MemoryIds, serving
from broker.adapter_kit.pieces import Parts
from broker.archive import Codec, MasterKeys
from broker.dev.world import World
from broker.ingress import peer
from broker.routing.table import Rule, Table
from broker.store.destinations import ANSWER_COPIES, CallbackStore, StoredFiles
from broker.store.journal import Journal
from broker.store.notebook import Notebook
from broker.store.room import Room
from broker.telemetry.metrics import BODIES

MIB = 1024 * 1024
FILE = 6 * MIB
"""More than the kernel keeps of an answer nobody reads."""
LIMIT = 3 * FILE * ANSWER_COPIES
"""Three files open at once, the others wait."""


class Watched(Room):
    """Remembers the most it held."""

    peak = 0

    def _count(self, size: int) -> None:
        super()._count(size)
        self.peak = max(self.peak, self.held)


@pytest.fixture
def room() -> Watched:
    """The room for files."""
    return Watched(LIMIT)


@pytest.fixture
def calls() -> Room:
    """The room for what is told us."""
    return Room(peer.CALLS)


@pytest.fixture
async def door(shelf: Shelf, codec: Codec, room: Watched, calls: Room) -> AsyncIterator[str]:
    """The peer door over a real store and the adapter of РЭМД, with little room."""
    async with aiohttp.ClientSession() as http:
        remd = Destination(id="remd", adapter="remd", mode="any", params={"client_entity_id": "us"})
        context = Context(
            clock=StillClock(), http=http, destination=remd, files=MemoryFiles(), ids=MemoryIds()
        )
        callbacks = CallbackStore(shelf.database, codec)
        it = peer.PeerDoor(
            {"remd": (ADAPTER, context)},
            lambda destination, share: StoredFiles(destination, shelf.deliveries, shelf.documents, share),
            callbacks,
            Journal(shelf.database),
            Notebook(Journal(shelf.database)),
            lambda _due: None,
            shelf.files,
            rooms=peer.PeerRooms(calls, room),
        )
        async with serving(it.application()) as url:
            yield f"{url}/peer/remd/callback"


def asking(local_uid: str) -> bytes:
    return wire.file_request(local_uid, message_id=f"urn:uuid:{uuid.uuid4()}", to="http://here")


async def call(url: str, body: object) -> tuple[int, int]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=body, headers={"Content-Type": "application/soap+xml"}) as response,
    ):
        return response.status, len(await response.read())


@contextlib.asynccontextmanager
async def unread(url: URL, body: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """Send a call and leave its answer to the kernel, which keeps little."""
    here = socket.socket()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    here.setblocking(False)
    await asyncio.get_running_loop().sock_connect(here, (url.host, url.port))
    reader, writer = await asyncio.open_connection(sock=here, limit=1024)
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        yield reader
    finally:
        writer.transport.abort()


def held() -> float:
    """Bytes of bodies in all rooms of this process."""
    return BODIES.collect()[0].samples[0].value


async def comes_true(question: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not question():  # noqa: ASYNC110  the world outside sets no event
            await asyncio.sleep(0.01)


async def a_file(shelf: Shelf) -> str:
    arrival = an_arrival(content=b"x" * FILE)
    await shelf.routed(arrival, destinations=("remd",))
    return arrival.local_uid


async def test_thirty_two_files_asked_for_at_once_are_handed_out_within_the_room(
    shelf: Shelf, door: str, room: Watched, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("broker.store.room.WAIT", 120)  # the last one waits as long as this machine takes
    uid = await a_file(shelf)
    answers = await asyncio.gather(*(call(door, asking(uid)) for _ in range(32)))
    assert {status for status, _ in answers} == {200}
    assert min(length for _, length in answers) > FILE * 4 / 3
    assert 2 * FILE * ANSWER_COPIES < room.peak <= LIMIT
    assert room.held == 0


async def test_a_file_is_held_until_it_is_read_and_who_finds_no_room_is_asked_to_come_again(
    shelf: Shelf, door: str, room: Watched, monkeypatch: pytest.MonkeyPatch
):
    uid = await a_file(shelf)
    taken = await room.take(LIMIT - FILE * ANSWER_COPIES - MIB)
    monkeypatch.setattr("broker.store.room.WAIT", 0.2)
    async with unread(URL(door), asking(uid)) as answer:
        assert b" 200 " in await answer.readline()
        await asyncio.sleep(0.2)
        assert taken + FILE < room.held < taken + FILE + MIB / 16, (
            "its reader has not read it yet; its text is nowhere"
        )
        assert await call(door, asking(uid)) == (503, 0)
        while await answer.read(MIB):
            pass
        await comes_true(lambda: room.held == taken)
    room.give(taken)
    assert (await call(door, asking(uid)))[0] == 200
    assert room.held == 0


async def test_a_kept_connection_keeps_nothing_of_the_file_it_was_answered_with(shelf: Shelf, door: str):
    body = asking(await a_file(shelf))
    headers = {"Content-Type": "application/soap+xml"}
    async with aiohttp.ClientSession() as http:
        async with http.post(door, data=body, headers=headers) as response:
            assert len(await response.read()) > FILE
        await asyncio.sleep(0.1)
        gc.collect()
        assert [one for one in gc.get_objects() if isinstance(one, Parts)] == []


async def test_a_reader_that_never_reads_is_cut_off(
    shelf: Shelf, door: str, room: Watched, monkeypatch: pytest.MonkeyPatch
):
    uid = await a_file(shelf)
    monkeypatch.setattr(peer, "PATIENCE", 0.3)
    async with unread(URL(door), asking(uid)) as answer:
        assert b" 200 " in await answer.readline()
        assert room.held
        await comes_true(lambda: not room.held)


async def test_calls_without_a_length_are_counted_as_the_largest_until_they_are_read(door: str, calls: Room):
    gate = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"<a>"
        await gate.wait()
        yield b"</a>"

    waiting = [asyncio.create_task(call(door, slowly())) for _ in range(3)]
    await comes_true(lambda: calls.held == 3 * 2 * peer.MAX_BODY)
    gate.set()
    assert {status for status, _ in await asyncio.gather(*waiting)} == {400}
    assert calls.held == 0


async def test_a_call_over_the_limit_is_refused_and_holds_nothing(door: str, calls: Room):
    assert (await call(door, io.BytesIO(b"x" * (peer.MAX_BODY + 1))))[
        0
    ] == web.HTTPRequestEntityTooLarge.status_code
    assert calls.held == 0


def telling() -> bytes:
    inner = "<cb:status>success</cb:status>"
    message_id = f"urn:uuid:{uuid.uuid4()}"
    return wire.result(inner, relates_to=f"urn:uuid:{uuid.uuid4()}", message_id=message_id, to="http://here")


async def test_verdicts_are_taken_at_once_while_the_room_for_files_is_full(
    shelf: Shelf, door: str, room: Watched
):
    uid = await a_file(shelf)
    taken = await room.take(LIMIT)
    waiting = [asyncio.create_task(call(door, asking(uid))) for _ in range(8)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        answers = [await call(door, telling()) for _ in range(20)]
    assert {status for status, _ in answers} == {200}
    assert not any(one.done() for one in waiting), "their files have no room yet"
    room.give(taken)
    assert {status for status, _ in await asyncio.gather(*waiting)} == {200}


async def test_a_file_is_served_at_once_while_calls_without_end_fill_the_room_for_calls_but_one(
    shelf: Shelf, door: str, calls: Room
):
    uid = await a_file(shelf)
    taken = await calls.take(peer.CALLS - 64 * 1024)
    assert (await call(door, asking(uid)))[0] == 200
    assert calls.held == taken


async def test_a_file_is_served_while_submissions_fill_the_room_for_bodies(shelf: Shelf, door: str):
    uid = await a_file(shelf)
    bodies = shelf.documents.room
    taken = await bodies.take(bodies.limit)
    async with asyncio.timeout(5):
        assert (await call(door, asking(uid)))[0] == 200
    bodies.give(taken)


async def test_so_many_small_files_are_handed_out_at_once_and_no_more(shelf: Shelf, door: str, room: Watched):
    arrival = an_arrival(content=b"small")
    await shelf.routed(arrival, destinations=("remd",))
    await asyncio.gather(*(call(door, asking(arrival.local_uid)) for _ in range(3 * peer.FILES_AT_ONCE)))
    assert LIMIT // peer.FILES_AT_ONCE <= room.peak <= LIMIT
    assert room.held == 0


async def test_a_worker_opens_no_more_bodies_than_it_may_hold(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
):
    """Five destinations are due one document of 20 MiB each: in 192 MiB three fit with their copies."""
    place = tmp_path_factory.mktemp("worker")
    names = [f"scripted{number}" for number in range(5)]
    async with databases.fresh() as url:
        with installed(place / "site") as there:
            async with a_house(
                place,
                url,
                world,
                destinations=[scripted_destination(name) for name in names],
                table=everything_to(*names),
                processes=(),
                INAYA_BODIES_LIMIT=str(192 * MIB),
            ) as house:
                shelf = Shelf(house.database, Codec(MasterKeys({0: KEY})))
                for name in names:
                    await shelf.routed(
                        an_arrival(content=b"x" * (20 * MIB)), destinations=(name,), at=house.clock.now()
                    )
                there.gate.clear()
                await house.start("work")
                await comes_true(lambda: len(there.taken) >= 3, 20)
                await asyncio.sleep(1)
                assert len(there.taken) == 3
                there.gate.set()
                await comes_true(lambda: len(there.taken) == 5, 20)


async def test_files_and_verdicts_are_served_by_doors_whose_room_is_full_of_giants_on_their_way(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
):
    """Four partners send 40 MiB each, slowly; the room for bodies holds two of them."""
    place = tmp_path_factory.mktemp("doors")
    remd = Destination(id="remd", adapter="remd", mode="any", params={"client_entity_id": "us"})
    async with (
        databases.fresh() as url,
        a_house(
            place,
            url,
            world,
            destinations=[remd],
            table=Table((Rule(name="РЭМД", destination="remd", registers=True),)),
            processes=("serve",),
            INAYA_BODIES_LIMIT=str(192 * MIB),
        ) as house,
        contextlib.AsyncExitStack() as senders,
    ):
        shelf = Shelf(house.database, Codec(MasterKeys({0: KEY})))
        arrival = an_arrival(content=b"x" * (20 * MIB))
        await shelf.routed(arrival, destinations=("remd",), at=house.clock.now())
        before = held()
        for _ in range(4):
            await senders.enter_async_context(a_giant_on_its_way(house, 40 * MIB))
        await comes_true(lambda: held() - before == 160 * MIB)
        door = f"{house.peer}/peer/remd/callback"
        async with asyncio.timeout(8):
            served = await asyncio.gather(*(call(door, asking(arrival.local_uid)) for _ in range(3)))
            assert (await call(door, telling()))[0] == 200
        assert {status for status, _ in served} == {200}
        assert min(length for _, length in served) > 20 * MIB * 4 / 3


@contextlib.asynccontextmanager
async def a_giant_on_its_way(house: House, size: int) -> AsyncIterator[None]:
    """Announce a submission and send the first of it."""
    url = URL(house.http)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /api/v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.partners[0].secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )
    writer.write(head.encode() + b'{"clinic"')
    try:
        yield
    finally:
        writer.transport.abort()
