"""The directory of trust in force as a file: followed, never half, and what cannot be read is never taken for nothing."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.assembly.selfcheck import Health, trust_checks
from broker.assembly.trusting import KEPT, ROOM, TrustKeeper
from broker.dev.trust import write_trust
from broker.pipeline import TRUST_TROUBLE, Workshop
from broker.trust import ThrowAwayCa, read_snapshot
from broker.trust.snapshot import SUFFIX

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> ThrowAwayCa:
    return ThrowAwayCa.create(NOW - timedelta(days=365))


@pytest.fixture
def directory(tmp_path: Path, ca: ThrowAwayCa) -> Path:
    return write_trust(tmp_path / "trust", [("rsa", ca)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def followed(keeper: TrustKeeper) -> str:
    """Let it look at the directory once."""
    asyncio.run(keeper.refresh())
    return keeper()


def test_the_snapshot_is_a_file_named_by_its_digest(directory: Path, home: Path, ca: ThrowAwayCa):
    keeper = TrustKeeper(str(directory), "warning", home)
    followed(keeper)
    path = Path(keeper())
    snapshot = read_snapshot(path)
    assert (path.parent, path.name) == (home / ROOM, f"{snapshot.digest}{SUFFIX}")
    assert snapshot.roots == (ca.certificate,)
    followed(keeper)
    assert keeper() == str(path)


def test_a_changed_directory_is_another_snapshot_and_an_erased_file_is_written_again(
    directory: Path, home: Path, ca: ThrowAwayCa
):
    keeper = TrustKeeper(str(directory), "warning", home)
    followed(keeper)
    before = keeper()
    (directory / "crls" / "rsa.crl").write_bytes(ca.crl((7,)))
    followed(keeper)
    after = keeper()
    assert after != before
    Path(after).unlink()
    followed(keeper)
    assert Path(after).exists()


def test_a_directory_that_cannot_be_read_leaves_nothing_to_judge_by_until_it_can(directory: Path, home: Path):
    keeper = TrustKeeper(str(directory), "warning", home)
    (directory / "roots" / "half.pem").write_text("-----BEGIN CERTIFICATE-----")
    followed(keeper)
    assert "roots/half.pem" in keeper.trouble
    workshop = Workshop(ROOT / "schemas", None)
    with pytest.raises(TRUST_TROUBLE):
        workshop.open_trust(keeper())
    (directory / "roots" / "half.pem").unlink()
    followed(keeper)
    assert keeper.trouble == ""
    workshop.open_trust(keeper())
    assert workshop.trust.anchored


def test_a_directory_that_is_gone_is_not_a_directory_nobody_named(directory: Path, home: Path):
    keeper = TrustKeeper(str(directory / "gone"), "warning", home)
    followed(keeper)
    assert not Path(keeper()).exists()
    assert "нет" in keeper.trouble


def test_without_a_directory_the_snapshot_says_that_nothing_anchors_it(home: Path):
    keeper = TrustKeeper("", "error", home)
    followed(keeper)
    snapshot = read_snapshot(Path(keeper()))
    assert not snapshot.anchored
    assert snapshot.profile("production").weights == {"chain_unchecked": "error"}


def test_snapshots_long_out_of_force_are_erased_and_the_one_in_force_is_not(
    directory: Path, home: Path, ca: ThrowAwayCa
):
    keeper = TrustKeeper(str(directory), "warning", home)
    followed(keeper)
    first = Path(keeper())
    old = time.time() - 2 * KEPT
    os.utime(first, (old, old))
    followed(keeper)  # in use: it is young again
    assert first.stat().st_mtime > old
    os.utime(first, (old, old))
    (directory / "crls" / "rsa.crl").write_bytes(ca.crl((8,)))
    followed(keeper)
    assert not first.exists()
    assert Path(keeper()).exists()


def test_the_doctor_tells_of_the_directory_as_it_is(directory: Path):
    [absent] = trust_checks("", NOW)
    assert (absent.health, "не проверяются" in absent.text) == (Health.DOUBT, True)
    [good] = trust_checks(str(directory), NOW)
    assert good.health is Health.GOOD
    assert "корней 1, промежуточных 0, списков отзыва 1" in good.text
    (directory / "crls" / "rsa.crl").unlink()
    assert [one.health for one in trust_checks(str(directory), NOW)] == [Health.GOOD, Health.BAD]
    (directory / "roots" / "rsa.pem").unlink()
    [bad] = trust_checks(str(directory), NOW)
    assert (bad.health, "документы ждут" in bad.text) == (Health.BAD, True)
