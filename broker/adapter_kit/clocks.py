"""The clocks there are: the system's own, and the simulated one of ``inaya dev``, which is a file holding an offset."""

import contextlib
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.adapter_kit.clock import Clock


class SystemClock:
    """Real UTC time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


class FileClock:
    """Real UTC time plus the seconds written in a file, so that every process of a stand jumps together.

    The file is looked at on every call and read again only when it was replaced; an absent file means no offset.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the simulated instant, aware, in UTC."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._offset = None, timedelta()
        else:
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._offset, self._seen = timedelta(seconds=read_offset(self._path)), seen
        return datetime.now(UTC) + self._offset


def read_offset(path: Path) -> float:
    """Return the offset in seconds, 0 when there is no file; raise ``ValueError`` for a file that holds no number."""
    try:
        return float(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0.0


def advance(path: Path, seconds: float) -> float:
    """Move the simulated clock forward and return the new offset; time never runs backwards (``ValueError``).

    The file is replaced whole, so a reader sees the old offset or the new one. One caller at a time.
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError("время можно перевести только вперёд: advanceSeconds — неотрицательное число")
    offset = read_offset(path) + seconds
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(repr(offset))
        Path(fresh).chmod(0o644)
        Path(fresh).replace(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            Path(fresh).unlink()
        raise
    return offset


def clock_from(path: Path | None) -> Clock:
    """Return the clock of this process: simulated when a file is named, the system's own otherwise."""
    return SystemClock() if path is None else FileClock(path)
