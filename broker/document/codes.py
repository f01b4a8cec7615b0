"""The catalogue of error codes: what each means, who must act and what to do, as data beside the programs that say them.

A code is ``origin.cause``. ``id`` may end in ``*``: a family whose tail comes from outside (a status, a foreign code).
Adapters bring a catalogue of their own in ``codes.toml`` beside their passport.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from broker.document.finding import Responsible

CATALOGUE: Final = Path(__file__).with_name("codes.toml")


class CodeCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code or family; ``means`` and ``do`` are Russian."""

    id: str
    who: Responsible
    means: str
    do: str

    def covers(self, code: str) -> bool:
        """Tell whether the card speaks of this code."""
        return code.startswith(self.id[:-1]) if self.id.endswith("*") else code == self.id


def load_codes(path: Path = CATALOGUE) -> tuple[CodeCard, ...]:
    """Read a catalogue; raise ``msgspec.ValidationError`` naming the field that is wrong."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(msgspec.convert(data.get("code", []), list[CodeCard]))


def card_of(code: str, cards: Iterable[CodeCard]) -> CodeCard | None:
    """Return the card of a code: its own before that of its family."""
    fitting = [card for card in cards if card.covers(code)]
    return max(fitting, key=lambda card: (not card.id.endswith("*"), len(card.id)), default=None)
