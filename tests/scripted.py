"""A third party's adapter whose outside system does what a test says; found like any other, by its entry point.

Its passport is made for waiting: the verdict is polled, an attempt in doubt is looked up first.
"""

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from broker.adapter_kit import (
    Awaiting,
    CallbackVerdict,
    Context,
    Delivered,
    FileAway,
    InDoubtPolicy,
    Outcome,
    Parcel,
    Passport,
    PeerReply,
    PeerRequest,
    ReceiptMode,
    Serve,
    StoredCallback,
    Take,
)
from broker.adapter_kit.passport import Limits, Waiting
from broker.adapter_kit.port import NotFound
from broker.document.receipt import Receipt

POLL_EVERY: Final = 300.0
WARN_AFTER: Final = 86400.0
DEADLINE: Final = 15 * 86400.0
SECRET: Final = "112-233-445 95"
"""What a bug of this adapter says: it must not be kept anywhere."""


Answer = TypeVar("Answer")


class Scripted:
    """Keeps a script per localUid; without one it takes everything at once."""

    passport = Passport(
        name="scripted",
        title="Система по сценарию",
        types=("semd", "oms-registry"),
        receipt=ReceiptMode.POLL,
        in_doubt=InDoubtPolicy.LOOKUP,
        limits=Limits(timeout=5.0, parallel=4),
        waiting=Waiting(
            first_retry=1.0,
            longest_retry=3600.0,
            poll_every=POLL_EVERY,
            warn_after=WARN_AFTER,
            deadline=DEADLINE,
        ),
    )

    def __init__(self) -> None:
        self.answers: dict[str, list[Outcome]] = {}
        self.polled: dict[str, list[Outcome]] = {}
        self.looked_up: dict[str, list[Outcome | NotFound]] = {}
        self.taken: list[Parcel] = []
        self.broken: set[str] = set()
        self.polls: dict[str, int] = defaultdict(int)
        self.gate = asyncio.Event()
        self.gate.set()

    def forget(self) -> None:
        """Forget every script; who waits at the gate may pass."""
        for scripts in (self.answers, self.polled, self.looked_up):
            scripts.clear()
        self.broken.clear()
        self.gate.set()

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Take a parcel."""
        self.taken.append(parcel)
        await self.gate.wait()
        if parcel.local_uid in self.broken:
            self.broken.remove(parcel.local_uid)
            raise RuntimeError(f"что-то о человеке: {SECRET}")
        return _next(self.answers, parcel) or Delivered(
            Receipt(provider="scripted", registered_at=context.clock.now(), gis_id=parcel.local_uid)
        )

    async def poll(self, parcel: Parcel, context: Context) -> Outcome:
        """Answer for what was taken; without a script there is no verdict yet, and never will be."""
        self.polls[parcel.local_uid] += 1
        return _next(self.polled, parcel) or Awaiting("scripted")

    async def lookup(self, parcel: Parcel, context: Context) -> Outcome | NotFound:
        """Say whether it has a parcel."""
        return _next(self.looked_up, parcel) or NotFound()

    async def receive(self, request: PeerRequest, context: Context) -> PeerReply:
        """Hand out a file, break at ``broken``, take everything else as a verdict."""
        if request.endpoint == "broken":
            raise RuntimeError(f"что-то о человеке: {SECRET}")
        if request.endpoint != "file":
            return Take(correlation="scripted", reply=b"")
        file = await context.files.by_local_uid(request.query["localUid"])
        if file is None:
            return Serve(body=b"", event="file.missing")
        if isinstance(file, FileAway):
            return Serve(body=b"", event="file.awaited", document_id=file.document_id, note=file.reason)
        return Serve(body=file.content, document_id=file.document_id, note=file.source)

    async def interpret(self, callback: StoredCallback, context: Context) -> Sequence[CallbackVerdict]:
        """Break: no verdict of this system is readable."""
        raise RuntimeError(f"что-то о человеке: {SECRET}")


def _next(scripts: dict[str, list[Answer]], parcel: Parcel) -> Answer | None:
    script = scripts.get(parcel.local_uid)
    return script.pop(0) if script else None


ADAPTER = Scripted()


@contextlib.contextmanager
def installed(room: Path) -> Iterator[Scripted]:
    """Let the adapter be found while the block lasts, as if its distribution were installed; forget old scripts."""
    information = room / "scripted-1.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[inaya.adapters]\nscripted = scripted:ADAPTER\n")
    ADAPTER.__init__()  # type: ignore[misc]  # the entry point names this very object
    sys.path.insert(0, str(room))
    try:
        yield ADAPTER
    finally:
        sys.path.remove(str(room))
