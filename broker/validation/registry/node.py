"""A registry's tree in a form rules can ask a thousand times: owners with their filled leaves, and the way back to the XML."""

import sys
from collections.abc import Iterator
from typing import Final, cast

from lxml import etree

_EMPTY: Final[tuple[str, ...]] = ()


class Node:
    """An element with children: the texts of its filled leaves by name, its inner nodes by name, its parent."""

    __slots__ = ("children", "element", "fields", "parent")

    def __init__(self, element: etree._Element, parent: "Node | None") -> None:
        self.element = element
        self.parent = parent
        self.fields: dict[str, tuple[str, ...]] = {}
        self.children: dict[str, list[Node]] = {}

    @property
    def tag(self) -> str:
        """The element's name."""
        return str(self.element.tag)

    def text(self, field: str) -> str:
        """Return the first text of a leaf, or an empty string."""
        return self.fields.get(field, ("",))[0]

    def texts(self, steps: tuple[str, ...]) -> list[str]:
        """Return the texts of the leaves at the end of a path below this node."""
        if len(steps) == 1:
            return list(self.fields.get(steps[0], _EMPTY))
        *above, leaf = steps
        return [text for node in self.walk(tuple(above)) for text in node.fields.get(leaf, _EMPTY)]

    def count(self, steps: tuple[str, ...]) -> int:
        """Return how many filled elements a path below this node reaches."""
        if len(steps) == 1:
            return len(self.fields.get(steps[0], _EMPTY)) + len(self.children.get(steps[0], ()))
        *above, last = steps
        return sum(
            len(node.fields.get(last, _EMPTY)) + len(node.children.get(last, ()))
            for node in self.walk(tuple(above))
        )

    def walk(self, steps: tuple[str, ...]) -> "Iterator[Node]":
        """Walk down a path of inner nodes; an empty path stays here."""
        if not steps:
            yield self
            return
        for child in self.children.get(steps[0], ()):
            yield from child.walk(steps[1:])

    def above(self) -> "Iterator[Node]":
        """Walk from this node to the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def location(self, steps: tuple[str, ...] = ()) -> tuple[str, int]:
        """Return XPath and line of an element below this node, or of the place where it is missing."""
        found = self.element.find("/".join(steps)) if steps else self.element
        path = str(self.element.getroottree().getpath(self.element if found is None else found))
        line = cast("int | None", (self.element if found is None else found).sourceline)
        return ("/".join((path, *steps)) if found is None else path), line or 0


def read_tree(root: etree._Element) -> Node:
    """Read a whole tree; depth is bounded by the parser."""
    return _read(root, None)


def _read(element: etree._Element, parent: Node | None) -> Node:
    node = Node(element, parent)
    for child in element:
        tag = sys.intern(str(child.tag))  # a registry repeats a hundred names a million times
        if len(child):
            node.children.setdefault(tag, []).append(_read(child, node))
        elif child.text and (text := child.text.strip()):
            node.fields[tag] = (*node.fields.get(tag, _EMPTY), text)
    return node
