"""Ports of a process: how an application begins to listen, and the pages every process has: health and metrics."""

import contextlib

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from broker.telemetry.addresses import ASKED


async def listen(stack: contextlib.AsyncExitStack, app: web.Application, host: str, port: int) -> None:
    """Listen while the stack lasts; several processes may share a port."""
    runner = web.AppRunner(app, handler_cancellation=False, **ASKED)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port, reuse_port=True, backlog=1024).start()


async def healthy(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return web.json_response({"status": "ok"})


async def metrics(_request: web.Request) -> web.Response:
    """Show the metrics of this process."""
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


def watched() -> web.Application:
    """Return an application with nothing but these pages, for processes without doors."""
    app = web.Application()
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/metrics", metrics)
    return app
