"""What a fault is: a description, where it must be caught, and the change it makes at one of five moments."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from broker.document.finding import Layer, Severity
from broker.document.submission import Submission
from broker.samples.cda import Node
from broker.samples.documents import KINDS
from broker.samples.sample import Sample


class Outcome(StrEnum):
    """What must come of a submission."""

    REJECTED = "rejected"
    """Our checks refuse it."""
    REFUSED = "refused"
    """It passes us; РЭМД refuses it."""
    REGISTERED = "registered"
    """It is registered; our checks warn."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fault shows itself.

    ``layer`` and ``severity`` name the finding that must be among ours (other layers may speak too); ``remd_codes`` are the
    mnemonics of НСИ 99.2.305 of which РЭМД answers at least one, when the document reaches it.
    """

    outcome: Outcome
    layer: Layer | None = None
    severity: Severity = Severity.ERROR
    remd_codes: tuple[str, ...] = ()


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. Exactly one of the changes is set.

    ``alter`` changes the sample before the document is written, ``edit`` its tree, ``corrupt`` its bytes, ``request`` the
    signed submission; ``signs_other_bytes`` asks the caller to sign something else than the document.
    """

    id: str
    description: str
    expected: Expectation
    kinds: tuple[str, ...] = KINDS
    alter: Callable[[Sample], Sample] | None = None
    edit: Callable[[Node], None] | None = None
    corrupt: Callable[[bytes], bytes] | None = None
    request: Callable[[Submission], Submission] | None = None
    signs_other_bytes: bool = False


def caught(layer: Layer, *codes: str) -> Expectation:
    """Return the expectation that our check of this layer blocks the document; ``codes`` is what РЭМД would say."""
    return Expectation(outcome=Outcome.REJECTED, layer=layer, remd_codes=codes)


def warned(layer: Layer) -> Expectation:
    """Return the expectation that we warn and the document is registered."""
    return Expectation(outcome=Outcome.REGISTERED, layer=layer, severity=Severity.WARNING)


def refused(*codes: str) -> Expectation:
    """Return the expectation that only РЭМД can know."""
    return Expectation(outcome=Outcome.REFUSED, remd_codes=codes)
