"""What the processes of a run cost: CPU seconds and memory, by the part of the house they belong to."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psutil


class Memory(msgspec.Struct, frozen=True):
    """Megabytes: ``peak`` resident size of the largest process, ``shared_out`` proportional size of all now."""

    processes: int
    peak: float
    shared_out: float


class Resident(msgspec.Struct, frozen=True):
    """Megabytes resident in the largest process of a part: before a load, at its peak, afterwards."""

    processes: int
    before: float
    peak: float
    after: float


class Meter:
    """Watches trees of processes; a tree named ``work`` is split into ``work`` itself and ``work compute``."""

    def __init__(self, trees: Mapping[str, int]) -> None:
        self._trees = dict(trees)

    def _members(self) -> list[tuple[str, psutil.Process]]:
        found: list[tuple[str, psutil.Process]] = [("driver", psutil.Process(os.getpid()))]
        for name, pid in self._trees.items():
            try:
                root = psutil.Process(pid)
                below = root.children(recursive=True)
            except psutil.NoSuchProcess:
                continue
            split = name in {"serve", "work"}
            found.append((name, root))
            found += [(f"{name} compute" if split else name, one) for one in below]
        return found

    def cpu(self) -> dict[str, float]:
        """Return CPU seconds used so far by part; what children used before they ended is their parent's."""
        total: dict[str, float] = defaultdict(float)
        for name, process in self._members():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total[name] += times.user + times.system
            if name != "driver":
                total[name] += times.children_user + times.children_system
        return dict(total)

    def memory(self) -> dict[str, Memory]:
        """Return the memory of every part."""
        peaks: dict[str, list[float]] = defaultdict(list)
        shares: dict[str, float] = defaultdict(float)
        for name, process in self._members():
            try:
                peaks[name].append(_field(process.pid, "status", "VmHWM:"))
                shares[name] += _field(process.pid, "smaps_rollup", "Pss:")
            except OSError:
                continue
        return {name: Memory(len(found), max(found), shares[name]) for name, found in peaks.items() if found}

    def mark(self) -> dict[int, float]:
        """Begin to watch for peaks anew; return what each process holds now, megabytes by its id."""
        found = {}
        for _, process in self._members():
            with contextlib.suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")
                found[process.pid] = _field(process.pid, "status", "VmRSS:")
        return found

    def resident(self, before: Mapping[int, float]) -> dict[str, Resident]:
        """Return what every part came to since ``mark``; a process started since then counts from what its part held."""
        found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for name, process in self._members():
            with contextlib.suppress(OSError):
                sizes = [_field(process.pid, "status", field) for field in ("VmHWM:", "VmRSS:")]
                found[name].append((before.get(process.pid, 0.0), *sizes))
        return {name: _largest(its) for name, its in found.items()}


def _largest(sizes: list[tuple[float, float, float]]) -> Resident:
    before, peak, after = (max(column) for column in zip(*sizes, strict=True))
    return Resident(len(sizes), before, peak, after)


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return CPU seconds between two readings."""
    return {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}


def _field(pid: int, file: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0
