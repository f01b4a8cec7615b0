"""A RabbitMQ node of our own: its name, port mapper (epmd), cookie, ports and data belong to one state directory.

The settings hold in the 3.10 series of Debian 12 and in 4.x (https://www.rabbitmq.com/docs/configure).
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from broker.dev.account import Account, closed_to, server_account
from broker.dev.install import InstallPolicy, Missing, RabbitmqBinaries, ensure_rabbitmq
from broker.dev.postgres import unreachable
from broker.dev.state import write_private
from broker.dev.supervisor import Child, ChildSpec, Supervisor

_LOGIN: Final = "inaya"
_AUTH_PLUGINS: Final = ("rabbitmq_auth_backend_http", "rabbitmq_auth_backend_cache")
AUTH_CACHE_SECONDS: Final = 5
"""How long a verdict of our HTTP backend on a partner is remembered, refusals excluded."""

SETTINGS: Final[dict[str, str]] = {
    "log.console": "true",
    "log.console.level": "info",
    "log.console.use_colors": "off",
    "log.file": "false",
    "default_vhost": "/",
    "default_permissions.configure": ".*",
    "default_permissions.read": ".*",
    "default_permissions.write": ".*",
    "vm_memory_high_watermark.absolute": "1024MB",
    "disk_free_limit.absolute": "200MB",
    "raft.wal_max_size_bytes": "67108864",
    "max_message_size": "67108864",
}
"""A small node: a write-ahead log of 64 MiB (half a gigabyte by default, held in memory too).

Messages up to 64 MiB: over its limit RabbitMQ closes the channel and we never hear of the message, so whatever a partner
may send by mistake (a document of 21 MiB in base64) reaches our own refusal.
"""


class RabbitmqNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node to connect to with our own account; partners use the same host and port with theirs."""

    url: str
    port: int
    name: str
    child: Child
    epmd: Child
    management: str | None = None


@asynccontextmanager
async def private_rabbitmq(
    crew: Supervisor,
    *,
    policy: InstallPolicy = InstallPolicy.ALLOWED,
    auth_url: str = "",
    port: int | None = None,
    management: bool = False,
) -> AsyncIterator[RabbitmqNode | Missing]:
    """Run a node under the supervisor's state directory for as long as the block lasts.

    Our own account is internal to the node; with ``auth_url`` partners are asked about at ``<auth_url>/user``,
    ``/vhost``, ``/resource`` and ``/topic`` (POST). ``Missing`` says why there is no node: go on without AMQP.
    """
    plan = await _prepare(crew, policy, port, auth_url=auth_url.rstrip("/"), management=management)
    if isinstance(plan, Missing):
        yield plan
        return
    epmd = await crew.start(plan.epmd_spec())
    try:
        child = await crew.start(plan.node_spec())
        try:
            yield RabbitmqNode(
                url=f"amqp://{_LOGIN}:{plan.password}@127.0.0.1:{plan.port}/",
                port=plan.port,
                name=plan.node,
                child=child,
                epmd=epmd,
                management=f"http://127.0.0.1:{plan.management_port}" if plan.management_port else None,
            )
        finally:
            await crew.stop(child)
    finally:
        await crew.stop(epmd)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that is decided before the node starts."""

    binaries: RabbitmqBinaries
    account: Account | None
    room: Path
    node: str
    password: str
    cookie: str
    port: int
    dist_port: int
    epmd_port: int
    management_port: int | None
    auth_url: str
    log: Path
    epmd_log: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of the node; every path RabbitMQ would look for elsewhere is named.

        ``RUNNING_UNDER_SYSTEMD`` makes the start script replace itself with the Erlang machine instead of guarding it,
        so that signals and our death reach it directly; systemd itself is spoken to through NOTIFY_SOCKET only.
        """
        room = self.room
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(room / "home"),
            "LANG": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_CRASH_DUMP": "/dev/null",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(room / "data"),
            "RABBITMQ_LOG_BASE": str(room / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(room / "conf" / "none"),
            "RABBITMQ_CONFIG_FILE": str(room / "conf" / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(room / "conf" / "conf.d" / "*.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(room / "conf" / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(room / "conf" / "enabled_plugins"),
        }

    def epmd_spec(self) -> ChildSpec:
        """Describe our own port mapper; started first, or Erlang would leave a daemon of its own behind."""
        return ChildSpec(
            name="epmd",
            command=(str(self.binaries.epmd), "-port", str(self.epmd_port), "-address", "127.0.0.1"),
            env=self.env,
            cwd=self.room,
            log=self.epmd_log,
            ready=self._epmd_ready,
            account=self.account,
            grace=2.0,
        )

    def node_spec(self) -> ChildSpec:
        """Describe the node; SIGTERM ends it in order."""
        return ChildSpec(
            name="rabbitmq",
            command=(str(self.binaries.server),),
            env=self.env,
            cwd=self.room,
            log=self.log,
            ready=self._node_ready,
            account=self.account,
            ready_within=120.0,
            grace=30.0,
        )

    async def _epmd_ready(self) -> bool:
        try:
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection("127.0.0.1", self.epmd_port)
                writer.close()
        except (OSError, TimeoutError):
            return False
        return True

    async def _node_ready(self) -> bool:
        return await accepts_login("127.0.0.1", self.port, _LOGIN, self.password)

    def settings(self) -> dict[str, str]:
        """Return the node's configuration, sorted by nothing but meaning."""
        settings = {
            **SETTINGS,
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "default_user": _LOGIN,
            "default_pass": self.password,
            "auth_backends.1": "internal",
        }
        if self.management_port:
            settings |= {"management.tcp.ip": "127.0.0.1", "management.tcp.port": str(self.management_port)}
        if self.auth_url:
            settings |= {
                "auth_backends.2": "cache",
                "auth_cache.cached_backend": "http",
                "auth_cache.cache_ttl": str(AUTH_CACHE_SECONDS * 1000),
                "auth_http.http_method": "post",
                **{
                    f"auth_http.{ask}_path": f"{self.auth_url}/{ask}"
                    for ask in ("user", "vhost", "resource", "topic")
                },
            }
        return settings

    def plugins(self) -> tuple[str, ...]:
        """Name the plugins the node runs."""
        wanted = _AUTH_PLUGINS if self.auth_url else ()
        return (*wanted, "rabbitmq_management") if self.management_port else wanted


async def _prepare(
    crew: Supervisor, policy: InstallPolicy, port: int | None, *, auth_url: str, management: bool
) -> _Plan | Missing:
    binaries = await ensure_rabbitmq(policy, tell=crew.tell)
    if isinstance(binaries, Missing):
        return binaries
    account = server_account("rabbitmq")
    blocked = await closed_to(account, crew.state.path)
    if blocked is not None and account is not None:
        return unreachable("RabbitMQ", account, blocked)
    state = crew.state
    plan = _Plan(
        binaries=binaries,
        account=account,
        room=state.room("rabbitmq", account),
        node=f"inaya-{_word(state.secret('rabbitmq-node'))}@localhost",
        password=state.secret("rabbitmq"),
        cookie=state.secret("rabbitmq-cookie"),
        port=state.port("amqp", port),
        dist_port=state.port("rabbitmq-dist"),
        epmd_port=state.port("epmd"),
        management_port=state.port("rabbitmq-management") if management else None,
        auth_url=auth_url,
        log=state.log("rabbitmq"),
        epmd_log=state.log("epmd"),
    )
    _write_settings(plan)
    return plan


def _word(secret: str) -> str:
    """Shorten a random word to letters and digits, as a node's name wants it."""
    return "".join(sign for sign in secret.lower() if sign.isalnum())[:10]


def _write_settings(plan: _Plan) -> None:
    """Write the node's files anew at every start."""
    for name in ("conf", "home", "data", "log"):
        _own_directory(plan.room / name, plan.account)
    lines = "".join(f"{name} = {value}\n" for name, value in plan.settings().items())
    files = {
        "conf/rabbitmq.conf": lines,
        "conf/advanced.config": "[].\n",
        "conf/enabled_plugins": f"[{','.join(plan.plugins())}].\n",
        "home/.erlang.cookie": plan.cookie,
    }
    for name, content in files.items():
        mode = 0o400 if name.startswith("home") else 0o600
        write_private(plan.room / name, content.encode(), mode=mode, owner=plan.account)


def _own_directory(path: Path, owner: Account | None) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)


async def accepts_login(host: str, port: int, login: str, password: str) -> bool:
    """Tell whether a node lets an account in: the handshake of AMQP 0-9-1 (§4.2.2) up to Connection.Tune."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"AMQP\0\0\x09\x01")
                if await _method(reader) != (10, 10):
                    return False
                writer.write(_start_ok(login, password))
                return await _method(reader) == (10, 30)
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError):
        return False


async def _method(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Read one method frame and return its class and method; anything else is (0, 0)."""
    kind, _, size = struct.unpack("!BHI", await reader.readexactly(7))
    if kind != 1 or not 4 <= size <= 65536:
        return 0, 0
    body = await reader.readexactly(size + 1)
    number, method = struct.unpack("!HH", body[:4])
    return number, method


def _start_ok(login: str, password: str) -> bytes:
    """Build Connection.StartOk: no client properties, PLAIN, en_US."""
    answer = f"\0{login}\0{password}".encode()
    body = (
        struct.pack("!HHI", 10, 11, 0) + b"\x05PLAIN" + struct.pack("!I", len(answer)) + answer + b"\x05en_US"
    )
    return struct.pack("!BHI", 1, 0, len(body)) + body + b"\xce"
