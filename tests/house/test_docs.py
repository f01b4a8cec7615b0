"""The pages written by hand say what is: quoted code stands in its file, anchors are headings, commands exist."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree import ROOT

from broker.cli.entry import make_parser

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
HAND = [page for page in PAGES if "reference" not in page.parts]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?![a-z]+:)([^)\s]+)\)")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<![\w/-])inaya ((?:[a-z]+)(?: [a-z]+)?)")
SOURCES = {
    "tutorial/first-document.md": (DOCS / "tutorial", ("python", "sh")),
    "how-to/mis-programmer.md": (DOCS / "tutorial", ("python",)),
    "how-to/adapter-author.md": (ROOT / "tests" / "thirdparty", ("toml",)),
}
LATER = {"schemas import", "nsi import", "audit verify"}


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", HAND, ids=_name)
def test_every_anchor_is_a_heading_of_its_page(page):
    lost = []
    for target in LINK.findall(_prose(page)):
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        if anchor and place.suffix == ".md" and place.exists() and anchor not in _anchors(place):
            lost.append(target)
    assert lost == []


def _anchors(page: Path) -> set[str]:
    """Return the anchors GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\s-]", "", head.replace("`", "")).strip().lower().replace(" ", "-") for head in heads
    }


@pytest.mark.parametrize("name", SOURCES)
def test_quoted_code_stands_in_the_file_it_is_quoted_from(name):
    home, languages = SOURCES[name]
    texts = [
        re.sub(r"\s+", "", path.read_text(encoding="utf-8"))
        for path in home.rglob("*")
        if path.suffix in {".py", ".sh", ".toml"}
    ]
    strange = []
    for language, code in FENCE.findall((DOCS / name).read_text(encoding="utf-8")):
        quoted = re.sub(r"\s+", "", code)
        if language in languages and not _is_command(code) and not any(quoted in text for text in texts):
            strange.append(code)
    assert strange == []


def _is_command(code: str) -> bool:
    return code.split(maxsplit=1)[0] in {
        "make",
        "sh",
        "python3",
        "curl",
        ".venv/bin/python",
        ".venv/bin/inaya",
        "inaya",
    }


def _words(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield f"{prefix}{name}"
                yield from _words(child, f"{prefix}{name} ")


def test_every_command_in_the_pages_exists():
    known = set(_words(make_parser()))
    families = {words.split(" ")[0] for words in known if " " in words}
    wrong = set()
    for page in HAND:
        for found in COMMAND.finditer(page.read_text(encoding="utf-8")):
            words = found[1]
            first = words.split(" ")[0]
            if words in LATER or words in known or (first in known and first not in families):
                continue
            wrong.add(f"{_name(page)}: inaya {words}")
    assert wrong == set()


def test_no_page_names_a_place_on_somebodys_machine():
    named = [
        f"{_name(page)}: {found[0]}"
        for page in PAGES
        for found in re.finditer(r"(?<![\w.])/(?:work|tmp|home|root)/\S*", page.read_text(encoding="utf-8"))
    ]
    assert named == []
