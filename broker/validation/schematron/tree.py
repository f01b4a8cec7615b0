"""The contexts of many rules as one tree of steps: a way that rules share is walked once, a condition asked once."""

from collections.abc import Iterable, Iterator

from broker.validation.schematron.paths import Condition, Path, Step


class Node:
    """A place in a document: rules that fire there, conditions on it, steps away from it."""

    __slots__ = ("conditions", "rules", "steps")

    def __init__(self) -> None:
        self.rules: list[int] = []
        self.conditions: dict[Condition, Node] = {}
        self.steps: dict[str, Node] = {}

    @property
    def size(self) -> int:
        """Count the rules here and below."""
        return len(self.rules) + sum(node.size for node in self.below())

    def below(self) -> Iterator["Node"]:
        """Yield the nodes one condition or step further."""
        yield from self.conditions.values()
        yield from self.steps.values()


def tree(rules: Iterable[tuple[int, tuple[Path, ...]]]) -> Node:
    """Put rules, by number, where their paths lead; one without paths is about the document itself."""
    top = Node()
    for number, paths in rules:
        if not paths:
            top.rules.append(number)
        for path in paths:
            node = top
            for place, step in enumerate(path.steps):
                node = node.steps.setdefault(_way(path, place, step), Node())
                for condition in step.conditions:
                    node = node.conditions.setdefault(condition, Node())
            if number not in node.rules:
                node.rules.append(number)
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
