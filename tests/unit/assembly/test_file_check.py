"""A file's check when the compute processes cannot do it: told in words, and the room it held is given back."""

import io

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.adapter_kit.clocks import SystemClock
from broker.assembly.checking import FileCheck
from broker.compute.pool import compute_pool
from broker.console.check import Trouble
from broker.document.submission import Mode
from broker.store.room import Room

LIMIT = 192 * 1024 * 1024


def no_rules() -> None:
    """A process set up without rule sets: every examination breaks in it."""


async def test_a_file_no_process_gets_through_is_told_in_words():
    room = Room(LIMIT)
    made: list[object] = []
    async with compute_pool(1, 5.0, 1024, no_rules, ()) as pool:
        check = FileCheck(pool, room, SystemClock(), {}, lambda: "", door="page", mode=Mode.TEST)

        async def handler(request: web.Request) -> web.Response:
            made.append(await check(request, lambda _token: True))
            return web.Response()

        app = web.Application()
        app.router.add_post("/", handler)
        form = aiohttp.FormData()
        form.add_field("document", io.BytesIO(b"<x/>"), filename="a.xml")
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as http,
            http.post(server.make_url("/"), data=form) as answer,
        ):
            assert answer.status == 200
    (trouble,) = made
    assert isinstance(trouble, Trouble)
    assert trouble.status == 422
    assert "не уложилась" in trouble.text
    assert room.held == 0
