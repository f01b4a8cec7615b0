"""Rules change under a running house: what an operator puts into force judges the next document, and what he takes back does not."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from builders import a_submission
from in_process import House
from partner import Answer, Partner

from adapters.nsi.simulator import create
from adapters.nsi.simulator.service import DEMO_KEY
from broker.adapter_kit.harness import SteppedClock, serving
from broker.adapter_kit.simulation import SimulatorSetup
from broker.control.rules import RuleDesk
from broker.dev.world import Signers, World
from broker.store.rules import RuleStore

STRICT = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule context="ClinicalDocument">'
    "<assert test=\"title='Такого названия нет'\">У9-1. Название не то</assert></rule></pattern></schema>"
)
CSV = "ID;NAME\n1;Мужской\n2;Женский\n"
COLOURS = "1.2.643.5.1.13.13.99.2.77777"
GENDERS = "1.2.643.5.1.13.13.11.1040"

Inaya = Callable[..., "asyncio.Future[tuple[int, str]]"]


@pytest.fixture
def inaya(house: House) -> Inaya:
    """The commands of an operator at a terminal of this house; ``more`` are further settings."""

    async def call(*words: str, **more: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("inaya"),
            *words,
            env=os.environ | house.settings | more,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return call  # type: ignore[return-value]  # a coroutine function


@pytest.fixture(autouse=True)
async def shipped_rules(house: House, alpha: Partner, world: World, signers: Signers) -> AsyncIterator[None]:
    """Leave the rules as they were shipped, and the workers knowing it."""
    yield
    desk = RuleDesk(RuleStore(house.database), house.clock, four_eyes=False)
    await desk.rollback(0, reason="проба окончена", actor="tests")
    await until(lambda: is_passed(alpha, world, signers))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    directory = tmp_path / "306"
    directory.mkdir()
    (directory / "306 Schematron v.1.1.sch").write_text(STRICT, encoding="utf-8")
    return directory


async def judged(
    partner: Partner, world: World, signers: Signers, wanted: Callable[[Answer], bool]
) -> Answer:
    """Validate until the answer is the wanted one: processes learn of a new book within seconds."""
    body = msgspec.json.encode(a_submission(world, signers))
    async with asyncio.timeout(30):
        while True:
            told = await partner.post("/validate", data=body, headers={"Content-Type": "application/json"})
            assert told.status == 200, told.body
            if wanted(told):
                return told
            await asyncio.sleep(0.2)


def refused_by_the_pack(told: Answer) -> bool:
    return any(one.get("rule") == "У9-1" for one in told.body["findings"])


def codes(told: Answer) -> list[str]:
    return [one["code"] for one in told.body["findings"]]


async def waits_for_rules(house: House) -> bool:
    return bool(
        await house.database.fetchval("select count(*) from task where why = 'operator.rules_unreadable'")
    )


async def one_that_waits(house: House, partner: Partner, world: World, signers: Signers) -> str:
    """Submit until one waits for rules, and return it: workers learn of a new book after the doors."""
    async with asyncio.timeout(30):
        while True:
            document: str = (await partner.submit(a_submission(world, signers))).body["id"]
            while (await partner.get(f"/documents/{document}")).body["status"] == "accepted":
                if await waits_for_rules(house):
                    return document
                await asyncio.sleep(0.2)


async def is_refused(partner: Partner, world: World, signers: Signers) -> bool:
    return (await partner.submit(a_submission(world, signers), wait=20)).status == 422


async def is_passed(partner: Partner, world: World, signers: Signers) -> bool:
    told = await partner.submit(a_submission(world, signers), wait=5)
    return told.status == 202 and told.body["status"] in {"validated", "routed", "completed"}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110  only asking again tells
            await asyncio.sleep(0.2)


async def test_a_pack_is_imported_put_into_force_weighed_and_taken_back(
    inaya: Inaya, pack: Path, alpha: Partner, world: World, signers: Signers
):
    status, said = await inaya("schemas", "import", str(pack))
    assert status == 0, said
    digest = said.partition("отпечаток ")[2].partition(".")[0]
    assert not refused_by_the_pack(await judged(alpha, world, signers, lambda told: told.body["valid"]))

    status, said = await inaya("schemas", "activate", "306", digest, "--reason", "вышел пакет")
    assert status == 0, said
    told = await judged(alpha, world, signers, refused_by_the_pack)
    assert not told.body["valid"]
    await until(lambda: is_refused(alpha, world, signers))  # doors and workers each learn of it by themselves

    status, said = await inaya(
        "schemas",
        "severity",
        "schematron",
        "warning",
        "--rule",
        "У9-1",
        "--kind",
        "306",
        "--reason",
        "правило неверно",
    )
    assert status == 0, said
    told = await judged(alpha, world, signers, lambda told: told.body["valid"])
    assert refused_by_the_pack(told)

    status, said = await inaya("schemas", "rollback", "0", "--reason", "проба окончена")
    assert status == 0, said
    await judged(alpha, world, signers, lambda told: told.body["valid"] and not refused_by_the_pack(told))
    status, said = await inaya("schemas", "history")
    assert [line.split()[1] for line in said.splitlines()[1:]] == ["действует", "прежняя", "прежняя"]


async def test_an_imported_dictionary_judges_the_next_document(
    inaya: Inaya, tmp_path: Path, alpha: Partner, world: World, signers: Signers
):
    (tmp_path / f"{GENDERS}_2.1.csv").write_text(CSV, encoding="utf-8")
    status, said = await inaya("nsi", "import", str(tmp_path / f"{GENDERS}_2.1.csv"))
    assert status == 0, said
    told = await judged(alpha, world, signers, lambda told: told.body["layers"]["nsi"]["ran"])
    assert told.body["layers"]["nsi"]["ran"]
    status, said = await inaya("nsi", "list")
    assert GENDERS in said
    assert "да" in said
    status, said = await inaya("nsi", "drop", GENDERS, "2.1", "--reason", "проба окончена")
    assert status == 0, said
    await judged(alpha, world, signers, lambda told: not told.body["layers"]["nsi"]["ran"])


async def test_the_portal_is_asked_for_what_is_newer_and_one_unknown_dictionary_stops_nobody(
    inaya: Inaya, tmp_path: Path
):
    key = tmp_path / "key"
    key.write_text(DEMO_KEY)
    (tmp_path / f"{COLOURS}_1.1.csv").write_text("ID;NAME\n1;Белый\n", encoding="utf-8")
    params: dict[str, object] = {"directory": str(tmp_path)}
    async with serving(create(SimulatorSetup(clock=SteppedClock(), params=params))) as url:
        portal = {"INAYA_NSI_URL": url, "INAYA_NSI_KEY_FILE": str(key)}
        status, said = await inaya("nsi", "sync", COLOURS, "1.2.643.5.1.13.13.99.2.404", **portal)
        assert status == 1
        assert f"{COLOURS}: редакция 1.1, записей 1" in said
        assert "Действует редакция" in said
        status, said = await inaya("nsi", "sync", COLOURS, **portal)
        assert status == 0, said
        assert "новейшая" in said
        key.write_text("00000000-0000-4000-8000-00000000000f")
        status, said = await inaya("nsi", "sync", **portal)
        assert status == 1
        assert "00000000f" not in said


async def test_a_book_whose_files_were_erased_is_written_out_again_and_no_document_is_blamed(
    inaya: Inaya, pack: Path, house: House, alpha: Partner, world: World, signers: Signers
):
    status, said = await inaya("schemas", "import", str(pack), "--activate", "--reason", "проба")
    assert status == 0, said
    await judged(alpha, world, signers, refused_by_the_pack)
    books = Path(house.settings["INAYA_RULES_CACHE"]) / "books"
    for book in books.iterdir():
        book.unlink()
    await judged(alpha, world, signers, refused_by_the_pack)
    await until(lambda: asyncio.to_thread(lambda: any(books.iterdir())))
    assert await house.database.fetchval("select coalesce(sum(crashes), 0) from document") == 0


async def test_documents_wait_while_the_rules_in_force_are_damaged_and_pass_when_the_former_are_back(
    inaya: Inaya, pack: Path, house: House, alpha: Partner, world: World, signers: Signers
):
    (pack / "306 Schematron v.1.1.sch").write_text(STRICT.replace("У9-1", "У9-2"), encoding="utf-8")
    status, said = await inaya("schemas", "import", str(pack))
    assert status == 0, said
    digest = said.partition("отпечаток ")[2].partition(".")[0]
    await house.database.execute("update rule_artefact set body = 'x' where starts_with(digest, $1)", digest)
    status, said = await inaya("schemas", "activate", "306", digest, "--reason", "проба")
    assert status == 0, said
    await judged(alpha, world, signers, lambda told: codes(told) == ["operator.rules_unreadable"])
    document = await one_that_waits(house, alpha, world, signers)
    status, said = await inaya("schemas", "rollback", "0", "--reason", "повреждён")
    assert status == 0, said
    await judged(alpha, world, signers, lambda told: told.body["valid"])
    await until(lambda: is_passed(alpha, world, signers))  # workers learn of it by themselves
    house.pass_time(60)
    assert (await alpha.outcome(document))["status"] != "rejected"
