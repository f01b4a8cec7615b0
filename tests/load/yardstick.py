"""How much slower than at its best does this machine compute right now?

A machine that shares its host with others loses up to half its speed to them from one second to the next, and the kernel
counts that as CPU time of whoever runs. So one small process per core runs the same short loop twenty times a second and
notes the CPU time it took; what a load took is then told twice, as counted and as it would have been at the machine's best
moment of the run. Our own processes hardly slow the loop: it fits the first cache of a core, and time spent waiting for
the core is not counted.
"""

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Self

TURNS: Final = 8000
"""Of the loop: some 0.4 ms."""
EVERY: Final = 0.05
_NOTE: Final = struct.Struct("=dq")
"""When (seconds, monotonic), and what the loop took (nanoseconds)."""


class Yardstick:
    """Measures while the context lasts; about two hundredths of a core."""

    def __init__(self) -> None:
        self._room = tempfile.TemporaryDirectory(prefix="inaya-yardstick-")
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for core in sorted(os.sched_getaffinity(0)):
            path = Path(self._room.name) / str(core)
            path.touch()
            command = [sys.executable, "-m", "tests.load.yardstick", str(core), str(path), str(os.getpid())]
            self._children.append(subprocess.Popen(command))
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.wait()
        self._room.cleanup()

    def loop_ns(self, since: float, until: float) -> float | None:
        """Return what the loop took on average over all cores between two moments of ``time.monotonic()``."""
        found = [took for at, took in self._notes() if since <= at <= until]
        return statistics.fmean(found) if found else None

    def best_ns(self) -> float | None:
        """Return what the loop takes at the best: the hundredth part of all it took that was fastest."""
        found = sorted(took for _, took in self._notes())
        return float(found[len(found) // 100]) if found else None

    def _notes(self) -> list[tuple[float, int]]:
        found: list[tuple[float, int]] = []
        for path in Path(self._room.name).iterdir():
            written = path.read_bytes()
            found += _NOTE.iter_unpack(written[: len(written) // _NOTE.size * _NOTE.size])
        return found


def _loop() -> int:
    started = time.thread_time_ns()
    total = 0
    for turn in range(TURNS):
        total += turn & 7
    return time.thread_time_ns() - started


def main(core: int, path: Path, parent: int) -> None:
    """Note on one core until the parent is gone."""
    os.sched_setaffinity(0, {core})
    with path.open("ab", buffering=0) as notes:
        while os.getppid() == parent:
            time.sleep(EVERY)
            notes.write(_NOTE.pack(time.monotonic(), _loop()))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
