"""Elements by name and by way from parent to child: the same ones, in the same order, as asking the tree each time."""

import random

import pytest
from lxml import etree

from broker.document.outline import Outline

NAMES = ("{urn:a/b}x", "{urn:a/b}y", "{urn:c}x", "z")


def some_tree(seed: int) -> etree._Element:
    dice = random.Random(seed)
    root = etree.Element("{urn:a/b}root")
    places = [root]
    for _ in range(60):
        places.append(etree.SubElement(dice.choice(places), dice.choice(NAMES)))
    return root


@pytest.mark.parametrize("seed", range(20))
def test_it_answers_as_the_tree_itself_does(seed):
    root = some_tree(seed)
    outline = Outline(root)
    dice = random.Random(seed)
    everything = list(root.iter())
    for _ in range(40):
        way = "/".join(dice.choices(NAMES, k=dice.randint(1, 4)))
        parent = dice.choice(everything)
        assert list(outline.all(way)) == root.findall(way)
        assert outline.first(way) is root.find(way)
        assert list(outline.below(parent, way)) == parent.findall(way)
        assert outline.first_below(parent, way) is parent.find(way)
    for name in NAMES:
        assert list(outline.of(name)) == list(root.iter(name))


def test_what_is_not_there_is_an_empty_answer():
    outline = Outline(etree.Element("a"))
    assert list(outline.all("b/c")) == []
    assert outline.first("b") is None
    assert list(outline.of("b")) == []
