"""``inaya serve``: the doors of partners and state systems, the API and the console."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from broker.adapter_kit.clocks import advance
from broker.api.app import Guard, add_routes, problems
from broker.api.bodies import Bodies
from broker.api.documents import DocumentApi
from broker.api.files import FileApi, file_routes
from broker.api.problem import problem
from broker.api.route import Route
from broker.api.routes import document_routes
from broker.api.submitting import MAX_BODY
from broker.api.terms import TermApi, term_routes
from broker.api.waiting import Waiting
from broker.assembly.checking import file_checks
from broker.assembly.force import force_keeper
from broker.assembly.foundation import Foundation, foundation, read_terms
from broker.assembly.judging import judging
from broker.assembly.listening import healthy, listen, metrics
from broker.assembly.operating import Operating, operating
from broker.assembly.pages import add_pages
from broker.assembly.working import compute
from broker.bus.door import Bodies as AmqpBodies
from broker.bus.door import RabbitDoor
from broker.compute.pool import ComputeFailed, PoolUnusable
from broker.console.app import add_console
from broker.console.check import add_check_page
from broker.control.access import Access
from broker.control.commands import Commands
from broker.files.finding import FoundFiles
from broker.ingress.amqp import AmqpDoor
from broker.ingress.hearing import Hearing
from broker.ingress.peer import PeerDoor, PeerRooms
from broker.ingress.rabbitmq_auth import RabbitmqAuth
from broker.ingress.reception import Reception
from broker.settings import Settings
from broker.store.channels import ChannelStore
from broker.store.destinations import CallbackStore, StoredFiles
from broker.store.intake import IntakeStore
from broker.store.journal import Journal
from broker.store.notebook import Notebook
from broker.store.partners import PartnerStore
from broker.store.repeats import Repeats
from broker.store.room import Room, Share
from broker.store.views import Views
from broker.telemetry.log import log
from broker.work.sweeper import Announcer

PREFETCH = 100
AMQP_BODIES = AmqpBodies(held=48 * 1024 * 1024)
"""What the AMQP door may hold: four of the largest messages."""
ALIVE = 2
"""A message is alive as it came and as what was read of it; the other doors of the process get the rest of its limit."""


@web.middleware
async def _compute_failures(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except ComputeFailed:
        return problem(
            422,
            "partner.document_too_heavy",
            "Проверка документа не уложилась в отведённые время или память.",
            "Документ необычно велик или глубоко вложен: упростите его.",
        )
    except PoolUnusable:
        return problem(
            503, "intake.checks_unavailable", "Проверка документов сейчас не работает.", "Повторите позже."
        )
    return response


def _files(base: Foundation, destination: str, share: Share) -> FoundFiles:
    archived = StoredFiles(destination, base.deliveries, base.documents, share)
    return FoundFiles(archived, base.files.store, base.files.clinics, base.clock)


def _readyz(base: Foundation) -> Any:
    async def ready(_request: web.Request) -> web.Response:
        try:
            await base.database.fetchval("select 1")
        except Exception:  # noqa: BLE001  any trouble means: not ready
            return web.json_response({"status": "store"}, status=503)
        return web.json_response({"status": "ok", "bus": base.bus.name})

    return ready


def _clock_page(settings: Settings) -> Any:
    async def move(request: web.Request) -> web.Response:
        if not settings.data.clock_file:
            return problem(404, "http.404", "Часы здесь не переводятся.", "Это умеет только inaya dev.")
        try:
            wanted = msgspec.json.decode(await request.read(), type=dict[str, float])
            offset = await asyncio.to_thread(
                advance, Path(settings.data.clock_file), wanted["advanceSeconds"]
            )
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            return problem(400, "sim.clock", str(error), 'Тело: {"advanceSeconds": N}.')
        return web.json_response({"offsetSeconds": offset})

    return move


def _commands(base: Foundation, journal: Journal, views: Views, announcer: Announcer) -> Commands:
    stores = (base.deliveries, base.documents, base.destinations, journal, views)
    return Commands(*stores, base.clock, announcer, ChannelStore(base.database), base.files.store)


def _term_routes(base: Foundation, desk: Operating) -> Sequence[Route]:
    return term_routes(TermApi(desk.desk.terms, read_terms(base.settings), base.clock))


async def _peer_door(
    base: Foundation, stack: contextlib.AsyncExitStack, journal: Journal, announcer: Announcer
) -> PeerDoor:
    """Open the door for state systems; what it notes is written while the stack lasts."""
    peers = {name: (post.adapter, post.context) for name, post in base.outposts.items()}
    return PeerDoor(
        peers,
        partial(_files, base),
        CallbackStore(base.database, base.codec),
        journal,
        await stack.enter_async_context(Notebook(journal).running()),
        announcer,
        base.files.store,
        Hearing(ChannelStore(base.database)),
        rooms=PeerRooms(files=Room(base.settings.door.files_limit)),
    )


async def run_serve(settings: Settings, ready: asyncio.Event | None = None) -> None:
    """Run the doors until cancelled."""
    async with contextlib.AsyncExitStack() as stack:
        beside = ALIVE * AMQP_BODIES.sum if settings.bus.amqp_url else 0
        base = await stack.enter_async_context(foundation(settings, beside))
        room = base.documents.room
        pool = await stack.enter_async_context(compute(settings, 1))
        announcer = Announcer(base.bus)
        journal = Journal(base.database)
        partners = PartnerStore(base.database)
        views = Views(base.database)
        access = Access(partners, base.pepper(), settings.door.cache_seconds, base.clock)
        store, repeats = IntakeStore(base.database, base.codec), Repeats(base.database)
        reception = Reception(access, store, repeats, journal, base.clock, announcer)
        await stack.enter_async_context(reception.running())
        waiting = Waiting(views.statuses)
        await stack.enter_async_context(waiting.running())
        commands = _commands(base, journal, views, announcer)
        in_force = await stack.enter_async_context(force_keeper(settings, base.database))
        judge = judging(settings, base, pool, partners, in_force)
        bodies = Bodies(room, MAX_BODY)
        documents = DocumentApi(
            reception,
            bodies,
            views,
            journal,
            commands,
            waiting,
            judge.judge,
            judge.prepare,
            settings.door.partner_rate,
        )
        app = web.Application(middlewares=[problems, _compute_failures], client_max_size=MAX_BODY)
        guard = Guard(access, partial(reception.refuse, None, door="http"))
        checks = await stack.enter_async_context(file_checks(base, pool, in_force))
        desk = operating(base, views, journal, partners, commands, access, checks)
        files = FileApi(documents.own, commands, base.files.filing, bodies)
        add_routes(
            app,
            (*document_routes(documents), *file_routes(files), *_term_routes(base, desk), *desk.routes),
            guard,
            desk.guard,
        )
        add_console(app, desk.console)
        add_check_page(app, desk.desk, checks.everybody)
        add_pages(app, amqp=settings.bus.amqp_for_partners)
        app.router.add_get("/healthz", healthy)
        app.router.add_get("/readyz", _readyz(base))
        app.router.add_get("/metrics", metrics)
        RabbitmqAuth(access, reception).add_to(app)
        app.router.add_put("/sim/clock", _clock_page(settings))
        peer = await _peer_door(base, stack, journal, announcer)
        await listen(stack, app, settings.door.http_host, settings.door.http_port)
        await listen(stack, peer.application(), settings.door.http_host, settings.door.peer_port)
        if settings.bus.amqp_url:
            door = await stack.enter_async_context(
                RabbitDoor(settings.bus.amqp_url, chance=random.random, bodies=AMQP_BODIES)
            )
            amqp = AmqpDoor(reception)
            await stack.enter_async_context(door.take_intake(amqp.take, prefetch=PREFETCH))
            await stack.enter_async_context(door.take_parked(amqp.park))
        log().info(
            "serve.ready", http=settings.door.http_port, peer=settings.door.peer_port, bus=base.bus.name
        )
        if ready is not None:
            ready.set()
        await asyncio.Event().wait()
