"""The handbook's pages: Markdown as safe HTML, nothing loaded from outside, no way out of the directory."""

import re

import pytest

from broker.api.handbook import Handbook


@pytest.fixture
def handbook(tmp_path):
    home = tmp_path / "docs"
    (home / "reference").mkdir(parents=True)
    (home / "reference" / "errors.md").write_text(
        "# Коды\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", encoding="utf-8"
    )
    (home / "first.md").write_text(
        "# Первый <script>\n\n[коды](reference/errors.md#x) [сайт](https://example.org/a.md)\n\n<script>alert(1)</script>\n",
        encoding="utf-8",
    )
    (tmp_path / "secret.md").write_text("# Чужое", encoding="utf-8")
    return Handbook(home)


def test_a_page_is_rendered_with_its_title_and_tables(handbook):
    page = handbook.page("reference/errors")
    assert "<title>Коды — Иная ИС</title>" in page
    assert "<table>" in page


def test_html_inside_markdown_stays_text(handbook):
    page = handbook.page("first")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_links_between_pages_lead_to_pages_and_others_stay(handbook):
    page = handbook.page("first")
    assert 'href="reference/errors#x"' in page
    assert 'href="https://example.org/a.md"' in page


def test_the_contents_name_every_page(handbook):
    assert [entry.name for entry in handbook.entries()] == ["first", "reference/errors"]
    assert '<a href="/docs/reference/errors">Коды</a>' in handbook.page("")


@pytest.mark.parametrize(
    "name", ["nope", "../secret", "reference/../../secret", "/etc/passwd", "reference", ".", "a\0b"]
)
def test_nothing_outside_the_handbook_can_be_read(handbook, name):
    assert handbook.page(name) is None


def test_a_page_loads_nothing_from_outside(handbook):
    assert re.findall(r'(?:src|@import|url\()\s*=?\s*["\']?https?:', handbook.page("first")) == []


def test_a_heading_can_be_linked_to_as_on_github(handbook, tmp_path):
    (tmp_path / "docs" / "long.md").write_text(
        "# 1С, C#, Delphi\n\n[к нему](#1с-c-delphi)\n", encoding="utf-8"
    )
    assert '<h1 id="1с-c-delphi">' in handbook.page("long")


def test_scripts_are_shown_as_text_and_pictures_as_pictures(handbook, tmp_path):
    (tmp_path / "docs" / "send.py").write_bytes(b"print()")
    (tmp_path / "docs" / "console.png").write_bytes(b"png")
    assert handbook.file("send.py") == (b"print()", "text/plain")
    assert handbook.file("console.png") == (b"png", "image/png")


@pytest.mark.parametrize(
    "name", ["../secret.py", "reference/../../secret.py", "page.html", "secret.md", ".env", "x.py\0"]
)
def test_no_other_file_can_be_read(handbook, tmp_path, name):
    for place in (tmp_path, tmp_path / "docs"):
        for file in ("secret.py", "page.html", ".env"):
            (place / file).write_text("secret", encoding="utf-8")
    assert handbook.file(name) is None
