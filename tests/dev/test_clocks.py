"""The simulated clock every process of a stand obeys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.adapter_kit.clock import Clock
from broker.adapter_kit.clocks import FileClock, SystemClock, advance, clock_from, read_offset


def drift(clock: Clock) -> float:
    return (clock.now() - datetime.now(UTC)).total_seconds()


def test_without_a_file_the_clock_shows_real_utc_time(tmp_path: Path) -> None:
    for clock in (SystemClock(), FileClock(tmp_path / "clock"), clock_from(None)):
        assert abs(drift(clock)) < 5
        assert clock.now().utcoffset() == timedelta()


def test_advancing_moves_every_clock_that_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    first, second = clock_from(path), clock_from(path)
    assert advance(path, 3600) == 3600
    assert drift(first) == pytest.approx(3600, abs=5)
    assert advance(path, 10 * 86400) == 3600 + 10 * 86400
    for clock in (first, second):
        assert drift(clock) == pytest.approx(3600 + 10 * 86400, abs=5)


def test_many_small_steps_in_a_row_are_all_seen(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = FileClock(path)
    for step in range(1, 50):
        advance(path, 100)
        assert drift(clock) == pytest.approx(100 * step, abs=5)


def test_removing_the_file_brings_real_time_back(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = FileClock(path)
    advance(path, 500)
    assert drift(clock) > 400
    path.unlink()
    assert abs(drift(clock)) < 5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_time_never_runs_backwards_nor_away(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ValueError, match="advanceSeconds"):
        advance(tmp_path / "clock", seconds)
    assert read_offset(tmp_path / "clock") == 0


def test_a_file_readable_by_a_servers_account_leaves_no_fragment_behind(tmp_path: Path) -> None:
    advance(tmp_path / "clock", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]
    assert (tmp_path / "clock").stat().st_mode & 0o777 == 0o644
