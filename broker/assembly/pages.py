"""Pages anybody may read: OpenAPI, AsyncAPI and the handbook."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from broker.api.handbook import Handbook
from broker.api.problem import problem
from broker.assembly.describing import asyncapi_page, openapi_page

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
    "X-Content-Type-Options": "nosniff",
}


def add_pages(app: web.Application, docs: Path = DOCS, amqp: str = "") -> None:
    """Put the pages into an application; ``amqp`` is where partners find RabbitMQ."""
    app.router.add_get("/openapi.json", _fixed(openapi_page()))
    app.router.add_get("/asyncapi.json", _fixed(asyncapi_page(amqp)))
    handbook = Handbook(docs)

    async def read(request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "").rstrip("/")
        page = await asyncio.to_thread(handbook.page, name)
        if page is not None:
            return web.Response(text=page, content_type="text/html", headers=HEADERS)
        file = await asyncio.to_thread(handbook.file, name)
        if file is None:
            return problem(404, "http.404", "Такой страницы нет.", "Оглавление: /docs/")
        body, kind = file
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=body, content_type=kind, charset=charset, headers=HEADERS)

    app.router.add_get("/docs/", read)
    app.router.add_get("/docs/{name:.+}", read)
    app.router.add_get("/docs", _to_contents)


def _fixed(page: dict[str, Any]) -> Any:
    body = msgspec.json.encode(page)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return answer


async def _to_contents(_request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently("/docs/")
