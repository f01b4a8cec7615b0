"""How hints look on a wire: a few ids per message, never more bytes than the wire carries.

One form for both wires: ``["route.remd",[1,2,3]]``.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from broker.bus.port import Due

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(tuple[str, tuple[int, ...]])
_ID_BYTES: Final = 20
"""Longest a 64-bit id and its comma can be in JSON."""


def merge(due: Iterable[Due]) -> dict[str, list[int]]:
    """Return the ids by queue, each once, in the order announced."""
    merged: dict[str, dict[int, None]] = {}
    for hint in due:
        merged.setdefault(hint.queue, {}).update(dict.fromkeys(hint.tasks))
    return {queue: list(tasks) for queue, tasks in merged.items()}


def split(queue: str, tasks: Sequence[int], *, batch: int) -> Iterator[Due]:
    """Cut the ids of a queue into hints of at most ``batch`` ids."""
    for start in range(0, len(tasks), batch):
        yield Due(queue, tuple(tasks[start : start + batch]))


def batch_that_fits(queue: str, limit: int) -> int:
    """Return how many ids fit into ``limit`` bytes beside the queue's name."""
    room = limit - len(encode(Due(queue, ())))
    if room < _ID_BYTES:
        raise ValueError(f"a hint of queue {queue!r} does not fit into {limit} bytes")
    return room // _ID_BYTES


def encode(hint: Due) -> bytes:
    """Return the hint as it travels."""
    return _ENCODER.encode((hint.queue, hint.tasks))


def decode(body: bytes | str) -> Due | None:
    """Return the hint, or None when these bytes are not one: the sweeper will announce what was lost."""
    try:
        queue, tasks = _DECODER.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None
    return Due(queue, tasks)
