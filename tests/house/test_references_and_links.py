"""What is written matches what is: reference pages, links, commands in the pages, licence."""

import re
import shlex

import pytest
from tree import ROOT, name_of, tracked

from broker.assembly.foundation import discover
from broker.assembly.reference import all_codes, reference_pages
from broker.cli.entry import make_parser
from broker.cli.writing import pages
from broker.document import meanings
from broker.document.event import EventName
from broker.document.finding import Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus, DocumentStatus

REFERENCE = ROOT / "docs" / "reference"
MARKDOWN = [path for path in tracked() if path.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(?:sh|bash|shell|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", sorted({*reference_pages(), "commands.md"}))
def test_a_reference_page_matches_the_program(name):
    """Drift is mended by ``inaya reference --write``."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages(make_parser())[name]


def test_no_reference_page_is_written_by_hand():
    assert {path.name for path in REFERENCE.glob("*.md")} == set(pages(make_parser()))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (meanings.DOCUMENTS, DocumentStatus),
        (meanings.DELIVERIES, DeliveryStatus),
        (meanings.EVENTS, EventName),
        (meanings.LAYERS, Layer),
        (meanings.SEVERITIES, Severity),
        (meanings.RESPONSIBLES, Responsible),
        (meanings.SOURCES, Source),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_word_of_a_closed_set_has_its_meaning_in_russian(table, words):
    assert set(table) == set(words)
    assert all(re.search("[а-я]", text) for text in table.values())


def test_every_installed_adapter_explains_its_codes():
    ours = {name for name in discover("inaya.adapters") if (ROOT / "adapters" / name).is_dir()}
    assert ours <= set(all_codes())


@pytest.mark.parametrize("path", MARKDOWN, ids=name_of)
def test_every_link_leads_somewhere(path):
    broken = []
    for groups in LINK.findall(path.read_text(encoding="utf-8")):
        target = (groups[0] or groups[1]).partition("#")[0]
        if target and not re.match(r"[a-z]+:|/", target) and not (path.parent / target).exists():
            broken.append(target)
    assert broken == []


def _commands(path) -> list[str]:
    found = []
    for block in FENCE.findall(path.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if words.startswith("inaya "):
                found.append(re.split(r"\s[|>#&]", words)[0].removeprefix("inaya ").strip())
    return found


PLACEHOLDER = re.compile(r"[…<>\[\]]|\.\.\.")
WRITTEN = [(name_of(p), line) for p in MARKDOWN for line in _commands(p) if not PLACEHOLDER.search(line)]


@pytest.mark.parametrize(("page", "line"), WRITTEN)
def test_every_command_of_a_page_is_understood(page, line):
    assert make_parser().parse_args(shlex.split(line)).run is not None


def test_every_make_target_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        (name_of(path), word)
        for path in MARKDOWN
        for word in re.findall(r"(?:^|`|\$ )make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {(page, word) for page, word in named if word not in targets} == set()
