"""What the validator needs of a Schematron engine, whichever one an operator has chosen."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lxml.etree import _Element as Element

from broker.validation.schematron.engine import Run


class EngineChoice(StrEnum):
    """Which engine judges by a rule set (``engine`` in ``ruleset.toml``)."""

    NATIVE = "native"
    """Our own, on lxml: translated once, many times faster; the usual one."""
    SAXON = "saxon"
    """SaxonC in a process of its own: the operator's way out where ours is found to be wrong."""


class EngineUnavailable(Exception):  # noqa: N818  names what is the matter
    """The chosen engine cannot judge now; the text says why, in Russian, and never a value of a document."""


class SchematronEngine(Protocol):
    """One Schematron file ready to judge documents; it stays in its process."""

    @property
    def assertions(self) -> int:
        """Return how many assertions the file has."""

    @property
    def rules(self) -> int:
        """Return how many rules the file has."""

    @property
    def untranslated(self) -> int:
        """Return how many expressions are left to a slower way."""

    @property
    def note(self) -> str:
        """Return what a report tells of the engine, in Russian; "" of the usual one."""

    def run(self, root: Element, at: datetime) -> Run:
        """Judge a document; ``at`` is the moment current-date() and its kin see; raise EngineUnavailable."""
