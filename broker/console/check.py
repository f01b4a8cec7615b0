"""The page a document is dropped on: for operators inside the console, and, where it is switched on, for everybody.

Nothing dropped is kept, and the answer alone shows it. Whoever has no account is let in a few at a time.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from broker.console.desk import OPERATOR, Desk
from broker.console.render import HEADERS, page, static_file
from broker.control.operators import same_token
from broker.telemetry.log import log

AT_ONCE: Final = 3
"""Files of people without an account under way in one process."""
AT_ONCE_EACH: Final = 2
"""Of them from one address."""
PER_MINUTE: Final = 60
"""Files a minute from everybody together."""
PER_MINUTE_EACH: Final = 12
"""Files a minute from one address."""
_MOST_ADDRESSES: Final = 10_000


class Trouble(msgspec.Struct, frozen=True):
    """Why a file was not checked: HTTP status, Russian text, what to do."""

    status: int
    text: str
    fix: str


class Checked(msgspec.Struct, frozen=True):
    """A report as a fragment of HTML, everything in it escaped; ``kind`` as it was chosen."""

    html: str
    kind: str


Checker = Callable[[web.Request, Callable[[str], bool]], Awaitable[Checked | Trouble]]
"""Reads a posted form, asks whether its token is right, and checks the file (``broker.assembly.checking``)."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FULL: Final = Trouble(429, "Сейчас проверяются файлы других людей.", "Повторите через несколько секунд.")
_YOURS: Final = Trouble(429, "Ваши файлы ещё проверяются.", "Дождитесь ответа и отправьте следующий.")
_FAST: Final = Trouble(
    429, "Слишком много проверок подряд.", "Подождите минуту; для потока файлов есть POST /api/v1/validate."
)


class Turnstile:
    """Lets in a few at once and some a minute, each address and all together; ``now`` is in monotonic seconds."""

    def __init__(self) -> None:
        self._inside: dict[str, int] = {}
        self._all = _Minute(PER_MINUTE)
        self._each: dict[str, _Minute] = {}

    def enter(self, address: str, now: float) -> Trouble | None:
        """Let somebody in, who must ``leave``; or say why not."""
        if self._inside.get(address, 0) >= AT_ONCE_EACH:
            return _YOURS
        if sum(self._inside.values()) >= AT_ONCE:
            return _FULL
        if address not in self._each and len(self._each) >= _MOST_ADDRESSES:
            self._each.clear()
        if not self._each.setdefault(address, _Minute(PER_MINUTE_EACH)).take(now) or not self._all.take(now):
            return _FAST
        self._inside[address] = self._inside.get(address, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """Count somebody out."""
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]


class _Minute:
    """At most so many within a minute that begins with the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._since = float("-inf")
        self._count = 0

    def take(self, now: float) -> bool:
        """Count one more; tell whether it is still within the bound."""
        if now - self._since >= 60.0:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= self._most


class CheckPages:
    """The page inside the console, and its answer."""

    def __init__(self, desk: Desk, checker: Checker) -> None:
        self._desk = desk
        self._checker = checker

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show the form."""
        return _page(request, self._desk)

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Check the posted file; the form's token comes in its body, so it is judged there."""
        ours = request[OPERATOR].csrf
        made = await self._checker(request, lambda theirs: same_token(ours, theirs))
        return _answer(request, self._desk, made)


class OpenCheckPages:
    """The same for people without an account, behind a turnstile."""

    def __init__(self, desk: Desk, checker: Checker) -> None:
        self._desk = desk
        self._checker = checker
        self._turnstile = Turnstile()

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show the form."""
        return _page(request, self._desk)

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Check the posted file if there is a place for it."""
        address = request.remote or ""
        turned_away = self._turnstile.enter(address, time.monotonic())
        if turned_away is not None:
            log().info("check.turned_away")
            response = _answer(request, self._desk, turned_away)
            response.headers["Retry-After"] = "10"
            return response
        try:
            return _answer(request, self._desk, await self._checker(request, lambda _token: True))
        finally:
            self._turnstile.leave(address)


def add_check_page(app: web.Application, desk: Desk, checker: Checker | None) -> None:
    """Put the page for everybody under ``/check/`` unless it is switched off."""
    if checker is None:
        return
    pages = OpenCheckPages(desk, checker)
    check = web.Application(middlewares=[_harden])
    check.router.add_get("/", pages.ask)
    check.router.add_post("/", pages.check)
    check.router.add_get("/static/{name}", static_file)

    async def slash(_request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/check/"})

    app.router.add_get("/check", slash)
    app.add_subapp("/check/", check)


@web.middleware
async def _harden(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Forbid what the page does not need."""
    response = await handler(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _answer(request: web.Request, desk: Desk, made: Checked | Trouble) -> web.Response:
    if isinstance(made, Trouble):
        return _page(request, desk, http_status=made.status, trouble=made)
    return _page(request, desk, result=made.html, kind=made.kind)


def _page(request: web.Request, desk: Desk, *, http_status: int = 200, **values: Any) -> web.Response:
    shown: dict[str, Any] = {"result": "", "kind": "", "trouble": None, **values}
    shown["open"] = OPERATOR not in request
    if shown["open"]:  # a proxy may show the world this page and nothing of the console
        shown["assets"] = "/check/static/"
    return page(request, desk, "check.html", http_status=http_status, **shown)
