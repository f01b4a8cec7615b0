"""Leaves no orphan: finds every process a stand has started, however deep, and ends it.

Each child carries ``INAYA_DEV_CHILD=<state directory>::<name>`` in its environment and hands it down to whatever it
starts, daemons included (epmd, compute workers). Run as a program, this file waits until its standard input closes,
which the kernel does when the supervisor dies of anything at all, and then ends what is left. It imports nothing but
the standard library, for it is started by its path.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

MARK = "INAYA_DEV_CHILD"


def mark_of(state: str, name: str = "") -> str:
    """Return the value children of a state directory carry; without a name, what all of them begin with."""
    return f"{state}::{name}"


def marked(state: str, name: str | None = None) -> list[int]:
    """Return the ids of living processes that descend from a child (``name``) or any child of the state directory.

    A PostgreSQL backend writes its title over its environment, so it is known by program and working directory.
    """
    wanted = f"{MARK}={mark_of(state, name or '')}".encode()
    database = f"{state}/postgres/" if name in {None, "postgres"} else None
    return [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))  # noqa: PTH208  a thousand Path objects for nothing
        if pid != os.getpid()
        and (_carries(pid, wanted, whole=name is not None) or (database and _serves(pid, database)))
        and alive(pid)
    ]


def _carries(pid: int, wanted: bytes, *, whole: bool) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(item == wanted if whole else item.startswith(wanted) for item in variables)


def _serves(pid: int, database: str) -> bool:
    try:
        directory, program = Path(f"/proc/{pid}/cwd").readlink(), Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return False
    return str(directory).startswith(database) and program.name == "postgres"


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits only to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in {b"Z", b"X"}


def strike(pids: list[int], number: int) -> None:
    """Send a signal to each, passing over those that are gone; a stopped one is woken to hear it."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)


def reap(state: str, name: str | None = None, *, grace: float = 0.0) -> list[int]:
    """End the marked processes: SIGTERM and ``grace`` seconds when given, then SIGKILL; return who was there."""
    first = marked(state, name)
    if first and grace > 0:
        strike(first, signal.SIGTERM)
        _wait(first, grace)
    left = marked(state, name) if first else []
    while left:
        strike(left, signal.SIGKILL)
        _wait(left, 1.0)
        left = marked(state, name)
    return first


def _wait(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(alive(pid) for pid in pids):
        time.sleep(0.02)


def main() -> None:
    """Wait for the supervisor's end, then reap."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    state, grace = sys.argv[1], float(sys.argv[2])
    while os.read(0, 64):
        pass
    reap(state, grace=grace)


if __name__ == "__main__":
    main()
