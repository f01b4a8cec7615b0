"""Whom signatures are trusted by: roots, intermediates, revocation lists and the policy, as one value under its digest.

A snapshot is what an examination was judged by, beside the rule book: the same bytes, packs, snapshot and instant give the
same verdict. Workers write it as a file named by its digest; compute processes read it from there.
"""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from broker.trust.signing_rules import SigningRule
from broker.trust.suites import STRONG_SUITES, Suite

Weight = Literal["error", "warning", "off"]
"""What a finding does: blocks, is told, is not told."""


class CrlMode(StrEnum):
    """What a missing or outdated revocation list means."""

    REQUIRED = "required"
    """Every authority must have a list of this time."""
    SOFT = "soft"
    """A list that is there is obeyed, one that is not there is not missed."""
    OFF = "off"
    """Lists are not looked at."""


class TrustProfile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="kebab"
):
    """How strictly the signatures of one mode are judged.

    ``suites`` are the algorithms allowed; ``skew_seconds`` is how far a signing time may lie after the arrival;
    ``weights`` give findings (by the code after ``signature.``) another weight than their own.
    """

    crl: CrlMode = CrlMode.SOFT
    suites: frozenset[Suite] = STRONG_SUITES
    skew_seconds: Annotated[int, Meta(ge=0, le=86400)] = 300
    weights: dict[str, Weight] = {}


class TrustSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates and lists as DER; ``profiles`` by mode (test | production); ``rules`` of who signs, over the shipped ones.

    ``anchored`` is False where no directory of trust was named: chains cannot be judged then, and that is said.
    """

    anchored: bool = True
    roots: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    profiles: dict[str, TrustProfile] = {}
    rules: tuple[SigningRule, ...] = ()

    def profile(self, mode: str) -> TrustProfile:
        """Return how signatures of a mode are judged."""
        return self.profiles.get(mode) or TrustProfile()

    def encode(self) -> bytes:
        """Return the snapshot as bytes, always the same for the same snapshot."""
        return msgspec.msgpack.encode(self, order="deterministic")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the snapshot."""
        return hashlib.sha256(self.encode()).hexdigest()


SUFFIX: Final = ".trust"
"""Ending of a written snapshot; its name before that is its digest."""


class SnapshotSpoilt(Exception):  # noqa: N818  names what is the matter with the file
    """The file is not the snapshot its name promises."""


def read_snapshot(path: Path) -> TrustSnapshot:
    """Read a written snapshot; raise ``OSError`` or ``SnapshotSpoilt`` for one that is not there whole."""
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != path.name.removesuffix(SUFFIX):
        raise SnapshotSpoilt(path.name)
    try:
        return msgspec.msgpack.decode(raw, type=TrustSnapshot)
    except msgspec.DecodeError as error:
        raise SnapshotSpoilt(path.name) from error
