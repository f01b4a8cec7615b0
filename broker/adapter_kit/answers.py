"""The answer table: foreign code and text → what it means for us, who must act, what to say in Russian.

The table is data (``answers.toml``); rows are tried from the top and every row is tested with a real text.
"""

import re
from enum import StrEnum
from pathlib import Path

import msgspec

from broker.document.finding import Finding, Layer, Responsible, Severity, Source


class Verdict(StrEnum):
    """What an answer means."""

    REJECTED = "rejected"
    """The document must be mended."""
    UNAVAILABLE = "unavailable"
    """Try again."""
    HELD = "held"
    """A precondition is missing."""
    REGISTERED = "registered"
    """It was registered before: look up or take the number from the text."""
    WARNING = "warning"
    """Told beside a success."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row. ``code`` and ``text`` (a regular expression searched in the message) must both match when given.

    ``say`` explains in Russian, ``fix`` says what to do; ``hold`` is delivery | clinic | destination for HELD rows;
    ``sample`` is a message this row must catch, ``source`` official | seen | own. For UNAVAILABLE rows ``after`` is the least
    pause in seconds before the next try, ``slows`` asks for fewer calls altogether, ``wants_file`` for our file endpoint.
    """

    verdict: Verdict
    code: str = ""
    text: str = ""
    responsible: Responsible = Responsible.CLINIC
    say: str = ""
    fix: str = ""
    hold: str = "delivery"
    sample: str = ""
    source: Source = Source.SEEN
    after: float = 0.0
    slows: bool = False
    wants_file: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    answer: list[Answer]


class AnswerTable:
    """Ordered rows; the first that matches speaks."""

    def __init__(self, rows: list[Answer]) -> None:
        self.rows = rows
        self._patterns = [
            re.compile(row.text, re.IGNORECASE | re.DOTALL) if row.text else None for row in rows
        ]

    @classmethod
    def load(cls, path: Path) -> "AnswerTable":
        """Read ``answers.toml``; raise ``msgspec.ValidationError`` naming the row that is wrong."""
        return cls(msgspec.toml.decode(path.read_bytes(), type=_File).answer)

    def match(self, code: str, text: str) -> Answer | None:
        """Return the first row that fits, or None for an answer nobody has described yet."""
        for row, pattern in zip(self.rows, self._patterns, strict=True):
            if row.code and row.code != code:
                continue
            if pattern is not None and not pattern.search(text):
                continue
            return row
        return None

    def finding(self, code: str, text: str, *, origin: str) -> Finding:
        """Turn a foreign answer into a finding; an unknown one is the operator's business.

        ``origin`` prefixes our stable code (``remd.NO_SNILS``); ``text`` must already be free of personal data.
        """
        row = self.match(code, text)
        responsible = row.responsible if row else Responsible.OPERATOR
        warning = row is not None and row.verdict is Verdict.WARNING
        return Finding(
            layer=Layer.REGISTRY,
            severity=Severity.WARNING if warning else Severity.ERROR,
            code=f"{origin}.{code or 'unknown'}",
            message=(row.say if row and row.say else text) or "Система отказала без объяснения.",
            fix=(row.fix if row and row.fix else None)
            or ("Ответ системы нам неизвестен: оператор разберёт его и ответит." if row is None else None),
            value=text if row and row.say else None,
            responsible=responsible,
            source=Source.OFFICIAL,
            remd_code=code if origin == "remd" else None,
        )
