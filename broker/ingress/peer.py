"""The door for state systems: ``/peer/<destination>/<endpoint>``. What they tell is committed before it is acknowledged."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from broker.adapter_kit import Adapter, Context, Files, PeerRequest, Receives, Refuse, Serve, Take
from broker.adapter_kit.pieces import Parts, held_by
from broker.document.event import EventName
from broker.ingress.hearing import Hearing
from broker.store.database import STORE_TROUBLE, StoreAwayError, UnstorableError
from broker.store.destinations import CallbackStore
from broker.store.files import FileStore
from broker.store.journal import Journal, Note
from broker.store.notebook import Notebook
from broker.store.room import NoRoom, Room, Share
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS, CALLBACKS
from broker.telemetry.trace import safe_trace

MAX_BODY: Final = 4 * 1024 * 1024
"""Callbacks carry verdicts, not files."""
CALLS: Final = 32 * 1024 * 1024
"""Bytes of calls held at once: four of unknown length while they come in, thousands of verdicts."""
FILES: Final = 96 * 1024 * 1024
"""Bytes of files held at once: one of 20 MiB may open while another is written."""
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z.-]{1,64}")
"""What an emdrId or a localUid looks like; anything else a caller wrote is not journalled."""
PATIENCE: Final = 120.0
"""Seconds a call may take to arrive, and its answer to be read: both hold room."""


FILES_AT_ONCE: Final = 16
"""Files handed out at once, however small: each costs a signature."""


class PeerRooms:
    """The door's own memory, apart from that of partners' documents: for what is told us, and for files asked of us.

    Large files asked for hold up no verdict, and nothing that comes in by other doors holds up a file.
    """

    def __init__(self, calls: Room | None = None, files: Room | None = None) -> None:
        self.calls, self.files = calls or Room(CALLS), files or Room(FILES)


class PeerDoor:
    """Answers calls of state systems."""

    def __init__(
        self,
        peers: Mapping[str, tuple[Adapter, Context]],
        files: Callable[[str, Share], Files],
        callbacks: CallbackStore,
        journal: Journal,
        notebook: Notebook,
        announce: Callable[[Sequence[tuple[int, str]]], None],
        requests: FileStore,
        hearing: Hearing | None = None,
        *,
        rooms: PeerRooms | None = None,
    ) -> None:
        self._peers = peers
        self._files = files
        self._callbacks = callbacks
        self._journal = journal
        self._notebook = notebook
        self._announce = announce
        self._requests = requests
        self._hearing = hearing
        self._rooms = rooms or PeerRooms()

    def application(self) -> web.Application:
        """Build the application of the peer port."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/peer/{destination}/{endpoint}", self._call)
        app.router.add_get("/healthz", _healthy)
        return app

    async def _call(self, request: web.Request) -> web.StreamResponse:
        destination = request.match_info["destination"]
        peer = self._peers.get(destination)
        if peer is None or not isinstance(peer[0], Receives):
            return web.Response(status=404)
        rooms = self._rooms
        with Share(rooms.calls) as said, Share(rooms.files, rooms.files.limit // FILES_AT_ONCE) as share:
            try:
                call = await _read(request, said)
                response = await self._reply(destination, call, share)
            except NoRoom:
                return _away("peer.no_room")
            except TimeoutError:
                return web.Response(status=408)
            return await _written(response, request)

    async def _reply(self, destination: str, call: PeerRequest, share: Share) -> web.Response:
        """Have the adapter judge a call; the files it hands out are held in the share."""
        adapter, context = self._peers[destination]
        assert isinstance(adapter, Receives)
        context = msgspec.structs.replace(context, files=self._files(destination, share))
        try:
            reply = await adapter.receive(call, context)
        except NoRoom:
            raise
        except StoreAwayError:
            return _away("peer.store_away")
        except Exception as error:  # noqa: BLE001  the promise of an adapter is broken: recorded, the caller comes again
            BUGS.labels(f"adapter.{adapter.passport.name}").inc()
            log().error("adapter.bug", destination=destination, error=type(error).__name__,
                        trace=safe_trace(error))  # fmt: skip
            await self._journal.caught(error, context.clock.now(), destination=destination)
            return web.Response(status=500)
        if isinstance(reply, Serve):
            share.keep(held_by(reply.body))
        try:
            return await self._answer(destination, call, reply, context)
        except UnstorableError as error:
            BUGS.labels(f"adapter.{adapter.passport.name}").inc()
            log().error("peer.unstorable", destination=destination, error=str(error))
            await self._journal.caught(error, context.clock.now(), destination=destination)
            return web.Response(status=500)
        except STORE_TROUBLE:
            return _away("peer.store_away")

    async def _answer(
        self, destination: str, call: PeerRequest, reply: Serve | Take | Refuse, context: Context
    ) -> web.Response:
        now = context.clock.now()
        if not isinstance(reply, Refuse) and reply.replay is not None:
            replay = reply.replay
            if await self._callbacks.is_replay(destination, replay, now):
                reply = replay.refusal
        await self._hear(destination, reply, now)
        match reply:
            case Take():
                due = await self._callbacks.keep(destination, call, reply, now)
                passed(KillPoint.CALLBACK_KEPT)
                self._announce(due)
                CALLBACKS.labels(destination, "taken" if due else "repeated").inc()
            case Serve():
                await self._served(destination, reply, now)
            case Refuse(code=code):
                CALLBACKS.labels(destination, "refused").inc()
                body = {"code": code, "door": "peer", "destination": destination}
                await self._journal.note(EventName.SUBMISSION_REFUSED, now, body=body)
        return web.Response(
            status=reply.status, body=reply.reply if not isinstance(reply, Serve) else Parts(reply.body),
            headers={"Content-Type": reply.content_type},
        )  # fmt: skip

    async def _served(self, destination: str, reply: Serve, now: datetime) -> None:
        """Journal who asked for which file and what came of it; whoever has a file we have not is told to hand it out."""
        CALLBACKS.labels(destination, reply.event.replace("file.", "")).inc()
        event = EventName(reply.event)
        if event is EventName.FILE_AWAITED and reply.document_id is not None:
            await self._requests.asked(reply.document_id, destination, reply.note, now)
        body = {"destination": destination}
        if _IDENTIFIER.fullmatch(reply.asked):
            body["asked"] = reply.asked
        if reply.note:
            body["note"] = reply.note
        self._notebook.add(Note(event=event, at=now, body=body, document_id=reply.document_id))

    async def _hear(self, destination: str, reply: Serve | Take | Refuse, now: datetime) -> None:
        """Note that the system called; whom nobody believes was not heard. Trouble of the store costs the note alone."""
        if self._hearing is None or isinstance(reply, Refuse):
            return
        document = reply.document_id if isinstance(reply, Serve) else None
        correlation = reply.correlation if isinstance(reply, Take) else ""
        try:
            await self._hearing.heard(destination, now, document=document, correlation=correlation)
        except STORE_TROUBLE as trouble:
            log().warning("peer.not_noted", destination=destination, error=type(trouble).__name__)


async def _read(request: web.Request, share: Share) -> PeerRequest:
    """Read a call; its body and what is made of it are held in the share. Raise ``NoRoom`` or ``TimeoutError``."""
    plain = "Content-Encoding" not in request.headers and request.content_length is not None
    length = min(request.content_length or 0, MAX_BODY) if plain else MAX_BODY
    await share.add(2 * length)
    async with asyncio.timeout(PATIENCE):
        body = await request.read()
    share.keep(2 * len(body))
    return PeerRequest(
        endpoint=request.match_info["endpoint"],
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


async def _written(response: web.Response, request: web.Request) -> web.Response:
    """Write an answer while what it holds is still counted; who reads too slowly is cut off."""
    try:
        async with asyncio.timeout(PATIENCE):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:  # gone: it comes again
        pass
    response.body = None  # a kept connection keeps its last answer until the next request
    return response


def _away(why: str) -> web.Response:
    """Ask the caller to come again: nothing was taken."""
    log().warning(why)
    return web.Response(status=503, headers={"Retry-After": "5"})


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
