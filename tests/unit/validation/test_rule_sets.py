"""A rule set is data: found in any layout, identified by its bytes, weighed by its source and by overrides."""

import shutil
from datetime import date

import msgspec
import pytest
from validation_stand import ROOT, Stand

from broker.document.finding import Layer, Responsible, Severity, Source
from broker.validation.check import RULES_UNREADABLE
from broker.validation.ruleset import CompiledStore, RuleSet, RuleSetLibrary, Weight

OWN = ROOT / "schemas" / "semd"
SCH = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron"><pattern><rule context="ClinicalDocument">'
    "<assert test=\"templateId/@root='1.2.643.5.1.13.13.15.9.9'\">У1-3. templateId</assert></rule></pattern></schema>"
)
XSD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">'
    '<xs:element name="ClinicalDocument"/></xs:schema>'
)


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def repository_pack(tmp_path):
    """A pack as the repository archive lies: a common schema, the kind's own, a Schematron with a version."""
    put(tmp_path / "999" / "schematron" / "999 Schematron v.1.7.sch", SCH)
    put(tmp_path / "999" / "xsd" / "XSD CDA" / "CDA.xsd", "common")
    put(tmp_path / "999" / "xsd" / "XSD_ПРОБА_Р9" / "CDA.xsd", XSD)
    return tmp_path


def test_the_layout_of_the_repository_is_read(repository_pack):
    rules = RuleSet.from_pack(repository_pack / "999", "999")
    assert rules.source is Source.OFFICIAL
    assert rules.xsd == "xsd/XSD_ПРОБА_Р9/CDA.xsd"
    assert rules.schematron == ("schematron/999 Schematron v.1.7.sch",)
    assert rules.schematron_version == "1.7"
    assert rules.guide == "1.2.643.5.1.13.13.15.9.9"


def test_the_layout_with_a_folder_named_by_the_kind_is_read(tmp_path):
    put(tmp_path / "999" / "999.sch", SCH)
    put(tmp_path / "999" / "999" / "CDA.xsd", XSD)
    rules = RuleSet.from_pack(tmp_path / "999", "999")
    assert (rules.xsd, rules.schematron) == ("999/CDA.xsd", ("999.sch",))


def test_of_several_schematrons_those_of_the_kind_are_taken(tmp_path):
    for name in ("111 Schematron v1.sch", "119 Схематрон v.1.9.sch", "1190.sch"):
        put(tmp_path / "pack" / "schematron" / name, SCH)
    assert RuleSet.from_pack(tmp_path / "pack", "119").schematron == ("schematron/119 Схематрон v.1.9.sch",)


def test_a_manifest_beside_a_pack_adds_dates_and_overrides(repository_pack):
    put(
        repository_pack / "999" / "ruleset.toml",
        'starts = 2026-01-01\n[[override]]\nlayer = "schematron"\nrule = "У1-3"\nseverity = "off"\nreason = "ошибка набора"\n',
    )
    rules = RuleSet.from_pack(repository_pack / "999", "999")
    assert rules.starts == date(2026, 1, 1)
    assert rules.weight(Layer.SCHEMATRON, "У1-3") is Weight.OFF
    assert rules.weight(Layer.SCHEMATRON, "У1-4") is None


def test_a_rules_own_override_wins_over_its_layers(repository_pack):
    put(
        repository_pack / "999" / "ruleset.toml",
        '[[override]]\nlayer = "xsd"\nseverity = "warning"\nreason = "a"\n'
        '[[override]]\nlayer = "xsd"\nrule = "xsd.pattern"\nseverity = "off"\nreason = "b"\n',
    )
    rules = RuleSet.from_pack(repository_pack / "999", "999")
    assert rules.weight(Layer.XSD, "xsd.pattern") is Weight.OFF
    assert rules.weight(Layer.XSD, "xsd.root") is Weight.WARNING


def test_an_override_without_a_reason_is_refused(repository_pack):
    put(repository_pack / "999" / "ruleset.toml", '[[override]]\nlayer = "xsd"\nseverity = "off"\n')
    with pytest.raises(msgspec.ValidationError, match="reason"):
        RuleSet.from_pack(repository_pack / "999", "999")


def test_an_official_rule_and_a_seen_fact_block_and_our_guess_warns(repository_pack):
    official = RuleSet.from_pack(repository_pack / "999", "999")
    own = RuleSet.from_directory(OWN / "306" / "3")
    assert official.verdict(seen=False) == (Severity.ERROR, Source.OFFICIAL)
    assert own.verdict(seen=True) == (Severity.ERROR, Source.SEEN)
    assert own.verdict(seen=False) == (Severity.WARNING, Source.OWN)


def test_the_digest_follows_every_file(repository_pack):
    before = RuleSet.from_pack(repository_pack / "999", "999").digest
    assert RuleSet.from_pack(repository_pack / "999", "999").digest == before
    put(repository_pack / "999" / "xsd" / "XSD_ПРОБА_Р9" / "CDA.xsd", XSD + "<!-- -->")
    assert RuleSet.from_pack(repository_pack / "999", "999").digest != before


def test_an_official_pack_overrides_our_own_set_of_the_kind(tmp_path):
    put(tmp_path / "306" / "306.sch", SCH)
    put(tmp_path / "306" / "306" / "CDA.xsd", XSD)
    library = RuleSetLibrary([OWN, tmp_path, tmp_path / "absent"])
    day = date(2026, 6, 1)
    assert library.for_document("306", day).source is Source.OFFICIAL
    assert library.for_document("103", day).source is Source.OWN
    assert library.for_document("9999", day) is None
    assert "официальный" in library.for_document("306", day).name


def test_a_set_an_operator_put_into_force_goes_before_one_that_lies_in_a_directory(tmp_path):
    put(tmp_path / "306" / "306.sch", SCH)
    put(tmp_path / "stored" / "306.sch", SCH.replace("У1-3", "У1-4"))
    named = msgspec.structs.replace(
        RuleSet.from_pack(tmp_path / "stored", "306"), starts=date(2026, 3, 1), activated=True
    )
    library = RuleSetLibrary([OWN, tmp_path], [named])
    assert library.for_document("306", date(2026, 3, 1)).digest == named.digest
    assert library.for_document("306", date(2026, 2, 28)).digest != named.digest


def test_the_set_in_force_on_the_creation_day_is_taken(tmp_path):
    for edition, starts, ends in (("1", "2025-01-01", "2025-12-31"), ("2", "2026-01-01", "")):
        lines = f'kind = "306"\nedition = "{edition}"\nstarts = {starts}\n' + (
            f"ends = {ends}\n" if ends else ""
        )
        put(tmp_path / "306" / edition / "ruleset.toml", lines)
    library = RuleSetLibrary([tmp_path])
    assert library.for_document("306", date(2025, 6, 1)).edition == "1"
    assert library.for_document("306", date(2026, 6, 1)).edition == "2"
    assert library.for_document("306", date(2024, 6, 1)) is None
    assert library.for_document("306").edition == "2"


def test_a_set_is_compiled_once_and_a_bounded_number_is_kept():
    library = RuleSetLibrary([OWN], store=CompiledStore(kept=1))
    first, second = library.for_document("306"), library.for_document("103")
    compiled = library.compiled(first)
    assert library.compiled(first) is compiled
    library.compiled(second)
    assert library.compiled(first) is not compiled


def test_a_broken_part_of_a_set_is_named_and_the_other_part_still_judges(tmp_path):
    shutil.copytree(OWN / "306" / "3", tmp_path / "306" / "3")
    put(tmp_path / "306" / "3" / "body.sch", "<schema")
    library = RuleSetLibrary([tmp_path])
    compiled = library.compiled(library.for_document("306"))
    assert compiled.schema is not None
    assert compiled.engines == ()
    assert "Schematron" in compiled.schematron_fault


def test_a_document_no_rule_could_judge_does_not_pass_for_a_good_one(tmp_path):
    shutil.copytree(OWN / "306" / "3", tmp_path / "306" / "3")
    put(tmp_path / "306" / "3" / "header.sch", "<schema")
    stand = Stand(tmp_path)
    report = stand.judge(stand.document("306"), stand.facts("306"))
    assert report.blocked
    (finding,) = [one for one in report.findings if one.code == RULES_UNREADABLE]
    assert (finding.layer, finding.responsible) == (Layer.SCHEMATRON, Responsible.OPERATOR)
    assert "не блокирует" not in report.to_text()
    assert report.layers[Layer.XSD].ran
    assert not report.layers[Layer.SCHEMATRON].ran
