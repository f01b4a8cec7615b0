"""The fund's book of bills: what came, where each stands, how far a question moves it on."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from adapters.tfoms.protocol import Row, Stage
from broker.adapter_kit.simulation import SimDocument, SimStore

_BILLS: Final = "bills"


class Oddity(StrEnum):
    """What the ``code`` knob may ask for besides a text to refuse with."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105  the name of a knob
    """Every token is refused once more."""
    UNID_LOST = "unid_lost"
    """The package is taken, its number is not told."""
    UNID_DUPLICATE = "unid_duplicate"
    """The number of another package is told."""
    MEK_FAILED = "mek_failed"
    """The preliminary control refuses the whole bill."""
    PROTOCOL_LATE = "protocol_late"
    """The verdict is told, its paper is not ready."""
    FLK_TWO_FILES = "flk_two_files"
    """Errors come in two protocols of one archive."""
    FLK_EMPTY = "flk_empty"
    """A refusal without a single row."""
    ENCODING_MISMATCH = "encoding_mismatch"
    """UTF-8 under a declaration of windows-1251."""
    MIXED_CASE_ZIP = "mixed_case_zip"
    """File names of the answer in mixed case."""
    FNAME_EXTENSION = "fname_extension"
    """The checked file is named with its extension."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """One package as the fund keeps it; ``polls`` counts questions about its state, ``patience`` how many it takes."""

    unid: str
    name: str
    bill: str
    contour: str
    mo: str
    patience: int
    flk: tuple[Row, ...] = ()
    mek: tuple[Row, ...] = ()
    refused: bool = False
    polls: int = 0

    @property
    def stage(self) -> Stage:
        """Where the bill stands after so many questions."""
        if self.polls < self.patience:
            return Stage.REGISTERED if self.polls <= 1 else Stage.QUEUED
        if self.flk:
            return Stage.FLK_FAILED
        if self.polls == self.patience:
            return Stage.FLK_PASSED
        return Stage.MEK_FAILED if self.refused else Stage.MEK_PASSED

    @property
    def errors(self) -> tuple[Row, ...]:
        """The rows of the control that has spoken."""
        return self.flk if self.stage is Stage.FLK_FAILED else self.mek


class Book:
    """Bills by number and documents by package name, in the simulator's store."""

    def __init__(self, store: SimStore) -> None:
        self._store = store

    def find(self, unid: str, *, contour: str, mo: str) -> Bill | None:
        """Return the bill under a number, for its own sender in its own contour only."""
        bill = self._store.get(_BILLS, f"{contour}/{unid}", Bill)
        return bill if bill is not None and bill.mo == mo else None

    def keep(self, bill: Bill) -> None:
        """Write a bill down."""
        self._store.put(_BILLS, f"{bill.contour}/{bill.unid}", bill)

    def any_other(self, bill: Bill) -> str:
        """Return the number of another bill, or the bill's own when there is none."""
        return next(
            (other.unid for _, other in self._store.items(_BILLS, Bill) if other.name != bill.name), bill.unid
        )

    def received(self, name: str, mo: str, digest: str, unid: str) -> None:
        """Count a package taken; the same name again is taken again: whether the real service notices is not known."""
        held = self.document(name)
        self._store.put(
            "documents",
            name,
            SimDocument(
                local_uid=name,
                clinic=mo,
                kind=name[0],
                sha256=digest,
                status="received",
                receipt=unid,
                calls=(held.calls if held else 0) + 1,
                registrations=(held.registrations if held else 0) + 1,
            ),
        )

    def asked(self, bill: Bill, now: datetime) -> None:
        """Count a question about a package and note its state."""
        held = self.document(bill.name)
        if held is None:
            return
        passed = bill.stage is Stage.MEK_PASSED
        held.calls += 1
        held.status = bill.stage
        held.registered_at = (held.registered_at or now) if passed else None
        self._store.put("documents", bill.name, held)

    def document(self, name: str) -> SimDocument | None:
        """Return what is held under a package name."""
        return self._store.get("documents", name, SimDocument)

    def number(self, name: str, contour: str) -> str:
        """Make the number of a new bill: new for every arrival, the same in every run."""
        held = self.document(name)
        arrival = held.registrations if held else 0
        return hashlib.sha256(f"{contour}/{name}/{arrival}".encode()).hexdigest()[:32].upper()
