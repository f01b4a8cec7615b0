"""Long harmless text for documents of a wanted size, in pieces no parser limit minds (libxml2 stops at 10 MB a node)."""

from collections.abc import Iterator
from typing import Final

PHRASE: Final = "Пробный текст для проверки больших документов, смысла не имеет. "
PIECE: Final = 256 * 1024
"""Bytes of UTF-8 in one piece."""


def pieces(size: int) -> Iterator[str]:
    """Yield texts that together take about ``size`` bytes of UTF-8."""
    phrase = len(PHRASE.encode())
    while size > 0:
        part = min(size, PIECE)
        yield PHRASE * max(1, part // phrase)
        size -= part
