"""A pack is judged by what it does to the documents it brings along, and where its own parts disagree that is told."""

import json
import pickle
import socket
from datetime import UTC, datetime

import pytest
from pack_builder import GUIDE, SIGN, put, repository_files, sample, sch, vendor_files, xsd, zipped
from validation_stand import DATA, ROOT

from broker.document.kind import KindCatalogue
from broker.validation.packs import Pack, read_pack, self_test

CATALOGUE = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
AT = datetime(2026, 6, 1, tzinfo=UTC)
NULL_ONLY = '<xs:attribute name="nullFlavor" type="xs:string" use="required" fixed="NI"/>'
WITH_VALUE = '<author><time value="20260601"/></author>'
WITHOUT = '<author><time nullFlavor="NI"/></author>'


def outcome_of(files):
    pack = read_pack(zipped(files), "pack.zip", CATALOGUE)
    assert isinstance(pack, Pack), pack.to_text()
    return self_test(pack, CATALOGUE, AT)


def test_a_good_pack_compiles_and_its_sample_meets_no_objection():
    test = outcome_of(repository_files())
    (edition,) = test.editions
    assert test.compiles
    assert not test.contradicts
    assert (edition.rules, edition.assertions, edition.untranslated, edition.native_share) == (2, 2, 0, 1.0)
    (judged,) = test.samples
    assert (judged.kind, judged.schema_faults, judged.schematron_faults) == ("290", 0, 0)
    text = "\n".join(test.lines())
    assert "без замечаний" in text
    assert "100.00%" in text


def test_a_test_can_be_stored_as_json():
    stored = outcome_of(repository_files()).to_builtins()
    assert json.loads(json.dumps(stored))["samples"][0]["kind"] == "290"


def test_a_pack_and_its_test_can_be_sent_to_another_process():
    pack = read_pack(zipped(repository_files()), "pack.zip", CATALOGUE)
    again, kinds = pickle.loads(pickle.dumps((pack, CATALOGUE)))
    made = self_test(again, kinds, AT, clock=iter((0.0, 0.25)).__next__)
    assert made.editions[0].compile_ms == 250
    assert pickle.loads(pickle.dumps(made)) == made


def test_reading_and_testing_ask_nothing_of_the_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    where = 'xsi:schemaLocation="urn:hl7-org:v3 http://127.0.0.1:9/x.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    document = sample().replace(b"<ClinicalDocument ", f"<ClinicalDocument {where} ".encode(), 1)
    assert outcome_of({**vendor_files(), "a.xml": document}).samples[0].schematron_faults == 0


def test_a_sample_that_passes_one_and_fails_the_other_shows_the_contradiction():
    files = {**vendor_files(), "290.sch": sch(GUIDE, SIGN), "xml/a.xml": sample(author=WITHOUT)}
    test = outcome_of(files)
    (judged,) = test.samples
    assert (judged.schema_faults, judged.schematron_faults) == (0, 1)
    assert judged.contradictory
    assert test.contradicts
    assert judged.findings[0].rule == "У1-13"
    assert any("проходит схему и не проходит Schematron" in line for line in test.lines())


def test_an_attribute_that_the_rules_demand_and_the_schema_forbids_is_found_without_a_sample():
    test = outcome_of({"290.sch": sch(GUIDE, SIGN), "290/CDA.xsd": xsd(time=NULL_ONLY)})
    (edition,) = test.editions
    assert edition.impossible == (
        "ClinicalDocument/author/time/@value (У1-13: Schematron требует, схема запрещает)",
    )
    assert test.contradicts
    assert any("ПРОТИВОРЕЧИЕ" in line for line in test.lines())


@pytest.mark.parametrize("test", ["count(@nullFlavor)=0", "not(@nullFlavor)"])
def test_an_attribute_that_the_schema_demands_and_the_rules_forbid_is_found_too(test):
    rule = ("ClinicalDocument/author/time", test, "У1-14. nullFlavor")
    made = outcome_of({"290.sch": sch(GUIDE, rule), "290/CDA.xsd": xsd(time=NULL_ONLY)})
    assert made.editions[0].impossible == (
        "ClinicalDocument/author/time/@nullFlavor (У1-14: схема требует, Schematron запрещает)",
    )


def test_a_demand_under_a_condition_is_not_taken_for_a_contradiction():
    rules = [
        ("ClinicalDocument/author/time[@nullFlavor]", "@value!=''", "У1-1"),
        ("ClinicalDocument/author/time", "@value!='' or @nullFlavor", "У1-2"),
        ("ClinicalDocument/participant/time", "@value!=''", "У1-3"),
    ]
    made = outcome_of({"290.sch": sch(GUIDE, *rules), "290/CDA.xsd": xsd(time=NULL_ONLY)})
    assert made.editions[0].impossible == ()


def test_a_schema_that_allows_what_the_rules_demand_is_no_contradiction():
    test = outcome_of({"290.sch": sch(GUIDE, SIGN), "290/CDA.xsd": xsd(), "a.xml": sample(author=WITH_VALUE)})
    assert test.editions[0].impossible == ()
    assert not test.contradicts


def test_a_sample_that_fails_both_is_no_contradiction_and_its_findings_are_masked():
    files = {
        **vendor_files(),
        "290.sch": sch(GUIDE, SIGN),
        "a.xml": sample(author='<author><time given="Обломов"/></author>'),
    }
    test = outcome_of(files)
    (judged,) = test.samples
    assert (judged.schema_faults, judged.schematron_faults) == (1, 1)
    assert not judged.contradictory
    assert "Обломов" not in "\n".join([*test.lines(), json.dumps(test.to_builtins(), ensure_ascii=False)])


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (sample("1.2.643.5.1.13.13.15.47.2", "194"), "другого вида"),
        (b"<project/>", "не документ CDA"),
        (b"<a>", "не читается"),
    ],
)
def test_a_sample_the_rules_are_not_for_is_told_and_not_judged(document, why):
    (judged,) = outcome_of({**vendor_files(), "a.xml": document}).samples
    assert why in judged.reason
    assert judged.schema_faults is None


def test_a_sample_is_known_by_its_template_when_its_code_is_that_of_the_type():
    document = sample(code="5", system="1.2.643.5.1.13.13.11.1522")
    (judged,) = outcome_of({**vendor_files(), "a.xml": document}).samples
    assert judged.kind == "290"


def test_a_sample_of_twins_is_judged_by_the_rules_of_both():
    template = "1.2.643.5.1.13.2.7.5.1.33.9.4"
    document = sample(template, "33", system="1.2.643.5.1.13.13.11.1522")
    files = {"76.sch": sch(template), "118.sch": sch(template), "xsd/CDA.xsd": xsd(), "a.xml": document}
    assert sorted(one.kind for one in outcome_of(files).samples) == ["118", "76"]


def test_what_does_not_compile_is_told_and_the_rest_is_outcome_of():
    broken = b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="none"/></xs:schema>'
    test = outcome_of({**vendor_files(), "290/CDA.xsd": broken, "a.xml": sample()})
    assert test.editions[0].assertions == 2
    assert test.samples[0].schematron_faults == 0
    lax = test.editions[0].schema_note or test.editions[0].schema_fault
    assert lax in "\n".join(test.lines())


def test_expressions_left_to_the_slow_engine_are_counted():
    rule = ("ClinicalDocument/code", "string-join(for $i in 1 to 3 return string($i), '') = '123'", "У1-5")
    (edition,) = outcome_of({**vendor_files(), "290.sch": sch(GUIDE, rule)}).editions
    assert edition.untranslated == 1
    assert edition.native_share < 1


@pytest.mark.parametrize(
    "test", [" or ".join(["@code='1'"] * 1200), "-" * 2000 + "1 = 1", "/".join(["a"] * 5000)]
)
def test_an_expression_too_long_to_walk_over_is_an_answer_and_no_crash(test):
    made = outcome_of(
        {**vendor_files(), "290.sch": sch(GUIDE, ("ClinicalDocument/code", test, "У1-5")), "a.xml": sample()}
    )
    assert made.editions[0].assertions == 3
    assert made.samples[0].schematron_faults is not None


def test_schemas_that_include_each_other_compile():
    first = xsd('<xs:include schemaLocation="two.xsd"/>')
    second = (
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">'
        b'<xs:include schemaLocation="CDA.xsd"/></xs:schema>'
    )
    assert outcome_of({**vendor_files(), "290/CDA.xsd": first, "290/two.xsd": second}).compiles


@pytest.fixture(scope="module")
def packs():
    if not (DATA / "packs").is_dir():
        pytest.skip(f"NO OFFICIAL PACKS at {DATA / 'packs'}: reading them is not proven by this run")
    return DATA / "packs"


OFFICIAL = {
    "290": ("1.2.643.5.1.13.13.15.13.7", "1.7", 3524, False),
    "194": ("1.2.643.5.1.13.13.15.47.2", "", 1188, False),
    "103": ("", "", 538, True),
}


@pytest.mark.parametrize("kind", OFFICIAL)
def test_an_official_pack_is_read_without_a_doubt_and_outcome_of(packs, kind):
    guide, version, assertions, contradicts = OFFICIAL[kind]
    pack = read_pack(packs / kind, "", CATALOGUE)
    assert isinstance(pack, Pack), pack.to_text()
    assert (pack.kinds, pack.guide, pack.findings) == ((kind,), guide, ())
    assert pack.editions[0].schematron_version == version
    test = self_test(pack, CATALOGUE, AT)
    assert (test.compiles, test.contradicts) == (True, contradicts)
    (edition,) = test.editions
    assert (edition.assertions, edition.untranslated) == (assertions, 0)
    assert all(one.schema_faults == one.schematron_faults == 0 for one in test.samples)


def test_the_contradictions_of_kind_103_are_named_without_a_sample(packs):
    (edition,) = self_test(read_pack(packs / "103", "", CATALOGUE), CATALOGUE, AT).editions
    assert edition.impossible == (
        "ClinicalDocument/author/time/@value (У1-13: Schematron требует, схема запрещает)",
        "ClinicalDocument/legalAuthenticator/time/@value (У1-17: Schematron требует, схема запрещает)",
        "ClinicalDocument/legalAuthenticator/signatureCode/@code (У1-17: Schematron требует, схема запрещает)",
    )


def test_an_official_pack_archived_by_a_legacy_archiver_is_the_same_pack(packs, tmp_path):
    from pack_builder import Record, handmade

    home = packs / "290"
    files = {p.relative_to(home).as_posix(): p.read_bytes() for p in home.rglob("*") if p.is_file()}
    legacy = handmade([Record(name.encode("cp866"), content) for name, content in files.items()])
    named = "1.2.643.5.1.13.13.15.13-1.2.643.5.1.13.13.15.13.7"
    direct = read_pack(put(tmp_path / named, files), "", CATALOGUE)
    assert read_pack(legacy, f"{named}.zip", CATALOGUE).digest == direct.digest
    assert read_pack(home, "", CATALOGUE).digest == direct.digest
