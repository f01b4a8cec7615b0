"""The operator's commands and ``send`` against a running stand, as a person at a terminal would use them."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from builders import a_submission

from broker.cli.entry import run
from broker.document.submission import SignatureKind


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def inaya(a_stand, capsys):
    """Run a command beside the stand, in a thread as it has a loop of its own."""

    async def command(*words: object, stand: bool = True) -> Said:
        beside = ("--state-dir", str(a_stand.state_dir)) if stand else ()
        async with asyncio.timeout(90):
            status = await asyncio.to_thread(run, [*map(str, words), *beside])
        return Said(status, *capsys.readouterr())

    return command


async def test_the_doctor_finds_a_stand_in_good_health(inaya):
    said = await inaya("doctor")
    assert said.status == 0, said
    assert "ПЛОХО" not in said.out
    for name in ("PostgreSQL", "Надёжность записи", "Главный ключ", "Наборы правил", "Направление remd"):
        assert name in said.out


async def test_a_command_without_a_stand_says_so_and_ends_with_two(inaya, tmp_path):
    said = await inaya("queues", "list", "--state-dir", tmp_path, stand=False)
    assert said.status == 2
    assert "нет стенда" in said.err


async def test_a_new_vendor_gets_a_secret_that_opens_the_door(inaya, a_stand):
    clinic = a_stand.endpoints.partners[0].clinics[0].oid
    assert (await inaya("partners", "add", "mis-cli", "--title", "ООО «Проба МИС»")).status == 0
    assert (await inaya("partners", "clinic", "mis-cli", clinic)).status == 0
    secret = (await inaya("partners", "secret", "mis-cli", "--grace", "0")).out.splitlines()[0]
    assert secret.startswith("inaya_test_")
    answer = await a_stand.partners[0].call(
        "GET", f"{a_stand.endpoints.http}/api/v1/documents", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status == 200
    listed = await inaya("partners", "list")
    assert "mis-cli" in listed.out
    assert clinic in listed.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("partners", "add", "Не Логин", "--title", "x"), "не логин"),
        (("partners", "add", "mis-test", "--title", "x"), "не логин"),
        (("partners", "secret", "nobody-here"), "партнёра nobody-here нет"),
        (("partners", "clinic", "vendor-alpha", "1.2.3"), "не OID"),
        (("partners", "clinic", "vendor-alpha", "1.2.643.5.1.13.13.12.2.77.404"), "не подключена"),
        (("queues", "pause", "nowhere", "--reason", "x"), "не настроено"),
        (("replay",), "назовите доставки"),
        (("replay", "--destination", "remd", "--yes"), "причину"),
        (("routes", "explain"), "--clinic"),
        (("routes", "explain", "нет-такого"), "не идентификатор"),
        (("operators", "add", "Имя Фамилия"), "не логин"),
    ],
)
async def test_a_mistake_is_one_line_and_status_two(inaya, words, why):
    said = await inaya(*words)
    assert said.status == 2
    assert why in said.err
    assert said.err.count("\n") == 1


@contextlib.asynccontextmanager
async def paused(inaya, destination: str) -> AsyncIterator[None]:
    assert (await inaya("queues", "pause", destination, "--reason", "профилактика")).status == 0
    try:
        yield
    finally:
        assert (await inaya("queues", "resume", destination)).status == 0


async def test_a_pause_is_seen_with_its_reason_until_it_is_lifted(inaya):
    async with paused(inaya, "gis.16"):
        assert "пауза: профилактика" in (await inaya("queues", "list")).out
    assert "профилактика" not in (await inaya("queues", "list")).out


async def test_a_table_that_could_register_twice_is_refused(inaya, tmp_path):
    table = tmp_path / "routing.json"
    rules = [
        {"name": "прямо", "destination": "remd", "registers": True},
        {"name": "через ГИС", "destination": "gis.77", "when": {"regions": ["77"]}, "registers": True},
    ]
    table.write_text(json.dumps({"rules": rules}), encoding="utf-8")
    for verb in ("check", "activate"):
        said = await inaya("routes", verb, table)
        assert said.status == 1
        assert "дважды" in said.out
    assert "прямо" not in (await inaya("routes", "show")).out


async def test_the_table_in_force_can_be_shown_and_put_into_force_again(inaya, tmp_path):
    table = tmp_path / "routing.json"
    table.write_text((await inaya("routes", "show")).out, encoding="utf-8")
    said = await inaya("routes", "activate", table)
    assert said.status == 0, said
    assert "Действует таблица" in said.out


async def test_a_route_is_explained_rule_by_rule(inaya, a_stand):
    clinic = a_stand.endpoints.partners[0].clinics[0].oid
    said = await inaya("routes", "explain", "--clinic", clinic, "--kind", "306")
    assert said.status == 0
    assert "→ remd (обязательный, регистрирует в РЭМД)" in said.out
    assert "нет — тип semd" in said.out


async def test_a_signed_document_is_sent_and_its_outcome_shown(inaya, world, stand_signers, tmp_path):
    submission = a_submission(world, stand_signers, kind="306")
    document = tmp_path / "document.xml"
    document.write_bytes(base64.b64decode(submission.content.data))
    words: list[object] = ["send", document, "--kind", submission.kind, "--wait", 60]
    for number, part in enumerate(submission.signatures):
        path = tmp_path / f"{number}.p7s"
        path.write_bytes(base64.b64decode(part.data))
        words += ["--signature", f"{part.role if part.kind is SignatureKind.PERSONAL else 'org'}:{path}"]
    said = await inaya(*words)
    assert said.status == 0, said
    assert "completed" in said.out
    assert "remd: registered" in said.out
    identifier = said.out.partition("документ ")[2].split()[0]
    assert "→ remd" in (await inaya("routes", "explain", identifier)).out


async def test_a_bad_document_is_sent_and_every_finding_shown(inaya, world, stand_signers, tmp_path):
    ready = tmp_path / "one.json"
    submission = a_submission(world, stand_signers, kind="306")
    plain = json.loads(
        json.dumps({"clinic": submission.clinic, "kind": "306", "content": {"data": "PHgvPg=="}})
    )
    ready.write_text(json.dumps(plain | {"messageId": submission.message_id}), encoding="utf-8")
    said = await inaya("send", ready, "--wait", 60)
    assert said.status == 1
    assert "rejected" in said.out
    assert "signature.missing" in said.out


async def test_held_deliveries_are_previewed_replayed_and_released(inaya, a_stand, world, stand_signers):
    unlinked = world.clinics.index(world.unlinked)
    submission = a_submission(world, stand_signers, kind="306", clinic=unlinked)
    partner = next(
        one for one, told in zip(a_stand.partners, a_stand.endpoints.partners, strict=True)
        if world.unlinked.oid in {clinic.oid for clinic in told.clinics}
    )  # fmt: skip
    identifier = (await partner.submit(submission, wait=25)).body["id"]
    delivery = await held(partner, identifier)
    chosen = ("replay", "--delivery", delivery)
    preview = await inaya(*chosen)
    assert delivery in preview.out
    assert "clinic.not_linked" in preview.out
    assert "Будет повторено: 1" in preview.out
    assert "Возвращено в очередь: 1" in (await inaya(*chosen, "--yes", "--why", "проба")).out
    assert await held(partner, identifier) == delivery
    released = await inaya("queues", "release", "--clinic", world.unlinked.oid)
    assert released.out.startswith("Возвращено в очередь: ")
    assert not released.out.endswith(": 0.\n")


async def held(partner, identifier: str) -> str:
    """Wait until the document's delivery to РЭМД is held, and return its id."""
    async with asyncio.timeout(30):
        while True:
            card = (await partner.call("GET", f"/api/v1/documents/{identifier}")).body
            for one in card["deliveries"]:
                if (one["destination"], one["status"]) == ("remd", "held"):
                    return one["id"]
            await asyncio.sleep(0.2)


async def test_the_report_of_terms_is_asked_for_what_was_in_time_or_late(
    inaya, a_stand, world, stand_signers
):
    ticket = await a_stand.partners[0].submit(a_submission(world, stand_signers), wait=25, until="final")
    document = (ticket.body.get("ticket") or ticket.body)["id"]
    kept = await inaya("sla", "report", "--from", "2026-01-01", "--in-time")
    assert kept.status == 0, kept
    assert document in kept.out
    for title in ("раб. дней", "чья задержка", "стоял"):
        assert title in kept.out
    late = await inaya("sla", "report", "--from", "2026-01-01", "--late", "--format", "json")
    assert document not in late.out


async def test_a_file_remd_may_ask_for_is_not_let_go_and_the_terminal_says_why(
    inaya, a_stand, world, stand_signers
):
    ticket = await a_stand.partners[0].submit(a_submission(world, stand_signers), wait=25, until="final")
    document = (ticket.body.get("ticket") or ticket.body)["id"]
    refused = await inaya("archive", "purge", "--document", document)
    assert refused.status == 1, refused
    assert "Файл остаётся" in refused.out
    counted = await inaya("archive", "purge", "--dry-run")
    assert counted.status == 0
    assert "Остаётся:" in counted.out
    told = await inaya("archive", "show", document)
    assert told.status == 0
    assert "Хранится у нас" in told.out
    assert (await inaya("archive", "show")).status == 0
    assert "не идентификатор" in (await inaya("archive", "show", "нет")).err
