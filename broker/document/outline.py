"""Where do elements of a name, or on a way from parent to child, stand in a tree? Asked by every layer, looked up once.

Ways are Clark names joined by ``/``, each step to a child. A tree that has an outline is not changed any more.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

_STEP: Final = re.compile(r"(?:\{[^}]*\})?[^/{}]+")
_NONE: Final[tuple[Element, ...]] = ()


class Outline:
    """A tree by names: children of an element are sorted when first asked for, all elements when any name is.

    What it returns is shared by all who ask, in the order of the document.
    """

    __slots__ = ("_by_tag", "_children", "_on_way", "root")

    def __init__(self, root: Element) -> None:
        self.root = root
        self._by_tag: dict[str, list[Element]] = {}
        self._children: dict[Element, dict[str, list[Element]]] = {}
        self._on_way: dict[str, Sequence[Element]] = {}

    def of(self, tag: str) -> Sequence[Element]:
        """Return every element of a Clark name."""
        if not self._by_tag:
            for element in self.root.iter(etree.Element):
                self._by_tag.setdefault(element.tag, []).append(element)
        return self._by_tag.get(tag, _NONE)

    def all(self, way: str) -> Sequence[Element]:
        """Return the elements a way from the root leads to."""
        found = self._on_way.get(way)
        if found is None:
            before, last = _parted(way)
            parents = self.all(before) if before else (self.root,)
            found = self._on_way[way] = self._step(parents, last)
        return found

    def first(self, way: str) -> Element | None:
        """Return the first element a way from the root leads to."""
        found = self.all(way)
        return found[0] if found else None

    def below(self, parent: Element, way: str) -> Sequence[Element]:
        """Return the elements a way from some element leads to."""
        found: Sequence[Element] = (parent,)
        for step in _steps(way):
            found = self._step(found, step)
        return found

    def first_below(self, parent: Element, way: str) -> Element | None:
        """Return the first element a way from some element leads to."""
        found = self.below(parent, way)
        return found[0] if found else None

    def _step(self, parents: Sequence[Element], tag: str) -> Sequence[Element]:
        if len(parents) == 1:
            return self._named(parents[0]).get(tag, _NONE)
        return [child for parent in parents for child in self._named(parent).get(tag, _NONE)]

    def _named(self, parent: Element) -> dict[str, list[Element]]:
        found = self._children.get(parent)
        if found is None:
            found = self._children[parent] = {}
            for child in parent.iterchildren(etree.Element):
                found.setdefault(child.tag, []).append(child)
        return found


@lru_cache(maxsize=1024)
def _steps(way: str) -> tuple[str, ...]:
    return tuple(_STEP.findall(way))


@lru_cache(maxsize=1024)
def _parted(way: str) -> tuple[str, str]:
    *before, last = _steps(way)
    return "/".join(before), last
