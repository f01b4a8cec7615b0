"""The door for state systems: ``/peer/<destination>/<endpoint>``. What they tell is committed before it is acknowledged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from broker.adapter_kit import Adapter, Context, PeerRequest, Receives, Refuse, Serve, Take
from broker.document.event import EventName
from broker.store.database import STORE_TROUBLE, StoreAwayError, UnstorableError
from broker.store.destinations import CallbackStore
from broker.store.journal import Journal
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS, CALLBACKS

MAX_BODY: Final = 4 * 1024 * 1024
"""Callbacks carry verdicts, not files."""


class PeerDoor:
    """Answers calls of state systems."""

    def __init__(
        self,
        peers: Mapping[str, tuple[Adapter, Context]],
        callbacks: CallbackStore,
        journal: Journal,
        announce: Callable[[Sequence[tuple[int, str]]], None],
    ) -> None:
        self._peers = peers
        self._callbacks = callbacks
        self._journal = journal
        self._announce = announce

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
        receiver: Receives = peer[0]
        adapter, context = peer
        call = PeerRequest(
            endpoint=request.match_info["endpoint"],
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        try:
            reply = await receiver.receive(call, context)
        except StoreAwayError:
            return _away()
        except Exception as error:  # noqa: BLE001  the promise of an adapter is broken: recorded, the caller comes again
            BUGS.labels(f"adapter.{adapter.passport.name}").inc()
            log().error("adapter.bug", destination=destination, error=type(error).__name__)
            return web.Response(status=500)
        try:
            return await self._answer(destination, call, reply, context)
        except UnstorableError as error:
            BUGS.labels(f"adapter.{adapter.passport.name}").inc()
            log().error("peer.unstorable", destination=destination, error=str(error))
            return web.Response(status=500)
        except STORE_TROUBLE:
            return _away()

    async def _answer(
        self, destination: str, call: PeerRequest, reply: Serve | Take | Refuse, context: Context
    ) -> web.StreamResponse:
        now = context.clock.now()
        match reply:
            case Take():
                due = await self._callbacks.keep(destination, call, reply, now)
                passed(KillPoint.CALLBACK_KEPT)
                self._announce(due)
                CALLBACKS.labels(destination, "taken" if due else "repeated").inc()
            case Serve():
                CALLBACKS.labels(destination, "served").inc()
            case Refuse(code=code):
                CALLBACKS.labels(destination, "refused").inc()
                body = {"code": code, "door": "peer", "destination": destination}
                await self._journal.note(EventName.SUBMISSION_REFUSED, now, body=body)
        return web.Response(
            status=reply.status, body=reply.reply if not isinstance(reply, Serve) else reply.body,
            headers={"Content-Type": reply.content_type},
        )  # fmt: skip


def _away() -> web.Response:
    """Ask the caller to come again: nothing was taken."""
    log().warning("peer.store_away")
    return web.Response(status=503, headers={"Retry-After": "5"})


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
