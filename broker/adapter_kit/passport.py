"""The passport of an adapter: what it is for, its limits and habits, and how well it is proven."""

from enum import StrEnum
from pathlib import Path

import msgspec


class ReceiptMode(StrEnum):
    """How the final verdict comes."""

    SYNC = "sync"
    """In the answer itself."""
    POLL = "poll"
    """We ask again."""
    CALLBACK = "callback"
    """The system calls us."""


class InDoubtPolicy(StrEnum):
    """What to do when a request left and no answer came."""

    REPEAT = "repeat"
    """Sending again is harmless: the system recognises the same document."""
    LOOKUP = "lookup"
    """Ask first whether it arrived."""
    OPERATOR = "operator"
    """A person decides."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults a destination may tighten: seconds, bytes, calls at once, calls per second (0 = no pace)."""

    timeout: float = 30.0
    max_body: int = 40 * 1024 * 1024
    parallel: int = 8
    rate: float = 0.0


class Waiting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patience, in seconds: first and longest pause between attempts, deadline, when to warn of a missing verdict.

    Sending is held when ``silent_documents`` accepted documents wait longer than ``silent_after`` and the system has not
    called us since (0: never). An accepted document without a verdict for ``resend_after`` is looked up, and sent again when the
    registry has not got it: its refusal was lost (0: never).
    """

    first_retry: float = 2.0
    longest_retry: float = 3600.0
    deadline: float = 15 * 86400.0
    warn_after: float = 86400.0
    poll_every: float = 300.0
    predecessor: float = 86400.0
    silent_after: float = 0.0
    silent_documents: int = 20
    resend_after: float = 0.0


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the quality scale."""

    rule: str
    status: str
    why: str = ""


class Passport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Read from ``passport.toml`` beside the adapter.

    ``params`` are the parameters a clinic must have before anything is sent (missing: held); ``exceptions`` those of a
    destination that let go in production what is otherwise refused (their values are the reasons, journalled); ``types`` the submission
    types it takes; ``asks-registry``: its registry is asked before a document is given up, and who took a localUid;
    ``sources`` where the specification was seen; unseen facts are listed in ``assumptions``.
    """

    name: str
    title: str
    types: tuple[str, ...]
    receipt: ReceiptMode
    in_doubt: InDoubtPolicy
    limits: Limits = Limits()
    waiting: Waiting = Waiting()
    params: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    needs_link: bool = False
    asks_registry: bool = False
    endpoints: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    quality: tuple[Quality, ...] = ()


def load_passport(path: Path) -> Passport:
    """Read a passport; raise ``msgspec.ValidationError`` naming the field that is wrong."""
    return msgspec.toml.decode(path.read_bytes(), type=Passport)
