"""How an official pack lies: which of its files check a kind, in which version, and for which document they were written?

Speaks of names and bytes only, so that a pack in a database, in an archive and in a directory is read by one and the
same rule (layouts: semd.md §4.3). Names are POSIX paths relative to the pack.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

from broker.document.kind import GUIDE_PREFIX

RULE_FILES: Final = frozenset({".sch", ".xsd", ".toml"})
"""Suffixes of the files a rule set is made of: what its digest covers."""
ROOT_SCHEMA: Final = "cda.xsd"
_GENERIC: Final = "xsd cda"
"""Directory of the schema common to all kinds inside an official pack."""
_HEAD: Final = 4096
"""Bytes of a Schematron in which a comment may name its version."""
_LONGEST_TITLE: Final = 200
_TEMPLATE: Final = re.compile(rb"templateId.{0,200}?(1\.2\.643\.5\.1\.13(?:\.\d+)+)", re.DOTALL)
_KINDS: Final = re.compile(r"\d{1,4}(?!\d)(?:\s*(?:[,;+и]|_(?=\d\d))\s*\d{1,4}(?!\d))*")
_VERSION: Final = re.compile(r"\bv\.?\s*(\d+(?:\.\d+)*)", re.IGNORECASE)
_SAID_VERSION: Final = re.compile(r"(?:\bv\.?|верси[яи])\s*:?\s*(\d+(?:\.\d+)*)", re.IGNORECASE)
_COMMENT: Final = re.compile(rb"<!--(.{0,2000}?)-->", re.DOTALL)
_BRANCH: Final = re.compile(r"1\.2\.643(?:\.\d+)+-(1\.2\.643(?:\.\d+)*\.\d+)")
_GUIDE: Final = re.compile(re.escape(GUIDE_PREFIX) + r"\d+\.\d+(?![\d]|\.\d)")
_HEADING: Final = re.compile(r"^#+\s+(.+?)\s*#*$", re.MULTILINE)
_DATE: Final = r"[^\n:]*:\s*\**\s*(\d{1,2})\.(\d{1,2})\.(\d{4})"
_PUBLISHED: Final = re.compile("Дата первичного опубликования" + _DATE)
_REGISTERED: Final = re.compile("Дата начала регистрации" + _DATE)


def schema_of(paths: Iterable[str], kind: str) -> str | None:
    """Choose the root schema: the kind's own, then one for any kind; the one common to all only when there is no other."""
    found = sorted(PurePosixPath(path) for path in paths if PurePosixPath(path).name.lower() == ROOT_SCHEMA)
    own = [path for path in found if not is_generic(path.as_posix())]
    named = [path for path in own if any(kind in kinds_named(part) for part in path.parts[:-1])]
    chosen = named or own or found
    return chosen[0].as_posix() if chosen else None


def is_generic(path: str) -> bool:
    """Tell whether a schema is the one common to all kinds."""
    return _GENERIC in PurePosixPath(path).as_posix().lower().split("/")


def schematrons_of(paths: Iterable[str], kind: str) -> tuple[str, ...]:
    """Choose the Schematrons of the kind: several kinds may share one pack, told apart by the file's name."""
    found = sorted(PurePosixPath(path) for path in paths if path.lower().endswith(".sch"))
    named = [path for path in found if kind in kinds_named(path.name)]
    return tuple(path.as_posix() for path in named or found)


def kinds_named(name: str) -> tuple[str, ...]:
    """Return the kinds a file or directory is named after: ``118_1.sch`` one, ``80_81 Schematron.sch`` two."""
    match = _KINDS.match(name)
    return tuple(dict.fromkeys(re.findall(r"\d{1,4}", match[0]))) if match else ()


def version_of(path: str, content: bytes) -> str:
    """Return the version of a Schematron: its name says it, else a comment at its head; empty when neither does."""
    match = _VERSION.search(PurePosixPath(path).stem)
    if match is None:
        said = " ".join(
            part.decode("utf-8", "replace")
            for part in _COMMENT.findall(content[:_HEAD].partition(b"<pattern")[0])
        )
        match = _SAID_VERSION.search(said)
    return match[1] if match else ""


def template_of(content: bytes) -> str:
    """Return the first templateId a Schematron asks for."""
    match = _TEMPLATE.search(content)
    return match[1].decode("ascii") if match else ""


def guide_named(name: str) -> str:
    """Return the guide's OID in the name of an archive or directory: ``<project>-<branch>`` or the branch alone."""
    match = _BRANCH.search(name)
    if match is not None:
        return match[1]
    alone = _GUIDE.search(name)
    return alone[0] if alone else ""


def title_of(readme: str) -> str:
    """Return the first heading of a README, without its marks."""
    match = _HEADING.search(readme)
    text = " ".join(match[1].replace("*", "").split()) if match else ""
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_TITLE]


def published_on(readme: str) -> date | None:
    """Return the day the pack was first published, where the README says so."""
    return _day(_PUBLISHED.search(readme))


def registered_from(readme: str) -> date | None:
    """Return the day from which the README says documents are registered; dictionary 1520 has the last word."""
    return _day(_REGISTERED.search(readme))


def _day(match: re.Match[str] | None) -> date | None:
    try:
        return date(int(match[3]), int(match[2]), int(match[1])) if match else None
    except ValueError:
        return None


def digest_of_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 over the names and bytes of the files rules are made of; the order given does not matter."""
    total = sha256()
    for path, content in sorted((PurePosixPath(name), content) for name, content in files):
        if path.suffix.lower() in RULE_FILES:
            total.update(path.as_posix().encode())
            total.update(sha256(content).digest())
    return total.hexdigest()


def readme_among(paths: Sequence[str]) -> str | None:
    """Return the README at the top of the pack."""
    return next(
        (path for path in sorted(paths) if path.lower() in {"readme.md", "readme.txt", "readme"}), None
    )
