"""``/docs/``: the handbook's Markdown pages as plain HTML, nothing loaded from outside and no script."""

import re
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from markdown_it import MarkdownIt

_PAGE: Final = re.compile(r"(?:[\w-]+/)*[\w-]+")
_FILE: Final = re.compile(r"(?:[\w-]+/)*[\w-]+\.(\w+)")
_TYPES: Final = {
    "json": "application/json",
    "png": "image/png",
    "py": "text/plain",
    "sh": "text/plain",
    "xml": "text/plain",
}
"""What pages show or let people copy beside themselves; scripts and documents are shown as text."""
_LINK: Final = re.compile(r'href="(?![a-z]+:|#|/)([^"#]*?)\.md(#[^"]*)?"')
_HEADING: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_SHELVES: Final = {
    "tutorial": "Первые шаги",
    "how-to": "Как сделать",
    "reference": "Справочник",
    "explanation": "Как устроено",
    "contracts": "Контракты",
    "adr": "Решения",
    "dev": "Разработка",
}
_STYLE: Final = (
    "body{font:17px/1.55 system-ui,sans-serif;max-width:52rem;margin:0 auto;padding:1.5rem;color:#1b1b1b}"
    "a{color:#0b57a4}nav a{margin-right:1rem}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{border:1px solid #c9c9c9;padding:.35rem .6rem;text-align:left;vertical-align:top}"
    "pre{background:#f4f4f2;padding:.8rem;overflow-x:auto}code{background:#f4f4f2}img{max-width:100%}"
)


class Entry(msgspec.Struct, frozen=True):
    """One page: its path without the suffix, and its title."""

    name: str
    title: str


class Handbook:
    """Renders pages of one directory; raw HTML inside Markdown is shown as text."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    def page(self, name: str) -> str | None:
        """Return a page (``reference/errors``) as HTML, an empty name for the contents; None when there is none."""
        if not name:
            return _frame("Документация", self._contents())
        path = self._home / f"{name}.md"
        if not _PAGE.fullmatch(name) or not path.is_file():
            return None
        text = path.read_text(encoding="utf-8")
        tokens = self._markdown.parse(text)
        for opening, inside in pairwise(tokens):
            if opening.type == "heading_open":
                opening.attrSet("id", _anchor(inside.content))
        html = self._markdown.renderer.render(tokens, self._markdown.options, {})
        body = _LINK.sub(r'href="\1\2"', html)
        return _frame(_title(text, name), body)

    def file(self, name: str) -> tuple[bytes, str] | None:
        """Return a picture or a script beside the pages with its media type; None when there is none."""
        found = _FILE.fullmatch(name)
        if found is None or found[1] not in _TYPES or not (self._home / name).is_file():
            return None
        return (self._home / name).read_bytes(), _TYPES[found[1]]

    def entries(self) -> list[Entry]:
        """List the pages in the order of their paths."""
        found = []
        for path in sorted(self._home.rglob("*.md")):
            name = path.relative_to(self._home).with_suffix("").as_posix()
            if _PAGE.fullmatch(name):
                found.append(Entry(name, _title(path.read_text(encoding="utf-8"), name)))
        return found

    def _contents(self) -> str:
        shelves: dict[str, list[Entry]] = {}
        for entry in self.entries():
            shelf, slash, _ = entry.name.partition("/")
            shelves.setdefault(shelf if slash else "", []).append(entry)
        order = ["", *_SHELVES, *sorted(set(shelves) - set(_SHELVES) - {""})]
        parts = ["<h1>Документация</h1>"]
        for shelf in order:
            if shelf in shelves:
                parts.append(f"<h2>{escape(_SHELVES.get(shelf, shelf) or 'Общее')}</h2><ul>")
                parts += [
                    f'<li><a href="/docs/{entry.name}">{escape(entry.title)}</a></li>'
                    for entry in shelves[shelf]
                ]
                parts.append("</ul>")
        parts.append(
            '<p>Для программ: <a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>.</p>'
        )
        return "".join(parts)


def _anchor(heading: str) -> str:
    """Return the anchor of a heading as GitHub makes it, so that the same links work in both places."""
    return re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-")


def _title(text: str, name: str) -> str:
    found = _HEADING.search(text)
    return found[1].strip() if found else name


def _frame(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="ru"><head><meta charset="utf-8"><title>{escape(title)} — Иная ИС</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<nav><a href="/docs/">Документация</a><a href="/console/">Консоль</a></nav>{body}</body></html>'
    )
