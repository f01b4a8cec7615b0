"""The first page: what is wrong in words, every routing queue in a row, and the acts on destinations."""

import asyncio
import time

from aiohttp import web

from broker.console import words
from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.headlines import headlines
from broker.console.render import oops, page, see
from broker.store.overview import Overview, OverviewStore

FRESH = 1.0
"""Seconds an overview is shown to everybody who asks before it is counted anew."""
SHARE = 10
"""Counting takes at most one part in so many of the store's time, however long the queues are."""
WAITING = 200
"""Waiting deliveries of one destination shown at most."""


class OverviewPages:
    """The overview and one destination's page."""

    def __init__(self, desk: Desk, store: OverviewStore) -> None:
        self._desk = desk
        self._store = store
        self._kept: tuple[float, Overview] | None = None
        self._counting = asyncio.Lock()

    async def _overview(self) -> Overview:
        """Count once for everybody who asks; what took long to count is shown longer."""
        async with self._counting:
            if self._kept is not None and time.monotonic() < self._kept[0]:
                return self._kept[1]
            started = time.monotonic()
            made = await self._store.overview(self._desk.clock.now(), self._desk.titles, words.QUEUES)
            ended = time.monotonic()
            self._kept = (ended + max(FRESH, SHARE * (ended - started)), made)
            return made

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the overview."""
        seen = await self._overview()
        lines = headlines(seen.routes, seen.held, seen.queues, seen.attention, seen.at)
        return page(request, self._desk, "overview.html", seen=seen, headlines=lines)

    async def destination(self, request: web.Request) -> web.StreamResponse:
        """Show one destination: what waits, why, and when it is tried next."""
        name = request.match_info["id"]
        seen = await self._overview()
        route = next((route for route in seen.routes if route.id == name), None)
        if route is None:
            return oops(request, self._desk, 404, "Такого направления нет.")
        ages = (await self._desk.channels.ages(self._desk.clock.now())).get(name, [])
        return page(
            request,
            self._desk,
            "destination.html",
            route=route,
            waiting=await self._desk.views.waiting(name, WAITING),
            seen=seen,
            most=WAITING,
            ages=list(zip(words.AGES, ages, strict=False)),
            oldest=await self._desk.channels.oldest(name),
        )

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Stop sending to a destination."""
        name, actor = request.match_info["id"], request[OPERATOR].actor
        if name not in await self._desk.destinations.states():
            return oops(request, self._desk, 404, "Такого направления нет.")
        reason = request[FIELDS].get("reason", "").strip() or "остановлено из консоли"
        await self._desk.commands.pause(name, actor=actor, reason=reason)
        return self._back(request, "paused")

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Send to a destination again."""
        name, actor = request.match_info["id"], request[OPERATOR].actor
        await self._desk.commands.resume(name, actor=actor)
        return self._back(request, "resumed")

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Send on though the destination does not call us."""
        name, actor = request.match_info["id"], request[OPERATOR].actor
        reason = request[FIELDS].get("reason", "").strip()[:1000]
        if not reason:
            return oops(request, self._desk, 422, "Нужна причина.", "Напишите, почему можно отправлять.")
        await self._desk.commands.hear(name, actor=actor, reason=reason)
        return self._back(request, "heard")

    async def release(self, request: web.Request) -> web.StreamResponse:
        """Let held deliveries of a destination go on; what still lacks something is held again."""
        name, actor = request.match_info["id"], request[OPERATOR].actor
        reason = request[FIELDS].get("held", "")
        await self._desk.commands.release(destination=name, reason=reason, actor=actor)
        return self._back(request, "released")

    def _back(self, request: web.Request, done: str) -> web.Response:
        self._kept = None
        stay = request[FIELDS].get("stay") == "destination"
        return see(f"destinations/{request.match_info['id']}" if stay else "", done)
