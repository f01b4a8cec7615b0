"""Where a document fails: every part of the tree of contexts is asked as a whole, and only one that fails is walked.

Small parts of a node are asked in one expression; large ones are walked to, so that a fault deep in a document does not
let the whole of it be asked again at each step of the way. Expressions on the way to a fault compile when first needed.
"""

from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron.functions import Compiler
from broker.validation.schematron.questions import Questions
from broker.validation.schematron.tree import Node

_SMALL: Final = 60
"""Rules of a part of the tree that is asked as a whole."""
_MANY: Final = 8
"""Small ways from one place from which on they are asked together first."""
Failing = tuple[int, Element | None]
"""A rule that fails, by its number, and the node it fails at (None: the document)."""


class _Way:
    """A way from a place of the tree to the next: ``select`` yields the nodes there at which something may fail."""

    __slots__ = ("_asks", "_node", "_place", "select")

    def __init__(self, select: etree.XPath, node: Node, *, asks: bool) -> None:
        self.select = select
        self._node = node
        self._asks = asks
        self._place: _Place | None = None

    def place(self, descent: "Descent") -> "_Place":
        """Return the place it leads to, made when first reached."""
        if self._place is None:
            self._place = _Place(descent, self._node, is_asked=self._asks)
        return self._place


class _Place:
    """A place of the tree: its question over all that is small, what is asked after a «yes», and the large ways."""

    def __init__(self, descent: "Descent", node: Node, *, is_asked: bool) -> None:
        self._descent = descent
        small = Node()
        small.rules = node.rules
        small.conditions = {text: below for text, below in node.conditions.items() if below.size <= _SMALL}
        small.steps = {step: below for step, below in node.steps.items() if below.size <= _SMALL}
        self._small = small
        self.large = [
            *(
                descent.way(f"self::node()[{text}]", below)
                for text, below in node.conditions.items()
                if below.size > _SMALL
            ),
            *(descent.way(step, below) for step, below in node.steps.items() if below.size > _SMALL),
        ]
        together = not is_asked and len(small.conditions) + len(small.steps) + len(small.rules) > _MANY
        self.question = descent.question(small) if together else None
        self._asked: tuple[list[tuple[int, etree.XPath]], list[_Way]] | None = None

    def asked(self) -> tuple[list[tuple[int, etree.XPath]], list[_Way]]:
        """Return the rules here and the small ways, each with its own question."""
        if self._asked is None:
            descent = self._descent
            rules = [
                (number, descent.compiled(f"boolean({text})"))
                for number in self._small.rules
                if (text := descent.questions.broken(number))
            ]
            self._asked = rules, descent.ways(self._small)
        return self._asked


class Descent:
    """A tree of contexts ready to be asked; holds libxml2 objects."""

    def __init__(self, top: Node, questions: Questions, compiler: Compiler) -> None:
        self.questions = questions
        self._compiler = compiler
        self._top = _Place(self, top, is_asked=False)
        self._reach(self._top)

    def failing(self, root: Element) -> list[Failing]:
        """Return every rule that fails and where, in the order of rules and of the document."""
        found: set[Failing] = set()
        self._look(self._top, root, found, at_top=True)
        if not found:
            return []
        numbers = [number for number, _ in found]
        if len(set(numbers)) == len(numbers):
            return sorted(found, key=lambda one: one[0])
        order = {element: turn for turn, element in enumerate(root.iter(etree.Element))}
        return sorted(found, key=lambda one: (one[0], -1 if one[1] is None else order[one[1]]))

    def _look(self, place: _Place, element: Element, found: set[Failing], *, at_top: bool = False) -> None:
        if place.question is None or place.question(element):
            rules, ways = place.asked()
            found.update((number, None if at_top else element) for number, broken in rules if broken(element))
            for way in ways:
                self._follow(way, element, found)
        for way in place.large:
            self._follow(way, element, found)

    def _follow(self, way: _Way, element: Element, found: set[Failing]) -> None:
        for reached in cast("list[Element]", way.select(element)):
            self._look(way.place(self), reached, found)

    def _reach(self, place: _Place) -> None:
        """Make the places large ways lead to: what every document is asked compiles at once."""
        for way in place.large:
            self._reach(way.place(self))

    def compiled(self, text: str) -> etree.XPath:
        """Return an expression ready to be asked."""
        return self._compiler.compiled(text)

    def question(self, node: Node) -> etree.XPath | None:
        """Return whether anything at or below a node fails; None when nothing can."""
        text = self.questions.below(node)
        return self._compiler.fresh(f"boolean({text})") if text else None

    def way(self, select: str, below: Node) -> _Way:
        """Return a way that asks nothing."""
        return _Way(self.compiled(select), below, asks=False)

    def ways(self, node: Node) -> list[_Way]:
        """Return the ways from a node, each to where something fails."""
        found = []
        for condition, below in node.conditions.items():
            if text := self.questions.below(below):
                found.append(_Way(self.compiled(f"self::node()[{condition} and {text}]"), below, asks=True))
        for step, below in node.steps.items():
            if select := self.questions.reached(step, below):
                found.append(_Way(self.compiled(select), below, asks=True))
        return found
