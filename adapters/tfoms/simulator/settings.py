"""What a simulated fund is told at its start: accounts, organisations, registers, habits."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, cast

import msgspec

from broker.document.finding import Finding

RegistryCheck = Callable[[bytes, str, date], Sequence[Finding]]
"""The rule engine the composition root may hand over: package, MOCode, day → findings."""


class FundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Settings by the names of the README; everything has a default, so that an empty table makes a working fund.

    ``mo`` empty: every organisation may send. ``not_insured`` are policy numbers the fund's own register does not know.
    """

    accounts: dict[str, str] = msgspec.field(default_factory=lambda: {"inaya": "inaya"})
    mo: tuple[str, ...] = ()
    not_insured: tuple[str, ...] = ()
    token_seconds: float = 1200.0
    flk_polls: int = 3
    answer_format: str = "federal"


def read_settings(params: dict[str, object]) -> tuple[FundSettings, RegistryCheck | None]:
    """Read the parameters; raise ``msgspec.ValidationError`` naming the one that is wrong."""
    plain: dict[str, Any] = {name: value for name, value in params.items() if name != "registry_check"}
    check = cast("RegistryCheck | None", params.get("registry_check"))
    return msgspec.convert(plain, FundSettings), check
