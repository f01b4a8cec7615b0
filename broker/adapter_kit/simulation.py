"""Furniture of every simulator: its register, its fault knobs, and the ``/sim/…`` pages of the public contract.

A simulator never deduplicates what the real system does not, counts calls apart from registrations, and survives
``kill -9``: what it took is in an append-only file before it answers.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from broker.adapter_kit.checker import DocumentChecker
from broker.adapter_kit.clock import Clock
from broker.adapter_kit.computing import Compute, in_thread

T = TypeVar("T")


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """What goes wrong on purpose: rates from 0 to 1, ``delay_ms`` before every answer.

    ``late_callback_seconds`` of simulated time delays every callback; ``code`` is answered instead of doing the work
    (a mnemonic or fault text of that system) at the rate ``code_rate``. ``slow`` answers come in crumbs over two seconds,
    ``html500`` ones are a gateway's page of HTML. A simulator adds knobs of its own by inheriting.
    """

    seed: int = 0
    delay_ms: float = 0
    unavailable: float = 0
    drop_answer: float = 0
    drop_callback: float = 0
    duplicate_callback: float = 0
    late_callback_seconds: float = 0
    truncate: float = 0
    code: str | None = None
    code_rate: float = 1
    slow: float = 0
    html500: float = 0


class SimDocument(msgspec.Struct, kw_only=True, rename="camel"):
    """One line of ``GET /sim/documents``: what the simulated system holds under a localUid.

    ``sha256`` is that of the bytes it received; ``calls`` counts requests about it, ``registrations`` how many times it
    was registered (more than one means a double).
    """

    local_uid: str
    clinic: str = ""
    kind: str = ""
    version: int = 1
    sha256: str = ""
    status: str = "received"
    registered_at: datetime | None = None
    receipt: str = ""
    calls: int = 0
    registrations: int = 0


class SimStore:
    """A dictionary of JSON values that survives ``kill -9``: every ``put`` is one appended line, read back at start.

    At start the file is written anew with the last value of every key: it does not grow for ever, and a line that was torn
    when the process was killed spoils none that comes after it.
    """

    def __init__(self, path: Path | None) -> None:
        self._values: dict[str, dict[str, object]] = {}
        self._file: FileIO | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in path.read_bytes().splitlines():
                self._replay(line)
            self._compact(path)
        self._file = path.open("ab", buffering=0)

    def _replay(self, line: bytes) -> None:
        try:
            table, key, value = msgspec.json.decode(line, type=tuple[str, str, object])
        except msgspec.DecodeError:
            return  # the last line of a process that was killed while writing
        self._values.setdefault(table, {})[key] = value

    def _compact(self, path: Path) -> None:
        beside = path.with_name(path.name + ".new")
        with beside.open("wb") as file:
            for table, values in self._values.items():
                file.writelines(_line(table, key, value) for key, value in values.items())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def put(self, table: str, key: str, value: object) -> None:
        """Keep a msgspec-encodable value under a key."""
        plain = msgspec.to_builtins(value)
        self._values.setdefault(table, {})[key] = plain
        if self._file is not None:
            self._file.write(_line(table, key, plain))

    def get(self, table: str, key: str, shape: type[T]) -> T | None:
        """Return the value under a key in the given shape."""
        value = self._values.get(table, {}).get(key)
        return None if value is None else msgspec.convert(value, shape)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def items(self, table: str, shape: type[T]) -> Iterator[tuple[str, T]]:
        """Iterate over a table in the order keys were first put."""
        for key, value in list(self._values.get(table, {}).items()):
            yield key, msgspec.convert(value, shape)


def _line(table: str, key: str, value: object) -> bytes:
    return msgspec.json.encode((table, key, value)) + b"\n"


class SimulatorSetup(msgspec.Struct, kw_only=True):
    """What the composition root hands a simulator.

    ``checker`` is its own ``DocumentChecker``; ``state`` a file for its register (None: memory only); ``params`` are the
    simulator's settings: registers, accounts, callback address (documented in the adapter's README). ``compute`` signs and
    verifies envelopes where an engine is at hand.
    """

    clock: Clock
    checker: DocumentChecker | None = None
    state: Path | None = None
    params: dict[str, object] = {}
    compute: Compute = in_thread


class Simulation:
    """Register, faults and random source of one simulator; ``injected`` counts every fault that was really put in."""

    def __init__(self, setup: SimulatorSetup, knobs: type[Faults] = Faults) -> None:
        self.setup = setup
        self.clock = setup.clock
        self.store = SimStore(setup.state)
        self.faults: Faults = knobs()
        self.injected: Counter[str] = Counter()
        self.random = random.Random(0)  # noqa: S311  reproducible faults, not secrets

    def document(self, local_uid: str) -> SimDocument | None:
        """Return what is held under a localUid."""
        return self.store.get("documents", local_uid, SimDocument)

    def keep(self, document: SimDocument) -> None:
        """Put a document into the register."""
        self.store.put("documents", document.local_uid, document)

    def happens(self, knob: str) -> bool:
        """Throw the seeded dice of a fault knob, named as in Python, and count it when it falls."""
        rate = getattr(self.faults, knob)
        fallen: bool = rate > 0 and self.random.random() < rate
        if fallen:
            self.injected[knob] += 1
        return fallen

    def forced_code(self) -> str | None:
        """Return the code to answer with instead of doing the work, when the knob says so."""
        if self.faults.code and self.happens("code_rate"):
            return self.faults.code
        return None

    async def pages_documents(self, _request: web.Request) -> web.Response:
        """Answer ``GET /sim/documents``."""
        documents = [document for _, document in self.store.items("documents", SimDocument)]
        return web.Response(body=msgspec.json.encode(documents), content_type="application/json")

    async def pages_faults(self, request: web.Request) -> web.Response:
        """Answer ``GET`` and ``PUT /sim/faults``: the knobs and, under ``injected``, how often each fell; ``{}`` clears the knobs."""
        if request.method == "PUT":
            try:
                self.faults = msgspec.json.decode(await request.read(), type=type(self.faults))
            except msgspec.DecodeError as error:
                return web.json_response({"error": str(error)}, status=400)
            self.random.seed(self.faults.seed)
        told = {**msgspec.to_builtins(self.faults), "injected": dict(self.injected)}
        return web.Response(body=msgspec.json.encode(told), content_type="application/json")

    @web.middleware
    async def spoil(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Delay, refuse, drop or truncate answers as the knobs say; the ``/sim/…`` pages are never spoiled.

        A dropped or truncated answer is spoiled after the work was done, as in the field.
        """
        if request.path.startswith("/sim/"):
            return await handler(request)
        if self.faults.delay_ms:
            await asyncio.sleep(self.faults.delay_ms / 1000)
        if self.happens("unavailable"):
            return web.Response(status=503, text="unavailable")
        if self.happens("html500"):
            return web.Response(status=500, text=_PAGE, content_type="text/html")
        response = await handler(request)
        if self.happens("drop_answer"):
            assert request.transport is not None
            request.transport.abort()
        elif (
            isinstance(response, web.Response)
            and isinstance(response.body, bytes)
            and self.happens("truncate")
        ):
            return web.Response(status=response.status, body=response.body[: len(response.body) // 2])
        elif isinstance(response, web.Response) and isinstance(response.body, bytes) and self.happens("slow"):
            return await _in_crumbs(response, response.body, request)
        return response

    def application(self, routes: list[web.RouteDef]) -> web.Application:
        """Build the web application: the system's own routes plus the ``/sim/…`` pages."""
        app = web.Application(middlewares=[self.spoil], client_max_size=MAX_BODY)
        app.add_routes(routes)
        app.add_routes(
            [
                web.get("/sim/documents", self.pages_documents),
                web.get("/sim/faults", self.pages_faults),
                web.put("/sim/faults", self.pages_faults),
            ]
        )
        app.on_cleanup.append(self._closed)
        return app

    async def _closed(self, _app: web.Application) -> None:
        self.store.close()


_PAGE: Final = "<html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>"
_CRUMBS: Final = 8
_CRUMB_SECONDS: Final = 0.25


async def _in_crumbs(response: web.Response, body: bytes, request: web.Request) -> web.StreamResponse:
    """Write an answer a little at a time."""
    slow = web.StreamResponse(
        status=response.status, headers={"Content-Type": response.headers["Content-Type"]}
    )
    await slow.prepare(request)
    size = max(1, -(-len(body) // _CRUMBS))
    for start in range(0, len(body), size):
        await slow.write(body[start : start + size])
        await asyncio.sleep(_CRUMB_SECONDS)
    await slow.write_eof()
    return slow


MAX_BODY: Final = 64 * 1024 * 1024
SimulatorFactory = Callable[[SimulatorSetup], web.Application]
"""What the entry-point group ``inaya.simulators`` names."""
