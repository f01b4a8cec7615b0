"""What a fund says and what becomes of it: states, protocols of both forms, tokens, oddities, refusals in words."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from tfoms_stage import CLINIC, PERIOD, a_fund, a_registry_parcel, policies, registry_check

from adapters.tfoms import TfomsAdapter
from adapters.tfoms.adapter import mo_code
from adapters.tfoms.simulator import create
from broker.adapter_kit import Context
from broker.adapter_kit.harness import (
    HostileServer,
    Misbehaviour,
    PeerDoor,
    Stage,
    SteppedClock,
    context_for,
    private_words,
    serving,
)
from broker.adapter_kit.outcome import Awaiting, Held, InDoubt, Registered, Rejected, Unavailable
from broker.adapter_kit.simulation import SimulatorSetup
from broker.document.finding import Responsible
from broker.samples.registry import registry_name
from broker.samples.registry_faults import CASE_FAULTS


@asynccontextmanager
async def a_stage(
    *, fund: dict[str, object] | None = None, state: Path | None = None, **params: str
) -> AsyncIterator[Stage]:
    """A fresh adapter at a fund whose settings may be chosen, with its own clock."""
    adapter, clock = TfomsAdapter(), SteppedClock()
    setup = SimulatorSetup(
        clock=clock, state=state, params={"registry_check": registry_check, **(fund or {})}
    )
    async with (
        serving(create(setup)) as url,
        context_for(a_fund(url, **params), clock=clock) as context,
    ):
        yield Stage(adapter, context, PeerDoor(adapter), url)


async def stages_until_verdict(stage: Stage, number: int = 1) -> tuple[list[str], object]:
    parcel = a_registry_parcel(number)
    outcome = await stage.send(parcel)
    seen = []
    while isinstance(outcome, Awaiting):
        seen.append(outcome.stage)
        parcel = msgspec.structs.replace(parcel, state=outcome.state)
        outcome = await stage.adapter.poll(parcel, stage.context)
    return seen, outcome


# ---------------------------------------------------------------------- states


async def test_a_bill_passes_every_state_in_the_order_of_the_field() -> None:
    async with a_stage() as stage:
        walks = [await stages_until_verdict(stage, number) for number in range(1, 8)]
    longest = max((seen for seen, _ in walks), key=len)
    assert longest == [
        "Счет зарегистрирован сервисом счетов и помещен в очередь на ФЛК",
        "Счет зарегистрирован сервисом счетов и помещен в очередь на ФЛК",
        "Счет ожидает обработки",
        "ФЛК пройден",
    ]
    assert all(isinstance(outcome, Registered) for _, outcome in walks)
    assert len({len(seen) for seen, _ in walks}) > 1, "funds take their time"


async def test_an_accepted_bill_gives_a_full_receipt_with_the_funds_number() -> None:
    async with a_stage() as stage:
        parcel = a_registry_parcel()
        sent = await stage.send(parcel)
        outcome = await stage.settle(parcel, sent)
        held = (await stage.documents())[0]
    assert isinstance(sent, Awaiting)
    assert isinstance(outcome, Registered)
    assert (outcome.receipt.result, outcome.receipt.gis_id) == ("full", sent.correlation)
    assert outcome.receipt.stage == "Предварительный МЭК пройден"
    assert outcome.receipt.registered_at == held.registered_at
    assert (held.local_uid, held.registrations) == (registry_name(CLINIC, period=PERIOD, packet=1), 1)


@pytest.mark.parametrize("form", ["federal", "primorye"])
async def test_failed_control_refuses_with_one_finding_per_error_of_a_case(form: str) -> None:
    async with a_stage(fund={"answerFormat": form}) as stage:
        outcome = await stage.send_and_settle(a_registry_parcel(count=5, faults=CASE_FAULTS[:3]))
    assert isinstance(outcome, Rejected)
    assert outcome.stage == "ФЛК не пройден"
    assert [(one.n_zap, one.rule, one.code) for one in outcome.findings] == [
        ("1", "003F.00.0430", "tfoms.flk_failed"),
        ("3", "006F.00.0370", "tfoms.flk_failed"),
        ("2", "003F.00.0660", "tfoms.flk_failed"),
    ]
    by_case = {one.n_zap: one for one in outcome.findings}
    assert (by_case["2"].id_case, bool(by_case["2"].sl_id)) == ("2", True)
    assert "P_CEL" in by_case["2"].message
    assert all(one.fix and one.responsible is Responsible.CLINIC for one in outcome.findings)


async def test_cases_of_the_uninsured_make_the_result_partial() -> None:
    async with a_stage(fund={"notInsured": policies(1)}) as stage:
        outcome = await stage.send_and_settle(a_registry_parcel(count=3))
    assert isinstance(outcome, Registered)
    assert outcome.receipt.result == "partial"
    assert [(one.n_zap, one.rule, one.code) for one in outcome.findings] == [
        ("2", "910", "tfoms.mek_refused_case")
    ]
    assert "застрахованных" in outcome.findings[0].message


async def test_a_bill_of_the_uninsured_only_is_refused_by_the_preliminary_control() -> None:
    async with a_stage(fund={"notInsured": policies(0, 1)}) as stage:
        outcome = await stage.send_and_settle(a_registry_parcel(count=2))
    assert isinstance(outcome, Rejected)
    assert {one.code for one in outcome.findings} == {"tfoms.mek_failed"}
    assert [one.n_zap for one in outcome.findings] == ["1", "2"]


async def test_a_refusal_without_rows_is_the_operators() -> None:
    async with a_stage() as stage:
        await stage.faults(code="mek_failed")
        outcome = await stage.send_and_settle(a_registry_parcel())
    assert isinstance(outcome, Rejected)
    assert [one.code for one in outcome.findings] == ["tfoms.mek_failed_empty"]
    assert outcome.findings[0].responsible is Responsible.OPERATOR


async def test_the_fund_and_we_see_the_same_errors_in_the_same_bytes() -> None:
    parcel = a_registry_parcel(count=len(CASE_FAULTS), faults=CASE_FAULTS)
    ours = registry_check(parcel.content, CLINIC.mcod, SteppedClock().now().date())
    async with a_stage() as stage:
        outcome = await stage.send_and_settle(parcel)
    assert isinstance(outcome, Rejected)
    assert {(one.rule, one.n_zap) for one in outcome.findings} == {(one.rule, one.n_zap) for one in ours}


async def test_without_a_rule_engine_the_fund_still_looks_for_itself() -> None:
    async with a_stage(fund={"registry_check": None}) as stage:
        good = await stage.send_and_settle(a_registry_parcel(1))
        bad = await stage.send_and_settle(a_registry_parcel(2, faults=(CASE_FAULTS[1],)))
    assert isinstance(good, Registered)
    assert isinstance(bad, Rejected)
    assert [one.rule for one in bad.findings] == ["003F.00.0660"]


# ---------------------------------------------------------------------- tokens


async def test_one_token_serves_many_calls() -> None:
    async with a_stage(fund={"accounts": {"inaya": "inaya"}}) as stage:
        await asyncio.gather(*(stage.send(a_registry_parcel(number)) for number in range(1, 6)))
        tokens = stage.adapter._tokens._held
    assert len(tokens) == 1


async def test_a_token_that_grew_old_is_renewed_before_it_is_used() -> None:
    async with a_stage() as stage:
        first = await stage.send(a_registry_parcel(1))
        stage.clock.advance(timedelta(minutes=19))
        second = await stage.send(a_registry_parcel(2))
    assert isinstance(first, Awaiting)
    assert isinstance(second, Awaiting)


async def test_a_token_the_fund_forgot_is_renewed_and_the_package_sent_once() -> None:
    async with a_stage(fund={"tokenSeconds": 60}) as stage:
        await stage.send(a_registry_parcel(1))
        stage.clock.advance(timedelta(minutes=2))
        second = await stage.send(a_registry_parcel(2))
        held = await stage.documents()
    assert isinstance(second, Awaiting)
    assert [one.registrations for one in held] == [1, 1]


async def test_a_fund_that_knows_no_token_is_unavailable() -> None:
    async with a_stage() as stage:
        await stage.faults(code="token_expired")
        outcome = await stage.send(a_registry_parcel())
        held = await stage.documents()
    assert outcome == Unavailable("tfoms.token_refused")
    assert held == []


async def test_a_refused_account_holds_the_destination() -> None:
    async with a_stage(fund={"accounts": {"inaya": "changed"}}) as stage:
        outcome = await stage.send(a_registry_parcel())
        assert not await stage.adapter.probe(stage.context)
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == ("tfoms.login", "destination")


async def test_a_lost_sign_in_is_unavailability_for_nothing_was_sent() -> None:
    async with a_stage() as stage:
        await stage.faults(dropAnswer=1)
        outcome = await stage.send(a_registry_parcel())
    assert isinstance(outcome, Unavailable)


@asynccontextmanager
async def a_slow_fund(path: str, seconds: float) -> AsyncIterator[tuple[Context, Callable[[], int]]]:
    """A fund whose sign-in takes 0.4 s, and one of whose services takes ``seconds``; how many packages came, and 1 s for all."""
    packages = 0

    @web.middleware
    async def slow(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal packages
        packages += request.path == "/ProtService"
        await asyncio.sleep(seconds if request.path == path else 0.4 if request.path == "/AuthService" else 0)
        return await handler(request)

    app = create(SimulatorSetup(clock=SteppedClock(), params={"registry_check": registry_check}))
    app.middlewares.append(slow)
    async with serving(app) as url:
        fund = msgspec.structs.replace(a_fund(url), timeout=1.0)
        async with context_for(fund, clock=SteppedClock()) as context:
            yield context, lambda: packages


async def test_signing_in_and_sending_share_one_patience() -> None:
    async with a_slow_fund("/ProtService", 30) as (context, packages):
        started = asyncio.get_running_loop().time()
        outcome = await TfomsAdapter().deliver(a_registry_parcel(), context)
        took = asyncio.get_running_loop().time() - started
    assert (outcome, packages()) == (InDoubt("destination.answer_timeout"), 1)
    assert took < 1.3, "a second patience would be cut off from outside"


async def test_a_package_is_not_sent_in_the_little_time_a_slow_sign_in_leaves() -> None:
    async with a_slow_fund("/AuthService", 0.9) as (context, packages):
        outcome = await TfomsAdapter().deliver(a_registry_parcel(), context)
    assert (outcome, packages()) == (Unavailable("tfoms.sign_in_timeout"), 0)


async def test_a_sign_in_without_a_token_is_unavailability() -> None:
    async with HostileServer(Misbehaviour.HTML).open() as server, context_for(a_fund(server.url)) as context:
        outcome = await TfomsAdapter().deliver(a_registry_parcel(), context)
    assert isinstance(outcome, Unavailable)


# ---------------------------------------------------------------------- oddities


async def test_a_lost_number_is_doubt() -> None:
    async with a_stage() as stage:
        await stage.faults(code="unid_lost")
        outcome = await stage.send(a_registry_parcel())
        held = await stage.documents()
    assert outcome == InDoubt("tfoms.unid_lost")
    assert held[0].registrations == 1


async def test_a_package_sent_twice_is_a_double_at_the_fund() -> None:
    async with a_stage() as stage:
        first, second = [await stage.send(a_registry_parcel()) for _ in range(2)]
        held = await stage.documents()
    assert isinstance(first, Awaiting)
    assert isinstance(second, Awaiting)
    assert first.correlation != second.correlation
    assert held[0].registrations == 2, "why the passport leaves doubt to the operator"


async def test_the_protocol_of_another_package_is_never_applied() -> None:
    async with a_stage() as stage:
        await stage.send(a_registry_parcel(1, faults=CASE_FAULTS[:1]))
        await stage.faults(code="unid_duplicate")
        parcel = a_registry_parcel(2)
        sent = await stage.send(parcel)
        await stage.faults()
        outcome = await stage.settle(parcel, sent)
    assert isinstance(outcome, Held)
    assert outcome.reason == "tfoms.answer_of_another_package"


@pytest.mark.parametrize(
    "oddity", ["flk_two_files", "encoding_mismatch", "mixed_case_zip", "fname_extension"]
)
async def test_an_odd_protocol_is_read_like_a_neat_one(oddity: str) -> None:
    async with a_stage() as stage:
        await stage.faults(code=oddity)
        outcome = await stage.send_and_settle(a_registry_parcel(count=5, faults=CASE_FAULTS[:3]))
    assert isinstance(outcome, Rejected)
    assert {one.n_zap for one in outcome.findings} == {"1", "2", "3"}
    assert all("обязательный" in one.message or "согласовано" in one.message for one in outcome.findings)


async def test_an_empty_protocol_of_a_refusal_is_said_plainly() -> None:
    async with a_stage() as stage:
        await stage.faults(code="flk_empty")
        outcome = await stage.send_and_settle(a_registry_parcel(faults=CASE_FAULTS[:1]))
    assert isinstance(outcome, Rejected)
    assert [one.code for one in outcome.findings] == ["tfoms.flk_failed_empty"]


async def test_the_contours_know_nothing_of_each_other() -> None:
    async with a_stage() as stage:
        parcel = a_registry_parcel()
        sent = await stage.send(parcel)
        assert isinstance(sent, Awaiting)
        main = msgspec.structs.replace(
            stage.context.destination, params={"protUrl": f"{stage.simulator}/main/ProtService"}
        )
        elsewhere = msgspec.structs.replace(stage.context, destination=main)
        asked = msgspec.structs.replace(parcel, state=sent.state)
        lost = await stage.adapter.poll(asked, elsewhere)
        taken = await stage.adapter.deliver(parcel, elsewhere)
    assert isinstance(lost, Held)
    assert isinstance(taken, Awaiting)


async def test_the_fund_survives_a_kill(tmp_path: Path) -> None:
    parcel = a_registry_parcel(count=3, faults=CASE_FAULTS[:1])
    async with a_stage(state=tmp_path / "fund") as stage:
        sent = await stage.send(parcel)
    async with a_stage(state=tmp_path / "fund") as stage:
        outcome = await stage.settle(parcel, sent)
    assert isinstance(outcome, Rejected)


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Пакет с таким именем уже загружен", "held:tfoms.exception:delivery"),
        ("Сервис временно недоступен", "unavailable:tfoms.unavailable"),
        ("Нет доступа к МО 650001", "held:tfoms.exception:clinic"),
        ("Не удалось распаковать архив", "rejected:tfoms.refused"),
        ("Object reference not set to an instance", "held:tfoms.answer_unknown:delivery"),
    ],
)
async def test_words_of_refusal_come_to_what_the_table_says(text: str, outcome: str) -> None:
    async with a_stage() as stage:
        await stage.faults(code=text)
        got = await stage.send(a_registry_parcel())
    match got:
        case Held(reason=reason, scope=scope):
            assert outcome == f"held:{reason}:{scope}"
        case Unavailable(reason=reason):
            assert outcome == f"unavailable:{reason}"
        case Rejected(findings=(finding,)):
            assert outcome == f"rejected:{finding.code}"
        case _:
            raise AssertionError(got)


async def test_an_unknown_refusal_names_no_patient_either() -> None:
    parcel = a_registry_parcel()
    assert parcel.document is not None
    name = parcel.document.patient.name
    async with a_stage() as stage:
        await stage.faults(code=f"Ошибка строки: {name.family} {name.given}, полис {policies(0)[0]}")
        outcome = await stage.send(parcel)
    assert isinstance(outcome, Held)
    assert outcome.text.endswith("Ошибка строки: ••• •••, полис •••")


async def test_a_fund_refuses_a_stranger() -> None:
    async with a_stage(fund={"mo": ["650001"]}) as stage:
        outcome = await stage.send(a_registry_parcel())
    assert isinstance(outcome, Held)
    assert outcome.scope == "clinic"


async def test_the_message_of_a_fund_names_no_patient() -> None:
    parcel = a_registry_parcel(count=2)
    async with a_stage(fund={"notInsured": policies(0)}) as stage:
        await stage.faults()
        stage.adapter.table.rows.clear()
        stage.adapter.table._patterns.clear()  # no row of ours: the fund's own comment is shown
        outcome = await stage.send_and_settle(parcel)
    assert isinstance(outcome, Registered)
    said = msgspec.json.encode(outcome).decode()
    assert "••• ••• ••• не застрахован(а) в ЦС ЕРЗ" in said
    assert not any(word in said for word in private_words(parcel))


# ---------------------------------------------------------------------- polling and preconditions


async def awaiting(stage: Stage) -> tuple[Awaiting, object]:
    parcel = a_registry_parcel()
    sent = await stage.send(parcel)
    assert isinstance(sent, Awaiting)
    return sent, msgspec.structs.replace(parcel, state=sent.state)


@pytest.mark.parametrize("knob", ["dropAnswer", "unavailable", "truncate"])
async def test_a_question_that_failed_is_asked_again(knob: str) -> None:
    async with a_stage() as stage:
        sent, parcel = await awaiting(stage)
        await stage.faults(**{knob: 1})
        outcome = await stage.adapter.poll(parcel, stage.context)
        await stage.faults()
        final = await stage.settle(parcel, sent)
    assert isinstance(outcome, Unavailable)
    assert isinstance(final, Registered)


async def test_without_a_number_there_is_nothing_to_ask() -> None:
    async with a_stage() as stage:
        outcome = await stage.adapter.poll(a_registry_parcel(), stage.context)
    assert isinstance(outcome, Held)
    assert outcome.reason == "tfoms.unid_missing"


async def test_the_next_question_comes_after_the_pause_of_the_settings() -> None:
    async with a_stage(pollSeconds="60") as stage:
        sent, _ = await awaiting(stage)
        assert sent.look_again_at == stage.clock.now() + timedelta(seconds=60)
    assert sent.state["package"] == registry_name(CLINIC, period=PERIOD, packet=1)


async def test_a_clinic_without_its_number_is_held() -> None:
    parcel = a_registry_parcel()
    parcel = msgspec.structs.replace(parcel, clinic=msgspec.structs.replace(parcel.clinic, mcod=""))
    async with a_stage() as stage:
        outcome = await stage.send(parcel)
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == ("tfoms.mcod_missing", "clinic")
    assert mo_code(parcel) == outcome


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"url": ""}, "tfoms.url_missing"),
        ({"secrets": {}}, "tfoms.account_missing"),
        ({"params": {"pollSeconds": "скоро"}}, "tfoms.number_malformed"),
    ],
)
async def test_a_destination_set_up_by_half_is_held_whole(change: dict[str, object], reason: str) -> None:
    destination = msgspec.structs.replace(a_fund("http://127.0.0.1:9"), **change)
    async with context_for(destination) as context:
        outcome = await TfomsAdapter().deliver(a_registry_parcel(), context)
        assert not await TfomsAdapter().probe(context)
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == (reason, "destination")


async def test_a_paper_that_never_comes_registers_a_taken_bill_with_a_warning() -> None:
    async with a_stage() as stage:
        await stage.faults(code="protocol_late")
        outcome = await stage.send_and_settle(a_registry_parcel())
    assert isinstance(outcome, Registered)
    assert outcome.receipt.warnings


async def test_a_refusal_whose_paper_never_comes_waits_for_the_operator() -> None:
    async with a_stage() as stage:
        await stage.faults(code="protocol_late")
        outcome = await stage.send_and_settle(a_registry_parcel(faults=CASE_FAULTS[:1]))
    assert isinstance(outcome, Held)
    assert outcome.reason == "tfoms.protocol_missing"


async def test_a_paper_that_comes_late_is_read() -> None:
    async with a_stage() as stage:
        parcel = a_registry_parcel(count=5, faults=CASE_FAULTS[:3])
        outcome = await stage.send(parcel)
        await stage.faults(code="protocol_late")
        while isinstance(outcome, Awaiting) and "tries" not in outcome.state:
            parcel = msgspec.structs.replace(parcel, state=outcome.state)
            outcome = await stage.adapter.poll(parcel, stage.context)
        await stage.faults()
        final = await stage.settle(parcel, outcome)
    assert isinstance(final, Rejected)
    assert len(final.findings) == 3
