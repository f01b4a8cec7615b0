"""Every SQL text lives under a name with a sentence, and somebody asks it."""

import re
from collections import Counter

import pytest
from tree import ROOT, modules, name_of, source

FILES = sorted((ROOT / "broker" / "store" / "queries").glob("*.sql"))
HEAD = re.compile(r"^-- name: (\w+)\n-- (.+)\n", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_is_named_and_explained(path):
    text = path.read_text(encoding="utf-8")
    names = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
    explained = HEAD.findall(text)
    assert [name for name, _ in explained] == names
    assert all(sentence[0].isupper() or not sentence[0].isascii() for _, sentence in explained)
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_is_asked(path):
    program = "\n".join(source(p) for p in modules("broker"))
    asked = set(re.findall(r"[\"'](\w+)[\"']", program))
    unused = [name for name, _ in HEAD.findall(path.read_text(encoding="utf-8")) if name not in asked]
    assert unused == []


def test_business_time_is_a_parameter_in_sql():
    """``now()`` never stands in a query; leases alone use the clock of the database (``clock_timestamp``)."""
    loose = {
        path.name: found
        for path in FILES
        if (
            found := re.findall(
                r"\b(?:now\(\)|current_timestamp|localtimestamp)", path.read_text(), re.IGNORECASE
            )
        )
    }
    assert loose == {}


def test_sql_stands_in_sql_files():
    """A statement inside a Python text is allowed where nothing can be named yet: migrations and the pool itself."""
    allowed = {
        "broker/store/migrate.py",
        "broker/store/database.py",
        "broker/store/health.py",
        "broker/store/partitions.py",
    }
    pattern = re.compile(r"[\"'](?:select|insert into|update|delete from)\s", re.IGNORECASE)
    found = {name_of(p) for p in modules("broker") if pattern.search(source(p))}
    assert found <= allowed | {"broker/assembly/serving.py", "broker/dev/postgres.py"}
