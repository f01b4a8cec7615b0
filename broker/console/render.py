"""Pages from templates: everything escaped, times in words, answers that forbid whatever the pages do not need."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from broker.console import words
from broker.console.desk import OPERATOR, Desk
from broker.control.operators import Role
from broker.validation.rendering.as_html import style

MOSCOW: Final = timezone(timedelta(hours=3), "МСК")
"""Times are shown in Moscow time, as state systems do."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser says Origin: null on our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "report.css": "text/css",
    "check.css": "text/css",
    "check.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}
NAVIGATION: Final = (
    ("", "Обзор"),
    ("documents", "Документы"),
    ("registrations", "Заявки"),
    ("clinics", "Клиники"),
    ("partners", "Партнёры"),
    ("rules", "Правила"),
    ("refusals", "Отказы"),
    ("callbacks", "Отложено"),
    ("reconciliation", "Сверка"),
    ("terms", "Сроки"),
    ("files", "Файлы"),
    ("acts", "Действия"),
    ("check", "Проверка"),
)


def moment(at: datetime | None) -> str:
    """Write an instant in Moscow time, to the second."""
    return "—" if at is None else at.astimezone(MOSCOW).strftime("%d.%m.%Y %H:%M:%S")


def _tone(status: str) -> str:
    return words.TONES.get(status, "calm")


@cache
def environment() -> Environment:
    """Return the templates; everything put into them is escaped."""
    made = Environment(
        loader=PackageLoader("broker.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "tone": _tone,
        "reason": words.reason,
        "grouped": words.grouped,
        "span": words.span,
    }
    made.globals |= {"words": words, "counted": words.counted, "ago": words.ago, "Role": Role}
    return made


@cache
def static(name: str) -> bytes:
    """Return one of our few static files; the style of reports is theirs."""
    if name == "report.css":
        return style().encode()
    return files("broker.console").joinpath("static", name).read_bytes()


async def static_file(request: web.Request) -> web.StreamResponse:
    """Serve a static file by its name."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(body=static(name), content_type=STATIC[name], charset="utf-8", headers=headers)


def page(
    request: web.Request, desk: Desk, template: str, *, http_status: int = 200, **values: Any
) -> web.Response:
    """Render a page for whoever is signed in."""
    operator = request.get(OPERATOR)
    context: Mapping[str, Any] = {
        "operator": operator,
        "csrf": operator.csrf if operator else "",
        "may_act": operator is not None and operator.role.may(Role.OPERATOR),
        "is_admin": operator is not None and operator.role.may(Role.ADMIN),
        "root": "/console/",
        "assets": "/console/static/",
        "here": request.path.removeprefix("/console/").split("/")[0],
        "navigation": NAVIGATION,
        "now": desk.clock.now(),
        "done": words.DONE.get(request.query.get("done", ""), ""),
        "titles": desk.titles,
        "kinds": desk.kinds,
    }
    text = environment().get_template(template).render({**context, **values})
    return web.Response(text=text, content_type="text/html", status=http_status)


def see(path: str, done: str = "", **query: str) -> web.Response:
    """Send the browser to a page after an act; ``done`` names what the page says."""
    fields = {name: value for name, value in {"done": done, **query}.items() if value}
    target = f"/console/{quote(path)}" + (f"?{urlencode(fields)}" if fields else "")
    return web.Response(status=303, headers={"Location": target})


def oops(request: web.Request, desk: Desk, status: int, text: str, fix: str = "") -> web.Response:
    """Show that something could not be done, and what to do."""
    return page(request, desk, "oops.html", http_status=status, text=text, fix=fix, code=status)
