"""Records what SaxonC says of small rule files on documents spoilt by seeds, for tests that run without it.

``python tests/conformance/record_verdicts.py`` (needs ``pip install 'inaya[saxon]'``) after the rule files, the document or
the way of spoiling changed. A line is a document: rule file, seed, and its verdict — ``number@place`` for each failed
assertion, numbered in the order of the file, or ``!`` where Saxon gives the document up.
"""

import importlib
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), str(ROOT / "tests")]

from lxml import etree  # noqa: E402  the paths come first
from mutation import mutants  # noqa: E402  the paths come first
from saxon import Saxon, SaxonAborted  # noqa: E402  the paths come first

from broker.validation.schematron.load import load  # noqa: E402  the paths come first

PLACE = ROOT / "tests" / "unit" / "validation" / "verdicts"
OUT = PLACE / "saxon.txt"
SEEDS = 200


def digest() -> str:
    """Name what the verdicts are about: the rule files, the document and the way of spoiling it."""
    total = sha256()
    for path in [*sorted(PLACE.glob("*.sch")), PLACE / "document.xml", ROOT / "tests" / "mutation.py"]:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def lines(saxonche: object) -> Iterator[str]:
    """Yield the verdicts."""
    document = (PLACE / "document.xml").read_bytes()
    with saxonche.PySaxonProcessor(license=False) as processor:
        for path in sorted(PLACE.glob("*.sch")):
            saxon = Saxon(processor, load(path.read_bytes()))
            for seed in range(SEEDS):
                (root,) = mutants(document, 1, seed)
                try:
                    said = saxon.run(etree.tostring(root, encoding="UTF-8"))
                    verdict = " ".join(f"{number}@{place}" for number, place in sorted(said))
                except SaxonAborted:
                    verdict = "!"
                yield f"{path.stem} {seed}: {verdict}".rstrip()


if __name__ == "__main__":
    found = importlib.import_module("saxonche")
    OUT.write_text(f"# {digest()}\n" + "\n".join(lines(found)) + "\n", encoding="utf-8")
    sys.stdout.write(f"{OUT}\n")
