"""A clinic is asked for its file over HTTP: the question is signed, and only the document's own bytes are believed."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from clinic import KEY, ClinicShelf
from structlog.testing import capture_logs

from broker.adapter_kit.harness import serving
from broker.files.endpoint import (
    REST,
    ClinicFiles,
    FileQuestion,
    NotHanded,
    is_allowed_url,
    signature_of,
    tls_of,
)
from broker.store.files import ClinicEndpoint

CONTENT = b"<ClinicalDocument/>" * 1000
QUESTION = FileQuestion(
    document_id=UUID(int=7),
    local_uid="5b2f",
    digest=hashlib.sha256(CONTENT).hexdigest(),
    asked_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
)


@contextlib.asynccontextmanager
async def asking(patience: float = 5.0) -> AsyncIterator[ClinicFiles]:
    async with aiohttp.ClientSession() as http:
        yield ClinicFiles(http, ssl.create_default_context(), patience)


def at(url: str, key: str = KEY) -> ClinicEndpoint:
    return ClinicEndpoint(clinic="1.2.643.5.1.13.13.12.2.77.1", url=url, key=key.encode())


async def test_a_clinic_hands_out_the_very_bytes():
    shelf = ClinicShelf()
    shelf.keep(CONTENT)
    async with shelf.open() as url, asking() as clinics:
        assert await clinics.ask(at(url), QUESTION, len(CONTENT)) == CONTENT
    (asked,) = shelf.asked
    assert asked == {
        "documentId": str(UUID(int=7)),
        "localUid": "5b2f",
        "digest": QUESTION.digest,
        "askedAt": "2026-03-02T09:00:00Z",
    }


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        (CONTENT[:-1], "clinic.other_bytes"),
        (CONTENT + b" ", "clinic.other_bytes"),
        (b"", "clinic.other_bytes"),
        (b"x" * len(CONTENT), "clinic.other_bytes"),
        (b"x" * 30_000_000, "clinic.other_bytes"),
        (web.Response(status=404), "clinic.has_not"),
        (web.Response(status=500), "clinic.refused"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "clinic.refused"),
        (web.Response(status=204), "clinic.refused"),
    ],
)
async def test_anything_else_is_not_believed_and_the_log_says_why(mood: web.Response | bytes, why: str):
    shelf = ClinicShelf()
    shelf.mood = mood
    with capture_logs() as logs:
        async with shelf.open() as url, asking() as clinics:
            assert await clinics.ask(at(url), QUESTION, len(CONTENT)) == NotHanded(why)
    assert [(one["event"], one["why"]) for one in logs] == [("clinic.file_not_handed", why)]


async def test_a_clinic_does_not_answer_who_signs_with_another_key():
    shelf = ClinicShelf()
    shelf.keep(CONTENT)
    async with shelf.open() as url, asking() as clinics:
        assert await clinics.ask(at(url, "x" * 32), QUESTION, len(CONTENT)) == NotHanded("clinic.refused")
    assert shelf.asked == []


async def test_a_slow_clinic_is_asked_for_two_files_at_once_and_no_more():
    gate, asked = asyncio.Event(), asyncio.Barrier(3)

    async def slow(_request: web.Request) -> web.Response:
        if not gate.is_set():
            await asked.wait()
        await gate.wait()
        return web.Response(body=CONTENT)

    app = web.Application()
    app.router.add_post("/files", slow)
    async with serving(app) as url, asking() as clinics:
        first = [
            asyncio.create_task(clinics.ask(at(f"{url}/files"), QUESTION, len(CONTENT))) for _ in range(2)
        ]
        await asked.wait()
        assert await clinics.ask(at(f"{url}/files"), QUESTION, len(CONTENT)) == NotHanded("clinic.busy")
        gate.set()
        assert await asyncio.gather(*first) == [CONTENT, CONTENT]
        assert await clinics.ask(at(f"{url}/files"), QUESTION, len(CONTENT)) == CONTENT


async def test_a_clinic_that_did_not_answer_is_left_alone_for_a_while():
    now = [0.0]
    shelf = ClinicShelf()
    shelf.keep(CONTENT)
    async with aiohttp.ClientSession() as http, shelf.open() as url:
        clinics = ClinicFiles(http, ssl.create_default_context(), 5.0, lambda: now[0])
        away = NotHanded("clinic.unreachable")
        assert await clinics.ask(at("http://127.0.0.1:1/files"), QUESTION, len(CONTENT)) == away
        assert await clinics.ask(at(url), QUESTION, len(CONTENT)) == away
        assert shelf.asked == []
        now[0] = REST
        assert await clinics.ask(at(url), QUESTION, len(CONTENT)) == CONTENT


async def test_nobody_there_and_nobody_answering_are_told_apart():
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app = web.Application()
    app.router.add_post("/files", never)
    async with serving(app) as url, asking(0.2) as clinics:
        assert await clinics.ask(at(f"{url}/files"), QUESTION, len(CONTENT)) == NotHanded("clinic.timeout")
    async with asking() as clinics:
        gone = await clinics.ask(at("http://127.0.0.1:1/files"), QUESTION, len(CONTENT))
    assert gone == NotHanded("clinic.unreachable")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://clinic.example/files", True),
        ("https://clinic.example:8443/api/v1/files", True),
        ("http://127.0.0.1:8080/files", True),
        ("http://clinic.example/files", False),
        ("https://user:word@clinic.example/files", False),
        ("https://clinic.example/files?token=1", False),
        ("https://clinic.example/files#here", False),
        ("https:///files", False),
        ("https://clinic.example:99999/", False),
        ("ftp://clinic.example/files", False),
        ("file:///etc/passwd", False),
        ("", False),
        ("https://clinic.example/" + "x" * 500, False),
        ("https://[::1", False),
    ],
)
def test_files_are_asked_for_over_https_and_nothing_secret_stands_in_the_address(url: str, allowed: bool):
    assert is_allowed_url(url) is allowed


def test_the_signature_is_the_one_the_handbook_describes():
    made = signature_of(b"0" * 32, b'{"a":1}', datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert made == "t=1772442000,v1=" + made.partition("v1=")[2]
    assert made.endswith(SIGNED)


SIGNED = "e05c08ea223928f89308ebc161d6c40cebb0c9b36c42d2afb7b77ff9e743e4b2"


def test_a_file_of_roots_that_holds_none_is_refused(tmp_path: Path):
    broken = tmp_path / "roots.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nнет\n", encoding="utf-8")
    with pytest.raises(ValueError, match="ascii"):
        tls_of(str(broken))
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(ssl.SSLError):
        tls_of(str(broken))
