"""When libxml2 says only «not expected»: is the element too many, out of place, or is another missing before it?

A schema processor stops at the first child it cannot place and tells what it waited for; that reads the same in all three
cases. So it is tried in a copy: where the parent is right without the element, it was too many; where the element fits once
what was awaited stands before it, that was missing.
"""

import copy
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final, NamedTuple, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.markup import PREFIXES, name_of

Unfit = Callable[[Element], Iterable[tuple[Element, Element | None]]]
_NAMESPACES: Final = {prefix.rstrip(":"): uri for uri, prefix in PREFIXES.items()}
MAX_TRIALS: Final = 5
"""Elements of one document that are tried."""
MAX_AWAITED: Final = 6
"""Names of those awaited that are tried before an element."""
MAX_ELEMENTS: Final = 5_000
"""Beyond this a document is not copied: the official samples have a thousand."""


class Misfit(Enum):
    """What is wrong with an element that was not expected."""

    EXTRA = auto()
    """The parent is right without it."""
    REPEATED = auto()
    """The parent is right without it, and has another of its name."""
    MISPLACED = auto()
    """What was expected instead stands further on."""
    MISSING_BEFORE = auto()
    """What was expected instead is nowhere."""
    UNKNOWN = auto()
    """Not tried."""


class Verdict(NamedTuple):
    """Which it is, and the name of what is missing where something is."""

    misfit: Misfit
    missing: str = ""


class Trial:
    """A document on trial.

    ``unfit`` validates a tree and yields every parent whose children do not fit, with the child that was not expected
    (None: something is missing at the end).
    """

    def __init__(self, root: Element, unfit: Unfit, *, allowed: bool = True) -> None:
        self._root = root
        self._unfit = unfit
        self._twin: Element | None = None
        self._left = MAX_TRIALS if allowed else 0

    def judge(self, element: Element, expected: str | None) -> Verdict:
        """Tell which it is; ``expected`` is the list of names the processor waited for, as written for people."""
        parent = element.getparent()
        if parent is None or self._left <= 0:
            return Verdict(Misfit.UNKNOWN)
        self._left -= 1
        victim = self._in_twin(element)
        if victim is None:
            return Verdict(Misfit.UNKNOWN)
        if self._right_without(victim):
            alone = sum(1 for _ in parent.iterchildren(element.tag)) == 1
            return Verdict(Misfit.EXTRA if alone else Misfit.REPEATED)
        awaited = [name.strip() for name in (expected or "").split(",") if name.strip()]
        later = {name_of(str(one.tag)) for one in element.itersiblings(etree.Element)}
        if later.intersection(awaited):
            return Verdict(Misfit.MISPLACED, next(name for name in awaited if name in later))
        missing = next((name for name in awaited[:MAX_AWAITED] if self._fits_after(victim, name)), "")
        return Verdict(Misfit.MISSING_BEFORE, missing) if missing else Verdict(Misfit.UNKNOWN)

    def _right_without(self, victim: Element) -> bool:
        """Tell whether the parent's children fit once the element is gone."""
        parent = victim.getparent()
        assert parent is not None
        position = parent.index(victim)
        parent.remove(victim)
        fits = all(one is not parent for one, _ in self._unfit(self._root_of_twin()))
        parent.insert(position, victim)
        return fits

    def _fits_after(self, victim: Element, name: str) -> bool:
        """Tell whether the element is expected once one of this name stands before it."""
        prefix, _, local = name.rpartition(":")
        if prefix not in _NAMESPACES or not local.isalnum():
            return False
        missing = etree.Element(f"{{{_NAMESPACES[prefix]}}}{local}")
        victim.addprevious(missing)
        fits = all(child is not victim for _, child in self._unfit(self._root_of_twin()))
        cast("Element", victim.getparent()).remove(missing)
        return fits

    def _root_of_twin(self) -> Element:
        assert self._twin is not None
        return self._twin

    def _in_twin(self, element: Element) -> Element | None:
        """Return the same element in a copy, None when the document is too large to be copied."""
        place = self._place_of(element)
        if place is None:
            return None
        if self._twin is None:
            self._twin = copy.deepcopy(self._root)
        return list(self._twin.iter(etree.Element))[place]

    def _place_of(self, element: Element) -> int | None:
        for place, one in enumerate(self._root.iter(etree.Element)):
            if place > MAX_ELEMENTS:
                return None
            if one is element:
                return place
        return None
