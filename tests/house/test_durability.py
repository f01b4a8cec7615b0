"""What is committed stays committed: nothing of ours tells PostgreSQL to be careless."""

import re

from tree import ROOT

from broker.dev.postgres import SETTINGS

CARELESS = re.compile(
    r"\b(fsync|synchronous_commit|full_page_writes)\b['\"]?\s*(=|:|to|,)\s*['\"]?(off|false|local|remote_write|0)\b"
    r"|\bunlogged\b",
    re.IGNORECASE,
)


def test_the_private_server_commits_durably():
    assert [SETTINGS[name] for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3


def test_nothing_switches_durability_off():
    careless = []
    for room in ("broker", "adapters", "tests", "scripts"):
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and path.suffix in {".py", ".sql", ".toml", ".yaml", ".sh", ".conf", ""}:
                text = path.read_text("utf-8", "ignore")
                careless += [f"{path}: {hit[0]}" for hit in CARELESS.finditer(text)]
    assert [one for one in careless if "test_durability" not in one] == []


def test_the_search_finds_what_it_searches_for():
    for line in ("fsync = off", "SET synchronous_commit TO off", '"fsync": "off"', "create unlogged table x"):
        assert CARELESS.search(line), line
