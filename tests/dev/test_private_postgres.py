"""The private PostgreSQL, real and really killed."""

import os
import signal
import socket
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from waiting import restarted

from broker.dev.account import server_account
from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import SETTINGS, PostgresServer, accepts_connections, private_postgres
from broker.dev.supervisor import Supervisor

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as somebody else")


async def ask(url: str, query: str):
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_it_is_durable_utf8_and_reachable_on_the_loopback_only(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        assert isinstance(server, PostgresServer)
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert SETTINGS[name] == "on"
            assert await ask(server.url, f"show {name}") == "on"
        assert await ask(server.url, "show server_encoding") == "UTF8"
        assert await ask(server.url, "select lower('ИНАЯ')") == "иная"
        assert await ask(server.url, "show timezone") == "UTC"
        addresses = {
            connection.laddr.ip
            for connection in psutil.Process(server.child.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert addresses == {"127.0.0.1"}


async def test_a_wrong_password_is_refused(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url, password="wrong")


async def test_it_continues_where_it_stood_quickly_and_at_the_same_address(state_dir: Path) -> None:
    async with Supervisor(state_dir) as crew, private_postgres(crew) as first:
        await ask(first.url, "create table kept as select 41 + 1 as answer")
    began = time.monotonic()
    async with Supervisor(state_dir) as crew, private_postgres(crew) as again:
        took = time.monotonic() - began
        assert again.url == first.url
        assert await ask(again.url, "select answer from kept") == 42
    assert took < 10


async def test_killed_outright_it_comes_back_with_every_commit(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("create table kept (n int)")
        for count in range(1, 4):
            await ask(server.url, f"insert into kept values ({count})")
            before = server.child.pid
            os.kill(before, signal.SIGKILL)
            await restarted(server.child, before)
            assert await ask(server.url, "select count(*) from kept") == count
        connection.terminate()


async def test_a_frozen_backend_does_not_keep_a_killed_server_from_coming_back(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        connection = await asyncpg.connect(server.url)
        os.kill(await connection.fetchval("select pg_backend_pid()"), signal.SIGSTOP)
        before = server.child.pid
        os.kill(before, signal.SIGKILL)
        await restarted(server.child, before)
        assert await ask(server.url, "select 1") == 1
        connection.terminate()


async def test_a_pid_file_naming_a_stranger_does_not_keep_it_from_starting(state_dir: Path) -> None:
    async with Supervisor(state_dir) as crew, private_postgres(crew) as server:
        kept = (server.data / "postmaster.pid").read_text()
    owner = (server.data / "PG_VERSION").stat()
    lines = [str(os.getpid()), *kept.splitlines()[1:]]
    (server.data / "postmaster.pid").write_text("\n".join(lines))
    os.chown(server.data / "postmaster.pid", owner.st_uid, owner.st_gid)
    async with Supervisor(state_dir) as crew, private_postgres(crew) as server:
        assert await ask(server.url, "select 1") == 1


async def test_a_half_made_data_directory_is_made_anew(crew: Supervisor) -> None:
    room = crew.state.room("postgres", server_account("postgres"))
    (room / "data.new").mkdir()
    (room / "data.new" / "PG_VERSION").write_text("15")
    async with private_postgres(crew) as server:
        assert await ask(server.url, "select 1") == 1
        assert not (room / "data.new").exists()
        assert not (room / "password").exists()


async def test_the_usual_port_may_belong_to_somebody_else(crew: Supervisor) -> None:
    try:
        squatter = socket.create_server(("127.0.0.1", 5432))
    except OSError:
        squatter = None
    async with private_postgres(crew) as server:
        assert server.port != 5432
        assert await ask(server.url, "select 1") == 1
    if squatter is not None:
        squatter.close()


async def test_a_given_address_is_handed_on_and_nothing_is_started(crew: Supervisor) -> None:
    async with private_postgres(crew, url="postgresql://elsewhere/db") as server:
        assert server == PostgresServer(url="postgresql://elsewhere/db")
        assert crew.children == []


async def test_its_log_holds_neither_statements_nor_values(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("create table kept (word text primary key)")
        for _ in range(2):
            try:
                await connection.execute("insert into kept values ($1)", "ВЫДУМАННЫЙ")
            except asyncpg.UniqueViolationError:
                break
        await connection.close()
    log = crew.state.log("postgres").read_text()
    assert "duplicate key" in log
    assert "ВЫДУМАННЫЙ" not in log
    assert "insert" not in log


async def test_a_stand_killed_outright_takes_its_database_along_and_loses_nothing(
    start_stand, nobody_left
) -> None:
    stand = await start_stand("postgres")
    url = stand.told["postgres"]["url"]
    await ask(url, "create table kept as select 1 as n")
    await stand.end(signal.SIGKILL)
    assert nobody_left(15)
    again = await start_stand("postgres")
    assert again.told["postgres"]["url"] == url
    assert await ask(url, "select n from kept") == 1
    assert await again.end(signal.SIGTERM) == 0
    assert nobody_left(0)


async def test_nobody_answers_where_nobody_listens() -> None:
    assert not await accepts_connections("127.0.0.1", 1)


@needs_root
async def test_as_root_it_runs_as_an_unprivileged_user(crew: Supervisor) -> None:
    async with private_postgres(crew) as server:
        assert psutil.Process(server.child.pid).uids().real != 0


@needs_root
async def test_a_directory_its_account_cannot_reach_is_told_and_left_alone(parent: Path) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    async with Supervisor(closed / "state") as crew, private_postgres(crew) as server:
        assert isinstance(server, Missing)
        assert str(closed) in server.reason
        assert "--state-dir" in server.fix
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_an_ordinary_user_gets_a_server_of_his_own(
    start_stand, parent: Path, as_nobody: tuple[str, ...], nobody_left
) -> None:
    stand = await start_stand("postgres", python=as_nobody, HOME=str(parent))
    assert await ask(stand.told["postgres"]["url"], "select 1") == 1
    assert psutil.Process(stand.told["postgres"]["pid"]).uids().real == 65534
    assert await stand.end(signal.SIGTERM) == 0
    assert nobody_left(0)


async def test_refusing_to_install_is_obeyed_where_no_server_fits(crew: Supervisor) -> None:
    room = crew.state.room("postgres", server_account("postgres"))
    (room / "data").mkdir()
    (room / "data" / "PG_VERSION").write_text("9999")
    async with private_postgres(crew, policy=InstallPolicy.REFUSED) as server:
        assert isinstance(server, Missing)
        assert "INAYA_INSTALL=no" in server.reason
