"""How a simulator checks the documents it pulled: with rules and registers of its own, which may differ from ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding


class CheckFailed(Exception):  # noqa: N818  names what happened
    """The check itself could not be carried out: it says nothing of the document."""


class SentSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature as a simulator was sent it: the DER container, and what the request says of who signed."""

    data: bytes
    organization: bool = False
    role: str = ""
    snils: str = ""


class DocumentChecker(Protocol):
    """The checks of the platform behind one verb, handed to a simulator by the composition root."""

    async def check(
        self, content: bytes, *, kind: str, signatures: Sequence[SentSignature], at: datetime
    ) -> tuple[CanonicalDocument | None, Sequence[Finding]]:
        """Return what the bytes say and everything wrong with them; raise ``CheckFailed``."""
        ...
