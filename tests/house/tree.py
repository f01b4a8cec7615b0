"""The tree the house rules speak of: tracked files, modules, functions and comments, read once."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is ours: tracked, or about to be."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in told.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file() and not path.is_symlink()))


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """Python files under these folders (all when none is named)."""
    found = [path for path in tracked() if path.suffix == ".py"]
    return tuple(p for p in found if not folders or p.relative_to(ROOT).parts[0] in folders)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Comment(msgspec.Struct, frozen=True):
    """A comment in a module: where, and its text without the sign."""

    path: str
    line: int
    text: str


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(source(path), filename=name_of(path))


def comments(path: Path) -> Iterator[Comment]:
    for token in tokenize.generate_tokens(io.StringIO(source(path)).readline):
        if token.type == tokenize.COMMENT:
            yield Comment(name_of(path), token.start[0], token.string.lstrip("# ").strip())
