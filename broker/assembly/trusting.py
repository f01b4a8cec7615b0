"""The directory of trust in force as one file: what an operator keeps in it, compute processes read as a snapshot.

The directory is looked at every two seconds. A new snapshot is written under its digest by rename, so that processes sharing
the place never meet half of one. One that cannot be read lets documents wait: nobody may pass unchecked.
"""

import asyncio
import contextlib
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from broker.settings import Settings
from broker.telemetry.log import log
from broker.trust import TrustProfile, TrustSnapshot
from broker.trust.directory import TrustRefused, read_directory, traces
from broker.trust.snapshot import SUFFIX
from broker.work.loop import Loop

SECONDS: Final = 2.0
"""How soon a changed directory is obeyed."""
ROOM: Final = "trust"
"""Directory of written snapshots, each named by its digest."""
KEPT: Final = 3600.0
"""Seconds a snapshot no longer in force is kept: a batch may still be judged by it."""
_UNREAD: Final = "unread"
"""A snapshot of this name is never there: compute processes say of every document that trust cannot be read."""


class TrustKeeper:
    """Keeps the snapshot in force at hand; ``directory`` empty: none was named, ``unchecked`` is what that does to a document."""

    def __init__(self, directory: str, unchecked: str, home: Path) -> None:
        self._directory = Path(directory) if directory else None
        self._unchecked = unchecked
        self._home = home / ROOM
        self._traces: object = None
        self._path = ""
        self.trouble = ""
        """Why the directory cannot be read, in Russian; empty while it can."""
        self.loop = Loop("trust", self.refresh, idle=SECONDS)

    def __call__(self) -> str:
        """Return the file of the snapshot as it was some seconds ago at most."""
        return self._path

    async def refresh(self) -> int:
        """Look whether the directory has changed since it was read."""
        await asyncio.to_thread(self._follow)
        return 0

    def _follow(self) -> None:
        seen: object = None
        try:
            seen = traces(self._directory) if self._directory else "none"
            if seen == self._traces and not self.trouble and self._is_there():
                return
            snapshot = self._read()
            path = self._write(snapshot.encode())
        except (TrustRefused, OSError) as error:
            trouble = str(error) if isinstance(error, TrustRefused) else f"{type(error).__name__}"
            if trouble != self.trouble:
                log().error("trust.unreadable", why=type(error).__name__)
            self.trouble, self._traces, self._path = trouble, seen, str(self._home / f"{_UNREAD}{SUFFIX}")
            return
        if str(path) != self._path:
            log().info(
                "trust.snapshot",
                digest=path.name[:12],
                roots=len(snapshot.roots),
                crls=len(snapshot.crls),
                anchored=snapshot.anchored,
            )
        self.trouble, self._traces, self._path = "", seen, str(path)

    def _is_there(self) -> bool:
        """Tell whether the written snapshot is still there, and say now and then that it is in use."""
        path = Path(self._path)
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - KEPT / 4:
                path.touch()
            return True
        return False

    def _read(self) -> TrustSnapshot:
        if self._directory is not None:
            return read_directory(self._directory)
        weighed = msgspec.convert({"weights": {"chain_unchecked": self._unchecked}}, TrustProfile)
        return TrustSnapshot(anchored=False, profiles={"production": weighed})

    def _write(self, snapshot: bytes) -> Path:
        path = self._home / f"{hashlib.sha256(snapshot).hexdigest()}{SUFFIX}"
        if not path.exists():
            self._home.mkdir(parents=True, exist_ok=True)
            place = path.with_name(f".{path.name}.{uuid4().hex}")
            place.write_bytes(snapshot)
            place.rename(path)
        self._forget(path)
        return path

    def _forget(self, current: Path) -> None:
        """Erase snapshots nobody judges by any more: lists of revocation are large and change daily."""
        oldest = time.time() - KEPT
        for path in self._home.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                if path != current and path.stat().st_mtime < oldest:
                    path.unlink()


@contextlib.asynccontextmanager
async def trust_keeper(settings: Settings) -> AsyncIterator[TrustKeeper]:
    """Read the directory of trust and follow its changes while the context lasts."""
    with contextlib.ExitStack() as stack:
        cache = settings.data.rules_cache
        home = cache or stack.enter_context(tempfile.TemporaryDirectory(prefix="inaya-trust-"))
        async with following(
            TrustKeeper(settings.trust.trust_dir, settings.trust.chain_unchecked, Path(home))
        ) as keeper:
            yield keeper


@contextlib.asynccontextmanager
async def following(keeper: TrustKeeper) -> AsyncIterator[TrustKeeper]:
    """Keep a snapshot up to date while the context lasts."""
    await keeper.refresh()
    task = asyncio.create_task(keeper.loop.run(), name="trust")
    try:
        yield keeper
    finally:
        task.cancel()

        with contextlib.suppress(asyncio.CancelledError):
            await task
