"""A stand says where it is only while it is ready."""

from pathlib import Path

import pytest

from broker.dev.install import InstallPolicy
from broker.dev.stand import StandFailed, StandOptions, running_stand
from broker.dev.state import StateDir, StateDirBusyError

NOWHERE = "postgresql://inaya@127.0.0.1:1/inaya"


def options(path: Path) -> StandOptions:
    return StandOptions(
        state_dir=path, install=InstallPolicy.REFUSED, database_url=NOWHERE, amqp=False, workers=0
    )


def left_by_a_killed_stand(path: Path) -> Path:
    file = path / "endpoints.json"
    file.write_text("{}")
    return file


async def test_what_a_killed_stand_left_is_gone_before_the_next_one_is_ready(session_dir: Path):
    path = StateDir.open(session_dir / "killed").path
    file = left_by_a_killed_stand(path)
    with pytest.raises((StandFailed, OSError)):
        async with running_stand(options(path)):
            pass
    assert not file.exists()


async def test_a_stand_that_finds_the_directory_taken_leaves_the_addresses_of_the_other(session_dir: Path):
    state = StateDir.open(session_dir / "taken")
    file = left_by_a_killed_stand(state.path)
    with state.lock(), pytest.raises(StateDirBusyError):
        async with running_stand(options(state.path)):
            pass
    assert file.exists()
