"""Finding and installing: what is refused, what is put back afterwards."""

import os
import stat
from pathlib import Path

import pytest

from broker.dev.account import closed_to, run_once, server_account
from broker.dev.install import (
    InstallPolicy,
    Missing,
    PostgresBinaries,
    ensure_postgres,
    refusing_service_starts,
    without_database_cluster,
)


@pytest.mark.parametrize(
    ("value", "policy"),
    [("no", "no"), ("NO", "no"), ("0", "no"), (" off ", "no"), ("yes", "yes"), ("", "yes")],
)
def test_a_plain_no_refuses_and_all_else_allows(value: str, policy: str) -> None:
    assert InstallPolicy.of({"INAYA_INSTALL": value}) is InstallPolicy(policy)
    assert InstallPolicy.of({}) is InstallPolicy.ALLOWED


async def test_an_installed_server_is_found_without_a_word() -> None:
    said: list[str] = []
    found = await ensure_postgres(InstallPolicy.REFUSED, tell=said.append)
    if isinstance(found, Missing):
        pytest.skip(f"PostgreSQL: {found}")
    assert isinstance(found, PostgresBinaries)
    assert found.major >= 15
    assert os.access(found.directory / "initdb", os.X_OK)
    assert said == []


async def test_what_is_missing_is_told_with_what_to_do() -> None:
    missing = await ensure_postgres(InstallPolicy.REFUSED, major=9999)
    assert isinstance(missing, Missing)
    assert "INAYA_INSTALL=no" in missing.reason
    assert "INAYA_DATABASE_URL" in missing.fix


async def test_services_are_refused_a_start_while_a_package_is_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with refusing_service_starts(policy):
        assert policy.stat().st_mode & stat.S_IXOTH
        assert (await run_once((str(policy), "rabbitmq-server", "start")))[0] == 101
    assert not policy.exists()


def test_a_policy_of_the_machine_is_put_back_as_it_was(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    policy.chmod(0o750)
    before = policy.stat()
    with refusing_service_starts(policy):
        assert "exit 101" in policy.read_text()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert (policy.stat().st_ino, policy.stat().st_mode) == (before.st_ino, before.st_mode)
    assert list(tmp_path.iterdir()) == [policy]


@pytest.mark.parametrize("had", [True, False])
def test_what_a_killed_run_left_is_mended_by_the_next(tmp_path: Path, *, had: bool) -> None:
    policy = tmp_path / "policy-rc.d"
    if had:
        policy.write_text("of the machine")
    refusing_service_starts(policy).__enter__()
    with refusing_service_starts(policy):
        pass
    assert [path.read_text() for path in tmp_path.iterdir()] == (["of the machine"] if had else [])


def test_no_cluster_is_made_by_a_fresh_package_and_no_trace_stays(tmp_path: Path) -> None:
    drop_in = tmp_path / "postgresql-common" / "createcluster.d" / "inaya.conf"
    with without_database_cluster(drop_in):
        assert drop_in.read_text() == "create_main_cluster = false\n"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "postgresql-common").mkdir()
    with without_database_cluster(drop_in):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["postgresql-common"]


async def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError):
        await run_once(("/bin/sleep", "600"), timeout=0.1)
    assert await run_once(("/bin/cat",), stdin=b"word") == (0, "word")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as somebody else")
async def test_the_first_closed_directory_on_the_way_is_named(parent: Path) -> None:
    account = server_account("postgres")
    deep = parent / "open" / "closed" / "deep"
    deep.mkdir(parents=True)
    (parent / "open" / "closed").chmod(0o700)
    assert await closed_to(account, parent / "open") is None
    assert await closed_to(account, deep) == parent / "open" / "closed"
    assert await closed_to(None, deep) is None


def test_a_server_never_runs_as_root() -> None:
    account = server_account("no-such-user-of-ours")
    assert (account is None) == (os.geteuid() != 0)
    assert account is None or account.name == "nobody"
