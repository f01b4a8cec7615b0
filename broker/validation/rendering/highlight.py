"""Which part of a line of XML is a tag, a name, a value, a comment? Enough to colour it, line after line, never to judge it."""

import re
from enum import StrEnum
from typing import Final

Token = tuple[str, str]
"""A class of the style sheet (empty: plain) and the text."""


class _State(StrEnum):
    """What a line begins inside of."""

    TEXT = "text"
    """Between tags."""
    TAG = "tag"
    """A tag whose end is on a later line."""
    COMMENT = "comment"
    """A comment."""


_TEXT: Final = re.compile(
    r"(?P<c><!--)|(?P<p><[?!][^<>]*>?)|(?P<t></?[^\s<>/=\"']+)|(?P<e>&[#\w]{1,32};)|(?P<r>[^<&]+|[<&])"
)
_TAG: Final = re.compile(
    r"(?P<t>\??/?>)|(?P<n>[^\s=<>\"'/]+)|(?P<v>\"[^\"<]*\"?|'[^'<]*'?)|(?P<r>[\s=]+|[<>/])"
)


class Highlighter:
    """Colours consecutive lines; one begun in the middle of a document takes its first line for text."""

    def __init__(self) -> None:
        self._state = _State.TEXT

    def tokens(self, line: str) -> list[Token]:
        """Divide a line, or a piece of one, into tokens whose texts are the line again."""
        found: list[Token] = []
        position = 0
        while position < len(line):
            position = self._step(line, position, found)
        return found

    def _step(self, line: str, position: int, found: list[Token]) -> int:
        if self._state is _State.COMMENT:
            end = line.find("-->", position)
            stop = len(line) if end < 0 else end + 3
            found.append(("c", line[position:stop]))
            self._state = _State.COMMENT if end < 0 else _State.TEXT
            return stop
        match = (_TAG if self._state is _State.TAG else _TEXT).match(line, position)
        assert match is not None, "every character is in some class"
        kind = match.lastgroup or "r"
        if kind == "c":
            self._state = _State.COMMENT
            return position  # the comment is taken whole, with its beginning
        if self._state is _State.TEXT and kind == "t":
            self._state = _State.TAG
        elif self._state is _State.TAG and (kind == "t" or match[0] == "<"):
            self._state = _State.TEXT
            if match[0] == "<":  # a tag that was never ended: what follows is one of its own
                return position
        shown = "" if kind == "r" else kind
        if found and found[-1][0] == shown:
            found[-1] = (shown, found[-1][1] + match[0])
        else:
            found.append((shown, match[0]))
        return match.end()
