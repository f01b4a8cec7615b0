"""What survives a restart of ``inaya dev``: the state directory with its lock, ports and secrets."""

import errno
import fcntl
import os
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from broker.dev.account import Account

_PORTS: Final = range(21000, 32000)
"""Below the range the kernel hands to outgoing connections (``ip_local_port_range``), so that a server that was killed
finds its port free again."""


class StateDirBusyError(Exception):
    """Another ``inaya dev`` holds the directory."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(
            f"Каталог {path} уже занят: в нём работает другой inaya dev (процесс {pid or 'неизвестен'}). "
            "Остановите его или укажите другой каталог: inaya dev --state-dir DIR."
        )
        self.pid = pid


class StateDirUnusableError(Exception):
    """The directory cannot be made or written; the text says so to the operator."""


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server may listen there now; sockets left in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
        return True


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """Return a port of the loopback that nobody listens on and no outgoing connection will take by accident."""
    for port in random.sample(_PORTS, len(_PORTS)):
        if port not in avoid and port_is_free(port):
            return port
    raise StateDirUnusableError("Не осталось свободных портов на 127.0.0.1.")


def write_private(path: Path, content: bytes, *, mode: int = 0o600, owner: Account | None = None) -> None:
    """Replace a file in one step; it is never seen half-written nor readable by more than ``mode`` says."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        if owner is not None:
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.write(content)
    fresh.replace(path)


class StateDir:
    """One directory, everything under it; opened by one process at a time (``lock``)."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._ports: dict[str, int] = {}
        self._secrets: dict[str, str] = {}

    @classmethod
    def open(cls, path: Path) -> "StateDir":
        """Make the directory when it is not there, passable (0711) so that a server's account reaches its own part.

        The rights of a directory that exists already, and of every parent, stay as they are.
        """
        state = cls(path)
        try:
            if not state.path.is_dir():
                state.path.mkdir(parents=True)
                state.path.chmod(0o711)
            state._ports = _read(state.path / "ports.json", int)
            state._secrets = _read(state.path / "secrets.json", str)
        except OSError as error:
            raise StateDirUnusableError(
                f"Каталог состояния {state.path} недоступен: {error.strerror}."
            ) from error
        return state

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory; raise ``StateDirBusyError`` when another process does. The kernel frees it at our death."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateDirUnusableError(
                f"Каталог состояния {self.path} недоступен: {error.strerror}."
            ) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateDirBusyError(
                    self.path, os.pread(handle, 20, 0).decode("ascii", "replace")
                ) from None
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)

    def room(self, name: str, owner: Account | None = None) -> Path:
        """Return a subdirectory (0700) that belongs to ``owner``, or to us."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        if owner is not None and path.stat().st_uid != owner.uid:
            os.chown(path, owner.uid, owner.gid)
        return path

    def log(self, name: str) -> Path:
        """Return the file a child writes to; one that has grown over 16 MiB is set aside first."""
        path = self.room("logs") / f"{name}.log"
        if path.exists() and path.stat().st_size > 16 * 1024 * 1024:
            path.replace(path.with_suffix(".log.1"))
        return path

    def port(self, name: str, wanted: int | None = None) -> int:
        """Return the port of a server: the ``wanted`` one as it is, else the one it had, while that is free.

        Ask once per run and before the server starts: a port in use is taken for somebody else's.
        """
        kept = self._ports.get(name)
        if wanted is not None:
            port = wanted
        elif kept is not None and port_is_free(kept):
            port = kept
        else:
            port = free_port(frozenset(self._ports.values()))
        if port != kept:
            self._ports[name] = port
            write_private(self.path / "ports.json", msgspec.json.encode(self._ports))
        return port

    def secret(self, name: str) -> str:
        """Return a random word (letters, digits, ``-``, ``_``) that stays the same after a restart."""
        if name not in self._secrets:
            self.keep(name, secrets.token_urlsafe(24))
        return self._secrets[name]

    def keep(self, name: str, value: str) -> None:
        """Remember a secret that was made elsewhere."""
        self._secrets[name] = value
        write_private(self.path / "secrets.json", msgspec.json.encode(self._secrets))


_Value = TypeVar("_Value", int, str)


def _read(path: Path, value: type[_Value]) -> dict[str, _Value]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, value])  # type: ignore[valid-type]  # built at run time
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise StateDirUnusableError(
            f"Файл {path} испорчен. Удалите его: порты и пароли будут выданы заново."
        ) from error
