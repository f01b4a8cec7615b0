"""The simulated РЭМД behaves as the real one was seen to: two stages, its own registers, late, repeated and lost answers."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from remd_stage import CLIENT, CLINIC, a_stage, codes, until

from adapters.remd import ADAPTER
from broker.adapter_kit import (
    Awaiting,
    Held,
    InDoubt,
    NotFound,
    Parcel,
    Registered,
    Rejected,
    Unavailable,
)
from broker.adapter_kit.checker import CheckFailed, SentSignature
from broker.adapter_kit.harness import (
    PeerDoor,
    SteppedClock,
    a_document,
    a_parcel,
    next_attempt,
    serving,
)
from broker.document.canonical import CanonicalDocument, SignatureRecord
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.submission import SignatureKind

# ---------------------------------------------------------------------- stage one


async def test_an_unknown_system_is_refused_at_once_and_nothing_is_accepted() -> None:
    async with a_stage(systems=[]) as stage:
        outcome = await stage.send(a_parcel(1))
        documents = await stage.documents()
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == ("remd.NO_RMIS", "destination")
    assert documents == []


async def test_a_disabled_system_is_refused_at_once() -> None:
    async with a_stage(systems=[{"clientEntityId": CLIENT, "enabled": False}]) as stage:
        outcome = await stage.send(a_parcel(1))
    assert isinstance(outcome, Held)
    assert outcome.reason == "remd.DISABLED_RMIS"


@pytest.mark.parametrize("when", ["sync", "async"])
async def test_an_unlinked_clinic_waits_and_goes_when_it_is_linked(when: str) -> None:
    async with a_stage(organizations=[{"oid": CLINIC, "systems": []}], unlinked=when) as stage:
        parcel = a_parcel(1)
        outcome = await stage.send_and_settle(parcel)
        assert isinstance(outcome, Held)
        assert outcome.scope == "clinic"
        link = f"{stage.simulator}/sim/links/{CLINIC}"
        async with stage.context.http.put(link, json=["emdr-rmis-1754"]) as answer:
            assert answer.status == 200
        assert isinstance(await stage.send_and_settle(next_attempt(parcel)), Registered)


async def test_a_request_against_our_schema_is_refused_at_once() -> None:
    async with a_stage() as stage:
        outcome = await stage.send(msgspec.structs.replace(a_parcel(1), local_uid="not-a-uuid"))
    assert codes(outcome) == ["VALIDATION_ERROR"]


async def test_too_many_requests_a_second_meet_the_protective_limit() -> None:
    async with a_stage(rateLimit=2) as stage:
        outcomes = [await stage.send(a_parcel(number)) for number in range(4)]
    assert any(isinstance(one, Unavailable) and one.reason == "remd.RATE_LIMIT" for one in outcomes)


# ---------------------------------------------------------------------- stage two


async def test_a_registered_document_gets_a_number_of_the_right_form() -> None:
    async with a_stage() as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    assert isinstance(outcome, Registered)
    assert outcome.receipt.emdr_id == "306.77.26.03.000000001"
    assert outcome.receipt.document_version == 1
    assert str(outcome.receipt.store_till_date) == "2051-03-02"


async def test_the_next_document_of_a_number_is_the_next_version() -> None:
    async with a_stage() as stage:
        first = a_document(1)
        second = msgspec.structs.replace(a_document(2), document_number=first.document_number)
        await stage.send_and_settle(a_parcel(1, document=first))
        outcome = await stage.send_and_settle(a_parcel(2, document=second))
    assert isinstance(outcome, Registered)
    assert outcome.receipt.document_version == 2


async def test_a_kind_without_versions_refuses_the_second() -> None:
    async with a_stage(kinds=[{"kind": "306", "newVersions": False}]) as stage:
        first = a_document(1)
        second = msgspec.structs.replace(a_document(2), document_number=first.document_number)
        await stage.send_and_settle(a_parcel(1, document=first))
        outcome = await stage.send_and_settle(a_parcel(2, document=second))
    assert codes(outcome) == ["RESTRICT_NEW_VERSION"]


async def test_registers_of_its_own_disagree_and_all_reasons_come_at_once() -> None:
    document = a_document(1)
    worker = {
        "snils": document.author.snils,
        "surname": "Иначев",
        "posts": [{"organization": CLINIC, "position": "1"}],
    }
    patient = {"organization": CLINIC, "localId": "P1", "gender": "2", "birthDate": "1977-04-18"}
    async with a_stage(
        kinds=[{"kind": "306", "opened": "2026-06-01"}],
        organizations=[{"oid": CLINIC, "deleted": "2026-01-01"}],
        workers=[worker],
        patients=[patient],
    ) as stage:
        outcome = await stage.send_and_settle(a_parcel(1, document=document))
    assert codes(outcome) == [
        "NO_DOCUMENT_KIND_ON_DATE",
        "NO_ORG_ON_DATE",
        "VALUE_MISMATCH_METADATA_AND_FRMR",
        "PERSON_POST_IN_FRMR_MISMATCH",
        "PATIENT_MPI_MISMATCH",
        "PATIENT_MPI_MISMATCH",
    ]


async def test_an_unknown_clinic_and_worker_are_told() -> None:
    async with a_stage(organizations=[], workers=[]) as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    assert codes(outcome) == ["ORG_NOT_FOUND_IN_FRMO", "PERSON_NOT_FOUND"]


def a_container(content: bytes) -> bytes:
    """Return the bytes a container names its digest with: algorithm, attribute, value."""
    head = bytes.fromhex("060960864801650304020106092a864886f70d01090431220420")
    return b"0" + head + hashlib.sha256(content).digest()


@pytest.mark.parametrize(("signed", "expected"), [(b"<a/>", []), (b"<b/>", ["DIGEST_MISMATCH"])])
async def test_a_file_that_is_not_the_signed_one_is_refused(signed: bytes, expected: list[str]) -> None:
    signature = SignatureRecord(kind=SignatureKind.ORGANIZATION, data=a_container(signed))
    async with a_stage() as stage:
        outcome = await stage.send_and_settle(a_parcel(1, content=b"<a/>", signatures=(signature,)))
    assert isinstance(outcome, Registered) if not expected else codes(outcome) == expected


async def test_a_file_that_is_no_xml_is_refused() -> None:
    async with a_stage() as stage:
        outcome = await stage.send_and_settle(a_parcel(1, content=b"%PDF-1.4"))
    assert codes(outcome) == ["INVALID_CONTENT"]


class OwnRules:
    """A checker that finds what it is told and reads the document it is told."""

    def __init__(self, document: CanonicalDocument, *findings: Finding) -> None:
        self.document = document
        self.findings = findings

    async def check(
        self, content: bytes, *, kind: str, signatures: Sequence[SentSignature], at: datetime
    ) -> tuple[CanonicalDocument | None, Sequence[Finding]]:
        return self.document, self.findings


def a_finding(layer: Layer, message: str, **more: object) -> Finding:
    return Finding(
        layer=layer,
        severity=Severity.ERROR,
        code=f"{layer}.x",
        message=message,
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
        **more,
    )


async def test_its_own_checker_speaks_in_the_words_of_remd() -> None:
    checker = OwnRules(
        a_document(1),
        a_finding(
            Layer.SCHEMATRON, "Элемент должен иметь", rule="У1-21", location=Location("/ClinicalDocument[1]")
        ),
        a_finding(Layer.XSD, "cvc-complex-type.2.4.a: Invalid content was found"),
        a_finding(Layer.SIGNATURE, "ЭП МО не верна: x", remd_code="SIGNATURE_VERIFICATION_ERROR"),
    )
    async with a_stage(checker=checker) as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    assert codes(outcome) == ["SIGNATURE_VERIFICATION_ERROR", "VALIDATION_ERROR", "VALIDATION_ERROR"]
    assert isinstance(outcome, Rejected)
    assert outcome.findings[2].value == (
        "Ошибка валидации Schematron: У1-21. Элемент должен иметь Путь: /ClinicalDocument[1]"
    )


class NoRules(OwnRules):
    """A checker that cannot check."""

    async def check(
        self, content: bytes, *, kind: str, signatures: Sequence[bytes], at: datetime
    ) -> tuple[CanonicalDocument | None, Sequence[Finding]]:
        raise CheckFailed


async def test_a_check_that_could_not_be_made_is_an_error_of_the_registry_and_no_registration() -> None:
    async with a_stage(checker=NoRules(a_document(1))) as stage:
        outcome = await stage.send_and_settle(a_parcel(1))
    assert isinstance(outcome, Unavailable)


async def test_request_and_document_are_compared() -> None:
    inside = a_document(1)
    sent = msgspec.structs.replace(
        a_document(2), patient=msgspec.structs.replace(inside.patient, snils=a_document(5).patient.snils)
    )
    async with a_stage(checker=OwnRules(inside)) as stage:
        outcome = await stage.send_and_settle(a_parcel(2, document=sent))
    assert isinstance(outcome, Rejected)
    said = " ".join(str(finding.message) for finding in outcome.findings)
    assert "localUid" in said
    assert "СНИЛС" in said
    assert "Дата создания" in said


async def test_twenty_megabytes_are_fetched_whole() -> None:
    content = b"<a>" + b"x" * (20 * 1024 * 1024 - 7) + b"</a>"
    async with a_stage() as stage:
        parcel = a_parcel(1, content=content)
        assert isinstance(await stage.send_and_settle(parcel), Registered)
        (document,) = await stage.documents()
    assert document.sha256 == parcel.digest


# ---------------------------------------------------------------------- doubt, lateness, loss


async def test_a_uid_registered_by_another_delivery_is_taken() -> None:
    async with a_stage() as stage:
        await stage.send_and_settle(a_parcel(1))
        stranger = msgspec.structs.replace(a_parcel(1), message_id=a_parcel(77).message_id)
        sent = await stage.send(stranger)
        assert isinstance(sent, Awaiting)
        callbacks = await stage.door.wait_for(sent.correlation)
        (verdict,) = await ADAPTER.interpret(callbacks[0], stage.context)
        (document,) = await stage.documents()
    assert isinstance(verdict.if_first, Rejected)
    assert document.registrations == 1
    assert document.calls == 2


async def test_two_attempts_at_once_register_once() -> None:
    async with a_stage() as stage:
        first = a_parcel(1)
        second = next_attempt(first)
        outcomes = await asyncio.gather(stage.send_and_settle(first), stage.send_and_settle(second))
        (document,) = await stage.documents()
    assert all(isinstance(one, Registered) for one in outcomes)
    assert len({one.receipt.emdr_id for one in outcomes if isinstance(one, Registered)}) == 1
    assert document.registrations == 1


async def test_a_late_answer_comes_in_simulated_time() -> None:
    async with a_stage() as stage:
        await stage.faults(lateCallbackSeconds=10 * 86400)
        parcel = a_parcel(1)
        sent = await stage.send(parcel)
        assert isinstance(sent, Awaiting)
        stage.clock.advance(timedelta(days=9))
        with pytest.raises(TimeoutError):
            await stage.door.wait_for(sent.correlation, timeout=0.3)
        stage.clock.advance(timedelta(days=2))
        assert isinstance(await stage.settle(parcel, sent), Registered)


async def test_marks_make_one_answer_late_and_one_come_twice() -> None:
    late, twice = a_parcel(1), a_parcel(2)
    marks = {late.local_uid: {"lateSeconds": 3600}}
    async with a_stage(marks=marks) as stage:
        address = f"{stage.simulator}/sim/marks/{twice.local_uid.upper()}"
        async with stage.context.http.put(address, json={"callbacks": 2}) as answer:
            assert answer.status == 200
        sent = [await stage.send(late), await stage.send(twice), await stage.send(a_parcel(3))]
        assert all(isinstance(one, Awaiting) for one in sent)
        doubled = await stage.door.wait_for(str(twice.message_id), count=2)
        assert len({callback.body for callback in doubled}) == 2
        assert not [one for one in stage.door.callbacks if one.correlation == str(late.message_id)]
        stage.clock.advance(timedelta(hours=2))
        await stage.door.wait_for(str(late.message_id))


async def test_a_dropped_answer_is_found_by_asking() -> None:
    async with a_stage() as stage:
        await stage.faults(dropCallback=1)
        parcel = a_parcel(1)
        assert isinstance(await ADAPTER.lookup(parcel, stage.context), NotFound)
        await stage.send(parcel)

        async def found() -> bool:
            return not isinstance(await ADAPTER.lookup(parcel, stage.context), NotFound)

        await until(found)
        outcome = await ADAPTER.lookup(parcel, stage.context)
        assert isinstance(outcome, Registered)
        assert outcome.receipt.emdr_id == "306.77.26.03.000000001"
        assert stage.door.callbacks == []


async def test_a_result_is_told_again_until_it_is_answered() -> None:
    async with a_stage(clumsy=2) as stage:
        parcel = a_parcel(1)
        sent = await stage.send(parcel)

        async def told() -> bool:
            stage.clock.advance(timedelta(seconds=1))
            return bool(stage.door.callbacks)

        await until(told)
        assert isinstance(await stage.settle(parcel, sent), Registered)
        assert len(stage.door.callbacks) == 1


async def test_a_file_service_that_is_down_is_told_as_such() -> None:
    async with a_stage(fileTries=2, callbackUrl="http://127.0.0.1:9/nowhere") as stage:
        await stage.send(a_parcel(1))
        for _ in range(10):
            stage.clock.advance(timedelta(seconds=10))
            await asyncio.sleep(0.06)
        (document,) = await stage.documents()
    assert document.status == "rejected"
    assert document.sha256 == ""


async def test_a_document_we_do_not_hold_is_no_fault_of_the_document() -> None:
    async with a_stage() as stage:
        parcel = a_parcel(1)
        sent = await ADAPTER.deliver(parcel, stage.context)
        outcome = await stage.settle(parcel, sent)
    assert isinstance(outcome, Unavailable)
    assert stage.door.served == ["file.missing"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("RATE_LIMIT", Unavailable),
        ("NO_RMIS", Held),
        ("RUNTIME_ERROR", Unavailable),
        ("MIS_NOT_AVAILABLE", Unavailable),
        ("NO_SNILS", Rejected),
        ("Не удается провести проверку ФРМР", Unavailable),
    ],
)
async def test_a_knob_makes_it_answer_any_code(code: str, expected: type) -> None:
    async with a_stage() as stage:
        await stage.faults(code=code)
        outcome = await stage.send_and_settle(a_parcel(1))
    assert isinstance(outcome, expected), outcome


async def test_a_truncated_answer_is_doubt_and_repeating_finds_the_registration() -> None:
    async with a_stage() as stage:
        parcel = a_parcel(1)
        await stage.faults(truncate=1)
        assert isinstance(await stage.send(parcel), InDoubt)
        await stage.faults()
        await stage.door.wait_for(str(parcel.message_id))
        outcome = await stage.send_and_settle(next_attempt(parcel))
    assert isinstance(outcome, Registered)


# ---------------------------------------------------------------------- restarts


async def accepted_but_late(parcels: list[Parcel], state: Path) -> None:
    """Leave accepted requests behind whose answers are an hour late."""
    async with a_stage(state=state) as stage:
        await stage.faults(lateCallbackSeconds=3600)
        for parcel in parcels:
            assert isinstance(await stage.send(parcel), Awaiting)

        async def registered() -> bool:
            return all(one.status == "registered" for one in await stage.documents())

        await until(registered)


async def test_what_was_accepted_before_a_restart_is_told_after_it(tmp_path: Path) -> None:
    parcels = [a_parcel(number) for number in range(3)]
    await accepted_but_late(parcels, tmp_path / "state")
    clock = SteppedClock()
    clock.advance(timedelta(hours=2))
    door = PeerDoor(ADAPTER)
    async with (
        serving(door.application()) as own,
        a_stage(state=tmp_path / "state", clock=clock, callbackUrl=f"{own}/peer/remd/callback") as stage,
    ):
        door.context = stage.context
        for parcel in parcels:
            await door.wait_for(str(parcel.message_id))
        documents = await stage.documents()
    assert [one.registrations for one in documents] == [1, 1, 1]


async def test_a_line_torn_by_a_kill_does_not_hurt(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with a_stage(state=state) as stage:
        await stage.send_and_settle(a_parcel(1))
    with state.open("ab") as file:
        file.write(b'["documents","torn",{"localU')
    async with a_stage(state=state) as stage:
        again = await stage.send_and_settle(next_attempt(a_parcel(1)))
        next_one = await stage.send_and_settle(a_parcel(2))
    assert isinstance(again, Registered)
    assert again.receipt.emdr_id == "306.77.26.03.000000001"
    assert isinstance(next_one, Registered)
    assert next_one.receipt.emdr_id == "306.77.26.03.000000002"


@pytest.mark.parametrize("lost", range(1, 9))
async def test_a_kill_between_any_two_writes_is_mended(tmp_path: Path, lost: int) -> None:
    """Cut the last lines off the register one by one: the document is registered once, with its digest, and told."""
    state = tmp_path / "state"
    parcel = a_parcel(1)
    async with a_stage(state=state) as stage:
        await stage.send_and_settle(parcel)
    lines = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(b"".join(lines[: max(1, len(lines) - lost)]))
    door = PeerDoor(ADAPTER)
    async with (
        serving(door.application()) as own,
        a_stage(state=state, callbackUrl=f"{own}/peer/remd/callback") as stage,
    ):
        door.context = stage.context
        stage.files.hold(parcel)

        async def registered() -> bool:
            return [one.status for one in await stage.documents()] == ["registered"]

        await until(registered)
        (document,) = await stage.documents()
    assert document.registrations == 1
    assert document.sha256 == parcel.digest


@pytest.mark.parametrize("limit", ["0", "1"])
async def test_the_registry_lists_a_clinics_registrations_of_a_window_whole_or_says_that_it_is_cut(
    limit: str,
) -> None:
    async with a_stage() as stage:
        parcel = a_parcel(1)
        outcome = await stage.send_and_settle(parcel)
        assert isinstance(outcome, Registered)
        destination = stage.context.destination
        params = {**destination.params, "search_limit": limit}
        context = msgspec.structs.replace(
            stage.context, destination=msgspec.structs.replace(destination, params=params)
        )
        now = context.clock.now()
        found = await ADAPTER.registrations(
            parcel.clinic, now - timedelta(days=1), now + timedelta(days=1), context
        )
        if limit == "1":
            assert found == InDoubt("destination.answer_too_large")
            return
        assert not isinstance(found, InDoubt | Unavailable)
        (entry,) = found
        assert (entry.local_uid, entry.number) == (parcel.local_uid, outcome.receipt.emdr_id)
        assert entry.registered_at is not None
