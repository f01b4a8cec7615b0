"""Which neighbours in a row may be held at once? As many as stay within so many bytes, and always at least one."""

from collections.abc import Iterator, Sequence


def divided(sizes: Sequence[int], limit: int) -> Iterator[slice]:
    """Yield slices that cover a row of things of these sizes; only a slice of a single one is larger than the limit."""
    start = held = 0
    for place, size in enumerate(sizes):
        if place > start and held + size > limit:
            yield slice(start, place)
            start, held = place, 0
        held += size
    if start < len(sizes):
        yield slice(start, len(sizes))
