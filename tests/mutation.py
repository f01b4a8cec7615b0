"""Documents with a few things wrong: elements and attributes dropped, doubled, emptied, exchanged, at random but by a seed."""

import copy
import random
from collections.abc import Iterator
from typing import Final

from lxml import etree

_VALUES: Final = (
    "",
    "0",
    "x",
    "2",
    "999",
    " ",
    "NI",
    "tel:",
    "1.2.643",
    "20260101",
    "true",
    "код",
    "112-233-445 95",
    "202601011030+0300",
)


def mutants(document: bytes, count: int, seed: int) -> Iterator[etree._Element]:
    """Yield copies of a document, each with one to four faults."""
    dice = random.Random(seed)
    whole = etree.fromstring(document)
    for _ in range(count):
        root = copy.deepcopy(whole)
        for _ in range(dice.randint(1, 4)):
            _spoil(root, dice)
        yield root


def _spoil(root: etree._Element, dice: random.Random) -> None:
    elements = [one for one in root.iter(etree.Element) if one is not root]
    if not elements:
        return
    element = dice.choice(elements)
    parent = element.getparent()
    assert parent is not None
    match dice.randrange(8):
        case 0:
            parent.remove(element)
        case 1:
            parent.insert(dice.randint(0, len(parent)), copy.deepcopy(element))
        case 2:
            element.text = dice.choice(_VALUES)
        case 3:
            dice.choice(elements).append(copy.deepcopy(element))
        case 4 if element.attrib:
            del element.attrib[dice.choice(sorted(element.attrib))]
        case 5:
            other = dice.choice(elements)
            element.tag = other.tag
        case 6:
            element.set(
                dice.choice(("code", "root", "nullFlavor", "extension", "value")), dice.choice(_VALUES)
            )
        case _ if element.attrib:
            element.set(dice.choice(sorted(element.attrib)), dice.choice(_VALUES))
