"""Kinds of documents: which kind is this, was it open on the day the document was created, what does it demand?

A kind is a code of dictionary 1.2.643.5.1.13.13.11.1520; kinds are data (``schemas/nsi/kinds.toml``), never code.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from broker.document.canonical import Code

KIND_SYSTEM: Final = "1.2.643.5.1.13.13.11.1520"
"""Электронные медицинские документы: the kind itself."""
SEMD_SYSTEM: Final = "1.2.643.5.1.13.13.99.2.1079"
"""Виды структурированных электронных медицинских документов: the number N of the guide."""
TYPE_SYSTEMS: Final = frozenset(
    {
        "1.2.643.5.1.13.13.11.1522",
        "1.2.643.5.1.13.13.11.1115",
        "1.2.643.5.1.13.13.99.2.195",
        "1.2.643.5.1.13.2.1.1.646",
    }
)
"""Виды медицинской документации and its three predecessors (semd.md §1.4)."""
GUIDE_PREFIX: Final = "1.2.643.5.1.13.13.15."
"""Root of the guides' OIDs: ``…15.<N>.<edition>``."""


class PatientInfo(StrEnum):
    """What of the patient РЭМД demands for the kind (1520.PATIENT_INFO)."""

    SNILS = "snils"
    """«Обязательны с указанием СНИЛС»."""
    REQUIRED = "required"
    """«Обязательны»."""
    OPTIONAL = "optional"
    """«Не обязательны»."""


class KindCard(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One kind as dictionary 1520 describes it.

    ``type`` is the code of 11.1522, ``semd_number`` the N of the guide, ``starts`` and ``ends`` (inclusive) bound the
    creation date. ``templates`` are the accepted templateId roots; ``templates_seen`` tells whether they were seen in
    an official rule set or are the guide's own OID by inference. ``format`` is 2 for CDA, 1 for PDF/A-1.
    ``shelf_life_years`` is None where the dictionary names no number of years.
    """

    code: str
    name: str
    type: str
    semd_number: str = ""
    edition: int = 1
    starts: date
    ends: date | None = None
    patient_info: PatientInfo = PatientInfo.SNILS
    mo_sign: bool = True
    series_required: bool = False
    new_versions: bool = True
    format: int = 2
    templates: tuple[str, ...] = ()
    templates_seen: bool = False
    type_codes: tuple[str, ...] = ()
    shelf_life_years: int | None = 25
    issued: bool = True

    @property
    def guide(self) -> str:
        """Return the OID of the implementation guide, also the pack's project and branch."""
        return f"{GUIDE_PREFIX}{self.semd_number}.{self.edition}" if self.semd_number else ""

    def is_open(self, day: date) -> bool:
        """Tell whether a document created on this day may be registered under the kind."""
        return self.starts <= day and (self.ends is None or day <= self.ends)

    def accepts_template(self, template: str) -> bool:
        """Tell whether a document of this kind may carry this templateId."""
        return template in (self.templates or (self.guide,))

    def accepts_code(self, code: Code) -> bool:
        """Tell whether a document of this kind may carry this ClinicalDocument/code."""
        if code.system == KIND_SYSTEM:
            return code.code == self.code
        if code.system == SEMD_SYSTEM:
            return code.code == self.semd_number
        if code.system in TYPE_SYSTEMS:
            return code.code == self.type or code.code in self.type_codes
        return True


class KindCatalogue:
    """The kinds we know, found by code, by guide and by what a document says of itself."""

    def __init__(self, cards: Iterable[KindCard] = (), *, edition: str = "") -> None:
        self._cards = {card.code: card for card in cards}
        self.edition = edition
        """Edition of 1520 the facts are of, as НСИ numbers it; empty where it is not known."""

    def __iter__(self) -> Iterator[KindCard]:
        return iter(self._cards.values())

    def __len__(self) -> int:
        return len(self._cards)

    @classmethod
    def load(cls, path: Path) -> "KindCatalogue":
        """Read a catalogue; a wrong field is named by msgspec's ValidationError."""
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(msgspec.convert(data.get("kind", []), list[KindCard]), edition=data.get("edition", ""))

    def overlaid(self, facts: Iterable[KindCard], edition: str = "") -> "KindCatalogue":
        """Return a catalogue where the facts of an imported edition of 1520 stand above ours.

        What the dictionary does not say is kept from our card: templates and codes seen, whether new versions are
        taken. An edition older than ours only adds the kinds we do not have: it would open again what was closed since.
        A kind the import does not name stays as we have it. Without ``edition`` the facts are taken for newer than ours.
        """
        older = bool(edition) and _order(edition) < _order(self.edition)
        cards = dict(self._cards)
        for fact in facts:
            ours = cards.get(fact.code)
            if ours is None:
                cards[fact.code] = fact
            elif not older:
                cards[fact.code] = _with_our_extras(fact, ours)
        return KindCatalogue(cards.values(), edition=self.edition if older else edition or self.edition)

    def get(self, code: str) -> KindCard | None:
        """Return the card of a kind, or None when the kind is unknown."""
        return self._cards.get(code)

    def derive(self, code: Code, semd_number: str, template: str) -> tuple[str, ...]:
        """Return the kinds a document may be, best evidence first (semd.md §1.5); several mean: the sender must say.

        Order: code of 1520; number of 1079 with the edition in the templateId; templateId with its synonyms.
        """
        if code.system == KIND_SYSTEM and code.code:
            return (code.code,)
        edition = template.rpartition(".")[2]
        by_number = self._matching(
            lambda card: card.semd_number == semd_number and str(card.edition) == edition
        )
        if semd_number and by_number:
            return by_number
        return self._matching(lambda card: card.accepts_template(template)) if template else ()

    def open_instead(self, card: KindCard, day: date) -> tuple[str, ...]:
        """Return the other kinds of the same type that are open on the day, newest edition first."""
        others = [
            c for c in self._cards.values() if c.type == card.type and c.code != card.code and c.is_open(day)
        ]
        return tuple(c.code for c in sorted(others, key=lambda c: c.edition, reverse=True))

    def _matching(self, accepts: Callable[[KindCard], bool]) -> tuple[str, ...]:
        return tuple(card.code for card in self._cards.values() if accepts(card))


def _order(edition: str) -> tuple[int, ...]:
    return tuple(int(part) for part in edition.split(".") if part.isdecimal())


def _with_our_extras(fact: KindCard, ours: KindCard) -> KindCard:
    return msgspec.structs.replace(
        fact,
        new_versions=ours.new_versions,
        templates=ours.templates,
        templates_seen=ours.templates_seen,
        type_codes=ours.type_codes,
        semd_number=fact.semd_number or ours.semd_number,
        edition=fact.edition if fact.semd_number else ours.edition,
    )
