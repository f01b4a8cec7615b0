"""Which lines of the document stand beside its findings? All of a small one, windows of a large one; a long line in pieces.

Bounded whatever the document is: a line of five megabytes or a document of twenty makes a page of some hundred kilobytes.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from broker.document.markup import text_of
from broker.validation.rendering.entry import Entry
from broker.validation.rendering.highlight import Highlighter, Token
from broker.validation.rendering.offsets import columns

MOST_WHOLE: Final = 300_000
"""Characters of a document that is shown whole, unless it has more lines than ``MOST_ROWS``."""
MOST_ROWS: Final = 1_500
AROUND: Final = 5
"""Lines shown above and below a faulty one."""
HEAD: Final = 40
"""Lines shown of a large document without a known place of a fault."""
LONGEST: Final = 1_200
"""Characters of a line shown as it is; a longer one is shown in pieces around its faults."""
BEFORE: Final = 400
AFTER: Final = 800
"""Characters shown before and after a fault in a long line."""
PIECE: Final = 600
"""Characters of a piece, which ends where a tag does if it can."""
MOST_SHOWN: Final = 400_000
"""Characters shown altogether."""
MOST_TOKENS: Final = 60_000
"""Coloured tokens altogether; what follows is plain."""
MOST_EXCERPTS: Final = 60
"""Stretches of one long line."""
_SAID: Final = 4
"""Findings told under one row; the others are a link away."""
_TAG_END: Final = re.compile(r">(?=\s*<)")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that hide or reorder what is beside them."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the document, or a piece of one that begins at ``column`` (from 1); ``gap`` says what is left out before it."""

    line: int
    column: int
    tokens: tuple[Token, ...]
    entries: tuple[Entry, ...] = ()
    gap: str = ""

    @property
    def anchor(self) -> str:
        """Return the row's id in a page, to be prefixed."""
        return f"l{self.line}" if self.column == 1 else f"l{self.line}-{self.column}"

    @property
    def label(self) -> str:
        """Return the number people read at its left."""
        return str(self.line) if self.column == 1 else f"{self.line}:{self.column}"

    @property
    def told(self) -> tuple[Entry, ...]:
        """Return the findings told under it."""
        return self.entries[:_SAID]

    @property
    def blocks(self) -> bool:
        """Tell whether one of its findings blocks."""
        return any(entry.is_error for entry in self.entries)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The rows beside the findings; ``places`` by the number of a finding; ``note`` and ``tail`` say what is not shown."""

    rows: tuple[Row, ...]
    places: dict[int, Row]
    note: str = ""
    tail: str = ""


def source_of(content: bytes, entries: Sequence[Entry]) -> Source:
    """Return what to show of a document's bytes, whatever they are."""
    if content.startswith(b"PK\x03\x04"):
        return Source(rows=(), places={}, note="Содержимое архива не показывается.")
    text = text_of(content)
    lines = _Lines(text)
    rows, whole = _rows(lines, _placed(lines, entries))
    places = {entry.number: row for row in rows for entry in row.entries}
    shown = rows[-1].line if rows else 0
    tail = f"… ниже ещё строк: {lines.count - shown}" if shown < lines.count else ""
    note = (
        ""
        if whole
        else ("Показано не всё: строки вокруг замечаний, а длинные строки — частями (слева строка:позиция).")
    )
    return Source(rows=rows, places=places, note=note, tail=tail)


class _Lines:
    """Lines of a text by number, without a list of them all: twenty million empty ones are no more than the text."""

    _BLOCK = 4 * 1024

    def __init__(self, text: str) -> None:
        self.text = text
        self.count = text.count("\n") + (not text.endswith("\n"))
        self._block, self._seen = 0, 0  # newlines seen before a block: lines are asked for in order

    def span(self, line: int) -> tuple[int, int]:
        """Return where a line begins and ends; lines are asked for in rising order."""
        start = 0 if line == 1 else self._after(line - 1)
        end = self.text.find("\n", start)
        return start, len(self.text) if end < 0 else end

    def _after(self, newlines: int) -> int:
        """Return the position after so many newlines."""
        while True:
            inside = self.text.count("\n", self._block, self._block + self._BLOCK)
            if self._seen + inside >= newlines or self._block + self._BLOCK >= len(self.text):
                break
            self._seen += inside
            self._block += self._BLOCK
        position = self._block
        for _ in range(newlines - self._seen):
            position = self.text.find("\n", position) + 1
        return position


Placed = dict[int, list[tuple[int, Entry]]]
"""Findings by line, each with its column, 0 when unknown."""


def _placed(lines: _Lines, entries: Sequence[Entry]) -> Placed:
    """Return where findings are; the column of one in a long line is looked for."""
    located = [entry for entry in entries if 0 < entry.line <= lines.count]
    long = {line for line in sorted({e.line for e in located}) if _length(lines.span(line)) > LONGEST}
    lines = _Lines(lines.text)
    wanted = {e.finding.location.xpath for e in located if e.line in long and e.finding.location}
    found = columns(lines.text, frozenset(path for path in wanted if path))
    placed: Placed = {}
    for entry in located:
        location = entry.finding.location
        assert location is not None, "a line is a location's"
        line, column = found.get(location.xpath, (location.line, location.column or 0))
        placed.setdefault(line, []).append((column, entry))
    return placed


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


class _Page:
    """Rows gathered so far, within their bounds."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.cut = False
        self._characters = self._tokens = 0

    @property
    def full(self) -> bool:
        """Tell whether nothing more is taken."""
        return len(self.rows) >= MOST_ROWS or self._characters >= MOST_SHOWN

    def add(self, row: Row) -> None:
        """Take a row; one over the tokens loses its colours."""
        text = "".join(token for _, token in row.tokens)
        self._characters += len(text)
        self._tokens += len(row.tokens)
        plain = self._tokens > MOST_TOKENS
        self.rows.append(msgspec.structs.replace(row, tokens=(("", text),)) if plain else row)


def _rows(lines: _Lines, placed: Placed) -> tuple[tuple[Row, ...], bool]:
    whole = len(lines.text) <= MOST_WHOLE and lines.count <= MOST_ROWS
    made = _Page()
    colours = Highlighter()
    before = 0
    reader = _Lines(lines.text)
    for line in range(1, lines.count + 1) if whole else _near(placed, lines.count):
        gap = ""
        if line != before + 1:
            colours = Highlighter()
            gap = f"… пропущено строк: {line - before - 1}"
        span = reader.span(line)
        whole = whole and _length(span) <= LONGEST
        for row in _line_rows(lines.text, line, span, placed.get(line, []), colours, gap):
            if made.full:
                return tuple(made.rows), False
            made.add(row)
        before = line
    return tuple(made.rows), whole


def _near(placed: Placed, count: int) -> Iterator[int]:
    """Return the lines around faults in order, once each; the head of a document without any."""
    last = 0
    for fault in sorted(placed) or [HEAD - AROUND]:
        first = max(last + 1, fault - AROUND if placed else 1)
        for line in range(first, min(fault + AROUND, count) + 1):
            yield line
            last = line


def _line_rows(
    text: str,
    line: int,
    span: tuple[int, int],
    faults: list[tuple[int, Entry]],
    colours: Highlighter,
    gap: str,
) -> Iterator[Row]:
    start, end = span
    if end - start <= LONGEST:
        yield Row(
            line=line,
            column=1,
            tokens=_tokens(text[start:end], colours),
            entries=tuple(entry for _, entry in faults),
            gap=gap,
        )
        return
    shown = 0
    for first, last in _excerpts(text, span, [column for column, _ in faults]):
        fresh = Highlighter()
        skipped = f"… пропущено знаков: {first - start - shown}" if first - start > shown else ""
        for piece_start, piece_end in _pieces(text, first, last):
            column = piece_start - start + 1
            inside = range(column, piece_end - start + 1)
            yield Row(
                line=line,
                column=column,
                tokens=_tokens(text[piece_start:piece_end].lstrip(), fresh),
                entries=tuple(entry for at, entry in faults if max(at, 1) in inside),
                gap=gap or skipped,
            )
            gap = skipped = ""
        shown = last - start
    if end - start > shown:
        left = (("", f" … дальше ещё знаков: {end - start - shown}"),)
        yield Row(line=line, column=shown + 1, tokens=left)


def _excerpts(text: str, span: tuple[int, int], faults: list[int]) -> list[tuple[int, int]]:
    """Return the stretches of a long line around its faults, merged, each beginning at a tag if one is near."""
    start, end = span
    found: list[tuple[int, int]] = []
    for column in sorted({max(column, 1) for column in faults} or {1})[:MOST_EXCERPTS]:
        at = min(start + column - 1, end - 1)
        first, last = max(start, at - BEFORE), min(end, at + AFTER)
        tag = text.find("<", first, at + 1)
        first = tag if tag >= 0 and first > start else first
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _pieces(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Divide a stretch at the ends of its tags, and wherever nothing ends for long."""
    position = first
    while position < last:
        ended = _TAG_END.search(text, position, min(last, position + PIECE))
        stop = ended.end() if ended else min(last, position + PIECE)
        yield position, stop
        position = stop


def _tokens(text: str, colours: Highlighter) -> tuple[Token, ...]:
    return tuple(colours.tokens(_visible(text.removesuffix("\r"))))


def _visible(text: str) -> str:
    """Return a text whose hidden characters are seen: one that turns the writing round makes a line say what it does not."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if one != "\t" and unicodedata.category(one) in _HIDDEN else one
        for one in text
    )
