"""Funds name patients in their comments: everything the package itself says of persons is masked before we repeat a word.

Names are searched with their endings, numbers (policies, СНИЛС, documents) by their length.
"""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from adapters.tfoms.protocol import parse
from broker.document.zip_reading import ZipRefusal, read_zip

MASK: Final = "•••"
_NUMBER: Final = re.compile(r"\d(?:[ \-–]?\d){7,}")
_NAMES: Final = ("FAM", "IM", "OT", "FAM_P", "IM_P", "OT_P")
_WORD: Final = re.compile(r"[А-Яа-яЁё-]+")
_SHORTEST: Final = 3
_DATE: Final = re.compile(r"\b(?:\d{2}\.\d{2}\.\d{4}|\d{4}-\d{2}-\d{2})\b")
_SPOKEN: Final = 300


def scrub(text: str) -> str:
    """Return a service's text short and without numbers and dates; for texts about no package in particular."""
    return _NUMBER.sub(MASK, _DATE.sub(MASK, " ".join(text.split())))[:_SPOKEN]


class Censor:
    """Masks the persons of one package."""

    def __init__(self, content: bytes) -> None:
        self._stems = {_stem(name.casefold()) for name in _person_names(content)}

    def clean(self, text: str) -> str:
        """Return the text without the package's persons, numbers and dates."""
        return _WORD.sub(self._word, scrub(text))

    def _word(self, match: re.Match[str]) -> str:
        """Mask a word that is a name, in any case of the language."""
        word = match[0].casefold()
        stems = (word[: len(word) - cut] for cut in range(min(5, len(word))))
        named = any(stem in self._stems and len(word) - len(stem) <= _ending(stem) for stem in stems)
        return MASK if named else match[0]


def _stem(name: str) -> str:
    """Cut an ending that changes with the case; short names keep three letters."""
    return name[: max(_SHORTEST, len(name) - 2)]


def _ending(stem: str) -> int:
    """How long an ending may follow: a short stem with a long ending is another word."""
    return 4 if len(stem) > 4 else 2


def _person_names(content: bytes) -> Iterator[str]:
    entries = read_zip(content)
    if isinstance(entries, ZipRefusal):
        return
    for entry in entries:
        root = parse(entry.data)
        if root is None or root.tag != "PERS_LIST":
            continue
        for name in root.iter(*_NAMES):
            yield from _words(name)


def _words(name: etree._Element) -> Iterator[str]:
    yield from (word for word in (name.text or "").split() if len(word) >= _SHORTEST)
