"""A private PostgreSQL: a data directory, a port of the loopback and a password of its own; nothing shared, nothing lax.

It is as durable as a real one: what is measured and killed on it must mean something.
"""

import asyncio
import shutil
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from broker.dev.account import Account, closed_to, run_once, server_account
from broker.dev.install import InstallPolicy, Missing, PostgresBinaries, ensure_postgres
from broker.dev.state import StateDir, write_private
from broker.dev.supervisor import Child, ChildFailedError, ChildSpec, Supervisor

_ROLE: Final = "inaya"
_DATABASE: Final = "inaya"
_SOCKET_LIMIT: Final = 100
"""``sun_path`` holds 107 bytes (unix(7)); the name of the socket itself is counted in."""

SETTINGS: Final[dict[str, str]] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "max_connections": "120",
    "shared_buffers": "192MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "5min",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "15s",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] %a ",
    "update_process_title": "off",
}
"""The server's settings: durable always; small enough for two cores; the log holds no statement, value or parameter."""


class PostgresServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server to connect to. ``child`` is None for one that was given by its address and is not ours."""

    url: str
    port: int = 0
    major: int = 0
    data: Path | None = None
    child: Child | None = None


@asynccontextmanager
async def private_postgres(
    crew: Supervisor,
    *,
    policy: InstallPolicy = InstallPolicy.ALLOWED,
    url: str = "",
    port: int | None = None,
    major: int | None = None,
) -> AsyncIterator[PostgresServer | Missing]:
    """Run a server under the supervisor's state directory for as long as the block lasts.

    ``url`` (``INAYA_DATABASE_URL``) is handed on as it is and nothing is started. ``Missing`` says in words why there
    is no server and what to do. An existing data directory is continued with the version that made it; a new
    one is made with the newest found, or of exactly ``major``.
    """
    if url:
        yield PostgresServer(url=url)
        return
    prepared = await _prepare(crew, policy, port, major)
    if isinstance(prepared, Missing):
        yield prepared
        return
    child = await crew.start(prepared.spec())
    try:
        yield PostgresServer(
            url=prepared.url,
            port=prepared.port,
            major=prepared.binaries.major,
            data=prepared.data,
            child=child,
        )
    finally:
        await crew.stop(child)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that is decided before the server starts."""

    binaries: PostgresBinaries
    account: Account | None
    room: Path
    port: int
    password: str
    log: Path

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.room / "data"

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"postgresql://{_ROLE}:{self.password}@127.0.0.1:{self.port}/{_DATABASE}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of every program of the server."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.room), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def spec(self) -> ChildSpec:
        """Describe the server to the supervisor. SIGINT is the fast shutdown."""
        return ChildSpec(
            name="postgres",
            command=(
                str(self.binaries.directory / "postgres"),
                "-D",
                str(self.data),
                "-c",
                f"config_file={self.room / 'postgresql.conf'}",
            ),
            env=self.env,
            cwd=self.room,
            log=self.log,
            ready=self._ready,
            prepare=self._prepare_start,
            account=self.account,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            ready_within=120.0,
            grace=20.0,
        )

    async def _ready(self) -> bool:
        return await accepts_connections("127.0.0.1", self.port)

    async def _prepare_start(self) -> None:
        """Drop a pid file no process stands behind.

        The supervisor has ended every process of this data directory before; a number that was given to a stranger
        meanwhile must not keep the server from starting.
        """
        await asyncio.to_thread((self.data / "postmaster.pid").unlink, missing_ok=True)


async def _prepare(
    crew: Supervisor, policy: InstallPolicy, port: int | None, major: int | None
) -> _Plan | Missing:
    account = server_account("postgres")
    blocked = await closed_to(account, crew.state.path)
    if blocked is not None and account is not None:
        return unreachable("PostgreSQL", account, blocked)
    room = crew.state.room("postgres", account)
    binaries = await ensure_postgres(policy, major=_major_of(room / "data") or major, tell=crew.tell)
    if isinstance(binaries, Missing):
        return binaries
    blocked = await closed_to(account, binaries.directory)
    if blocked is not None and account is not None:
        return Missing(
            f"PostgreSQL лежит в {binaries.directory}, а пользователю {account.name} закрыт {blocked}."
        )
    plan = _plan(crew.state, binaries, account, room, port)
    if not plan.data.is_dir():
        await _make_cluster(plan)
    _write_settings(plan)
    return plan


def unreachable(title: str, account: Account, blocked: Path) -> Missing:
    """Say that a server's account cannot get to the state directory; nobody's rights are changed for it."""
    return Missing(
        f"{title} не работает от имени root и запускается от пользователя {account.name}, "
        f"а тому закрыт каталог {blocked} (нет права x).",
        "Права чужих каталогов не меняются. Укажите другой каталог, например: inaya dev --state-dir /var/lib/inaya",
    )


def _plan(  # what was found, beside what the state directory remembers
    state: StateDir, binaries: PostgresBinaries, account: Account | None, room: Path, port: int | None
) -> _Plan:
    return _Plan(
        binaries=binaries,
        account=account,
        room=room,
        port=state.port("postgres", port),
        password=state.secret("postgres"),
        log=state.log("postgres"),
    )


def _major_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


async def _make_cluster(plan: _Plan) -> None:
    """Make the data directory and our database in it; it takes its name only when whole."""
    fresh, word = plan.room / "data.new", plan.room / "password"
    await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    write_private(word, plan.password.encode(), owner=plan.account)
    try:
        await _run(
            plan,
            "initdb",
            *("-D", str(fresh), "-U", _ROLE, f"--pwfile={word}", "-E", "UTF8", "--locale=C.UTF-8"),
            *("-A", "scram-sha-256", "--auth-local=trust", "--no-sync", "--no-instructions"),
        )
    finally:
        word.unlink()
    statement = f"CREATE DATABASE {_DATABASE}\n".encode()
    await _run(plan, "postgres", "--single", "-D", str(fresh), "template1", stdin=statement)
    fresh.rename(plan.data)


async def _run(plan: _Plan, name: str, *words: str, stdin: bytes = b"") -> None:
    command = (str(plan.binaries.directory / name), *words)
    status, said = await run_once(command, account=plan.account, env=plan.env, stdin=stdin, timeout=120)
    if status != 0:
        write_private(plan.log, said.encode())
        raise ChildFailedError("postgres", f"{name} завершился с кодом {status}", plan.log)


def _write_settings(plan: _Plan) -> None:
    """Write the configuration anew at every start, so that an edition of ours reaches an old data directory."""
    socket_path = f"{plan.room}/.s.PGSQL.{plan.port}.lock"
    settings = {
        **SETTINGS,
        "port": str(plan.port),
        "data_directory": str(plan.data),
        "hba_file": str(plan.room / "pg_hba.conf"),
        "ident_file": str(plan.data / "pg_ident.conf"),
        "unix_socket_directories": str(plan.room) if len(socket_path.encode()) < _SOCKET_LIMIT else "",
        "unix_socket_permissions": "0700",
    }
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    write_private(plan.room / "postgresql.conf", "\n".join([*lines, ""]).encode(), owner=plan.account)
    doors = ("local all all trust", "host all all 127.0.0.1/32 scram-sha-256", "")
    write_private(plan.room / "pg_hba.conf", "\n".join(doors).encode(), owner=plan.account)


async def accepts_connections(host: str, port: int) -> bool:
    """Tell whether a server would let us log in: it asks for a password only when it is past recovery.

    One start-up packet of the protocol, version 3.0 (PostgreSQL manual, "Message Formats": StartupMessage); the answer
    ``R`` is a demand for authentication, ``E`` the error of a server that is still starting.
    """
    fields = b"user\0" + _ROLE.encode() + b"\0database\0" + _DATABASE.encode() + b"\0\0"
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(struct.pack("!ii", len(fields) + 8, 3 << 16) + fields)
                return await reader.read(1) == b"R"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
