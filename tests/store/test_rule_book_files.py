"""The rule book written out: damaged files are made whole again by themselves, what no book names goes in its time."""

import os
import time
from pathlib import Path

import pytest
from rows import StillClock

from broker.assembly import rulebook
from broker.assembly.rulebook import BookKeeper
from broker.control.rules import RuleDesk
from broker.store.database import Database
from broker.store.rules import Artefact, Form, RuleStore
from broker.validation.book_files import BOOKS, PACKS
from broker.validation.pack_layout import digest_of_files
from broker.validation.packs import Pack
from broker.validation.ruleset import digest_of

FILES = {"rules.sch": b"<schema/>", "deep/CDA.xsd": b"<xs:schema/>"}
DIGEST = digest_of_files(FILES.items())


@pytest.fixture
async def store(database: Database) -> RuleStore:
    store = RuleStore(database)
    body = Pack(name="290", digest=DIGEST, files=FILES, editions=()).to_bytes()
    summary = {"editions": [{"kind": "290", "schematronVersion": "1.7", "faults": []}], "findings": []}
    pack = Artefact(
        digest=DIGEST, form=Form.PACK, name="290", version="1.7", title="290", source="290.zip",
        summary=summary, body=body,
    )  # fmt: skip
    clock = StillClock()
    await store.keep([pack], "ann", clock.now())
    desk = RuleDesk(store, clock, four_eyes=False)
    await desk.activate("290", DIGEST, starts=clock.now().date(), reason="вышла новая редакция", actor="ann")
    return store


async def test_a_damaged_pack_is_written_anew_at_the_next_start(store: RuleStore, tmp_path: Path):
    await BookKeeper(store, tmp_path).refresh()
    (tmp_path / PACKS / DIGEST / "deep" / "CDA.xsd").unlink()
    keeper = BookKeeper(store, tmp_path)
    await keeper.refresh()
    assert keeper.is_written
    assert digest_of(tmp_path / PACKS / DIGEST) == DIGEST


async def test_a_pack_damaged_while_the_house_runs_is_written_anew_when_it_is_proved_again(
    store: RuleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    keeper = BookKeeper(store, tmp_path)
    await keeper.refresh()
    (tmp_path / PACKS / DIGEST / "rules.sch").write_bytes(b"<schema")
    await keeper.refresh()
    assert digest_of(tmp_path / PACKS / DIGEST) != DIGEST
    monkeypatch.setattr(rulebook, "PROVED_EVERY", 0.0)
    await keeper.refresh()
    assert digest_of(tmp_path / PACKS / DIGEST) == DIGEST


async def test_what_no_book_names_goes_after_a_day_and_not_before(store: RuleStore, tmp_path: Path):
    old, fresh = tmp_path / PACKS / ("0" * 64), tmp_path / BOOKS / "fresh.json"
    old.mkdir(parents=True)
    (old / "rules.sch").write_bytes(b"<schema/>")
    fresh.parent.mkdir(parents=True)
    fresh.write_bytes(b"{}")
    long_ago = time.time() - 2 * rulebook.UNNAMED_FOR
    os.utime(old, (long_ago, long_ago))
    keeper = BookKeeper(store, tmp_path)
    await keeper.refresh()
    assert not old.exists()
    assert fresh.exists()
    assert keeper.is_written
