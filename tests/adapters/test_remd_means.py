"""What signs our envelopes to РЭМД: believed for ten minutes, named in receipts, read from its files off the event loop."""

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from signed_stage import Sides, a_signed_stage, provider

from adapters.remd import ADAPTER
from adapters.remd.security import CARD_AGE, LINK_AGE, Link, link_of
from broker.adapter_kit import Awaiting, Context, Held, Registered, StoredCallback, Unavailable
from broker.adapter_kit.harness import Stage, a_parcel
from broker.trust import SigningKey, signer_of

TOKEN = "t" * 40
NUMBER = "СФ/000-0001 (выдуман)"


@asynccontextmanager
async def a_service(sides: Sides, says: dict[str, object]) -> AsyncIterator[tuple[str, list[str]]]:
    """A signing service with our key: it says these things of its means; the questions it was asked come along."""
    asked: list[str] = []
    local = SigningKey(
        provider=provider(sides.suite),
        certificate=sides.ours.certificate_pem.decode(),
        key=sides.ours.key_pem.decode(),
    )

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/key":
            about = {
                "certificate": local.certificate,
                "suite": sides.suite,
                "provider": "hsm",
                "version": "1",
            }
            return web.json_response(about | says)
        data = b64decode((await request.json())["data"])
        value = await asyncio.to_thread(lambda: signer_of(local).sign(data))
        return web.json_response({"signature": b64encode(value).decode()})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def in_production(stage: Stage, **params: str) -> Context:
    given = stage.context.destination
    destination = msgspec.structs.replace(given, mode="production", params=given.params | params)
    stage.context = msgspec.structs.replace(stage.context, destination=destination)
    stage.door.context = stage.context
    return stage.context


@asynccontextmanager
async def over_a_service(
    sides: Sides, says: dict[str, object], **params: str
) -> AsyncIterator[tuple[Stage, list[str]]]:
    async with a_service(sides, says) as (url, asked), a_signed_stage(sides) as stage:
        given = stage.context.destination
        destination = msgspec.structs.replace(given, secrets={"sign.token": TOKEN})
        stage.context = msgspec.structs.replace(stage.context, destination=destination)
        in_production(stage, sign_provider="remote", **{"sign.url": url}, **params)
        yield stage, asked


async def test_production_goes_out_under_the_certificate_the_service_names_and_the_receipt_tells_it(
    sides: Sides,
) -> None:
    async with over_a_service(sides, {"certified": True, "means": NUMBER}) as (stage, _):
        outcome = await stage.send_and_settle(a_parcel(1))
    assert isinstance(outcome, Registered), outcome
    assert outcome.receipt.provider == f"РЭМД; подпись конверта: remote/hsm 1; сертификат средства: {NUMBER}"


async def test_production_goes_out_under_the_certificate_the_operator_states_where_the_service_is_silent(
    sides: Sides,
) -> None:
    async with over_a_service(sides, {}, **{"sign.certified": NUMBER}) as (stage, _):
        assert isinstance(await ADAPTER.deliver(a_parcel(1), stage.context), Awaiting)


async def test_what_a_means_says_of_itself_is_asked_anew_after_ten_minutes(sides: Sides) -> None:
    says: dict[str, object] = {"certified": True, "means": NUMBER}
    async with over_a_service(sides, says) as (stage, asked):
        assert isinstance(await stage.send_and_settle(a_parcel(1)), Registered)
        says["certified"] = False
        asked.clear()
        assert isinstance(await stage.send_and_settle(a_parcel(2)), Registered), "nobody asks any more"
        assert "/key" not in asked
        stage.clock.advance(CARD_AGE)
        held = await ADAPTER.deliver(a_parcel(3), stage.context)
    assert isinstance(held, Held)
    assert held.reason == "destination.signer_uncertified"
    assert "sign.certified" in held.text


async def test_a_receipt_names_the_last_known_means_while_the_service_is_away(sides: Sides) -> None:
    async with over_a_service(sides, {"certified": True, "means": NUMBER}) as (stage, _):
        await stage.send(a_parcel(1))
        await stage.send_and_settle(a_parcel(2))
        call = next(one for one in stage.door.calls if b"relatesToMessage" in one.body)
    stage.clock.advance(CARD_AGE)
    stored = StoredCallback(endpoint="callback", correlation="", headers={}, body=call.body)
    (verdict,) = await ADAPTER.interpret(stored, stage.context)
    assert isinstance(verdict.outcome, Registered)
    assert verdict.outcome.receipt.provider.endswith(NUMBER)
    again = await ADAPTER.deliver(a_parcel(3), stage.context)
    assert isinstance(again, Unavailable)
    assert again.reason == "destination.signing_failed"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"sign.url": ""}, "Не задан адрес службы подписи (sign.url)"),
        ({"sign.timeout": "soon"}, "sign.timeout — секунды"),
    ],
)
async def test_a_setting_that_makes_no_sense_holds_production_and_is_named(
    sides: Sides, params: dict[str, str], said: str
) -> None:
    async with over_a_service(sides, {"certified": True}) as (stage, _):
        held = await ADAPTER.deliver(a_parcel(1), in_production(stage, **params))
    assert isinstance(held, Held)
    assert said in held.text


async def test_the_files_of_keys_are_read_off_the_event_loop(sides: Sides, tmp_path: Path) -> None:
    if sides.suite != "RSA_SHA256":
        pytest.skip("only RSA keys are opened in this process")
    slow = tmp_path / "key.pem"
    os.mkfifo(slow)  # whoever opens it waits for a writer
    async with a_signed_stage(sides) as stage:
        given = stage.context.destination
        destination = msgspec.structs.replace(given, secrets={"sign_key": str(slow)})
        reading = asyncio.create_task(
            link_of(msgspec.structs.replace(stage.context, destination=destination))
        )
        await asyncio.sleep(0.1)  # returns: the loop does not wait
        assert not reading.done()
        await asyncio.to_thread(slow.write_bytes, sides.ours.key_pem)
        assert isinstance(await reading, Link)


async def test_a_key_file_is_read_once_and_its_changes_are_followed(sides: Sides, tmp_path: Path) -> None:
    if sides.suite != "RSA_SHA256":
        pytest.skip("only RSA keys are opened in this process")
    key = tmp_path / "key.pem"
    await asyncio.to_thread(key.write_bytes, sides.ours.key_pem)
    async with a_signed_stage(sides) as stage:
        given = stage.context.destination
        destination = msgspec.structs.replace(given, secrets={"sign_key": str(key)})
        context = msgspec.structs.replace(stage.context, destination=destination)
        first = await link_of(context)
        assert isinstance(first, Link)
        await asyncio.to_thread(key.unlink)
        assert await link_of(context) is first
        stage.clock.advance(LINK_AGE + timedelta(seconds=1))
        lost = await link_of(context)
        assert isinstance(lost, str)
        assert "не читается" in lost
        await asyncio.to_thread(key.write_bytes, sides.ours.key_pem)
        assert isinstance(await link_of(context), Link)
