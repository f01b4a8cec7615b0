"""The bad days of the simulated РЭМД: each knob does what it says, is counted, and a document gets through in the end."""

import hashlib
from datetime import timedelta

import pytest
from remd_stage import a_stage, until
from signed_stage import Sides, a_signed_stage, refused

from broker.adapter_kit import Awaiting, InDoubt, Registered, Unavailable
from broker.adapter_kit.harness import Stage, a_parcel, next_attempt
from broker.trust import Suite


async def injected(stage: Stage) -> dict[str, int]:
    async with stage.context.http.get(f"{stage.simulator}/sim/faults") as answer:
        found: dict[str, int] = (await answer.json())["injected"]
        return found


async def is_registered(stage: Stage) -> bool:
    return any(one.registrations for one in await stage.documents())


@pytest.mark.parametrize(
    ("knob", "reason"),
    [("runtimeError", "remd.RUNTIME_ERROR"), ("misNotAvailable", "remd.MIS_NOT_AVAILABLE")],
)
async def test_a_verdict_that_could_not_be_made_asks_for_another_try(knob: str, reason: str) -> None:
    async with a_stage() as stage:
        await stage.faults(**{knob: 1})
        parcel = a_parcel(1)
        outcome = await stage.send_and_settle(parcel)
        assert isinstance(outcome, Unavailable)
        assert outcome.reason == reason
        assert stage.door.served == []
        await stage.faults()
        assert isinstance(await stage.send_and_settle(next_attempt(parcel)), Registered)
        assert sum((await injected(stage)).values()) == 1


async def test_a_protective_limit_refuses_at_once() -> None:
    async with a_stage() as stage:
        await stage.faults(rateLimit=1)
        outcome = await stage.send(a_parcel(1))
        assert isinstance(outcome, Unavailable)
        assert outcome.reason == "remd.RATE_LIMIT"
        assert await stage.documents() == []
        assert await injected(stage) == {"rate_limit": 1}


async def test_a_page_of_a_gateway_is_doubt_and_an_answer_in_crumbs_is_an_answer() -> None:
    async with a_stage() as stage:
        await stage.faults(html500=1)
        assert isinstance(await stage.send(a_parcel(1)), InDoubt)
        await stage.faults(slow=1)
        assert isinstance(await stage.send(a_parcel(2)), Awaiting)


async def test_a_silent_registry_asks_for_nothing_tells_nothing_and_goes_on_afterwards() -> None:
    async with a_stage() as stage:
        await stage.faults(silent=True)
        parcel = a_parcel(1)
        outcome = await stage.send(parcel)
        stage.clock.advance(timedelta(hours=1))
        (document,) = await stage.documents()
        assert document.status == "accepted"
        assert stage.door.calls == []
        await stage.faults()
        stage.clock.advance(timedelta(minutes=1))
        assert isinstance(await stage.settle(parcel, outcome), Registered)


async def test_a_crash_after_registering_leaves_the_number_to_be_asked_for() -> None:
    async with a_stage() as stage:
        await stage.faults(crashAfterRegister=1)
        parcel = a_parcel(1)
        await stage.send(parcel)
        await until(lambda: is_registered(stage))
        assert stage.door.callbacks == []
        found = await stage.adapter.lookup(parcel, stage.context)
        assert isinstance(found, Registered)
        again = await stage.send_and_settle(next_attempt(parcel))
        assert isinstance(again, Registered)
        assert again.receipt.emdr_id == found.receipt.emdr_id
        (document,) = await stage.documents()
        assert document.registrations == 1


async def test_a_verdict_about_nobodys_message_comes_beside_the_right_one() -> None:
    async with a_stage() as stage:
        await stage.faults(unknownRelates=1)
        assert isinstance(await stage.send_and_settle(a_parcel(1)), Registered)
        assert len({one.correlation for one in stage.door.callbacks}) == 2


async def test_calls_with_a_spoilt_signature_are_refused_until_they_are_right(sides: Sides) -> None:
    async with a_signed_stage(sides, verify_answers="true") as stage:
        await stage.faults(wrongSignature=1)
        parcel = a_parcel(1)
        assert isinstance(await stage.send(parcel), InDoubt)
        await until(lambda: refused(stage))
        await stage.faults()
        stage.clock.advance(timedelta(minutes=10))
        outcome = await stage.send_and_settle(next_attempt(parcel))
        assert isinstance(outcome, Registered | Unavailable)
        assert (await injected(stage))["wrong_signature"] >= 2


async def test_answers_are_signed_and_a_message_repeated_to_the_bus_is_refused(sides: Sides) -> None:
    if sides.suite is Suite.GOST2012_512:
        pytest.skip("one suite of ГОСТ is enough here")
    async with a_signed_stage(sides, verify_answers="true") as stage:
        parcel = a_parcel(1)
        assert isinstance(await stage.send_and_settle(parcel), Registered)
        repeated = await stage.send(parcel)  # the same MessageID
        assert isinstance(repeated, InDoubt)


async def test_an_old_file_is_asked_for_on_demand() -> None:
    async with a_stage() as stage:
        parcel = a_parcel(1)
        registered = await stage.send_and_settle(parcel)
        assert isinstance(registered, Registered)
        stage.files.receipt(registered.receipt.emdr_id or "", parcel)
        for wanted in ({"emdrId": registered.receipt.emdr_id}, {"localUid": parcel.local_uid}):
            async with stage.context.http.post(f"{stage.simulator}/sim/ask-files", json=wanted) as answer:
                told = await answer.json()
            assert told == {
                "status": "success",
                "size": len(parcel.content),
                "sha256": hashlib.sha256(parcel.content).hexdigest(),
            }
