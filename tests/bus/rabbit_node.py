"""A RabbitMQ node of the tests' own: free ports, its own epmd, nothing left behind."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CTL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")
LOGIN = "inaya"
PASSWORD = "a-password-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RabbitNode:
    """Start it, kill it, start it again; ``close`` removes node, epmd and files."""

    def __init__(self, extra: str = "", plugins: tuple[str, ...] = ()) -> None:
        self.port, self.dist, self.epmd = free_port(), free_port(), free_port()
        self.base = Path(tempfile.mkdtemp(prefix="inaya-rabbit-"))
        for part in ("conf", "log", "home"):
            (self.base / part).mkdir()
        (self.base / "conf/enabled_plugins").write_text(f"[{','.join(plugins)}].")
        (self.base / "conf/rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.console = true\nlog.file = false\n"
            f"default_user = {LOGIN}\ndefault_pass = {PASSWORD}\ndisk_free_limit.absolute = 50MB\n{extra}"
        )
        self._account = pwd.getpwnam("rabbitmq") if os.geteuid() == 0 else None
        if self._account:
            for path in (self.base, *self.base.rglob("*")):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd = subprocess.Popen(
            ["epmd", "-port", str(self.epmd), "-address", "127.0.0.1"], **self._as_user()
        )

    @property
    def url(self) -> str:
        return f"amqp://{LOGIN}:{PASSWORD}@127.0.0.1:{self.port}/"

    def url_through(self, port: int) -> str:
        return self.url.replace(f":{self.port}/", f":{port}/")

    def start(self) -> None:
        with (self.base / "out.log").open("ab") as log:
            self._server = subprocess.Popen(
                [SERVER], cwd=self.base, stdout=log, stderr=log, start_new_session=True, **self._as_user()
            )
        deadline = time.monotonic() + 90
        while not self._answers():
            assert self._server.poll() is None, (self.base / "out.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "RabbitMQ did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """``kill -9`` the whole process group."""
        assert self._server is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
        self._server = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def ctl(self, *command: str) -> str:
        done = subprocess.run(
            [CTL, "-q", *command],
            cwd=self.base,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            **self._as_user(),
        )
        return done.stdout

    def close(self) -> None:
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGTERM)
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self._epmd.terminate()
        self._epmd.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.settimeout(3)
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(probe.recv(8))
        except OSError:
            return False

    def _as_user(self) -> dict[str, object]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.base / "home"),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.base / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.base / "conf/rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.base / "conf/enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self.dist),
            "ERL_EPMD_PORT": str(self.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }
        user = {"user": self._account.pw_uid, "group": self._account.pw_gid} if self._account else {}
        return {"env": env, **user}
