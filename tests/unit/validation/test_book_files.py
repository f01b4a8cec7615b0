"""The rule book as files: what is half erased is not judged by."""

from pathlib import Path

import msgspec
import pytest

from broker.document.kind import KindCatalogue
from broker.validation.book_files import BOOKS, PACKS, BookFiles
from broker.validation.packs import Pack, read_pack
from broker.validation.rulebook import PackEntry, Rulebook

SCH = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern>'
    '<rule context="ClinicalDocument"><assert test="title">У1-1. title</assert></rule></pattern></schema>'
)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    source = tmp_path / "306"
    source.mkdir()
    (source / "306 Schematron v.1.1.sch").write_text(SCH, encoding="utf-8")
    (source / "README.md").write_text("# Проба\n", encoding="utf-8")
    pack = read_pack(source, "306", KindCatalogue(), kind="306")
    assert isinstance(pack, Pack), pack
    pack.write(tmp_path / PACKS / pack.digest)
    path = tmp_path / BOOKS / "book.json"
    path.parent.mkdir()
    path.write_bytes(msgspec.json.encode(Rulebook(packs=(PackEntry(kind="306", digest=pack.digest),))))
    return path


def test_a_pack_in_force_is_the_one_that_was_activated(book: Path):
    (rules,) = BookFiles.read(book).rule_sets()
    assert rules.activated
    assert len(rules.schematron) == 1


def test_a_pack_half_erased_is_refused_instead_of_judging_less(book: Path):
    for rule in (book.parent.parent / PACKS).rglob("*.sch"):
        rule.unlink()
    with pytest.raises(OSError, match="damaged"):
        BookFiles.read(book).rule_sets()
