"""Which deliveries of a channel may be acknowledged together.

``multiple=True`` acknowledges everything up to a tag, so it is used only when nothing below that tag is still open:
acknowledging a message whose commit is not done would lose the only copy of a document.
"""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What RabbitMQ is told about a delivery."""

    ACK = "ack"
    """Done: forget it."""
    REQUEUE = "requeue"
    """Not done: deliver it again."""


class Settlement(msgspec.Struct, frozen=True):
    """One frame to send: ``multiple`` covers every open tag up to this one."""

    tag: int
    verdict: Verdict
    multiple: bool = False


class Ledger:
    """The open deliveries of one channel; tags grow, as RabbitMQ counts them."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._acked: list[int] = []
        self._returned: list[int] = []

    def __len__(self) -> int:
        return len(self._open)

    def delivered(self, tag: int) -> None:
        """Note a delivery."""
        self._open[tag] = None

    def settle(self, tag: int, verdict: Verdict) -> None:
        """Note the verdict; a tag unknown or settled before is ignored."""
        if tag not in self._open:
            return
        del self._open[tag]
        (self._acked if verdict is Verdict.ACK else self._returned).append(tag)

    def take(self) -> list[Settlement]:
        """Return the frames to send now, in this order, and forget them.

        Requeues go first: a later ``multiple`` would otherwise acknowledge them too.
        """
        frames = [Settlement(tag, Verdict.REQUEUE) for tag in sorted(self._returned)]
        lowest_open = next(iter(self._open), None)
        below = [tag for tag in self._acked if lowest_open is None or tag < lowest_open]
        above = [tag for tag in self._acked if lowest_open is not None and tag > lowest_open]
        if below:
            frames.append(Settlement(max(below), Verdict.ACK, multiple=len(below) > 1))
        frames += [Settlement(tag, Verdict.ACK) for tag in sorted(above)]
        self._acked, self._returned = [], []
        return frames
