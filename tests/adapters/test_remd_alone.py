"""``inaya sim remd`` alone: it tells where it is, signs as itself, and judges by rules and dictionaries of its own."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from remd_stage import CLIENT

from adapters.remd import ADAPTER
from broker.adapter_kit import Destination, Rejected
from broker.adapter_kit.harness import PeerDoor, Stage, a_parcel, context_for, serving
from broker.samples.people import Population
from broker.samples.sample import make_sample
from broker.samples.selftest import CREATED, ROOT
from broker.trust import Issued

OWN_RULE = "У9-99. Такое правило есть только у стенда."
GENDERS = "1.2.643.5.1.13.13.11.1040"


@asynccontextmanager
async def alone(home: Path, *options: str) -> AsyncIterator[tuple[Stage, list[str]]]:
    """Run the command in an empty directory; give a stage before it and the lines it said."""
    port = unused_port()
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("inaya"),
        *("sim", "remd", "--port", str(port), *options),
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(30):
            while not any("/sim/faults" in line for line in said):
                line = await process.stderr.readline()
                assert line, said
                said.append(line.decode())
        door, url = PeerDoor(ADAPTER), f"http://127.0.0.1:{port}"
        destination = Destination(
            id="remd", adapter="remd", url=f"{url}/port/emdr", params={"client_entity_id": CLIENT}
        )
        async with (
            serving(door.application()) as own,
            context_for(destination, peer_url=f"{own}/peer/remd") as context,
        ):
            door.context = context
            yield Stage(ADAPTER, context, door, url), said
    finally:
        process.terminate()
        await process.communicate()


def a_sample() -> bytes:
    population = Population(7, date(2026, 6, 15))
    return make_sample(population, 1, kind="306", clinic=population.clinic(1), created_at=CREATED).document()


def own_packs(home: Path) -> Path:
    """A pack like that of the product, with one rule more."""
    pack = home / "packs" / "306" / "3"
    shutil.copytree(ROOT / "306" / "3", pack)
    rules = pack / "header.sch"
    text = rules.read_text(encoding="utf-8")
    more = (
        '<pattern><rule context="ClinicalDocument">'
        f'<assert test="false()" role="seen">{OWN_RULE}</assert></rule></pattern></schema>'
    )
    rules.write_text(text.replace("</schema>", more), encoding="utf-8")
    manifest = pack / "ruleset.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('edition = "3"', 'edition = "4"'), encoding="utf-8"
    )
    return home / "packs"


def own_dictionaries(home: Path) -> Path:
    """A dictionary of one code no document of ours has."""
    (home / "nsi").mkdir()
    (home / "nsi" / f"{GENDERS}_2.1.csv").write_text("ID;NAME\n9;Иной\n", encoding="utf-8")
    return home / "nsi"


@pytest.mark.parametrize("differs", [False, True])
async def test_rules_and_dictionaries_of_its_own_let_it_disagree(tmp_path: Path, *, differs: bool) -> None:
    options = (
        ("--packs", str(own_packs(tmp_path)), "--nsi", str(own_dictionaries(tmp_path))) if differs else ()
    )
    async with alone(tmp_path, *options) as (stage, said):
        outcome = await stage.send_and_settle(a_parcel(1, content=a_sample()))
    assert isinstance(outcome, Rejected)
    told = [str(finding.value) for finding in outcome.findings]
    assert any(OWN_RULE[:6] in one for one in told) is differs, told
    codes = [finding.remd_code for finding in outcome.findings]
    assert ("INVALID_ELEMENT_VALUE_CODE" in codes) is differs
    assert any("/port/emdr" in line for line in said)


async def test_it_may_judge_by_saxon_and_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("saxonche", reason="the extra inaya[saxon] is not installed")
    packs = own_packs(tmp_path)
    told = []
    for engine in ("native", "saxon"):
        async with alone(tmp_path, "--packs", str(packs), "--engine", engine) as (stage, _):
            outcome = await stage.send_and_settle(a_parcel(1, content=a_sample()))
        assert isinstance(outcome, Rejected)
        told.append(sorted((finding.remd_code, str(finding.value)) for finding in outcome.findings))
    assert told[0] == told[1]
    assert any(OWN_RULE[:6] in value for _, value in told[0])


async def test_it_signs_with_a_throw_away_certificate_that_stays_the_same(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        async with alone(tmp_path, "--no-check") as (_, said):
            assert any("remd.pem" in line for line in said)
        seen.append(Issued.load(tmp_path / ".inaya" / "sim-remd", "remd").serial)
    assert seen[0] == seen[1]
    assert (tmp_path / ".inaya" / "sim-remd" / "remd.key").stat().st_mode & 0o077 == 0


async def test_a_directory_without_dictionaries_is_told_in_one_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("inaya"),
        *("sim", "remd", "--port", str(unused_port()), "--nsi", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    _, said = await process.communicate()
    assert process.returncode
    assert "--nsi: " in said.decode()
    assert "Traceback" not in said.decode()
