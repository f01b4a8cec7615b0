"""What does a refusal of the service mean? Its words against the table ``answers.toml``."""

import re
import tomllib
from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec

from broker.adapter_kit.dictionaries import SourceTrouble
from broker.document.finding import Source

_LONGEST = 200


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One row: a pattern in the words of the service and what it means."""

    text: str
    reason: str
    say: str
    source: Source
    whole: bool = False
    retry_minutes: int = 0


@cache
def table() -> tuple[Answer, ...]:
    """Read the rows once."""
    data = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))
    return tuple(msgspec.convert(data["answer"], list[Answer]))


def refused(text: str, code: str, *, secret: str) -> SourceTrouble:
    """Return the trouble a refusal means, with the service's words but never the key."""
    said = " ".join(f"{text} {code}".split())
    said = (said.replace(secret, "•••") if secret else said)[:_LONGEST]
    for row in table():
        if re.search(row.text, said, re.IGNORECASE):
            return SourceTrouble(
                reason=row.reason,
                text=f"{row.say} Ответ службы: {said}",
                whole=row.whole,
                retry_after=timedelta(minutes=row.retry_minutes) if row.retry_minutes else None,
            )
    return SourceTrouble(reason="nsi.source_refused", text=f"Служба НСИ отказала: {said or 'без объяснения'}")
