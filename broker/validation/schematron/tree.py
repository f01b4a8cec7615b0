"""The contexts of many rules as one tree of steps: a way that rules share is walked once, a condition asked once."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from broker.validation.schematron.paths import Condition, Path, Step

_ALWAYS: Final = Condition("")


class Node:
    """A place in a document: rules that fire there, conditions on it, steps away from it.

    ``condition`` is what leads to it from the node before, where no step does; ``size`` counts the rules here and below.
    Thousands of nodes are leaves: they hold no dictionaries of their own.
    """

    __slots__ = ("condition", "conditions", "rules", "size", "steps")

    def __init__(self, condition: Condition = _ALWAYS) -> None:
        self.condition = condition
        self.rules: tuple[int, ...] = ()
        self.size = 0
        self.conditions: Mapping[str, Node] = _NOTHING
        """By the text of the condition."""
        self.steps: Mapping[str, Node] = _NOTHING

    def beyond(self, step: str) -> "Node":
        """Return the node a step leads to, made when first gone to."""
        found = self.steps.get(step)
        if found is None:
            found = Node()
            self.steps = _with(self.steps, step, found)
        return found

    def where(self, condition: Condition) -> "Node":
        """Return this place on a condition, made when first asked for."""
        found = self.conditions.get(condition.text)
        if found is None:
            found = Node(condition)
            self.conditions = _with(self.conditions, condition.text, found)
        return found


_NOTHING: Final[Mapping[str, Node]] = MappingProxyType({})


def _with(known: Mapping[str, Node], key: str, node: Node) -> Mapping[str, Node]:
    if isinstance(known, dict):
        known[key] = node
        return known
    return {key: node}


def tree(rules: Iterable[tuple[int, tuple[Path, ...]]]) -> Node:
    """Put rules, by number, where their paths lead; one without paths is about the document itself."""
    top = Node()
    for number, paths in rules:
        if not paths:
            top.rules += (number,)
            top.size += 1
        for path in paths:
            way = [top]
            for place, step in enumerate(path.steps):
                way.append(way[-1].beyond(_way(path, place, step)))
                for condition in step.conditions:
                    way.append(way[-1].where(condition))
            if number not in way[-1].rules:
                way[-1].rules += (number,)
                for node in way:
                    node.size += 1
    return top


def _way(path: Path, place: int, step: Step) -> str:
    """Write a step as taken from where the one before ended; libxml2 looks for descendants by name faster than by ``//``."""
    if place == 0 and path.at_top:
        return f"/{step.test}"
    if place and not step.deep:
        return step.test
    if "[" in step.test:  # a position is counted among the children of one element
        return f"//{step.test}" if place == 0 else f".//{step.test}"
    return f"/descendant::{step.test}" if place == 0 else f"descendant::{step.test}"
