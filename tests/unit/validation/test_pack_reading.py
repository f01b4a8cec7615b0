"""A pack is the same pack in whatever layout, archive and encoding it comes, and what does not fit together is told."""

import io
import os
import unicodedata
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import msgspec
import pytest
from pack_builder import (
    GUIDE,
    PROJECT,
    Record,
    handmade,
    put,
    repository_files,
    sample,
    sch,
    unicode_path,
    vendor_files,
    xsd,
    zipped,
)
from validation_stand import ROOT

from broker.document.finding import Layer, Severity
from broker.document.kind import KindCatalogue
from broker.validation.packs import Pack, PackRefused, PackSpoilt, Terms, read_pack, rule_sets
from broker.validation.ruleset import Override, RuleSetLibrary, Weight, digest_of

CATALOGUE = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
ARCHIVE = f"{PROJECT}-{GUIDE}.zip"


def read(source, name="pack.zip", **more):
    pack = read_pack(source, name, CATALOGUE, **more)
    assert isinstance(pack, Pack), pack.to_text()
    return pack


def codes(pack):
    return [(finding.severity.value, finding.code, finding.kind) for finding in pack.findings]


def cp866(files):
    return handmade([Record(name.encode("cp866"), content) for name, content in files.items()])


def unflagged(files):
    return handmade([Record(name.encode(), content) for name, content in files.items()])


def with_unicode_paths(files):
    return handmade(
        [
            Record(
                name.encode("ascii", "replace"),
                content,
                extra=unicode_path(name.encode("ascii", "replace"), name),
            )
            for name, content in files.items()
        ]
    )


def nfd(files):
    return zipped({unicodedata.normalize("NFD", name): content for name, content in files.items()})


@pytest.mark.parametrize("root", ["", f"{PROJECT}-{GUIDE}", "Новая папка", "а/б/в"])
@pytest.mark.parametrize("archived", [zipped, cp866, unflagged, with_unicode_paths, nfd])
def test_the_same_pack_is_read_from_every_archive_and_under_every_root_directory(archived, root):
    files = repository_files(root)
    if archived is with_unicode_paths:
        files = {name: content for name, content in files.items() if not name.endswith("sx")}
    pack = read(archived(files), ARCHIVE)
    assert pack.digest == read(zipped(repository_files())).digest
    assert "xsd/XSD_ПРОБА_Р7/CDA.xsd" in pack.files
    assert [unicodedata.is_normalized("NFC", name) for name in pack.files] == [True] * len(pack.files)
    (edition,) = pack.editions
    assert (edition.kind, edition.xsd, edition.schematron_version) == (
        "290",
        "xsd/XSD_ПРОБА_Р7/CDA.xsd",
        "1.7",
    )
    assert pack.guide == GUIDE
    assert pack.findings == ()


def test_an_archive_made_by_git_tells_its_commit():
    commit = "0123456789abcdef0123456789abcdef01234567"
    target = io.BytesIO(zipped(vendor_files()))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = commit.encode()
    assert read(target.getvalue()).commit == commit
    assert read(zipped(vendor_files())).commit == ""


@pytest.mark.parametrize(
    "odd", ["290 копия?.docx", "Папка /x.docx", "«Пояснения» (разъяснения).docx", 'а"б.pdf', ".gitkeep"]
)
def test_odd_names_of_files_nobody_needs_do_not_refuse_a_pack(odd):
    assert read(zipped({**vendor_files(), odd: b"x"})).kinds == ("290",)


def test_a_link_in_a_directory_refuses_it(tmp_path):
    put(tmp_path / "pack", vendor_files())
    (tmp_path / "pack" / "x.sch").symlink_to("/etc/passwd")
    refused = read_pack(tmp_path / "pack", "", CATALOGUE)
    assert (refused.code, refused.file) == ("pack.zip_unsafe_name", "x.sch")


def test_a_directory_with_names_of_another_century_is_read(tmp_path):
    put(tmp_path / "pack", vendor_files())
    (tmp_path / "pack" / os.fsdecode("Схема.xsd".encode("cp866"))).write_bytes(xsd())
    assert "Схема.xsd" in read(tmp_path / "pack", "").files


@pytest.mark.parametrize("absent", ["нет", "нет.zip"])
def test_what_is_not_there_is_told(tmp_path, absent):
    refused = read_pack(tmp_path / absent, "", CATALOGUE)
    assert (refused.code, refused.file) == ("pack.unavailable", absent)
    assert "Файл пакета не читается" in refused.to_text()


def test_what_neither_rules_nor_samples_need_is_left_out():
    pack = read(zipped(repository_files(), folders=True), ARCHIVE)
    assert sorted(pack.files) == [
        "README.md",
        "schematron/290 Schematron v.1.7.sch",
        "xml/Протокол консультации.xml",
        "xsd/XSD CDA/CDA.xsd",
        "xsd/XSD CDA/coreschemas/voc.xsd",
        "xsd/XSD_ПРОБА_Р7/CDA.xsd",
        "xsd/XSD_ПРОБА_Р7/coreschemas/типы.xsd",
    ]


def test_the_readme_tells_title_and_dates():
    pack = read(zipped(repository_files()), ARCHIVE)
    assert pack.title == 'Документация СЭМД "Протокол консультации" Редакция 7'
    assert (pack.published, pack.registered_from) == (date(2025, 3, 11), date(2025, 9, 10))


def test_a_directory_is_read_as_its_archive_is(tmp_path):
    put(tmp_path / ARCHIVE.removesuffix(".zip"), repository_files())
    pack = read(tmp_path / ARCHIVE.removesuffix(".zip"), "")
    assert pack.guide == GUIDE
    assert pack.digest == read(zipped(repository_files())).digest
    assert pack.digest == digest_of(tmp_path / ARCHIVE.removesuffix(".zip"))


def test_an_archive_on_disk_is_named_by_its_file(tmp_path):
    (tmp_path / ARCHIVE).write_bytes(zipped(repository_files()))
    assert read(tmp_path / ARCHIVE, "").name == ARCHIVE


@pytest.mark.parametrize("files", [vendor_files(), {"290_1.sch": sch(), "290/CDA.xsd": xsd()}])
def test_the_layout_of_1c_is_read(files):
    (edition,) = read(zipped(files), "290.zip").editions
    assert (edition.kind, edition.xsd) == ("290", "290/CDA.xsd")


def test_several_schematrons_of_one_kind_belong_to_it():
    files = {"290_1.sch": sch(), "290_2.sch": sch(""), "290/CDA.xsd": xsd()}
    (edition,) = read(zipped(files), "290.zip").editions
    assert edition.schematron == ("290_1.sch", "290_2.sch")


def test_kinds_that_share_a_pack_are_told_apart(tmp_path):
    files = {
        "schematron/111 Schematron v.1.3.sch": sch("1.2.643.5.1.13.13.14.5.9.1"),
        "schematron/119 Схематрон v.1.9.sch": sch("1.2.643.5.1.13.13.14.85.9.4"),
        "xsd/XSD_ПРОБА/CDA.xsd": xsd(),
    }
    pack = read(zipped(files))
    assert [(e.kind, e.schematron, e.schematron_version) for e in pack.editions] == [
        ("111", ("schematron/111 Schematron v.1.3.sch",), "1.3"),
        ("119", ("schematron/119 Схематрон v.1.9.sch",), "1.9"),
    ]
    pack.write(tmp_path / "pack")
    library = RuleSetLibrary()
    first, second = rule_sets(tmp_path / "pack", {"111": Terms(), "119": Terms()})
    assert library.compiled(first).rules.kind == "111"
    assert library.compiled(second).rules.kind == "119"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_comments_before_the_root_change_nothing(bom):
    head = "<?xml version='1.0' encoding='UTF-8'?><!-- Схематрон, версия 2.4 -->"
    files = {
        "290.sch": bom + sch(head=head),
        "290/CDA.xsd": bom + xsd(head=head),
        "README.md": bom + "# Проба\n".encode(),
        "290.xml": bom + sample(),
    }
    pack = read(zipped(files))
    assert (pack.editions[0].schematron_version, pack.title, pack.findings) == ("2.4", "Проба", ())


def test_rules_without_a_name_are_known_by_what_they_demand():
    files = {"schematron/правила.sch": sch(), "xsd/XSD_ПРОБА/CDA.xsd": xsd()}
    assert read(zipped(files)).kinds == ("290",)


def test_a_pack_without_a_schematron_is_for_the_kinds_of_its_guide():
    pack = read(zipped({"xsd/XSD CDA/CDA.xsd": xsd()}), ARCHIVE)
    assert pack.kinds == ("290",)
    assert codes(pack) == [
        ("warning", "pack.generic_schema", "290"),
        ("warning", "pack.no_schematron", "290"),
    ]


def test_a_pack_that_names_no_kind_takes_the_operators_word():
    files = zipped({"schematron/правила.sch": sch(""), "xsd/XSD_ПРОБА/CDA.xsd": xsd()})
    refused = read_pack(files, "pack.zip", CATALOGUE)
    assert isinstance(refused, PackRefused)
    assert refused.code == "pack.kind_unknown"
    pack = read(files, kind="290")
    assert pack.kinds == ("290",)
    assert codes(pack) == [("warning", "pack.no_template", "290")]


OF_142 = "1.2.643.5.1.13.13.15.13.7"
MISMATCHES = {
    "a Schematron that is a copy of another kind's": (
        {"147.sch": sch(OF_142), "147/CDA.xsd": xsd()},
        "147.zip",
        "147",
    ),
    "a directory of another kind": ({"290.sch": sch(), "194/CDA.xsd": xsd()}, "pack.zip", "290"),
    "an archive of another kind": (vendor_files(), "194.zip", "290"),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_rules_of_another_kind_keep_a_pack_from_being_activated(name):
    files, archive, kind = MISMATCHES[name]
    pack = read(zipped(files), archive)
    assert pack.blocked
    assert ("error", "pack.kind_mismatch", kind) in codes(pack)
    assert all(finding.fix and "вид" in finding.message.lower() for finding in pack.findings)


def test_a_pack_issued_for_another_guide_keeps_it_from_being_activated():
    files = {"290.sch": sch("1.2.643.5.1.13.13.15.13.70"), "290/CDA.xsd": xsd()}
    pack = read(zipped(files), "1.2.643.5.1.13.13.15.47-1.2.643.5.1.13.13.15.47.2.zip")
    assert ("error", "pack.guide_mismatch", "290") in codes(pack)


def test_a_kind_nobody_knows_is_told_and_does_not_block():
    pack = read(zipped({"999.sch": sch(""), "999/CDA.xsd": xsd()}))
    assert codes(pack) == [("warning", "pack.kind_not_known", "999")]
    assert not pack.blocked


def test_the_same_rules_under_two_names_are_told():
    files = {"290.sch": sch(), "227.sch": sch(), "xsd/XSD_ПРОБА/CDA.xsd": xsd()}
    pack = read(zipped(files))
    assert ("error", "pack.kind_mismatch", "227") in codes(pack)


def test_a_broken_sample_and_a_missing_schema_are_told_and_do_not_block():
    files = {
        **vendor_files(),
        "290.xml": b"<a>",
        "290/CDA.xsd": xsd('<xs:include schemaLocation="нет.xsd"/>'),
    }
    pack = read(zipped(files))
    assert codes(pack) == [("warning", "pack.sample_unreadable", ""), ("warning", "pack.schema_missing", "")]


def test_a_pack_survives_being_stored_and_the_same_pack_gives_the_same_bytes():
    pack = read(zipped(repository_files()), ARCHIVE)
    stored = pack.to_bytes()
    assert Pack.from_bytes(stored) == pack
    assert read(nfd(repository_files()), ARCHIVE).to_bytes() == stored


@pytest.mark.parametrize("spoil", [lambda b: b[:-5], lambda b: b"", lambda b: b"x" * 100])
def test_stored_bytes_that_were_changed_are_not_taken_for_a_pack(spoil):
    stored = read(zipped(repository_files()), ARCHIVE).to_bytes()
    with pytest.raises(PackSpoilt):
        Pack.from_bytes(spoil(stored))


def test_a_pack_that_says_it_is_another_is_not_taken():
    pack = read(zipped(repository_files()), ARCHIVE)
    other = msgspec.structs.replace(pack, files={**pack.files, "x.sch": sch()})
    with pytest.raises(PackSpoilt):
        Pack.from_bytes(other.to_bytes())


def test_a_written_pack_has_the_same_digest_and_becomes_rule_sets_under_given_terms(tmp_path):
    pack = read(zipped(repository_files()), ARCHIVE)
    home = tmp_path / "packs" / pack.digest
    pack.write(home)
    pack.write(home)
    assert [path.name for path in home.parent.iterdir()] == [pack.digest]
    off = Override(layer=Layer.SCHEMATRON, rule="У1-3", severity=Weight.OFF, reason="ошибка набора")
    terms = Terms(starts=date(2026, 1, 10), ends=date(2026, 12, 31), override=(off,))
    (rules,) = rule_sets(home, {"290": terms})
    assert rules.digest == pack.digest
    assert (rules.kind, rules.xsd, rules.schematron) == (
        "290",
        pack.editions[0].xsd,
        pack.editions[0].schematron,
    )
    assert rules.in_force(date(2026, 6, 1))
    assert not rules.in_force(date(2027, 6, 1))
    assert rules.weight(Layer.SCHEMATRON, "У1-3") is Weight.OFF
    assert rules.title == pack.title
    assert rules.verdict(seen=False)[0] is Severity.ERROR


def test_processes_that_write_the_same_pack_at_once_do_not_disturb_each_other(tmp_path):
    pack = read(zipped(repository_files()))
    home = tmp_path / "packs" / pack.digest
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pack.write(home), range(32)))
    assert [path.name for path in home.parent.iterdir()] == [pack.digest]
    assert digest_of(home) == pack.digest


def test_a_manifest_inside_a_pack_has_no_word(tmp_path):
    manifest = b'[[override]]\nlayer = "xsd"\nseverity = "off"\nreason = "x"\n'
    pack = read(zipped({**vendor_files(), "ruleset.toml": manifest}))
    assert "ruleset.toml" not in pack.files


def test_a_pack_that_would_be_written_outside_is_not(tmp_path):
    pack = read(zipped(vendor_files()))
    hostile = msgspec.structs.replace(pack, files={"../outside.sch": b""})
    with pytest.raises(PackSpoilt):
        hostile.write(tmp_path / "in" / "pack")
    assert list(tmp_path.rglob("*.sch")) == []
    assert list((tmp_path / "in").iterdir()) == []
