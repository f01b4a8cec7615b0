"""Reads ``queries/<file>.sql``: every query has a name and a sentence that says what it is for."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

_HEAD: Final = re.compile(r"^-- name: (\w+)\n((?:-- .*\n)+)", re.MULTILINE)


@cache
def queries(name: str) -> dict[str, str]:
    """Return the named queries of one file; raise ``ValueError`` for text that belongs to none."""
    text = files("broker.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    if not heads or text[: heads[0].start()].strip():
        raise ValueError(f"queries/{name}.sql must begin with '-- name:' and a sentence")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {
        head[1]: text[head.end() : end].strip().rstrip(";") for head, end in zip(heads, ends, strict=True)
    }
