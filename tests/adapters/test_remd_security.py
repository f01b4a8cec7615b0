"""Envelopes signed both ways with РЭМД: RSA and ГОСТ go through, anybody else's are refused on either side, nothing comes twice."""

from datetime import timedelta

import msgspec
import pytest
from remd_stage import until
from signed_stage import Sides, a_signed_stage, provider, refused

from adapters.remd import ADAPTER
from broker.adapter_kit import Awaiting, ComputeAway, Held, Refuse, Registered, Serve, Take, Unavailable
from broker.adapter_kit.harness import a_parcel
from broker.trust import Suite


async def test_a_document_is_registered_over_signed_envelopes_and_the_receipt_names_the_signer(
    sides: Sides,
) -> None:
    async with a_signed_stage(sides) as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    assert isinstance(outcome, Registered), outcome
    assert outcome.receipt.provider.startswith(f"РЭМД; подпись конверта: {provider(sides.suite)} ")


async def test_an_envelope_of_somebody_else_is_refused_by_the_simulated_ips(sides: Sides) -> None:
    params = {"sign_certificate": sides.stranger.certificate_pem.decode()}
    async with a_signed_stage(sides, **params) as stage:
        secrets = {"sign_key": sides.stranger.key_pem.decode()}
        destination = msgspec.structs.replace(stage.context.destination, secrets=secrets)
        stage.context = msgspec.structs.replace(stage.context, destination=destination)
        outcome = await stage.send(a_parcel(1))
        assert await stage.documents() == []
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "destination.soap_fault"


async def test_calls_of_somebody_else_get_no_file(sides: Sides) -> None:
    async with a_signed_stage(sides, they_sign_as=sides.stranger) as stage:
        await stage.send(a_parcel(1))
        await until(lambda: refused(stage))
        assert stage.door.refused[0] == "destination.envelope_unknown_certificate"
        assert stage.door.served == []


async def test_a_message_that_was_answered_says_for_how_long_it_must_be_remembered(sides: Sides) -> None:
    async with a_signed_stage(sides) as stage:
        await stage.send_and_settle(a_parcel(1))
        asked, told = [await ADAPTER.receive(call, stage.context) for call in stage.door.calls[:2]]
    assert isinstance(asked, Serve)
    assert asked.replay is not None
    assert not asked.replay.repeatable
    assert isinstance(told, Take)
    assert told.replay is not None
    assert told.replay.repeatable
    assert told.replay.message_id != asked.replay.message_id
    assert told.replay.until == stage.clock.now() + timedelta(minutes=15)


async def away(_work: object, _given: object) -> object:
    raise ComputeAway


async def test_without_a_process_to_compute_in_nothing_is_sent_and_the_caller_comes_again(
    sides: Sides,
) -> None:
    if sides.suite is Suite.RSA_SHA256:
        pytest.skip("RSA needs no compute process")
    async with a_signed_stage(sides) as stage:
        await stage.send_and_settle(a_parcel(1))
        context = msgspec.structs.replace(stage.context, compute=away)
        outcome = await ADAPTER.deliver(a_parcel(2), context)
        reply = await ADAPTER.receive(stage.door.calls[0], context)
        assert len(await stage.documents()) == 1
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "operator.signing_away"
    assert isinstance(reply, Refuse)
    assert (reply.code, reply.status) == ("operator.verifying_away", 503)


async def test_a_key_that_cannot_be_had_holds_the_destination_and_says_why(sides: Sides) -> None:
    async with a_signed_stage(sides, sign_provider="openssl-gost") as stage:
        secrets = {"sign_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}
        destination = msgspec.structs.replace(stage.context.destination, secrets=secrets)
        outcome = await ADAPTER.deliver(
            a_parcel(1), msgspec.structs.replace(stage.context, destination=destination)
        )
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == ("destination.signing_failed", "destination")


async def test_production_is_signed_by_a_certified_means_or_not_at_all(sides: Sides) -> None:
    async with a_signed_stage(sides) as stage:
        destination = msgspec.structs.replace(stage.context.destination, mode="production")
        context = msgspec.structs.replace(stage.context, destination=destination)
        held = await ADAPTER.deliver(a_parcel(1), context)
        assert isinstance(held, Held)
        assert (held.reason, held.scope) == ("destination.signer_uncertified", "destination")
        excused = msgspec.structs.replace(
            destination, params=destination.params | {"sign_uncertified": "пилот до поставки СКЗИ"}
        )
        sent = await ADAPTER.deliver(a_parcel(1), msgspec.structs.replace(context, destination=excused))
        assert isinstance(sent, Awaiting)


async def test_a_means_that_does_not_say_whether_it_is_certified_signs_nothing_in_production(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(_key: object, _context: object) -> None:
        return None

    monkeypatch.setattr("adapters.remd.security._card", nobody)
    async with a_signed_stage(sides) as stage:
        destination = msgspec.structs.replace(stage.context.destination, mode="production")
        outcome = await ADAPTER.deliver(
            a_parcel(1), msgspec.structs.replace(stage.context, destination=destination)
        )
        assert await stage.documents() == []
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "operator.signing_away"
