"""Kill points: armed by a file, hit by one process once, harmless everywhere else, and each of them really on the way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from broker.telemetry.killpoints import KillPoint, passed, watch

ROOT = Path(__file__).resolve().parents[3]
PASS = """
import sys
from pathlib import Path
from broker.telemetry.killpoints import KillPoint, passed, watch
watch(Path(sys.argv[1]) if sys.argv[1] else None)
passed(KillPoint.DELIVERY_BEGUN)
"""


def run(directory: str) -> int:
    return subprocess.run([sys.executable, "-c", PASS, directory], cwd=ROOT, check=False).returncode


def test_an_armed_point_ends_the_first_process_that_passes_it_and_no_other(tmp_path: Path):
    (tmp_path / KillPoint.DELIVERY_BEGUN).touch()
    assert run(str(tmp_path)) == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["delivery.begun.hit"]
    assert run(str(tmp_path)) == 0


def test_another_point_or_no_directory_harms_nobody(tmp_path: Path):
    (tmp_path / KillPoint.DELIVERY_ANSWERED).touch()
    assert run(str(tmp_path)) == 0
    assert run("") == 0
    assert run(str(tmp_path / "absent")) == 0


def test_nothing_is_watched_unless_asked(monkeypatch: pytest.MonkeyPatch):
    struck: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: struck.append(number))
    watch(None)
    for point in KillPoint:
        passed(point)
    assert not struck


def test_every_point_lies_on_the_way_of_a_document():
    sources = "".join(path.read_text() for path in (ROOT / "broker").rglob("*.py"))
    assert [point.name for point in KillPoint if f"passed(KillPoint.{point.name})" not in sources] == []
