"""What an HTTP answer without an envelope means: a gateway's refusal is not doubt, a broken answer is."""

import aiohttp
import pytest
from aiohttp import web

from broker.adapter_kit import InDoubt, Unavailable
from broker.adapter_kit.harness import serving
from broker.adapter_kit.soap import SoapAnswer, post_soap

ENVELOPE = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'


def answering(status: int, body: bytes) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, body=body)

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/", answer)
    return app


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"<html/>", Unavailable("destination.http_401")),
        (404, b"", Unavailable("destination.http_404")),
        (413, b"too large", Unavailable("destination.http_413")),
        (429, b"", Unavailable("destination.http_429")),
        (503, ENVELOPE, Unavailable("destination.http_503")),
        (502, b"<html/>", InDoubt("destination.http_502")),
        (504, b"", InDoubt("destination.http_504")),
        (200, b"<html/>", InDoubt("destination.answer_malformed")),
        (500, b"", InDoubt("destination.answer_malformed")),
    ],
)
async def test_what_an_answer_without_an_envelope_means(status: int, body: bytes, expected: object):
    async with serving(answering(status, body)) as url, aiohttp.ClientSession() as http:
        assert await post_soap(http, url, ENVELOPE, action="a", timeout=5) == expected


@pytest.mark.parametrize("status", [200, 400, 500, 502, 504])
async def test_an_envelope_is_read_under_any_status(status: int):
    async with serving(answering(status, ENVELOPE)) as url, aiohttp.ClientSession() as http:
        answer = await post_soap(http, url, ENVELOPE, action="a", timeout=5)
    assert isinstance(answer, SoapAnswer)
    assert answer.status == status


async def test_an_envelope_of_several_megabytes_is_sent_without_complaint():
    async with serving(answering(200, ENVELOPE)) as url, aiohttp.ClientSession() as http:
        answer = await post_soap(http, url, ENVELOPE + b" " * 3_000_000, action="a", timeout=5)
    assert isinstance(answer, SoapAnswer)
